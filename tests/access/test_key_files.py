"""The files of the gateway's keys: whole at every moment, refused if not as they must be."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import key_files
from gateway.key_files import FOLDER, KEY_FILE, SEED, SUCCESSOR, KeyFileError
from gateway.keys import GatewayKeys, following

_WRITING = ("open", "fsync", "replace", "link", "unlink", "mkdir", "write")


def _rotated(data: Path, times: int) -> GatewayKeys:
    keys = key_files.create(data)
    for at in range(times):
        keys = key_files.rotate(data, at)
    return keys


def _killed_before(number: int, act: Callable[[], object]) -> bool:
    """Do this in a process that is killed before its file operation of this number; whether it
    was."""
    child = os.fork()
    if child == 0:
        counted = 0

        def counting(original: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **named: object) -> object:
                nonlocal counted
                if counted == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                counted += 1
                return original(*arguments, **named)

            return call

        for name in _WRITING:
            setattr(os, name, counting(getattr(os, name)))
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_each_key_is_followed_by_the_word_of_the_one_before(tmp_path: Path) -> None:
    keys = _rotated(tmp_path, 3)
    loaded = key_files.load(tmp_path)
    assert loaded.publics == keys.publics
    assert [each.public for each in loaded.held] == list(reversed(keys.publics))
    first = keys.publics[0]
    assert following(first, loaded.successors()) == list(keys.publics)
    assert following(keys.publics[2], loaded.successors(keys.publics[2])) == list(keys.publics[2:])
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / FOLDER).iterdir()} == {0o600}
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700
    message = b"said by each"
    for public in keys.publics:
        assert loaded.of(public).sign(message) == keys.of(public).sign(message)


@pytest.mark.threat("C1")
@pytest.mark.parametrize("before", [0, 1], ids=["the first", "the second"])
def test_a_rotation_killed_between_any_two_file_operations_leaves_the_old_keys_or_the_new(
    tmp_path: Path, before: int
) -> None:
    start = tmp_path / "start"
    old = _rotated(start, before)
    found = []
    for number in range(100):
        data = tmp_path / f"killed-{number}"
        shutil.copytree(start, data)
        killed = _killed_before(number, lambda data=data: key_files.rotate(data, 7))  # type: ignore[misc]
        keys = key_files.load(data)
        found.append(len(keys.publics) - len(old.publics))
        # Whichever it is, it holds every key, and can be rotated.
        assert keys.publics[: len(old.publics)] == old.publics
        assert len(keys.held) == len(keys.publics)
        again = key_files.rotate(data, 8)
        assert key_files.load(data).publics == again.publics
        assert following(old.publics[0], again.successors()) == list(again.publics)
        if not killed:
            break
    assert found == sorted(found)
    assert set(found) == {0, 1}
    assert len(found) > 15


@pytest.mark.threat("C1")
def test_a_first_key_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    killed = []
    for number in range(100):
        data = tmp_path / str(number)
        data.mkdir()
        killed.append(_killed_before(number, lambda data=data: key_files.create(data)))  # type: ignore[misc]
        if not (data / KEY_FILE).exists():
            key_files.create(data)
        assert key_files.load(data).older == ()
        if not killed[-1]:
            break
    assert not killed[-1]
    # Eight file operations make a key today; without the hooks the first round would be the last.
    assert len(killed) > 6


def test_a_retired_key_is_known_and_speaks_no_more(tmp_path: Path) -> None:
    keys = _rotated(tmp_path, 2)
    retired = key_files.retire(tmp_path, keys.publics[0])
    assert retired.publics == keys.publics
    assert [each.public for each in retired.held] == [keys.publics[2], keys.publics[1]]
    assert retired.of(keys.publics[0]) is retired
    assert key_files.load(tmp_path).successors() == keys.successors()
    assert not (tmp_path / FOLDER / (keys.publics[0].hex() + SEED)).exists()


def _first(data: Path, ending: str) -> Path:
    public = key_files.load(data).publics[0]
    return data / FOLDER / (public.hex() + ending)


def _others_may_read(data: Path) -> None:
    _first(data, SEED).chmod(0o640)


def _cut_short(data: Path) -> None:
    path = _first(data, SEED)
    path.write_bytes(path.read_bytes()[:-1])


def _another_key(data: Path) -> None:
    _first(data, SEED).write_bytes(bytes(32))


def _another_word(data: Path) -> None:
    path = _first(data, SUCCESSOR)
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")


def _no_word(data: Path) -> None:
    _first(data, SUCCESSOR).unlink()


def _no_word_in_the_middle(data: Path) -> None:
    public = key_files.load(data).publics[1]
    (data / FOLDER / (public.hex() + SUCCESSOR)).unlink()


def _no_key_of_this_name(data: Path) -> None:
    _first(data, SEED).rename(data / FOLDER / "old.key")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_others_may_read, "chmod 600"),
        (_cut_short, "exactly 32 bytes"),
        (_another_key, "another key than its name"),
        (_another_word, "not signed by the expected key"),
        (_no_word, "put back the .successor files"),
        (_no_word_in_the_middle, "put back the .successor files"),
        (_no_key_of_this_name, "64 hex digits"),
    ],
)
def test_keys_that_are_not_as_they_must_be_are_refused(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    _rotated(tmp_path, 2)
    spoil(tmp_path)
    with pytest.raises(KeyFileError, match=says):
        key_files.load(tmp_path)


def test_what_lies_there_besides_is_left_alone(tmp_path: Path) -> None:
    keys = _rotated(tmp_path, 1)
    (tmp_path / FOLDER / "README").write_text("keep these offline")
    assert key_files.load(tmp_path).publics == keys.publics

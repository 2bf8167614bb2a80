"""Key and password files that others can read, or that are others', are refused with what to do."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import config, key_files, secret_files
from gateway.config import ConfigError
from gateway.key_files import KeyFileError
from gateway.operations.office import init
from gateway.pki import folder
from gateway.pki.authority import PkiError
from gateway.secret_files import SecretFileError
from tests.cli.tallystick import Cli
from tests.tls.conftest import certify

READ: dict[str, Callable[[Path], object]] = {
    "gateway.key": key_files.load,
    "people.key": key_files.people_key,
    "webhooks.key": key_files.webhooks_key,
    "broker/gateway.password": lambda data: config.read_password(config.load(data)),
    "pki/ca.key": folder.load,
    "pki/gateway.key": lambda data: config.check_key_file(
        "broker_key_file", config.load(data).broker_key_file
    ),
    "pki/api.key": lambda data: config.check_key_file(
        "api_key_file", config.load(data).api_key_file
    ),
}
"""Every file that holds a secret and that the gateway reads, with what reads it."""
KEY = "gateway.key"
Refused = (KeyFileError, ConfigError, PkiError)
each_secret = pytest.mark.parametrize("name", READ)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An initialised data folder, with certificates."""
    made = tmp_path / "data"
    init(config.load(made))
    certify(made, ["localhost"])
    return made


def test_every_key_and_password_file_is_among_these(data: Path) -> None:
    secret = {
        str(path.relative_to(data))
        for path in data.rglob("*")
        if path.suffix in (".key", ".password") or b"PRIVATE KEY" in _content(path)
    }
    # The broker's own key is given to the user that the broker becomes, and it reads it.
    assert secret == set(READ) | {"broker/server.key"}


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


@each_secret
def test_a_file_that_others_may_touch_is_refused(data: Path, name: str) -> None:
    READ[name](data)
    for mode in (0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o777, 0o601):
        (data / name).chmod(mode)
        with pytest.raises(Refused) as refused:
            READ[name](data)
        assert f"chmod 600 {data / name}" in str(refused.value)
        assert f"{mode:o}" in str(refused.value)
    (data / name).chmod(0o400)
    READ[name](data)


@each_secret
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(data: Path, name: str) -> None:
    os.chown(data / name, 65534, -1)
    with pytest.raises(Refused) as refused:
        READ[name](data)
    assert "belongs to nobody and this runs as root" in str(refused.value)
    assert f"chown root {data / name}" in str(refused.value)


def test_whose_file_it_is_is_looked_at_without_being_root(data: Path) -> None:
    real = (data / KEY).stat()
    other = os.stat_result((*real[:4], 4711, *real[5:]))
    with pytest.raises(SecretFileError, match="belongs to 4711"):
        secret_files.check(data / KEY, other)
    # A secret that root provides, as a container's runtime does, is as good as our own.
    secret_files.check(data / KEY, os.stat_result((*real[:4], 0, *real[5:])))


@each_secret
def test_what_is_no_plain_file_is_refused_at_once(data: Path, name: str) -> None:
    (data / name).unlink()
    with pytest.raises(Refused, match=r"tallystick init|put its copy back|see that it is there"):
        READ[name](data)
    os.mkfifo(data / name, 0o600)
    with pytest.raises(Refused, match="plain file"):
        READ[name](data)
    (data / name).unlink()
    (data / name).mkdir(mode=0o700)
    with pytest.raises(Refused, match="must be a plain file"):
        READ[name](data)


@pytest.mark.parametrize("content", [b"", b"\0" * 31, b"\0" * 33, b"\0" * 100_000])
def test_a_damaged_key_is_refused_and_not_shown(data: Path, content: bytes) -> None:
    (data / KEY).write_bytes(content)
    with pytest.raises(KeyFileError, match="restore it from a backup"):
        key_files.load(data)


def test_settings_with_a_password_in_them_are_a_secret_file(data: Path) -> None:
    path = data / "tallystick.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    config.load(data)
    path.write_text('database_url = "postgresql://tally@127.0.0.1/x"\n')
    config.load(data)
    path.write_text('database_url = "postgresql://tally:hush@127.0.0.1/x"\n')
    with pytest.raises(ConfigError) as refused:
        config.load(data)
    assert f"chmod 600 {path}" in str(refused.value)
    assert "hush" not in str(refused.value)
    path.chmod(0o600)
    assert config.load(data).database_url.endswith("hush@127.0.0.1/x")


def test_everything_that_init_makes_is_its_owners_alone(data: Path) -> None:
    open_to_others = [
        str(path.relative_to(data))
        for path in data.rglob("*")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    # What is not secret: how the broker is set up, and certificates.
    assert [name for name in open_to_others if not name.endswith((".conf", ".crt", ".pem"))] == []
    assert not stat.S_IMODE(data.stat().st_mode) & 0o007


def test_the_command_line_says_it_in_one_line(data: Path) -> None:
    (data / KEY).chmod(0o644)
    ended = Cli(data)("serve")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        f"error: {data / KEY}: others may read it (mode 644); run: chmod 600 {data / KEY}\n"
    )

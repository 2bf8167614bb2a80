"""The files that the broker reads: what stands in them, and who may read them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.broker.acl import write_acl
from gateway.broker.conf import mosquitto_conf
from gateway.broker.credentials import (
    CredentialError,
    new_password,
    reload_broker,
    remove_user,
    set_password,
    set_passwords,
)
from simulator.broker import BrokerError, find_mosquitto, start_broker
from simulator.broker_access import AccessFileError, read_access

DEVICE = "a1" * 16


def passwords_of(folder: Path) -> str:
    return (folder / "broker" / "passwords").read_text()


def test_only_a_hash_reaches_the_disk(data_folder: Path) -> None:
    password = new_password()
    set_password(data_folder, DEVICE, password)
    everything = b"".join(x.read_bytes() for x in data_folder.rglob("*") if x.is_file())
    assert password.encode() not in everything
    assert passwords_of(data_folder).startswith(f"{DEVICE}:$7$")


def test_new_passwords_are_long_and_differ() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 32


def test_only_the_owner_may_read_the_files(data_folder: Path) -> None:
    set_password(data_folder, DEVICE, new_password())
    write_acl(data_folder)
    for name in ("passwords", "acl"):
        assert (data_folder / "broker" / name).stat().st_mode & 0o777 == 0o600


def test_a_new_password_replaces_the_old(data_folder: Path) -> None:
    first, second = new_password(), new_password()
    write_acl(data_folder)
    set_password(data_folder, DEVICE, first)
    set_password(data_folder, DEVICE, second)
    access = read_access(data_folder / "broker")
    assert access.proves(DEVICE, second)
    assert not access.proves(DEVICE, first)


def test_removing_one_leaves_the_others(data_folder: Path) -> None:
    set_passwords(data_folder, {"gateway": new_password(), DEVICE: new_password()})
    before = passwords_of(data_folder)
    remove_user(data_folder, DEVICE)
    remove_user(data_folder, DEVICE)
    assert passwords_of(data_folder) == before.split(f"{DEVICE}:")[1].partition("\n")[2]


def test_writers_at_once_lose_nobody(data_folder: Path) -> None:
    names = [f"{number:032x}" for number in range(24)]
    threads = [
        threading.Thread(target=set_password, args=(data_folder, name, new_password()))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line[:32] for line in passwords_of(data_folder).splitlines()] == names


@pytest.mark.parametrize(
    "name", ["", "+", "#", "admin", "A1" * 16, "a1" * 15, DEVICE + "\n", "gateway:x", DEVICE + "/"]
)
def test_other_names_are_refused(data_folder: Path, name: str) -> None:
    with pytest.raises(CredentialError, match="username"):
        set_password(data_folder, name, new_password())
    with pytest.raises(CredentialError, match="username"):
        remove_user(data_folder, name)


@pytest.mark.parametrize("password", ["", "short", "x" * 31, "x" * 32 + "\n", "ü" * 40])
def test_unsuitable_passwords_are_refused_and_not_repeated(
    data_folder: Path, password: str
) -> None:
    with pytest.raises(CredentialError, match="password") as refused:
        set_password(data_folder, DEVICE, password)
    assert not password or password not in str(refused.value)


def test_damaged_password_file_is_not_overwritten(data_folder: Path) -> None:
    write_acl(data_folder)
    (data_folder / "broker" / "passwords").write_text("half a li")
    with pytest.raises(CredentialError, match="line 1"):
        set_password(data_folder, DEVICE, new_password())
    assert passwords_of(data_folder) == "half a li"


def test_rules_that_the_embedded_broker_does_not_know_are_refused(data_folder: Path) -> None:
    set_password(data_folder, DEVICE, new_password())
    write_acl(data_folder)
    (data_folder / "broker" / "acl").write_text("topic readwrite #\n")
    with pytest.raises(AccessFileError, match="line 1"):
        read_access(data_folder / "broker")


def test_configuration_differs_in_the_listener_alone() -> None:
    shipped = (Path(__file__).parents[2] / "mosquitto.conf").read_text().splitlines()
    changed = mosquitto_conf(2883).splitlines()
    assert [pair for pair in zip(shipped, changed, strict=True) if pair[0] != pair[1]] == [
        ("listener 1883 127.0.0.1", "listener 2883 127.0.0.1")
    ]


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_configuration_takes_no_impossible_port(port: int) -> None:
    with pytest.raises(ValueError, match="port"):
        mosquitto_conf(port)


@pytest.mark.parametrize("text", ["", "mosquitto", "-1", "0", "1"])
def test_reload_signals_nobody_by_mistake(tmp_path: Path, text: str) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(text)
    with pytest.raises(CredentialError, match="broker_pid_file"):
        reload_broker(pid_file)


def test_reload_signals_the_process_of_the_file(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        pid_file.write_text(f"{process.pid}\n")
        reload_broker(pid_file)
        assert process.wait(10) == -signal.SIGHUP


def test_broker_without_its_files_says_what_to_run(data_folder: Path) -> None:
    with pytest.raises(BrokerError, match="tallystick init"):
        start_broker(data_folder)


def test_named_mosquitto_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_MOSQUITTO", "/no/such/mosquitto")
    with pytest.raises(BrokerError, match="TALLYSTICK_MOSQUITTO"):
        find_mosquitto()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_others_still_see_nothing_of_the_data_folder(data_folder: Path) -> None:
    data_folder.chmod(0o700)
    set_password(data_folder, DEVICE, new_password())
    for folder in (data_folder, data_folder / "broker"):
        assert folder.stat().st_mode & 0o777 == 0o710
        assert folder.stat().st_uid == 0

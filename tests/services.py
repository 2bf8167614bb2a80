"""Real services for tests: a broker and PostgreSQL, from the environment, here or a container.

Starts and stops them; what a test does with them is the test's affair.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.broker.acl import write_acl
from gateway.broker.credentials import (
    GATEWAY,
    new_password,
    reload_broker,
    remove_user,
    set_passwords,
)
from simulator.broker import Broker, find_mosquitto, start_mosquitto


def unavailable(what: str) -> NoReturn:
    """Skip the test for want of a service; in CI, where it must be there, fail it."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{what} (and CI is set, so this is not skipped)")
    pytest.skip(what)


@dataclass
class Served:
    """A broker that runs, and the data folder that says who may use it."""

    host: str
    port: int
    data_folder: Path
    gateway_password: str
    reload: Callable[[], None]
    process: Broker | None
    """The broker itself, to kill and restart; None if it isn't ours."""

    def register(self, *usernames: str) -> list[str]:
        """Let these devices connect from now on; their passwords, in the same order."""
        passwords = {name: new_password() for name in usernames}
        set_passwords(self.data_folder, passwords)
        self.reload()
        self._wait(usernames[-1], passwords[usernames[-1]], let_in=True)
        return list(passwords.values())

    def revoke(self, username: str, password: str) -> None:
        """Let this device connect no longer."""
        remove_user(self.data_folder, username)
        self.reload()
        self._wait(username, password, let_in=False)

    def _wait(self, username: str, password: str, *, let_in: bool) -> None:
        # The broker rereads its files when it comes to it, and says nothing about it.
        for _ in range(1000):
            if self._lets_in(username, password) == let_in:
                return
        pytest.fail(f"the broker has not reread its passwords, of which {username} is one")

    def _lets_in(self, username: str, password: str) -> bool:
        answers: list[bool] = []
        probe = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        probe.username_pw_set(username, password)
        probe.on_connect = lambda _c, _u, _f, code, _p: answers.append(not code.is_failure)
        probe.connect(self.host, self.port)
        while not answers and probe.loop(1.0) == paho.MQTT_ERR_SUCCESS:
            pass
        probe.disconnect()
        return answers == [True]


def prepare(data_folder: Path) -> str:
    """Fill a data folder with what a broker needs; the gateway's password."""
    password = new_password()
    data_folder.mkdir(parents=True, exist_ok=True)
    write_acl(data_folder)
    set_passwords(data_folder, {GATEWAY: password})
    return password


@contextmanager
def mqtt_broker(data_folder: Path) -> Iterator[Served]:
    """A Mosquitto that knows only the gateway so far.

    TALLYSTICK_TEST_MQTT_URL=mqtt://HOST:PORT?data=FOLDER names one that runs here with that folder
    as its data folder; else one is started from this machine's program, or from a container.
    """
    url = os.environ.get("TALLYSTICK_TEST_MQTT_URL")
    if url:
        parts = urlsplit(url)
        folder = Path(parse_qs(parts.query)["data"][0])
        pid_file = folder / "broker" / "persistence" / "mosquitto.pid"
        password = prepare(folder)
        reload_broker(pid_file)
        host, port = str(parts.hostname), parts.port or 1883
        yield Served(host, port, folder, password, lambda: reload_broker(pid_file), None)
        return
    password = prepare(data_folder)
    program = find_mosquitto()
    if program is not None:
        with start_mosquitto(program, data_folder) as broker:
            yield Served(broker.host, broker.port, data_folder, password, broker.reload, broker)
        return
    with _container_broker(data_folder, password) as served:
        yield served


@contextmanager
def _container_broker(data_folder: Path, password: str) -> Iterator[Served]:
    conf = Path(__file__).parents[1] / "mosquitto.conf"
    opened = re.sub(r"^listener .*$", "listener 1883", conf.read_text(), flags=re.MULTILINE)
    # The container's user must own what it may read, and stay who it is.
    (data_folder / "container.conf").write_text(opened + "user root\n")
    try:
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.waiting_utils import wait_for_logs

        container = DockerContainer(
            "eclipse-mosquitto:2",
            user=f"{os.getuid()}:{os.getgid()}",
            working_dir="/data",
            volumes=[(str(data_folder), "/data", "rw")],
        )
        container.with_exposed_ports(1883).with_command("mosquitto -c container.conf").start()
    except Exception as error:
        unavailable(f"no MQTT broker: no mosquitto here and no container engine ({error})")
    try:
        wait_for_logs(container, "running", timeout=30)
        wrapped = container.get_wrapped_container()
        host, port = container.get_container_host_ip(), int(container.get_exposed_port(1883))
        yield Served(host, port, data_folder, password, lambda: wrapped.kill("SIGHUP"), None)
    finally:
        container.stop()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL in which databases may be made.

    TALLYSTICK_TEST_POSTGRES_URL, else a server of our own from this machine's programs, else a
    container.
    """
    url = os.environ.get("TALLYSTICK_TEST_POSTGRES_URL")
    if url:
        yield url
        return
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    found = shutil.which("initdb") or (str(newest[-1]) if newest else None)
    if found is not None:
        with _local_postgres(Path(found).resolve().parent) as local:
            yield local
        return
    try:
        from testcontainers.community.postgres import PostgresContainer

        container = PostgresContainer("postgres:15", driver=None).start()
    except Exception as error:
        unavailable(f"no PostgreSQL: no initdb here and no container engine ({error})")
    try:
        yield container.get_connection_url()
    finally:
        container.stop()


def _version(initdb: Path) -> int:
    return int(initdb.parent.parent.name)


@contextmanager
def _local_postgres(programs: Path) -> Iterator[str]:
    # A socket's path must be short, so not pytest's folder; and the server refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="tally-pg-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        user = _unprivileged()
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": folder, **as_user}
    data = folder / "data"
    try:
        made = [programs / "initdb", "-D", data, "-U", "tally", "-A", "trust", "--no-sync"]
        subprocess.run([*made, "-E", "UTF8", "--locale=C"], check=True, timeout=60, **quiet)
        # Nothing here outlives the test run, so nothing need reach the disk.
        fast = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"
        options = f"-p {port} -k {folder} -h 127.0.0.1 -N 100 {fast}"
        control = [programs / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", folder / "log"]
        subprocess.run([*control, "-o", options, "start"], check=True, timeout=70, **quiet)
        try:
            yield f"postgresql://tally@127.0.0.1:{port}/postgres"
        finally:
            server = int((data / "postmaster.pid").read_text().split()[0])
            stop = [programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"]
            if subprocess.run(stop, timeout=30, check=False, **quiet).returncode != 0:
                os.kill(server, signal.SIGKILL)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextmanager
def fresh_database(server_url: str, name: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database on that server, dropped afterwards: empty, or a copy of another one
    that nobody uses."""
    base, _, _ = server_url.rpartition("/")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield f"{base}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

"""A broker of our own, as a child process, for demos and tests.

Decides which program is started and when it is ready. Who may connect is not decided here: the
data folder must already hold `broker/passwords` and `broker/acl`.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"

_READY_SECONDS = 20.0
_STOP_SECONDS = 10.0
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_ROOM = Path(__file__).parents[1]
_CONF = (_ROOM / "mosquitto.conf", _ROOM / "gateway" / "broker" / "mosquitto.conf")


class BrokerError(Exception):
    """The broker can't be started; the text says why, with the end of its log."""


class Broker:
    """A running broker. Leaving it as a context manager stops it."""

    def __init__(
        self,
        command: list[str],
        data_folder: Path,
        port: int,
        log: Path,
        tls_ports: Sequence[int] = (),
    ) -> None:
        """Start `command` in `data_folder`; it must listen on `port` of 127.0.0.1, and on
        `tls_ports` under TLS, in the order of the configuration.

        Raises BrokerError if it ends, or isn't ready within 20 seconds.
        """
        self.host = HOST
        self.port = port
        self.tls_ports = tls_ports
        self.log = log
        self._command = command
        self._folder = data_folder
        # The embedded broker's program is this package, also where it runs without being installed.
        python_path = [str(_ROOM), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._environment = os.environ | {"PYTHONPATH": os.pathsep.join(python_path)}
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process id, also of a broker that has been stopped."""
        return self._process.pid

    def stop(self) -> None:
        """Ask the broker to save and end, and wait; kill it after 10 seconds."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the broker as a power cut would, with nothing saved."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port and folder.

        Raises BrokerError as the start does.
        """
        self.stop()
        self._process = self._start()

    def reload(self) -> None:
        """Make the broker reread its passwords and rules."""
        self._process.send_signal(signal.SIGHUP)

    def __enter__(self) -> "Broker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self) -> subprocess.Popen[bytes]:
        if _accepts(self.port):
            raise BrokerError(f"port {self.port} of {HOST} is in use by another program")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        try:
            self._wait_ready(process)
        except BaseException:  # an interrupt too: nobody else knows of this process yet
            process.kill()
            process.wait()
            raise
        return process

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise BrokerError(self._failure(f"ended with status {process.returncode}"))
            # It opens its listeners in their order.
            if _accepts([self.port, *self.tls_ports][-1]):
                return
            time.sleep(0.01)
        raise BrokerError(self._failure(f"was not ready after {_READY_SECONDS:.0f} seconds"))

    def _failure(self, what: str) -> str:
        tail = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"{self._command[0]} {what}; the end of {self.log}:", *tail])


def find_mosquitto() -> str | None:
    """Mosquitto's path: TALLYSTICK_MOSQUITTO, else PATH, else where systems hide their servers.

    Raises BrokerError if TALLYSTICK_MOSQUITTO is set to what is no program.
    """
    named = os.environ.get("TALLYSTICK_MOSQUITTO")
    if named:
        found = shutil.which(named)
        if found is None:
            raise BrokerError(f"TALLYSTICK_MOSQUITTO: {named} is not a program that can be run")
        return found
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS])
    return shutil.which("mosquitto", path=places)


def start_broker(data_folder: Path, port: int = 0) -> Broker:
    """A broker on 127.0.0.1 that serves `broker/passwords` and `broker/acl` of `data_folder`.

    port: 1 to 65535, or 0 for one that is free. Mosquitto, if there is one, else the embedded
    broker. Raises BrokerError if there is neither, or if it doesn't start.
    """
    mosquitto = find_mosquitto()
    if mosquitto is not None:
        return start_mosquitto(mosquitto, data_folder, port)
    if find_spec("amqtt") is not None:
        return start_embedded_broker(data_folder, port)
    raise BrokerError(
        "no MQTT broker found: install mosquitto, or name one in TALLYSTICK_MOSQUITTO, "
        "or run: pip install 'tallystick[embedded-broker]'"
    )


def start_mosquitto(program: str, data_folder: Path, port: int = 0) -> Broker:
    """A Mosquitto with the settings of the data folder's mosquitto.conf, or else of the shipped
    one, on 127.0.0.1 alone; TLS listeners get free ports. Raises BrokerError."""
    folder = _prepared(data_folder)
    port = port or _free_port()
    own = (folder / "mosquitto.conf", *_CONF)
    found = next((path for path in own if path.exists()), None)
    if found is None:
        raise BrokerError(f"this installation lacks {_CONF[-1]}; install tallystick again")
    ports: list[int] = []
    lines = []
    for line in found.read_text().splitlines():
        is_listener = line.startswith("listener ")
        if is_listener:
            ports.append(_free_port() if ports else port)
        lines.append(f"listener {ports[-1]} {HOST}" if is_listener else line)
    conf = folder / "broker" / "running.conf"
    conf.write_text("\n".join(lines))
    # Relative, because it is read again on SIGHUP by a user who may not see the folders above.
    command = [program, "-c", "broker/running.conf"]
    return Broker(command, folder, port, folder / "broker" / "broker.log", ports[1:])


def start_embedded_broker(data_folder: Path, port: int = 0) -> Broker:
    """The broker in Python, for want of Mosquitto: slower, and it forgets all when it ends.

    Raises BrokerError.
    """
    folder = _prepared(data_folder)
    port = port or _free_port()
    command = [sys.executable, "-P", "-m", "simulator.embedded_broker", str(port)]
    return Broker(command, folder, port, folder / "broker" / "broker.log")


def _prepared(data_folder: Path) -> Path:
    folder = data_folder.absolute()
    for name in ("passwords", "acl"):
        if not (folder / "broker" / name).exists():
            raise BrokerError(f"{folder}/broker/{name} is missing; run `tallystick init` first")
    return folder


def _free_port() -> int:
    # If another takes it before the broker does, the broker says so and the start fails.
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False

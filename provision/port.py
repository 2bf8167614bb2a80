"""A board at a serial port, through MicroPython's raw REPL.

What may live here: running code on the board, its files, its resets, what it prints. What is to be
run or written is the callers' to know. The protocol itself is mpremote's.
"""

import ast
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from types import TracebackType
from typing import Any

ANSWER_SECONDS = 30
"""How long a board may take for one step: an ESP32 signs in half a second and erases in less."""
STARTS_SECONDS = 15
BAUD = 115_200
_READ_SECONDS = 0.2


class PortError(Exception):
    """The board did not do what it was asked to; the text says what happened."""


class Port:
    """An open port. Use it as a context manager; `open_port` makes one."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def run(self, code: str) -> str:
        """Run code on the board; what it printed, without the end of the last line.

        Raises PortError with the board's own error.
        """
        self._raw_repl()
        with _told("the board does not answer"):
            out, error = self._transport.exec_raw(code, timeout=ANSWER_SECONDS)
        if error:
            raise PortError(f"the board: {error.decode(errors='replace').strip().splitlines()[-1]}")
        return "\n".join(out.decode(errors="replace").split("\r\n")).strip()

    def value(self, expression: str) -> Any:
        """The value of an expression on the board, of plain literals. Raises PortError."""
        printed = self.run(f"print(repr({expression}))")
        try:
            return ast.literal_eval(printed)
        except (ValueError, SyntaxError):
            raise PortError(f"the board: printed {printed[:200]!r} for {expression}") from None

    def digests(self, paths: list[str]) -> dict[str, str]:
        """SHA-256 in hex of those of these files that the board has. Raises PortError."""
        printed = self.run(_DIGESTS.format(paths=paths))
        return dict(line.split(" ", 1) for line in printed.splitlines())

    def write(self, path: str, data: bytes) -> None:
        """Write a file whole, its folders made first. Raises PortError."""
        folders = path.split("/")[1:-1]
        self.run(_FOLDERS.format(folders=folders))
        # Under another name first: a cable that is pulled out leaves no half of a program.
        with _told(f"{path} can't be written"):
            self._transport.fs_writefile(path + ".new", data, chunk_size=512)
        self.run(f"import os\nos.rename({path + '.new'!r}, {path!r})")

    def remove(self, path: str) -> None:
        """Remove a file that is there. Raises PortError."""
        self.run(f"import os\nos.remove({path!r})")

    def reset(self) -> None:
        """Start the board anew, as power does. Raises PortError."""
        self._raw_repl()
        with _told("the board does not reset"):
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
        self._transport.in_raw_repl = False
        self._transport.use_raw_paste = True

    def lines(self, seconds: float) -> Iterator[str]:
        """What the board prints, line by line, for so many seconds."""
        end = time.monotonic() + seconds
        waiting = b""
        while time.monotonic() < end:
            with _told("the board is gone"):
                waiting += self._transport.serial.read(1)
            if waiting.endswith(b"\n"):
                yield waiting.decode(errors="replace").strip()
                waiting = b""

    def _raw_repl(self) -> None:
        """Be where code can be run; whatever ran is stopped."""
        if self._transport.in_raw_repl:
            return
        from mpremote.transport import TransportError

        # What is sent while a board starts is lost, so it is asked again.
        end = time.monotonic() + STARTS_SECONDS
        with _told("no MicroPython answers; is another program using the port?"):
            while True:
                try:
                    # mpremote prints what it can't make sense of.
                    with redirect_stdout(StringIO()):
                        self._transport.enter_raw_repl(soft_reset=False, timeout_overall=1)
                    return
                except TransportError:
                    if time.monotonic() > end:
                        raise

    def __enter__(self) -> "Port":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._transport.close()


def open_port(name: str) -> Port:
    """The board at the port of this name, such as `/dev/ttyUSB0`.

    Raises PortError if it can't be opened, or mpremote is not installed.
    """
    try:
        from mpremote.transport_serial import SerialTransport
    except ImportError:
        raise PortError("needs mpremote; to mend it: pip install 'tallystick[provision]'") from None
    with _told(f"{name} can't be opened"):
        return Port(SerialTransport(name, BAUD, timeout=_READ_SECONDS))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Whatever goes wrong at the port, as a PortError that begins with `what`."""
    from mpremote.transport import TransportError
    from serial import SerialException

    try:
        yield
    except (TransportError, SerialException, OSError) as error:
        raise PortError(f"{what} ({error})") from error


_FOLDERS = """
import os
path = ''
for folder in {folders}:
    path += '/' + folder
    try:
        os.stat(path)
    except OSError:
        os.mkdir(path)
"""

_DIGESTS = """
import hashlib, binascii
for path in {paths}:
    try:
        file = open(path, 'rb')
    except OSError:
        continue
    digest = hashlib.sha256()
    while True:
        part = file.read(512)
        if not part:
            break
        digest.update(part)
    file.close()
    print(path, binascii.hexlify(digest.digest()).decode())
"""

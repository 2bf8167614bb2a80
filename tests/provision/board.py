"""A board at the far end of a pseudo-terminal: real MicroPython at its prompt, and what its
`main.py` does after a reset as a program of the test's choice."""

import contextlib
import os
import pty
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.micropython.install import installed

HERE = Path(__file__).parent
Started = Callable[[Path], "list[str] | None"]


class Board:
    """`port` names the terminal's near end; `folder` shows the board's files after each reset.
    `main` gives the command that runs a board with these files, if it has a `main.py`."""

    def __init__(self, folder: Path, main: Started) -> None:
        self.folder = folder
        self.resets = 0
        self._main = main
        self._node, self._modules = installed()
        self._far, near = pty.openpty()
        tty.setraw(near)
        tty.setraw(self._far)
        self._near = near
        self.port = os.ttyname(near)
        self._over = False
        self._runs_main = False
        self._process = self._prompt()
        self._threads = [
            threading.Thread(target=self._to_board),
            threading.Thread(target=self._from_board),
        ]
        for thread in self._threads:
            thread.start()

    def _prompt(self) -> "subprocess.Popen[bytes]":
        return self._start(
            [*self._node, str(HERE / "board.mjs"), str(self._modules), str(self.folder)]
        )

    def _start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def _to_board(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._far, 4096):
                process = self._process
                assert process.stdin is not None
                with contextlib.suppress(OSError, ValueError):
                    os.write(process.stdin.fileno(), data)
                if b"\x03" in data and self._runs_main:
                    process.kill()  # Ctrl-C ends what runs

    def _from_board(self) -> None:
        while not self._over:
            assert self._process.stdout is not None
            while data := os.read(self._process.stdout.fileno(), 4096):
                os.write(self._far, data)
            self._unplug(self._process)
            if not self._over:
                self._next()

    def _unplug(self, process: "subprocess.Popen[bytes]") -> None:
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

    def _next(self) -> None:
        """After a reset `main.py` runs; after that, and without one, there is the prompt."""
        self.resets += 1
        command = self._main(self.folder) if (self.folder / "main.py").exists() else None
        self._runs_main = command is not None and not self._runs_main
        self._process = self._start(command) if command and self._runs_main else self._prompt()

    def close(self) -> None:
        """Pull the plug."""
        self._over = True
        self._process.kill()
        os.close(self._near)
        for thread in self._threads:
            thread.join(10)
        os.close(self._far)


@contextlib.contextmanager
def plugged_in(folder: Path, main: Started = lambda folder: None) -> Iterator[Board]:
    """A board at a port, for as long as it lasts."""
    board = Board(folder, main)
    try:
        yield board
    finally:
        board.close()

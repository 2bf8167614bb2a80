"""A board at a serial port: real mpremote, a real terminal, real MicroPython at the far end."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision import package
from provision.port import PortError, open_port
from tests.provision.board import Board, plugged_in


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """One for all tests of this file; what it holds is theirs to overwrite."""
    with plugged_in(tmp_path_factory.mktemp("board") / "files") as board:
        yield board


def test_code_is_run_and_its_errors_are_told(board: Board) -> None:
    with open_port(board.port) as port:
        assert port.value("__import__('sys').implementation[0]") == "micropython"
        assert port.run("print('a')\nprint('b')") == "a\nb"
        with pytest.raises(PortError, match="ZeroDivisionError"):
            port.run("1/0")
        assert port.value("{'a': (1, b'x')}") == {"a": (1, b"x")}
        with pytest.raises(PortError, match="printed"):
            port.value("object()")


def test_files_are_written_whole_and_outlive_a_reset(board: Board) -> None:
    data = bytes(range(256)) * 12
    with open_port(board.port) as port:
        port.write("/lib/deep/er/file.bin", data)
        port.write("/lib/deep/er/file.bin", data[1:])
        port.reset()
        assert port.digests(["/lib/deep/er/file.bin", "/nothing"]) == {
            "/lib/deep/er/file.bin": hashlib.sha256(data[1:]).hexdigest()
        }
        port.remove("/lib/deep/er/file.bin")
        assert port.digests(["/lib/deep/er/file.bin"]) == {}
    assert board.resets == 1


def test_a_port_that_is_none_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="nowhere can't be opened"):
        open_port(str(tmp_path / "nowhere"))


def test_mips_package_names_each_file_of_the_program() -> None:
    """`python -m provision.package` writes it anew."""
    assert (package.ROOT / "package.json").read_text() == package.contents()
    urls = json.loads(package.contents())["urls"]
    assert len(urls) > 50
    assert all((package.ROOT / source).is_file() for _, source in urls)

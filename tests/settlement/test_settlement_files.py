"""A file of instructions is there whole or not at all, whatever fails while it is written."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from gateway.settlement.rails.manual import write_whole

OLD, NEW = b"old and whole", b"new and whole" * 1_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that was written before."""
    path = tmp_path / "run-1.csv"
    write_whole(path, OLD)
    return path


@pytest.mark.threat("C4")
@pytest.mark.parametrize("call", ["fsync", "replace", "fsync of the folder"])
def test_a_call_that_fails_leaves_the_old_file_or_the_new(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    fsync, replace = os.fsync, Path.replace

    def failing_fsync(handle: int) -> None:
        folder = Path(f"/proc/self/fd/{handle}").readlink().is_dir()
        if call == ("fsync of the folder" if folder else "fsync"):
            raise OSError(errno.EIO, "Input/output error")
        fsync(handle)

    def failing_replace(draft: Path, to: Path) -> Path:
        if call == "replace":
            raise OSError(errno.EIO, "Input/output error")
        return replace(draft, to)

    monkeypatch.setattr(os, "fsync", failing_fsync)
    monkeypatch.setattr(Path, "replace", failing_replace)
    with pytest.raises(OSError, match="Input/output error"):
        write_whole(file, NEW)
    monkeypatch.undo()
    assert file.read_bytes() == (NEW if call == "fsync of the folder" else OLD)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.threat("C4")
def test_a_full_disk_leaves_the_old_file(file: Path) -> None:
    # The system's limit on a file's size fails a write half way, as a full disk does.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(NEW) // 2, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_whole(file, NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert file.read_bytes() == OLD
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.threat("C3")
def test_the_content_is_on_the_disk_before_its_name_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        calls.append("folder synced" if path.is_dir() else f"{path.stat().st_size} bytes synced")
        fsync(handle)

    def noted_replace(draft: Path, to: Path) -> Path:
        calls.append("named")
        return replace(draft, to)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_whole(file, NEW)
    assert calls == [f"{len(NEW)} bytes synced", "named", "folder synced"]

"""PostgreSQL whose disk is really full: payments wait, and go on when there is room again."""

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from gateway.keys import GatewayKeys
from gateway.settlement.verify_books import verify_books
from gateway.store.engine import open_store
from gateway.store.outages import patiently
from tests.ingest.parties import PRICE, Clock, Gateway, kind_of

MEBIBYTES = 40
MOST = 5_000
"""More payments than that disk has room for."""


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder that is a disk of its own, with little room."""
    folder = Path(tempfile.mkdtemp(prefix="tally-full-"))
    folder.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as why:
        folder.rmdir()
        pytest.skip(f"a small disk can't be mounted here: {getattr(why, 'stderr', why)}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@pytest.fixture
def database_on_it(small_disk: Path, postgres_url: str) -> Iterator[str]:
    """The URL of an empty database that lies on that disk."""
    space = small_disk / "space"
    space.mkdir()
    name = f"full_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        row = server.execute("SHOW data_directory").fetchone()
        if row is None or not Path(row[0]).exists():
            pytest.skip("PostgreSQL runs elsewhere, where no disk of ours is")
        owner = Path(row[0]).stat()
        os.chown(space, owner.st_uid, owner.st_gid)
        server.execute(f"CREATE TABLESPACE {name} LOCATION '{space}'")
        try:
            server.execute(f"CREATE DATABASE {name} TABLESPACE {name}")
            yield f"{postgres_url.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            server.execute(f"DROP TABLESPACE {name}")


@pytest.mark.threat("C4", "C10")
def test_c4_on_a_full_disk_of_postgres_payments_wait_for_room(
    database_on_it: str, small_disk: Path
) -> None:
    clock = Clock()
    store = open_store(database_on_it, clock=clock, upgrade=True)
    gateway = Gateway(store, clock, GatewayKeys(bytes(range(32))))
    told: list[bytes] = []
    waited: list[float] = []
    filler = small_disk / "filler"

    def pay() -> None:
        device = gateway.device()
        channel = device.opened()
        (answer,) = gateway.take(device.iou(channel, 10))
        assert kind_of(answer) == "ack"
        told.append(channel)

    def pay_on() -> None:
        for _ in range(MOST):
            pay()

    def make_room(seconds: float) -> bool:
        waited.append(seconds)
        filler.unlink()
        return False

    def nothing_told_is_lost() -> None:
        for channel in told:
            assert gateway.mark(channel) == (PRICE.amount(10), 10, "open")

    _fill(filler)
    with pytest.raises(DBAPIError) as failed:
        pay_on()
    assert isinstance(failed.value.orig, psycopg.errors.DiskFull)
    gateway.context.directory.forget()
    nothing_told_is_lost()
    before = len(told)
    while not waited:
        patiently(pay, make_room, gateway.context.directory.forget)
    assert len(waited) == 1
    assert len(told) > before
    nothing_told_is_lost()
    assert verify_books(store, gateway.keys.public).discrepancies == []
    store.close()


def _fill(path: Path) -> None:
    """Write a file until there is no room left."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue

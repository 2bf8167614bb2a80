"""Real processes: a gateway under load is backed up, goes on, dies, is restored, and owes and pays
exactly what its devices used."""

import asyncio
import csv
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.run import metric
from tests.e2e.stage import READING_PRICE, Stage, acked_units, all_paid, running, stage, until
from tests.sizes import size


@pytest.fixture(params=["sqlite", "postgres"][: size("restored_processes", 1, 2)])
def played(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database that the stage is played on."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("migrated_postgres_url")
        monkeypatch.setenv("TALLYSTICK_DATABASE_URL", url)
    return str(request.param)


def _say(on: Stage, *words: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "gateway.cli", "--data", str(on.data), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, json.loads(done.stdout or done.stderr)


def _ok(on: Stage, *words: str) -> Any:
    status, out = _say(on, *words)
    assert status == 0, out
    return out


def _bank(on: Stage) -> dict[str, tuple[str, str, int]]:
    """What a bank that executes every file has done, each reference once."""
    book: dict[str, tuple[str, str, int]] = {}
    for path in sorted((on.data / "settlements").glob("run-*.csv")):
        for row in csv.DictReader(path.read_text().splitlines()):
            amount = int(Decimal(row["amount"]).scaleb(6))
            told = (row["account"], row["direction"], amount)
            assert book.setdefault(row["instruction"], told) == told
    return book


def _list(on: Stage) -> str:
    path = on.data / "executed.csv"
    lines = ["instruction,outcome,note", *(f"{each},done,booked" for each in _bank(on))]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.threat("C6")
def test_a_gateway_restored_from_a_backup_under_load(played: str, tmp_path: Path) -> None:
    asyncio.run(_story(tmp_path / "data"))


async def _story(data: Path) -> None:
    with stage(data) as on:
        on.add_busy(4)
        async with running(on.members) as fleet:
            await until(lambda: acked_units(on) > 60, "devices pay")
            archive = str(data.parent / "backup.tar")
            made = await asyncio.to_thread(_ok, on, "backup", "--to", archive)
            assert made["generation"] == 1
            before = acked_units(on)
            await until(lambda: acked_units(on) > before + 60, "they go on paying")
            await asyncio.to_thread(_ok, on, "settle")
            lost_run = _bank(on)
            assert lost_run
            on.gateway.kill()
            assert (await asyncio.to_thread(_say, on, "restore", archive))[0] == 2
            restored = await asyncio.to_thread(_ok, on, "restore", archive, "--over-newer")
            assert (restored["generation"], restored["channels_awaited"]) == (2, 4)
            on.told.clear()
            await asyncio.to_thread(on.gateway.restart)
            assert (await asyncio.to_thread(_say, on, "settle"))[0] == 2

            def waiting() -> int:
                with on.api() as api:
                    count: int = api.get("/v1/restore")["channels"]["waiting"]
                    return count

            with on.api() as api:
                assert api.get("/readyz") == {"status": "fenced"}
                assert metric(api, "tallystick_fenced") == 1
            # Nobody reconnects: the gateway tells the devices.
            await until(lambda: waiting() == 0, "every device has shown itself")
            assert (await asyncio.to_thread(_say, on, "restore", "--lift"))[0] == 2
            found = await asyncio.to_thread(_ok, on, "restore", "--rail", _list(on))
            assert found["payments_found"] == len(lost_run)
            lifted = await asyncio.to_thread(_ok, on, "restore", "--lift")
            assert lifted["state"] == "lifted"
            again = acked_units(on)
            await until(lambda: acked_units(on) > again + 40, "delivery goes on")
            await all_paid(fleet)
        on.totals_agree()
        _ok(on, "settle")
        collected = sum(
            amount if direction == "collect" else -amount
            for account, direction, amount in _bank(on).values()
            if account == "city-parking"
        )
        assert collected == READING_PRICE * sum(member.device.total for member in on.members)
        assert not lost_run.keys() - _bank(on).keys()

"""A gateway under load is killed with -9 again and again, at named points and at random ones, while
the broker dies and processes stand still: nothing acknowledged is lost, nothing is doubled, and
every payment file fits what was used."""

import asyncio
import contextlib
import csv
import signal
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from tests.crash.doom import INGEST, SETTLE
from tests.crash.nursery import NOWHERE, NurseryGateway
from tests.e2e.stage import READING_PRICE, Stage, acked_units, all_paid, running, stage, until
from tests.sizes import size

LOOPS = size("kill_loops", 15, 500)
FATES = (*INGEST, *SETTLE, "random", "random", "random")
_PATIENCE = 5.0
"""A point that was not reached in so many seconds is not waited for: the process is killed."""


@pytest.fixture(params=["sqlite", "postgresql"])
def killed(
    data_folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Stage, NurseryGateway, Random]]:
    """The product on each database, with a gateway that can die hundreds of times."""
    if request.param == "postgresql":
        url = request.getfixturevalue("migrated_postgres_url")
        monkeypatch.setenv("TALLYSTICK_DATABASE_URL", url)
    with stage(data_folder) as built:
        built.gateway.stop()
        # Whoever owes anything is settled at once, so that runs are made all the time.
        at_once = ("schedule", "set", "EUR", "--most-owed", "0.000001")
        assert built.command("settle", *at_once) == 0
        gateway = NurseryGateway(data_folder, built.broker.port)
        with contextlib.closing(gateway):
            built.gateway = gateway
            yield built, gateway, Random(f"kill {request.param}")


def fates(random: Random) -> list[str]:
    """Each point as often as any other, in some order."""
    found: list[str] = []
    while len(found) < LOOPS:
        found += random.sample(FATES, len(FATES))
    return found[:LOOPS]


@pytest.mark.timeout(300 + 30 * LOOPS)
@pytest.mark.threat("C1", "C2", "N2", "N3", "C14")
def test_c1_killed_again_and_again_nothing_is_lost_and_nothing_doubled(
    killed: tuple[Stage, NurseryGateway, Random],
) -> None:
    on, gateway, random = killed
    took: Counter[str] = Counter()

    async def scenario() -> None:
        on.add_busy(6)
        async with running(on.members) as fleet:
            await until(lambda: acked_units(on) > 20, "payments flow")
            await asyncio.to_thread(gateway.kill)
            for loop, fate in enumerate(fates(random)):
                took[await one_life(on, gateway, fate, loop, random)] += 1
                on.nothing_acked_is_lost()
            gateway.doom = NOWHERE
            await asyncio.to_thread(gateway.restart)
            await all_paid(fleet)
        on.totals_agree()

    asyncio.run(scenario())
    assert gateway.stop() == 0
    assert on.command("settle") == 0
    the_files_fit_what_was_used(on)
    print(dict(sorted(took.items())))
    assert sum(took.values()) == LOOPS
    # A point that is not reached in time is a random kill; most must be what their name says.
    assert sum(took[point] for point in (*INGEST, *SETTLE)) > LOOPS // 3


async def one_life(on: Stage, gateway: NurseryGateway, fate: str, loop: int, random: Random) -> str:
    """A gateway from its start to its end; how it ended."""
    after = random.randint(1, 60 if fate.endswith("statement") else 3)
    gateway.doom = NOWHERE if fate == "random" else (fate, after)
    await asyncio.to_thread(gateway.restart)
    if loop % 7 == 3:
        await asyncio.to_thread(on.broker.kill)
        await asyncio.to_thread(on.broker.restart)
    if loop % 5 == 2:
        gateway.signal(signal.SIGSTOP)
        await asyncio.sleep(random.random() / 4)
        gateway.signal(signal.SIGCONT)
    if fate != "random":
        with contextlib.suppress(AssertionError):
            await until(lambda: not gateway.alive, "its point is reached", _PATIENCE)
    else:
        await asyncio.sleep(random.random() / 2)
    if gateway.alive:
        await asyncio.to_thread(gateway.kill)
        return "random"
    assert gateway.status == -signal.SIGKILL, f"{fate}: it ended by itself; see {gateway.log}"
    return fate


def the_files_fit_what_was_used(on: Stage) -> None:
    """Each instruction stands in the files with one amount, and together they are what the devices
    metered."""
    collected: dict[str, int] = {}
    for path in sorted((on.data / "settlements").glob("run-*.csv")):
        for row in csv.DictReader(path.read_text().splitlines()):
            if row["direction"] == "collect":
                amount = int(Decimal(row["amount"]).scaleb(6))
                assert collected.setdefault(row["instruction"], amount) == amount
    used = sum(member.device.total for member in on.members)
    assert sum(collected.values()) == used * READING_PRICE

"""One device pays another over the real broker, by signatures and by ticks, while the gateway dies:
what flowed is what was paid, what the payee is owed, and what is settled."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.hub import credited
from simulator import scene
from simulator.fleet import Member
from simulator.loads.between import Delivered, Drawn, Line
from simulator.loads.sensor import Sensor
from tests.e2e.stage import READING_PRICE, Stage, all_paid, running, stage, until

FEE = 250


@pytest.fixture
def town(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The product, running, with a fee on channels between devices."""
    monkeypatch.setenv("TALLYSTICK_HUB_FEE_BP", str(FEE))
    with stage(data_folder) as built:
        yield built


def trade(town: Stage, chain_length: int) -> tuple[Line, Member, Member]:
    """A device of one account that sells readings, and one of another that buys them."""
    line = Line(lambda: seller.board.serves)
    seller = town.add(
        Delivered(line),
        account=scene.SENSORS[0],
        sell_numerator=READING_PRICE,
        sell_window=50,
        topup=0,
    )
    buyer = town.add(
        Drawn(line, Sensor(interval_ms=25, burst=3, burst_every=10)),
        account=scene.FLEETS[1][0],
        payee=seller.device.identity.id,
        chain_length=chain_length,
        topup=0,
    )
    return line, seller, buyer


def test_what_flows_between_two_devices_is_paid_owed_and_settled_to_the_unit(town: Stage) -> None:
    async def scenario() -> list[Line]:
        pairs = [trade(town, 0), trade(town, 500)]
        async with running(town.members) as fleet:
            for _ in range(2):
                before = [line.flowed for line, _, _ in pairs]
                await until(
                    lambda floor=before: all(  # type: ignore[misc]
                        line.flowed > least + 60
                        for (line, _, _), least in zip(pairs, floor, strict=True)
                    ),
                    "both deliver",
                )
                await asyncio.to_thread(town.gateway.kill)
                await asyncio.to_thread(town.gateway.restart)
            await all_paid(fleet)
        return [line for line, _, _ in pairs]

    lines = asyncio.run(scenario())
    flowed = sum(line.flowed for line in lines)
    with town.api() as api:
        rows = list(api.items("/v1/channels", limit="500"))
        mirrors = [row for row in rows if row["mirror_of"] is not None]
        payers = {row["id"]: row for row in rows if row["mirror_of"] is None}
        assert sum(row["units"] for row in payers.values()) == flowed
        for row in mirrors:
            paid = int(payers[row["mirror_of"]]["amount"]["amount"])
            assert int(row["amount"]["amount"]) == credited(paid, FEE)
        owed = sum(int(row["amount"]["amount"]) for row in mirrors)
        (run,) = api.post("/v1/settlements", {})["runs"]
        positions = api.get(f"/v1/settlements/{run['run']}")["positions"]
    nets = {each["account"]: int(each["net"]["amount"]) for each in positions}
    assert nets == {
        scene.FLEETS[1][0]: flowed * READING_PRICE,
        scene.SENSORS[0]: -owed,
        "operator": owed - flowed * READING_PRICE,
    }
    assert town.command("books") == 0

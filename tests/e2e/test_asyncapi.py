"""What really goes over the broker, both ways, is what docs/asyncapi.yaml says."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from firmware.link import Link
from simulator import scene
from simulator.loads.between import Delivered, Drawn, Line
from simulator.loads.sensor import Sensor
from tests.e2e.stage import READING_PRICE, all_paid, running, stage, until
from tests.protocol.asyncapi import payload_of, wrong

EXPECTED = {
    "hello", "open", "iou", "tick", "sell", "find", "topup",
    "resume", "offer", "opened", "ack", "grant", "credit", "mirror", "listed",
}  # fmt: skip
"""What devices that buy, sell, tick and top up say and are told while nothing goes wrong."""


def test_every_message_on_the_broker_fits_the_document(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[str] = Counter()
    found: list[str] = []

    def look(kind: str, message: bytes) -> None:
        seen[kind] += 1
        found.extend(wrong(kind, payload_of(kind, message)))

    take, publish = Link._take_message, Link.publish

    def _take_message(link: Link, event: Any, now: int) -> None:
        look(event.topic.rpartition("/")[2], event.payload)
        take(link, event, now)

    def _publish(link: Link, sending: list[tuple[str, bytes]]) -> None:
        for kind, message in sending:
            look(kind, message)
        publish(link, sending)

    monkeypatch.setattr(Link, "_take_message", _take_message)
    monkeypatch.setattr(Link, "publish", _publish)
    with stage(data_folder) as town:
        line = Line(lambda: seller.board.serves)
        selling = {"sell_numerator": READING_PRICE, "sell_window": 50, "topup": 0}
        seller = town.add(Delivered(line), account=scene.SENSORS[0], **selling)
        buying = {"payee": seller.device.identity.id, "chain_length": 50, "topup": 0}
        busy = Sensor(interval_ms=20, burst=3, burst_every=10)
        town.add(Drawn(line, busy), account=scene.FLEETS[1][0], **buying)
        town.add(Sensor(interval_ms=10, burst=3, burst_every=10), topup=20_000)

        async def play() -> None:
            async with running(town.members) as fleet:
                await until(lambda: set(seen) >= EXPECTED, "every kind has gone over the broker")
                await all_paid(fleet)

        asyncio.run(play())
    assert found == []

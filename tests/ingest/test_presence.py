"""Who is there, and what operators are told of by the hot path's own transactions."""

from typing import Any

from sqlalchemy import text

from gateway.ingest import presence, upkeep
from gateway.ingest.alerts import SIGNS
from gateway.ingest.presence import Presence
from gateway.store import events
from tests.ingest.parties import CAPACITY, Gateway


def _told(gateway: Gateway, *kinds: str) -> list[tuple[str, str]]:
    with gateway.store.read() as conn:
        rows = events.after(conn, 0, 1000)
    return [(row.kind, row.subject) for row in rows if row.kind in kinds]


def _presence(gateway: Gateway, now: list[float]) -> None:
    gateway.restart()
    gateway.context.presence = Presence(600.0, lambda: now[0])


def test_a_device_is_there_from_its_first_message_until_it_is_silent(gateway: Gateway) -> None:
    now = [0.0]
    device, other = gateway.device(), gateway.device()
    _presence(gateway, now)
    for _ in range(3):
        gateway.take(device.hello())
        upkeep.observe(gateway.context)
    now[0] = 500.0
    gateway.take(other.hello())
    upkeep.observe(gateway.context)
    assert _told(gateway, "device.online", "device.offline") == [
        ("device.online", device.id),
        ("device.online", other.id),
    ]
    now[0] = 601.0
    upkeep.observe(gateway.context)
    upkeep.observe(gateway.context)
    assert _told(gateway, "device.offline") == [("device.offline", device.id)]
    gateway.take(device.hello())
    upkeep.observe(gateway.context)
    assert _told(gateway, "device.online")[2:] == [("device.online", device.id)]


def test_a_restart_of_the_gateway_is_no_coming_and_no_going(gateway: Gateway) -> None:
    now = [0.0]
    device = gateway.device()
    _presence(gateway, now)
    gateway.take(device.hello())
    upkeep.observe(gateway.context)
    now[0] = 10_000.0
    _presence(gateway, now)
    upkeep.observe(gateway.context)
    gateway.take(device.hello())
    upkeep.observe(gateway.context)
    assert len(_told(gateway, "device.online", "device.offline")) == 1


def test_nobody_goes_while_the_gateway_itself_hears_nothing(gateway: Gateway) -> None:
    now = [0.0]
    device = gateway.device()
    _presence(gateway, now)
    gateway.take(device.hello())
    upkeep.observe(gateway.context)
    now[0] = 5_000.0
    gateway.context.presence.deaf()
    upkeep.observe(gateway.context)
    now[0] = 5_599.0
    upkeep.observe(gateway.context)
    assert _told(gateway, "device.offline") == []
    now[0] = 5_601.0
    upkeep.observe(gateway.context)
    assert _told(gateway, "device.offline") == [("device.offline", device.id)]


def test_a_whole_fleet_that_comes_at_once_is_noted_in_short_commits(
    gateway: Gateway, monkeypatch: Any
) -> None:
    monkeypatch.setattr(presence, "_AT_ONCE", 2)
    now = [0.0]
    fleet = [gateway.device() for _ in range(5)]
    _presence(gateway, now)
    for each in fleet:
        gateway.take(each.hello())
    counts = []
    for _ in range(4):
        upkeep.observe(gateway.context)
        counts.append(len(_told(gateway, "device.online")))
    assert counts == [2, 4, 5, 5]
    now[0] = 601.0
    for _ in range(4):
        upkeep.observe(gateway.context)
    assert len(_told(gateway, "device.offline")) == 5


def test_what_looks_suspicious_is_an_event_once(gateway: Gateway) -> None:
    device = gateway.device()
    for _ in range(SIGNS["device_takeover"].enough):
        gateway.take(device.hello())
    upkeep.observe(gateway.context)
    upkeep.observe(gateway.context)
    assert _told(gateway, "device.suspicious") == [("device.suspicious", device.id)]


def test_low_funds_are_an_event_when_they_become_low(gateway: Gateway) -> None:
    device = gateway.device()
    gateway.credit("fleet", 2 * CAPACITY + CAPACITY // 10)
    device.opened(0)
    assert _told(gateway, "account.low_funds") == []
    device.opened(1)
    assert _told(gateway, "account.low_funds") == [("account.low_funds", "fleet")]
    with gateway.store.read() as conn:
        data = conn.execute(text("SELECT data FROM event WHERE kind = 'account.low_funds'"))
        assert data.scalar_one() == (
            f'{{"free": "{CAPACITY // 10}", "reserved": "{2 * CAPACITY}"}}'
        )


def test_a_contradiction_is_an_event_that_waits_for_a_person(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    gateway.take(device.iou(channel, 9, 3_001))
    assert _told(gateway, "channel.opened", "channel.frozen") == [
        ("channel.opened", channel.hex()),
        ("channel.frozen", channel.hex()),
    ]

"""A broker that is away for long is an event, and so is its return; a short break is none."""

from pathlib import Path

import pytest

from gateway.ingest import reach
from gateway.ingest.reach import Reach
from gateway.store import events
from tests.broker.worker import until, working
from tests.ingest.parties import Gateway, gateway_in
from tests.services import Served


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return gateway_in(tmp_path)


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _noted(gateway: Gateway) -> list[str]:
    with gateway.store.read() as conn:
        return [row.kind for row in events.page(conn, subject="broker")][::-1]


def _over(gateway: Gateway, watch: Reach, clock: Seconds, *connected: bool) -> list[str]:
    """What is noted when it is looked each second, and found so."""
    for each in connected:
        watch.look(gateway.context, connected=each)
        clock.now += 1
    return _noted(gateway)


def test_what_lasts_is_told_once_and_its_end_once(gateway: Gateway) -> None:
    clock = Seconds()
    watch = Reach(clock)
    assert _over(gateway, watch, clock, *[True] * 3, *[False] * 10) == []
    assert _over(gateway, watch, clock, *[False] * 20) == ["broker.lost"]
    assert _over(gateway, watch, clock, *[True] * 5) == ["broker.lost", "broker.connected"]
    assert _over(gateway, watch, clock, False, True, False, True) == [
        "broker.lost",
        "broker.connected",
    ]
    gateway.store.close()


def test_the_next_process_tells_the_end_of_what_this_one_told(gateway: Gateway) -> None:
    clock = Seconds()
    _over(gateway, Reach(clock), clock, *[False] * 12)
    gateway.restart()
    assert _over(gateway, Reach(clock), clock, *[False] * 12) == ["broker.lost"]
    assert _over(gateway, Reach(clock), clock, True) == ["broker.lost", "broker.connected"]
    gateway.store.close()


def test_the_event_comes_of_a_real_broker_that_is_killed_and_comes_back(
    tmp_path: Path, broker: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broker.process is None:
        pytest.skip("the broker is not ours to kill")
    monkeypatch.setattr(reach, "LOST_SECONDS", 0.0)
    with working(tmp_path, broker) as here:
        assert _noted(here.gateway) == []
        broker.process.kill()
        until(lambda: _noted(here.gateway) == ["broker.lost"], "it is noted that it is lost")
        broker.process.restart()
        told = ["broker.lost", "broker.connected"]
        until(lambda: _noted(here.gateway) == told, "it is noted that it is back")

"""The client's stream of events: taken up where it was, whole and in order."""

from collections.abc import Iterator
from itertools import islice

from gateway.api.stream import Stream
from gateway.operations import devices
from gateway.store.events import event as table
from tallystick import Api, Event, Gap, Pulse
from tests.api.house import House


def _events(api: Api, after: int | None, count: int) -> list[Event]:
    stored = (each for each in api.events(after) if isinstance(each, Event))
    return list(islice(stored, count))


def _short(house: House) -> None:
    """Let streams end after a moment."""
    services = house.app.state.services
    house.app.state.stream = Stream(house.office.store, services.metrics, lasts=0.1)


def test_events_go_on_over_the_ends_of_streams(house: House, api: Api) -> None:
    house.fleet()
    _short(house)
    device = house.device()
    coming = (each for each in api.events(0) if isinstance(each, Event))
    seen = [next(coming)]
    for _ in range(3):
        devices.suspend(house.office.store, device)
        seen.append(next(coming))
        house.app.state.stream.close()
        _short(house)
        devices.resume(house.office.store, device)
        seen.append(next(coming))
    kinds = ["device.registered", *["device.suspended", "device.resumed"] * 3]
    assert [each.kind for each in seen] == kinds
    assert [each.id for each in seen] == list(range(1, 8))
    assert {(each.subject, each.account_id, each.level) for each in seen} == {
        (device, "fleet", "info")
    }
    coming.close()


def test_what_was_not_done_with_comes_again(house: House, api: Api) -> None:
    house.fleet()
    house.device(1)
    house.device(2)
    first = _events(api, 0, 1)
    assert [each.id for each in _events(api, first[0].id, 1)] == [2]
    # Whoever fails in the midst of one has stored the id of the one before.
    assert _events(api, 0, 1) == first


def test_a_gap_and_a_pulse_are_what_they_are(house: House, api: Api) -> None:
    house.fleet()
    device = house.device()
    devices.suspend(house.office.store, device)
    with house.office.store.write() as conn:
        conn.execute(table.delete().where(table.c.id == 1))
    stream: Iterator[Event | Gap | Pulse] = api.events(0)
    assert next(stream) == Gap(0, 2)
    second = next(stream)
    assert isinstance(second, Event) and (second.id, second.kind) == (2, "device.suspended")
    pulse = next(each for each in stream if isinstance(each, Pulse))
    assert pulse.figures["channels_open"] == 0

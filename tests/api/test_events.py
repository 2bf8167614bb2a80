"""Events over the API: as they happen, after a break, and looked back at."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event as hooks

from gateway.api import stream
from gateway.operations import accounts, channels, devices, events, tokens
from gateway.operations.events import note_rail
from gateway.store.events import event as table
from tests.api.house import House
from tests.api.served import Reader, served, wait_until

Watch = Callable[..., Reader]
"""Begins to read the stream with a token of a role, after an event if that is given."""


@pytest.fixture
def watch(house: House) -> Iterator[Watch]:
    """Reads streams that do not end by themselves, from a server of its own."""
    readers: list[Reader] = []
    house.app.state.stream = stream.Stream(
        house.office.store, house.app.state.services.metrics, lasts=3600.0
    )
    with served(house.app) as port:

        def begin(role: str, last_event_id: str | None = None) -> Reader:
            readers.append(Reader(port, house.tokens[role], last_event_id))
            return readers[-1]

        yield begin
        for each in readers:
            each.close()


def test_what_happens_is_told_to_whoever_watches(house: House, watch: Watch) -> None:
    house.fleet()
    reader = watch("viewer")
    assert reader.status == 200
    assert reader.headers["content-type"].startswith("text/event-stream")
    assert next(iter(reader)).id == "0"
    device = house.device()
    registered = reader.event("device.registered")
    assert (registered["subject"], registered["account_id"]) == (device, "fleet")
    assert (registered["level"], registered["data"]) == ("info", {"name": "device 1"})
    channel = house.paid(device, 10)
    assert reader.event("channel.opened")["subject"] == channel.hex()
    channels.close(house.office.store, channel)
    closed = reader.event("channel.closed")
    assert closed["data"] == {
        "amount": "30", "device": device, "reason": "operator", "units": "10"
    }  # fmt: skip


def test_a_stream_goes_on_where_it_broke_off(house: House, watch: Watch) -> None:
    house.fleet()
    device = house.device()
    first = watch("viewer", "0")
    seen = first.event("device.registered")["id"]
    first.close()
    for _ in range(3):
        devices.suspend(house.office.store, device)
        devices.resume(house.office.store, device)
    second = watch("viewer", str(seen))
    found = [second.event(kind)["id"] for kind in ["device.suspended", "device.resumed"] * 3]
    assert found == list(range(seen + 1, seen + 7))


def test_a_stream_says_that_it_has_a_gap(house: House, watch: Watch) -> None:
    house.fleet()
    device = house.device()
    devices.suspend(house.office.store, device)
    with house.office.store.write() as conn:
        conn.execute(table.delete().where(table.c.id == 1))
    reader = watch("viewer", "0")
    assert reader.until(lambda each: each.event == "gap").data == {"after": 0, "kept_from": 2}
    assert reader.event("device.suspended")["id"] == 2


def test_a_pulse_has_the_live_figures(house: House, watch: Watch) -> None:
    house.fleet()
    house.paid(house.device(), 10)
    reader = watch("viewer")
    first = reader.until(lambda each: each.event == "pulse")
    metrics = house.app.state.services.metrics
    metrics.ious_accepted.inc(40)
    metrics.ious_coalesced.inc(2)
    then = reader.until(lambda each: each.event == "pulse" and each.data["ious"] == 42).data
    assert (first.id, first.data["ious_per_second"], then["ticks"]) == ("", 0, 0)
    assert then["ious_per_second"] > 0
    assert (then["channels_open"], then["channels_frozen"], then["devices_online"]) == (1, 0, 0)
    assert then["money"] == [
        {
            "currency": "EUR",
            "scale": 6,
            "in_flight": "30",
            "reserved": "999970",
            "windows": "300",
        }
    ]


def test_one_reader_serves_all_who_watch_and_ends_with_the_last(house: House, watch: Watch) -> None:
    house.fleet()
    reads: list[str] = []

    @hooks.listens_for(house.office.store.engine, "before_cursor_execute")
    def _count(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if "FROM event" in statement and "event.id >" in statement:
            reads.append(statement)

    watched = house.app.state.stream
    readers = [watch("viewer") for _ in range(10)]
    for each in readers:
        each.until(lambda message: message.event == "pulse")
    many = len(reads)
    house.device()
    for each in readers:
        each.event("device.registered")
    assert len(reads) - many < 10 and many < 20
    for each in readers:
        each.close()
    wait_until(lambda: watched._reader.done())


def test_no_caller_takes_all_streams(house: House, watch: Watch) -> None:
    readers = [watch("viewer") for _ in range(stream.MOST_OF_ONE)]
    for each in readers:
        next(iter(each))
    refused = watch("viewer")
    assert (refused.status, refused.headers["retry-after"]) == (429, "5")
    other = watch("operator")
    assert other.status == 200
    readers[0].close()
    watched = house.app.state.stream
    wait_until(lambda: len(watched._watchers) == stream.MOST_OF_ONE)
    again = watch("viewer")
    assert again.status == 200


def test_who_does_not_keep_up_is_sent_away(
    house: House, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_MOST_WAITING", 3)
    house.fleet()
    device = house.device()
    reader = watch("viewer")
    next(iter(reader))
    with house.office.store.write() as conn:
        for _ in range(5):
            stream.events.note(conn, "device.online", device, "fleet")
    # What it gets is in order and from the beginning, and then the stream is over.
    ids = [int(each.id) for each in reader if each.data and not each.event]
    assert ids == list(range(2, 2 + len(ids))) and len(ids) < 5
    later = watch("viewer", str(ids[-1] if ids else 1))
    assert later.event("device.online")["id"] == (ids[-1] if ids else 1) + 1


def test_a_stream_ends_so_that_whoever_watches_shows_anew_that_they_may(
    house: House, watch: Watch
) -> None:
    house.app.state.stream = stream.Stream(
        house.office.store, house.app.state.services.metrics, lasts=0.2
    )
    assert next(iter(list(watch("viewer")))).id == "0"
    house.client("admin").delete(f"/v1/tokens/{house.tokens['viewer'].split('_')[1]}")
    assert watch("viewer").status == 401


def test_an_owner_watches_what_is_theirs_and_no_pulse(house: House, watch: Watch) -> None:
    house.fleet()
    store = house.office.store
    accounts.add(store, "other", "Other", "EUR")
    _id, house.tokens["owner"] = tokens.add(store, "o", "owner", accounts=["other"])
    reader, viewer = watch("owner", "0"), watch("viewer")
    house.device(1)
    mine = house.device(2, "other")
    assert reader.event("device.registered")["subject"] == mine
    viewer.until(lambda each: each.event == "pulse")
    assert [each.event for each in reader.seen] == ["", ""]
    assert house.client("owner").get("/v1/events/past?account_id=fleet").status_code == 404
    own = _listed(house.client("owner"), "account_id=other")
    assert [each["subject"] for each in own] == [mine]


@pytest.mark.parametrize("bad", ["-1", "x", "1 OR 1=1", "9" * 16])
def test_a_last_event_id_that_was_never_given_out_is_refused(house: House, bad: str) -> None:
    answer = house.client("viewer").get("/v1/events", headers={"Last-Event-ID": bad})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


def test_events_are_listed_the_newest_first_and_filtered(house: House) -> None:
    house.fleet()
    one, two = house.device(1), house.device(2)
    devices.suspend(house.office.store, two)
    viewer = house.client("viewer")
    assert [each["id"] for each in _listed(viewer, "")] == [3, 2, 1]
    first = viewer.get("/v1/events/past?limit=2").json()
    assert [each["id"] for each in first["items"]] == [3, 2]
    rest = viewer.get(f"/v1/events/past?cursor={first['next']}").json()
    assert ([each["id"] for each in rest["items"]], rest["next"]) == ([1], None)
    assert [each["id"] for each in _listed(viewer, f"subject={one}")] == [1]
    assert [each["id"] for each in _listed(viewer, "kind=device.suspended")] == [3]
    assert [each["id"] for each in _listed(viewer, "account_id=fleet")] == [3, 2, 1]
    assert _listed(viewer, "level=action") == []
    bad = viewer.get("/v1/events/past?kind=device.eaten")
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "kind")


def _listed(client: TestClient, query: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.get("/v1/events/past?" + query).json()["items"]
    return found


def test_old_events_are_deleted_and_their_ids_never_come_again(house: House) -> None:
    house.fleet()
    house.device(1)
    assert events.prune(house.office.store, 3600) == 0
    assert events.prune(house.office.store, -1) == 1
    house.device(2)
    assert [each["id"] for each in _listed(house.client("viewer"), "")] == [2]


def test_a_rail_that_fails_is_one_event_until_it_serves_again(house: House) -> None:
    store = house.office.store
    for failing in (False, True, True, False, False, True):
        note_rail(store, "manual", failing=failing)
    kinds = [each["kind"] for each in _listed(house.client("viewer"), "subject=manual")]
    assert kinds == ["rail.failed", "rail.recovered", "rail.failed"]

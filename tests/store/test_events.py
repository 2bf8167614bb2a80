"""Events are in the transaction that makes them so, numbered in the order in which those commit."""

import json
import threading

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from gateway.store import events, fence, figures, last, meta, presence
from gateway.store.engine import Store
from tests.settlement.fleet import CAPACITY, PRICE, Fleet


def _ids(store: Store) -> list[int]:
    with store.read() as conn:
        return [int(row.id) for row in events.after(conn, 0, 100)]


class _Undone(Exception):
    """Why a transaction was rolled back."""


def _note_and_undo(store: Store) -> None:
    with store.write() as conn:
        events.note(conn, "rail.failed", "manual")
        raise _Undone


def test_an_event_is_there_if_what_it_tells_is(store: Store) -> None:
    with store.write() as conn:
        events.note(conn, "rail.failed", "manual", why="no disk")
        events.note(conn, "rail.recovered", "manual")
    with pytest.raises(_Undone):
        _note_and_undo(store)
    with store.read() as conn:
        first, second = events.after(conn, 0, 10)
        assert abs(first.at - store.now(conn)) < 60
    assert (first.id, first.kind, first.level, first.subject) == (
        1, "rail.failed", "warning", "manual"
    )  # fmt: skip
    assert (first.account_id, json.loads(first.data)) == (None, {"why": "no disk"})
    assert (second.id, second.level) == (2, "info")


def test_a_kind_that_nobody_knows_is_no_event(store: Store) -> None:
    with pytest.raises(KeyError), store.write() as conn:
        events.note(conn, "rail.eaten", "manual")
    assert _ids(store) == []


def test_ids_have_no_gaps_and_are_never_given_again(store: Store) -> None:
    for _ in range(3):
        with store.write() as conn:
            events.note(conn, "rail.failed", "manual")
    with store.write() as conn:
        assert events.prune(conn, store.now(conn) + 60, 2) == 2
    assert _ids(store) == [3]
    with store.write() as conn:
        assert events.prune(conn, store.now(conn) + 60, 10) == 1
        assert (events.oldest(conn), events.newest(conn)) == (4, 3)
    with store.write() as conn:
        events.note(conn, "rail.failed", "manual")
    assert _ids(store) == [4]


def test_a_reader_never_finds_an_event_below_one_that_it_has_seen(store: Store) -> None:
    """Many writers at once, of which some wait before they commit."""

    def write(number: int) -> None:
        for each in range(10):
            with store.write() as conn:
                events.note(conn, "rail.failed", f"{number}-{each}")
                conn.execute(text("SELECT 1"))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for each in writers:
        each.start()
    seen: list[int] = []
    while any(each.is_alive() for each in writers) or len(seen) < len(_ids(store)):
        with store.read() as conn:
            seen += [int(row.id) for row in events.after(conn, seen[-1] if seen else 0, 7)]
    assert seen == list(range(1, 41))


def test_restored_books_begin_above_every_id_that_was_ever_seen(store: Store) -> None:
    with store.write() as conn:
        events.note(conn, "rail.failed", "manual")
    with store.write() as conn:
        fence.put_up(conn, 3, "0" * 64, 5, 6)
    assert _ids(store) == [1, 2 * events.PER_GENERATION + 1]


def test_the_row_that_writers_lock_can_not_be_put(store: Store) -> None:
    with pytest.raises(ValueError, match="reserved"), store.write() as conn:
        meta.put(conn, last.LOCK, "1")


@pytest.mark.parametrize("change", ["level = 'loud'", "id = 0"])
def test_the_database_refuses_impossible_events(store: Store, change: str) -> None:
    with store.write() as conn:
        events.note(conn, "rail.failed", "manual")
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(text(f"UPDATE event SET {change}"))


def test_figures_add_up_what_is_live_exactly(store: Store) -> None:
    fleet = Fleet(store)
    channels = [fleet.open("ant", "bee", number) for number in range(2)]
    fleet.mark(channels[0], 5)
    with store.write() as conn:
        conn.execute(
            text("UPDATE channel SET window_units = :most WHERE id = :id"),
            {"most": 2**62, "id": channels[0]},
        )
        conn.execute(
            text("UPDATE channel SET window_units = :most WHERE id = :id"),
            {"most": 2**62 + 1, "id": channels[1]},
        )
    with store.read() as conn:
        found = figures.read(conn)
    (money,) = found.money.values()
    assert found.channels == {"open": 2, "frozen": 0}
    assert (money.in_flight, money.reserved) == (5 * PRICE, 2 * CAPACITY - 5 * PRICE)
    assert money.windows == PRICE * (2**63 + 1)


def test_presence_is_kept_of_devices_alone(store: Store) -> None:
    fleet = Fleet(store)
    fleet.open("ant", "bee")
    with store.read() as conn:
        device = str(conn.execute(text("SELECT id FROM device")).scalars().first())
    with store.write() as conn:
        presence.note(conn, [device, "0" * 32], there=True, at=5)
    with store.read() as conn:
        assert list(presence.online(conn)) == [device]
        assert presence.of(conn, [device, "0" * 32]) == {device: (True, 5)}
    with store.write() as conn:
        presence.note(conn, [device], there=False, at=9)
    with store.read() as conn:
        assert (presence.count(conn), presence.of(conn, [device])) == (0, {device: (False, 9)})
        kinds = conn.execute(
            select(events.event.c.kind, func.count())
            .where(events.event.c.subject == device)
            .group_by(events.event.c.kind)
        ).all()
    assert {"device.online", "device.offline"} <= {kind for kind, _count in kinds}

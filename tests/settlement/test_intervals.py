"""Cutting and posting intervals: each unit of a mark in exactly one, whatever comes in between."""

import dataclasses
from typing import Any

import pytest
from sqlalchemy import Row, insert, select

from gateway.ledger.states import IllegalMove
from gateway.settlement import intervals
from gateway.settlement.intervals import Closed, line_of
from gateway.store import channels, journal
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.tables import Base
from protocol import merkle
from protocol.ids import device_id
from protocol.statements import PAYEE, PAYER, StatementLine
from tests.settlement.fleet import PRICE, Fleet

run_table = Base.metadata.tables["run"]
interval_table = Base.metadata.tables["interval"]


def a_run(store: Store, number: int, currency: str = "EUR") -> None:
    """The row that intervals of a run refer to."""
    with store.write() as conn:
        conn.execute(
            insert(run_table).values(
                number=number,
                currency=currency,
                scale=6,
                state="posted",
                period_start=0,
                period_end=1,
                journal_head=bytes(32),
            )
        )


def cut(store: Store, run: int, currency: str = "EUR") -> tuple[int, int, int]:
    """Freeze, post and advance: how many intervals, entries and channels that were."""
    with store.write() as conn:
        journal.lock(conn)
        return (
            intervals.freeze(conn, run, currency),
            intervals.post(conn, run, currency, 77),
            intervals.advance(conn, run),
        )


def all_intervals(store: Store) -> dict[bytes, list[tuple[int, int, int, int, Any, Any]]]:
    """(from, to] of amounts and units, entry and run, by channel."""
    found: dict[bytes, list[tuple[int, int, int, int, Any, Any]]] = {}
    with store.read() as conn:
        table = interval_table
        for row in conn.execute(select(table).order_by(table.c.channel_id, table.c.from_amount)):
            found.setdefault(bytes(row.channel_id), []).append(
                (
                    row.from_amount,
                    row.to_amount,
                    row.from_units,
                    row.to_units,
                    row.entry_seq,
                    row.run,
                )
            )
    return found


def all_entries(store: Store) -> list[tuple[str, str, int, str, dict[str, int]]]:
    """Kind, reference, time, memo, and postings by account."""
    with store.read() as conn:
        return [
            (
                entry.kind,
                entry.reference,
                entry.at,
                entry.memo,
                {each.account: each.amount for each in entry.postings},
            )
            for _, entry, _ in journal.entries(conn)
        ]


def settled(store: Store, channel: bytes) -> tuple[int, int]:
    """How far a channel is settled."""
    with store.read() as conn:
        row = channels.get(conn, channel)
        return row.settled_amount, row.settled_units


def memo(fleet: Fleet, payee: str, *spans: tuple[bytes, int, int]) -> str:
    """The Merkle root over the payer's lines of these intervals of units."""
    lines = [
        StatementLine(
            channel, PAYER, start * PRICE, end * PRICE, start, end, fleet.tariffs[payee].id()
        ).encoded()
        for channel, start, end in spans
    ]
    return merkle.root(lines).hex()


def test_a_close_posts_what_was_not_posted_and_is_final(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 7)
    device = device_id(bytes(fleet.keys["ant"].verify_key))
    with store.write() as conn:
        closed = intervals.close(conn, channel, "operator", 99)
    assert closed == Closed(device, 7 * PRICE, 7, 1, 99, True)
    assert all_entries(store) == [
        (
            "interval",
            f"close:{channel.hex()}",
            99,
            memo(fleet, "bee", (channel, 0, 7)),
            {"payer:ant": 21, "payee:bee": -21},
        )
    ]
    assert all_intervals(store) == {channel: [(0, 21, 0, 7, 1, None)]}
    with store.read() as conn:
        row = channels.get(conn, channel)
    assert (row.state, row.closed_at, row.close_reason, row.serial) == ("closed", 99, "operator", 1)
    assert settled(store, channel) == (21, 7)
    with store.write() as conn:
        again = intervals.close(conn, channel, "other", 500)
    assert again == dataclasses.replace(closed, fresh=False)
    assert len(all_entries(store)) == 1


def test_a_close_of_nothing_posts_nothing(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    with store.write() as conn:
        assert intervals.close(conn, channel, "payer", 9).amount == 0
    assert (all_entries(store), all_intervals(store)) == ([], {})
    assert settled(store, channel) == (0, 0)


def test_a_frozen_channel_closes_and_an_unknown_one_does_not(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 2)
    with store.write() as conn:
        channels.set_state(conn, channel, "frozen")
        assert intervals.close(conn, channel, "operator", 9).amount == 6
    with store.write() as conn, pytest.raises(NotFound, match="unknown"):
        intervals.close(conn, bytes(32), "operator", 9)
    with store.write() as conn, pytest.raises(IllegalMove):
        channels.set_state(conn, channel, "open")


@pytest.mark.threat("T3")
def test_a_run_cuts_each_channel_once_and_the_next_run_goes_on_from_there(store: Store) -> None:
    fleet = Fleet(store)
    one, two = fleet.open("ant", "bee", 1), fleet.open("ant", "bee", 2)
    other, frozen, idle = (
        fleet.open("bee", "cat", 3), fleet.open("cat", "ant", 4), fleet.open("ant", "cat", 5)
    )  # fmt: skip
    for channel, units in ((one, 5), (two, 8), (other, 3), (frozen, 9)):
        fleet.mark(channel, units)
    with store.write() as conn:
        channels.set_state(conn, frozen, "frozen")
    a_run(store, 1)
    assert cut(store, 1) == (3, 2, 3)
    pair = sorted([(one, 0, 5), (two, 0, 8)])
    assert all_entries(store) == [
        ("interval", "run:1:interval:ant:bee", 77, memo(fleet, "bee", *pair),
         {"payer:ant": 39, "payee:bee": -39}),
        ("interval", "run:1:interval:bee:cat", 77, memo(fleet, "cat", (other, 0, 3)),
         {"payer:bee": 9, "payee:cat": -9}),
    ]  # fmt: skip
    assert all_intervals(store) == {
        one: [(0, 15, 0, 5, 1, 1)], two: [(0, 24, 0, 8, 1, 1)], other: [(0, 9, 0, 3, 2, 1)],
    }  # fmt: skip
    assert [settled(store, each) for each in (one, two, other, frozen, idle)] == [
        (15, 5), (24, 8), (9, 3), (0, 0), (0, 0),
    ]  # fmt: skip
    # Marks that rose since stand in the next run's, as does what a close has posted meanwhile.
    fleet.mark(one, 6)
    fleet.mark(two, 10)
    with store.write() as conn:
        channels.set_state(conn, frozen, "open")
        intervals.close(conn, two, "payer", 80)
    a_run(store, 2)
    assert cut(store, 2) == (3, 2, 2)
    assert all_intervals(store)[one][1:] == [(15, 18, 5, 6, 4, 2)]
    assert all_intervals(store)[two][1:] == [(24, 30, 8, 10, 3, 2)]
    assert all_intervals(store)[frozen] == [(0, 27, 0, 9, 5, 2)]
    assert [each[1] for each in all_entries(store)[2:]] == [
        f"close:{two.hex()}", "run:2:interval:ant:bee", "run:2:interval:cat:ant",
    ]  # fmt: skip
    assert all_entries(store)[3][3:] == (
        memo(fleet, "bee", (one, 5, 6)),
        {"payer:ant": 3, "payee:bee": -3},
    )
    a_run(store, 3)
    assert cut(store, 3) == (0, 0, 0)


def test_a_run_takes_nothing_of_another_currency(store: Store) -> None:
    fleet = Fleet(store)
    channel, closed = fleet.open("ant", "bee", 1), fleet.open("ant", "bee", 2)
    fleet.mark(channel, 5)
    fleet.mark(closed, 4)
    with store.write() as conn:
        intervals.close(conn, closed, "payer", 9)
    a_run(store, 1, "USD")
    assert cut(store, 1, "USD") == (0, 0, 0)
    assert settled(store, channel) == (0, 0)
    assert all_intervals(store) == {closed: [(0, 12, 0, 4, 1, None)]}
    a_run(store, 2)
    assert cut(store, 2) == (2, 1, 1)
    assert all_intervals(store)[closed] == [(0, 12, 0, 4, 1, 2)]


def test_a_mark_that_rises_while_a_run_is_cut_is_not_lost(store: Store) -> None:
    """Between freezing and advancing: the settled mark goes to the interval's end, no further."""
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    a_run(store, 1)
    with store.write() as conn:
        journal.lock(conn)
        assert intervals.freeze(conn, 1, "EUR") == 1
        assert channels.raise_marks(conn, [fleet.row(channel, 9)]) == 1
        assert intervals.post(conn, 1, "EUR", 7) == 1
        assert intervals.advance(conn, 1) == 1
        # Once moved, an interval moves it no more.
        assert intervals.advance(conn, 1) == 0
    assert settled(store, channel) == (15, 5)
    a_run(store, 2)
    assert cut(store, 2) == (1, 1, 1)
    assert all_intervals(store)[channel] == [(0, 15, 0, 5, 1, 1), (15, 27, 5, 9, 2, 2)]


def test_a_line_says_what_its_interval_says(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    with store.write() as conn:
        intervals.close(conn, channel, "payer", 9)
    table = Base.metadata.tables["channel"]
    with store.read() as conn:
        row: Row[Any] = conn.execute(
            select(interval_table, table.c.tariff_id).join(
                table, table.c.id == interval_table.c.channel_id
            )
        ).one()
    for role in (PAYER, PAYEE):
        expected = StatementLine(channel, role, 0, 15, 0, 5, fleet.tariffs["bee"].id())
        assert line_of(row, role) == expected.encoded()

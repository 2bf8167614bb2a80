"""Cutting and posting intervals: each unit of a mark in exactly one, whatever comes in between."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import Connection, Row, insert, select, update

from gateway.ledger.entry import Entry
from gateway.ledger.states import IllegalMove
from gateway.settlement import intervals
from gateway.settlement.intervals import PART, Closed, Place, line_of
from gateway.settlement.scope import ACCOUNTS, EVERYTHING, Scope
from gateway.store import channels, journal, notices
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
    """Claim and cut, in one part: how many intervals, entries and channels that were."""
    with store.write() as conn:
        journal.lock(conn)
        before = journal.head(conn)[0]
        claimed = intervals.claim(conn, run, currency, EVERYTHING, PART)
        count, _ = intervals.cut(conn, run, currency, EVERYTHING, 1, Place(), 77, PART)
        return claimed + count, journal.head(conn)[0] - before, count


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
    Fleet(store, "USD", ("dot",))
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


def test_a_mark_that_rises_while_a_run_is_cut_is_not_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and advancing: the settled mark goes to the interval's end, no further."""
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 5)
    a_run(store, 1)
    append_all = journal.append_all

    def raise_then_append(conn: Connection, entries: Iterable[Entry]) -> int:
        assert channels.raise_marks(conn, [fleet.row(channel, 9)]) == 1
        return append_all(conn, entries)

    monkeypatch.setattr(journal, "append_all", raise_then_append)
    assert cut(store, 1) == (1, 1, 1)
    monkeypatch.undo()
    assert settled(store, channel) == (15, 5)
    a_run(store, 2)
    assert cut(store, 2) == (1, 1, 1)
    assert all_intervals(store)[channel] == [(0, 15, 0, 5, 1, 1), (15, 27, 5, 9, 2, 2)]


def test_a_run_cuts_part_by_part_and_each_channel_once(store: Store) -> None:
    """What rises behind the place that a run has reached stands in the next."""
    fleet = Fleet(store)
    opened = [fleet.open(payer, "cat", n) for n in range(2) for payer in ("ant", "bee", "cat")]
    for channel in opened:
        fleet.mark(channel, 5)
    a_run(store, 1)
    place, part, count = Place(), 0, 2
    while count == 2:
        with store.write() as conn:
            journal.lock(conn)
            part += 1
            count, place = intervals.cut(conn, 1, "EUR", EVERYTHING, part, place, 77, 2)
        for channel in opened:
            fleet.mark(channel, 5 + part)
    found = all_intervals(store)
    assert part == 4
    assert {len(found[channel]) for channel in opened} == {1}
    assert sorted(found[channel][0][3] for channel in opened) == [5, 5, 6, 6, 7, 7]
    assert sorted(reference for _, reference, *_ in all_entries(store)) == [
        "run:1:interval:ant:cat",
        "run:1:interval:bee:cat:2",
        "run:1:interval:cat:cat:3",
    ]


def test_a_run_of_an_account_cuts_its_channels_and_no_others(store: Store) -> None:
    fleet = Fleet(store)
    pays, paid, apart = fleet.open("ant", "bee"), fleet.open("cat", "ant"), fleet.open("bee", "cat")
    closed = fleet.open("cat", "bee", 1)
    for channel in (pays, paid, apart, closed):
        fleet.mark(channel, 5)
    with store.write() as conn:
        intervals.close(conn, closed, "operator", 9)
    a_run(store, 1)
    with store.write() as conn:
        journal.lock(conn)
        scope = Scope(ACCOUNTS, ("ant",))
        assert intervals.claim(conn, 1, "EUR", scope, PART) == 0
        assert intervals.cut(conn, 1, "EUR", scope, 1, Place(), 77, PART)[0] == 2
    assert {channel for channel, rows in all_intervals(store).items() if rows[0][5] == 1} == {
        pays,
        paid,
    }


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


def kept(store: Store) -> list[tuple[int, int, bytes]]:
    """Where each interval ends, its fee and the IOU that it rests on."""
    with store.read() as conn:
        rows = conn.execute(
            select(interval_table).order_by(interval_table.c.to_amount, interval_table.c.fee)
        )
        return [(row.to_amount, row.fee, bytes(row.iou)) for row in rows]


def test_each_interval_keeps_the_iou_at_its_end(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    a_run(store, 1)
    fleet.mark(channel, 4)
    cut(store, 1)
    fleet.mark(channel, 9)
    with store.write() as conn:
        intervals.close(conn, channel, "operator", 99)
    assert kept(store) == [
        (4 * PRICE, 0, fleet.iou(channel, 4)),
        (9 * PRICE, 0, fleet.iou(channel, 9)),
    ]


@pytest.mark.parametrize("earns", ["cat", "bee"])
def test_a_fee_is_taken_from_the_payee_once_for_each_interval(store: Store, earns: str) -> None:
    fleet = Fleet(store)
    fleet.charge("bee", earns, 2, 1000)
    one, other = fleet.open("ant", "bee", 1), fleet.open("ant", "bee", 2)
    free = fleet.open("ant", "cat", 3)
    a_run(store, 1)
    for channel in (one, other, free):
        fleet.mark(channel, 10)
    cut(store, 1)
    fleet.mark(one, 20)
    with store.write() as conn:
        intervals.close(conn, one, "operator", 99)
    assert [fee for _, fee, _ in kept(store)] == [0, 5, 5, 5]
    postings = {reference: lines for _, reference, _, _, lines in all_entries(store)}
    assert postings == {
        "run:1:interval:ant:bee": {"payer:ant": 60, "payee:bee": -50, f"fees:{earns}": -10},
        "run:1:interval:ant:cat": {"payer:ant": 30, "payee:cat": -30},
        f"close:{one.hex()}": {"payer:ant": 30, "payee:bee": -25, f"fees:{earns}": -5},
    }


def test_a_fee_that_takes_all_leaves_the_payee_nothing(store: Store) -> None:
    fleet = Fleet(store)
    fleet.charge("bee", "cat", 10**6, 0)
    channel = fleet.open("ant", "bee")
    fleet.mark(channel, 7)
    with store.write() as conn:
        intervals.close(conn, channel, "operator", 99)
    assert all_entries(store)[0][4] == {"payer:ant": 21, "fees:cat": -21}


def test_a_mirror_closes_with_the_channel_that_it_mirrors(store: Store) -> None:
    fleet = Fleet(store)
    channel, mirror = fleet.open("ant", "bee"), fleet.open("bee", "cat")
    fleet.mark(channel, 5)
    fleet.mark(mirror, 4)
    table = Base.metadata.tables["channel"]
    with store.write() as conn:
        conn.execute(
            update(table).where(table.c.id == mirror).values(mirror_of=channel, mirror_fee_bp=2_000)
        )
        intervals.close(conn, channel, "payer", 9)
    with store.read() as conn:
        for id_, units in ((channel, 5), (mirror, 4)):
            row = channels.get(conn, id_)
            assert (row.state, row.closed_at, row.settled_units) == ("closed", 9, units)
        (notice,) = notices.waiting(conn)
        assert (notice.kind, bytes(notice.channel_id)) == ("receipt", mirror)

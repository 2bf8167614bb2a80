"""What must hold of the books: the journal, the balances, and the stretches that were posted."""

import hashlib
import sqlite3
from collections import defaultdict
from itertools import groupby

import cbor2

from simulator.world.oracle import books
from simulator.world.oracle.books import ChannelRow, EntryRow, IntervalRow
from simulator.world.oracle.violation import Violation


def link(previous: bytes, entry: EntryRow) -> bytes:
    """The hash that an entry must have after the one with hash `previous`."""
    lines = [
        {1: account, 2: currency, 3: {1 if amount > 0 else 2: abs(amount)}}
        for account, currency, amount in entry.lines
    ]
    encoded = cbor2.dumps(
        {1: entry.kind, 2: entry.reference, 3: entry.at, 4: lines, 5: entry.memo}, canonical=True
    )
    return hashlib.sha256(previous + encoded).digest()


class Ledger:
    """The journal as far as it was looked at, and the sums of it."""

    def __init__(self) -> None:
        self._seq = 0
        self._head = bytes(32)
        self._sums: dict[tuple[str, str], int] = defaultdict(int)
        self._interval_sums: dict[tuple[str, str], int] = defaultdict(int)
        self._references: set[str] = set()

    def check(
        self,
        conn: sqlite3.Connection,
        channels: dict[bytes, ChannelRow],
        intervals: list[IntervalRow],
    ) -> None:
        """What was added to the journal, and all that was posted. Raises Violation."""
        if self._seq and books.hash_of(conn, self._seq) != self._head:
            raise Violation(15, f"entry {self._seq} was altered or taken away")
        for entry in books.entries(conn, self._seq):
            self._append(entry)
        kept = books.balances(conn)
        summed = {key: amount for key, amount in self._sums.items() if amount}
        if kept != summed:
            wrong = sorted(kept.items() ^ summed.items())[0][0]
            raise Violation(
                1,
                f"balance of {wrong}: {kept.get(wrong, 0)} is kept, {summed.get(wrong, 0)} posted",
            )
        _contiguous(channels, intervals)
        self._posted(channels, intervals)

    def check_whole(self, conn: sqlite3.Connection) -> None:
        """The journal from its first entry on. Raises Violation."""
        head = bytes(32)
        for number, entry in enumerate(books.entries(conn, 0), 1):
            head = link(head, entry)
            if entry.seq != number or entry.hash != head:
                raise Violation(15, f"entry {entry.seq} does not follow from those before it")

    def _append(self, entry: EntryRow) -> None:
        if entry.seq != self._seq + 1:
            raise Violation(15, f"entry {entry.seq} follows {self._seq}")
        if link(self._head, entry) != entry.hash:
            raise Violation(15, f"entry {entry.seq} does not commit to what is before it")
        if entry.reference in self._references:
            raise Violation(9, f"{entry.reference} was posted twice")
        sides: dict[str, int] = defaultdict(int)
        for account, currency, amount in entry.lines:
            sides[currency] += amount
            self._sums[account, currency] += amount
            if entry.kind == "interval":
                self._interval_sums[account, currency] += amount
        if any(sides.values()) or len(entry.lines) < 2:
            raise Violation(1, f"entry {entry.seq} ({entry.reference}) does not balance")
        self._references.add(entry.reference)
        self._seq, self._head = entry.seq, entry.hash

    def _posted(self, channels: dict[bytes, ChannelRow], intervals: list[IntervalRow]) -> None:
        """5, 6: each posting of use comes from channels, and each stretch is posted once."""
        for stretch in intervals:
            channel = channels[stretch.channel]
            if stretch.entry is None:
                raise Violation(5, f"a stretch of {channel.id.hex()} was never posted")
            if stretch.fee != fee_of(stretch, channel):
                raise Violation(5, f"a stretch of {channel.id.hex()} has the fee {stretch.fee}")
        posted = {account: amount for account, amount in self._interval_sums.items() if amount}
        owed = by_ledger_account(channels, intervals)
        expected = {account: amount for account, amount in owed.items() if amount}
        if posted != expected:
            wrong = sorted(posted.items() ^ expected.items())[0][0]
            raise Violation(
                6, f"{wrong}: {posted.get(wrong, 0)} posted, {expected.get(wrong, 0)} by channels"
            )


def fee_of(stretch: IntervalRow, channel: ChannelRow) -> int:
    """What its payee pays for a stretch: a fixed part and a share, at most all of it."""
    amount = stretch.to_amount - stretch.from_amount
    return min(amount, channel.fee_fixed + amount * channel.fee_bp // 10_000)


def by_ledger_account(
    channels: dict[bytes, ChannelRow], intervals: list[IntervalRow]
) -> dict[tuple[str, str], int]:
    """What stretches come to on the ledger accounts of payers, payees and whoever earns fees."""
    owed: dict[tuple[str, str], int] = defaultdict(int)
    for stretch in intervals:
        channel = channels[stretch.channel]
        amount, fee = stretch.to_amount - stretch.from_amount, fee_of(stretch, channel)
        owed["payer:" + channel.payer, channel.currency] += amount
        owed["payee:" + channel.payee, channel.currency] -= amount - fee
        if channel.fee_account is not None:
            owed["fees:" + channel.fee_account, channel.currency] -= fee
    return owed


def usage(
    channels: dict[bytes, ChannelRow], intervals: list[IntervalRow]
) -> dict[tuple[str, str], int]:
    """What each account owes (below zero: is owed) by all stretches, by account and currency."""
    owed: dict[tuple[str, str], int] = defaultdict(int)
    for (name, currency), amount in by_ledger_account(channels, intervals).items():
        owed[name.partition(":")[2], currency] += amount
    return owed


def _contiguous(channels: dict[bytes, ChannelRow], intervals: list[IntervalRow]) -> None:
    """9: the stretches of a channel lie end to end, from zero to what is settled."""
    ends: dict[bytes, tuple[int, int]] = {}
    for channel, stretches in groupby(intervals, key=lambda each: each.channel):
        at = (0, 0)
        for stretch in stretches:
            if (stretch.from_amount, stretch.from_units) != at or stretch.to_amount <= at[0]:
                raise Violation(
                    9, f"channel {channel.hex()}: {stretch} does not begin where {at} ended"
                )
            at = (stretch.to_amount, stretch.to_units)
        ends[channel] = at
    for channel, row in channels.items():
        settled = (row.settled_amount, row.settled_units)
        if ends.get(channel, (0, 0)) != settled:
            raise Violation(
                5, f"channel {channel.hex()}: settled to {settled}, posted to {ends.get(channel)}"
            )

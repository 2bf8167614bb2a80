"""The judge itself: what it is told, and when it looks at what."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping

from simulator.world.movement import Movement
from simulator.world.oracle import books, books_money
from simulator.world.oracle.books import ChannelRow
from simulator.world.oracle.keys import Keys
from simulator.world.oracle.ledger import Ledger, usage
from simulator.world.oracle.marks import Marks
from simulator.world.oracle.money import Money
from simulator.world.oracle.places import Places
from simulator.world.oracle.said import FORGOT, Payer, Said
from simulator.world.oracle.times import Times
from simulator.world.oracle.violation import Violation


class Oracle:
    """Told what was said and done; asks the books, and raises Violation where both can't be true.

    `open_connection` opens what is durable now, for reading.
    """

    def __init__(
        self, gateway_key: bytes, open_connection: Callable[[], sqlite3.Connection]
    ) -> None:
        self._open = open_connection
        self._keys = Keys(gateway_key)
        self._said = Said(self._keys)
        self._marks = Marks(self._said, self._keys)
        self._ledger = Ledger()
        self._money = Money()
        self._times = Times()
        self._places = Places()
        self._tokens: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        self._limits: dict[str, int] = {}

    # What it is told

    def registered(self, device_id: str, public_key: bytes, account: str) -> None:
        """A device was registered for an account."""
        self._said.payers[device_id] = Payer(public_key, account)

    def device_said(self, device_id: str, kind: str, payload: bytes, at: int) -> None:
        """A device's own code sent this. Raises Violation."""
        self._said.by_device(device_id, kind, payload)

    def device_holds(
        self, device_id: str, *, delivered_units: int, signed_units: int, window: int
    ) -> None:
        """11: what is delivered and not signed is at most a window. Raises Violation."""
        if delivered_units - signed_units > window:
            raise Violation(
                11, f"device {device_id} delivered {delivered_units}, signed {signed_units}"
            )

    def payee_holds(self, device_id: str, *, unpaid_units: int, window: int) -> None:
        """11: what a payee delivered and nobody paid is at most its window. Raises Violation."""
        if unpaid_units > window:
            raise Violation(11, f"device {device_id} delivered {unpaid_units} units unpaid")

    def device_delivers(self, device_id: str, channel: bytes, units: int) -> None:
        """A device's load has drawn so many units of a channel."""
        spoken = self._said.channels.get(channel)
        if spoken is not None:
            spoken.delivered = max(spoken.delivered, units)

    def place_seen(
        self, device_id: str, *, at: int, moved: int, taken: bool, after_ms: int, counted: int
    ) -> None:
        """An idle meter has looked at its place. Raises Violation."""
        self._places.seen(device_id, at, moved, taken, after_ms, counted)

    def device_keeps(self, device_id: str, *, metered: int, paid: int) -> None:
        """10: what an IOU of its own paid for, a device knows to have metered, whatever befell its
        power. Raises Violation."""
        before = self._kept.get(device_id, 0)
        if metered < before and not self._said.payers[device_id].forgot:
            raise Violation(10, f"device {device_id} paid for {before} units, knows of {metered}")
        self._kept[device_id] = max(before, paid)

    def wrote(self, name: str, token: int) -> None:
        """14: a worker has just committed under its token of this lease. Raises Violation."""
        conn = self._open()
        try:
            current = books.leases(conn).get(name)
        finally:
            conn.close()
        if current != token:
            raise Violation(14, f"a worker wrote under token {token} of {name}, it is {current}")

    def gateway_said(self, device_id: str, kind: str, payload: bytes, at: int) -> None:
        """The gateway sent this, after the commit that it relies on. Raises Violation."""
        self._said.by_gateway(device_id, kind, payload)

    def rail_moved(self, moved: Movement, reference: str, *, instructed: bool) -> None:
        """A rail moved money (positive: from the account), for an instruction or not. Raises
        Violation."""
        if instructed:
            self._money.paid(moved, reference)
        else:
            self._money.received(moved, reference)

    def rail_returned(self, reference: str) -> None:
        """What a rail had moved for an instruction came back."""
        self._money.returned(reference)

    def rail_booked(self, rail: str, amount: int, end_to_end: str, text: str) -> None:
        """A bank's book has another line, on the operator's account."""
        self._money.booked(rail, amount, end_to_end, text)

    def escrow_final(self, rail: str, height: int, locked: Mapping[str, int]) -> None:
        """What accounts have locked with a rail is final at the next height. Raises Violation."""
        self._money.escrow_final(rail, height, locked)

    def declared(self, what: str, subject: str) -> None:
        """A person did this on purpose, or it befell a device."""
        if what in FORGOT:
            self._said.payers[subject].forgot = True
        elif what == "equivocated":
            self._said.payers[subject].cheated = True
        elif what == "revoked":
            self._said.payers[subject].revoked = True
        elif what == "priced":
            unit, numerator, denominator = subject.split()
            self._said.prices.add((unit, int(numerator), int(denominator)))
        elif what == "key_rotated":
            self._keys.followed_by(bytes.fromhex(subject))
        elif what == "key_retired":
            self._keys.retired.add(bytes.fromhex(subject))
        elif what == "mistaken":
            self._money.mistaken(subject)
        elif what in ("approval_set", "approval_end"):
            self._times.declared(what, subject)
        elif len(subject) == 64:
            self._marks.declared(what, bytes.fromhex(subject))

    # When it looks

    def check(self, at: int | None = None) -> None:
        """Safety: everything that must hold at every moment; `at` is the Unix second by the
        gateway's clock, if that is known. Raises Violation."""
        conn = self._open()
        try:
            self._look(conn, at)
        finally:
            conn.close()

    def check_settled(self) -> None:
        """What must hold when every fault is mended and all was settled. Raises Violation."""
        conn = self._open()
        try:
            self._look(conn, None)
            self._ledger.check_whole(conn)
            channels = books.channels(conn)
            self._all_arrived(channels)
            self._money.check_settled(usage(channels, books.intervals(conn)))
        finally:
            conn.close()

    def _look(self, conn: sqlite3.Connection, at: int | None) -> None:
        conn.execute("BEGIN")  # one snapshot for all that is compared
        channels = books.channels(conn)
        self._marks.check(channels)
        self._marks.check_ended(channels, books.ends(conn), at)
        self._ledger.check(conn, channels, books.intervals(conn))
        self._within_limits(conn, channels)
        self._fenced(conn)
        self._money.check(conn, channels, at)
        self._times.check(conn)
        conn.rollback()

    def _within_limits(self, conn: sqlite3.Connection, channels: dict[bytes, ChannelRow]) -> None:
        """4: no account owes for its live channels more than it ever may."""
        limits = books.credit_limits(conn)
        for (name, _currency), amount in books.balances(conn).items():
            if name.startswith("funds:"):
                limits[name.removeprefix("funds:")] -= amount
        for backed in books_money.backing(conn):
            limits[backed.account] += backed.amount
        unsettled: dict[str, int] = defaultdict(int)
        for row in channels.values():
            unsettled[row.payer] += row.amount - row.settled_amount
        for account, limit in limits.items():
            allowed = self._limits[account] = max(limit, self._limits.get(account, 0))
            if unsettled[account] > allowed:
                raise Violation(4, f"account {account} owes {unsettled[account]} of {allowed}")

    def _fenced(self, conn: sqlite3.Connection) -> None:
        """14: fencing tokens only rise."""
        tokens = books.leases(conn)
        for name, token in self._tokens.items():
            if tokens.get(name, 0) < token:
                raise Violation(14, f"lease {name} fell from {token} to {tokens.get(name)}")
        self._tokens = tokens

    def _all_arrived(self, channels: dict[bytes, ChannelRow]) -> None:
        """2, 20: each live channel's mark is the greatest that its payer signed, and is settled."""
        for row in channels.values():
            if row.mirror_of is not None:
                continue  # it is what its payer's channel is
            payer = self._said.payers[row.device]
            spoken = self._said.channels.get(row.id)
            most = 0 if spoken is None else spoken.most_signed()
            excused = payer.forgot or payer.revoked
            if row.state == "open" and not excused and row.amount != most:
                raise Violation(20, f"channel {row.id.hex()}: {most} signed, {row.amount} accepted")
            if row.state == "open" and row.settled_amount != row.amount:
                raise Violation(20, f"channel {row.id.hex()}: not settled to its mark")

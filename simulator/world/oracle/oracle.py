"""The judge itself: what it is told, and when it looks at what."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable

from simulator.world.oracle import books
from simulator.world.oracle.books import ChannelRow, InstructionRow
from simulator.world.oracle.ledger import Ledger
from simulator.world.oracle.marks import Marks
from simulator.world.oracle.said import FORGOT, Payer, Said
from simulator.world.oracle.violation import Violation

_ENDED = ("done", "failed")


class Oracle:
    """Told what was said and done; asks the books, and raises Violation where both can't be true.

    `open_connection` opens what is durable now, for reading.
    """

    def __init__(
        self, gateway_key: bytes, open_connection: Callable[[], sqlite3.Connection]
    ) -> None:
        self._open = open_connection
        self._said = Said(gateway_key)
        self._marks = Marks(self._said, gateway_key)
        self._ledger = Ledger()
        self._paid: dict[str, tuple[str, str, int]] = {}
        self._instructions: dict[str, InstructionRow] = {}
        self._tokens: dict[str, int] = {}
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

    def gateway_said(self, device_id: str, kind: str, payload: bytes, at: int) -> None:
        """The gateway sent this, after the commit that it relies on. Raises Violation."""
        self._said.by_gateway(device_id, kind, payload)

    def rail_paid(self, account: str, currency: str, amount: int, reference: str) -> None:
        """9: the rail moved money (positive: from the account), once for each reference."""
        if reference in self._paid:
            raise Violation(9, f"{reference} was paid twice")
        self._paid[reference] = (account, currency, amount)

    def declared(self, what: str, subject: str) -> None:
        """A person did this on purpose, or it befell a device."""
        if what in FORGOT:
            self._said.payers[subject].forgot = True
        elif what == "equivocated":
            self._said.payers[subject].cheated = True
        elif what == "revoked":
            self._said.payers[subject].revoked = True
        elif len(subject) == 64:
            self._marks.declared(what, bytes.fromhex(subject))

    # When it looks

    def check(self) -> None:
        """Safety: everything that must hold at every moment. Raises Violation."""
        conn = self._open()
        try:
            self._look(conn)
        finally:
            conn.close()

    def check_settled(self) -> None:
        """What must hold when every fault is mended and all was settled. Raises Violation."""
        conn = self._open()
        try:
            self._look(conn)
            self._ledger.check_whole(conn)
            self._all_arrived(books.channels(conn))
            self._all_paid(conn)
        finally:
            conn.close()

    def _look(self, conn: sqlite3.Connection) -> None:
        conn.execute("BEGIN")  # one snapshot for all that is compared
        channels = books.channels(conn)
        self._marks.check(channels)
        self._ledger.check(conn, channels, books.intervals(conn))
        self._within_limits(conn, channels)
        self._fenced(conn)
        self._rail_agrees(conn)
        conn.rollback()

    def _within_limits(self, conn: sqlite3.Connection, channels: dict[bytes, ChannelRow]) -> None:
        """4: no account owes for its live channels more than it ever may."""
        limits = books.credit_limits(conn)
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

    def _rail_agrees(self, conn: sqlite3.Connection) -> None:
        """12, 16: the rail moved nothing that was not instructed; an instruction ends once."""
        found = books.instructions(conn)
        for name, before in self._instructions.items():
            after = found.get(name)
            if after is None or (before.state in _ENDED and after != before):
                raise Violation(12, f"instruction {name} was {before}, is {after}")
        for name, (account, currency, amount) in self._paid.items():
            asked = found.get(name)
            if asked is None:
                raise Violation(16, f"the rail paid {name}, which nobody instructed")
            signed = asked.amount if asked.direction == "collect" else -asked.amount
            if (account, currency, amount) != (asked.account, asked.currency, signed):
                raise Violation(16, f"the rail moved {amount} for {name}, instructed: {asked}")
            if asked.state == "failed":
                raise Violation(16, f"{name} was paid and is recorded as failed")
        self._instructions = found

    def _all_arrived(self, channels: dict[bytes, ChannelRow]) -> None:
        """2, 20: each live channel's mark is the greatest that its payer signed, and is settled."""
        for row in channels.values():
            payer = self._said.payers[row.device]
            spoken = self._said.channels.get(row.id)
            most = 0 if spoken is None else spoken.most_signed()
            excused = payer.forgot or payer.revoked
            if row.state == "open" and not excused and row.amount != most:
                raise Violation(20, f"channel {row.id.hex()}: {most} signed, {row.amount} accepted")
            if row.state == "open" and row.settled_amount != row.amount:
                raise Violation(20, f"channel {row.id.hex()}: not settled to its mark")

    def _all_paid(self, conn: sqlite3.Connection) -> None:
        """16: what each account paid by the rail's book is what its channels come to."""
        owed: dict[str, int] = defaultdict(int)
        channels = books.channels(conn)
        for stretch in books.intervals(conn):
            row = channels[stretch.channel]
            owed[row.payer] += stretch.to_amount - stretch.from_amount
            owed[row.payee] -= stretch.to_amount - stretch.from_amount
        paid: dict[str, int] = defaultdict(int)
        for account, _currency, amount in self._paid.values():
            paid[account] += amount
        for account in sorted({*owed, *paid}):
            if owed[account] != paid[account]:
                raise Violation(16, f"account {account} owes {owed[account]}, paid {paid[account]}")
        for asked in books.instructions(conn).values():
            if asked.state not in _ENDED or (asked.state == "done") != (asked.id in self._paid):
                raise Violation(16, f"{asked} is not what the rail did")

"""A judge of a few lines, for what the world itself must do whoever judges: no ack before its
commit, balanced books, no payment without a posting."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping

import cbor2

from protocol import messages
from simulator.world.movement import Movement


class Wrong(Exception):
    """What the judge finds; `number` is the invariant."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class StandIn:
    """Sees only what an oracle sees."""

    def __init__(
        self, gateway_key: bytes, open_connection: Callable[[], sqlite3.Connection]
    ) -> None:
        self._connection = open_connection
        self._tampered: set[str] = set()
        self._acked: dict[bytes, int] = {}
        self._moved: dict[str, tuple[str, int]] = {}

    def registered(self, device_id: str, public_key: bytes, account: str) -> None:
        pass

    def device_said(self, device_id: str, kind: str, payload: bytes, at: int) -> None:
        pass

    def payee_holds(self, device_id: str, *, unpaid_units: int, window: int) -> None:
        """Nothing."""

    def device_holds(
        self, device_id: str, *, delivered_units: int, signed_units: int, window: int
    ) -> None:
        if delivered_units - signed_units > window and device_id not in self._tampered:
            raise Wrong(11, f"{device_id}: {delivered_units - signed_units} units unsigned")

    def device_delivers(self, device_id: str, channel: bytes, units: int) -> None:
        pass

    def place_seen(
        self, device_id: str, *, at: int, moved: int, taken: bool, after_ms: int, counted: int
    ) -> None:
        pass

    def device_keeps(self, device_id: str, *, metered: int, paid: int) -> None:
        pass

    def wrote(self, name: str, token: int) -> None:
        pass

    def gateway_said(self, device_id: str, kind: str, payload: bytes, at: int) -> None:
        if kind == "ack":
            # The payload of a MAC is in the clear; who may believe it is not the question here.
            ack = messages.read_ack(cbor2.loads(payload).value[2])
            self._acked[ack.channel] = max(ack.amount, self._acked.get(ack.channel, 0))

    def rail_moved(self, moved: Movement, reference: str, *, instructed: bool) -> None:
        self._moved[reference] = (moved.account, moved.amount)

    def rail_returned(self, reference: str) -> None:
        del self._moved[reference]

    def rail_booked(self, rail: str, amount: int, end_to_end: str, text: str) -> None:
        pass

    def escrow_final(self, rail: str, height: int, locked: Mapping[str, int]) -> None:
        pass

    def declared(self, what: str, subject: str) -> None:
        if what == "old_image":
            self._tampered.add(subject)

    def check(self, at: int | None = None) -> None:
        conn = self._connection()
        try:
            marks = dict(conn.execute("SELECT id, amount FROM channel"))
            (off,) = conn.execute("SELECT coalesce(sum(amount), 0) FROM posting").fetchone()
        finally:
            conn.close()
        for channel, amount in self._acked.items():
            if marks.get(channel, 0) < amount:
                raise Wrong(7, f"channel {channel.hex()}: {amount} acked, {marks.get(channel, 0)}")
        if off:
            raise Wrong(1, f"books are off by {off}")

    def check_settled(self) -> None:
        self.check()
        conn = self._connection()
        try:
            rows = conn.execute(
                "SELECT payer_account, payee_account, sum(amount) FROM channel GROUP BY 1, 2"
                " UNION ALL SELECT c.payee_account, t.fee_account, sum(i.fee) FROM interval i"
                " JOIN channel c ON c.id = i.channel_id JOIN tariff t ON t.id = c.tariff_id"
                " WHERE i.fee > 0 GROUP BY 1, 2"
            ).fetchall()
            left = conn.execute(
                "SELECT account, amount FROM balance WHERE account LIKE 'funds:%'"
                " OR account LIKE 'payer:%' OR account LIKE 'payee:%'"
                " OR account LIKE 'fees:%'"
            ).fetchall()
        finally:
            conn.close()
        owed: dict[str, int] = defaultdict(int)
        for payer, payee, amount in rows:
            owed[payer] += amount
            owed[payee] -= amount
        for name, amount in left:
            owed[name.partition(":")[2]] -= amount
        paid: dict[str, int] = defaultdict(int)
        for account, amount in self._moved.values():
            paid[account] += amount
        for account in {*owed, *paid}:
            if owed[account] != paid[account]:
                raise Wrong(16, f"{account}: owes {owed[account]}, paid {paid[account]}")

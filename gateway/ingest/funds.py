"""What devices, and operators, are told of an account's funds: what is left to reserve, while it is
little."""

from sqlalchemy import Connection

from gateway.ingest.directory import KnownChannel
from gateway.store import accounts, events
from protocol import MAX_INT
from protocol.errors import ProtocolError
from protocol.pricing import METERED


class Left:
    """What accounts have left to reserve, each looked up once."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._known: dict[str, tuple[int, int]] = {}

    def if_low(self, account_id: str, channel: KnownChannel) -> int | None:
        """What the account has left, in atomic units, if that is less than two windows of this
        channel cost, or than a tenth of what its live channels have reserved; None if it is not."""
        free, reserved = self._of(account_id)
        little = free < _two_windows(channel) or _is_low(free, reserved)
        return max(0, free) if little else None

    def warn(self, account_id: str, more: int) -> None:
        """Note for operators if the account has come to have little left by the `more` atomic units
        that were just reserved. In a write transaction."""
        free, reserved = self._of(account_id)
        if _is_low(free, reserved) and not _is_low(free + more, reserved - more):
            events.note(
                self._conn,
                "account.low_funds",
                account_id,
                account_id,
                free=str(free),
                reserved=str(reserved),
            )

    def _of(self, account_id: str) -> tuple[int, int]:
        if account_id not in self._known:
            self._known[account_id] = accounts.left(self._conn, account_id)
        return self._known[account_id]


def _is_low(free: int, reserved: int) -> bool:
    return 10 * free < reserved


def _two_windows(channel: KnownChannel) -> int:
    tariff = channel.terms.price.tariff
    if tariff.pricing != METERED:
        return 0
    try:
        return tariff.amount(min(MAX_INT, 2 * channel.window))
    except ProtocolError:  # more than an amount can be
        return MAX_INT

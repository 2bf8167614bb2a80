"""Use cases on channels: looking, closing one at its mark, and thawing one that was frozen."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.settlement import intervals
from gateway.store import audit, channels, fence, notices, tariffs
from gateway.store import legs as store_legs
from gateway.store.engine import Store
from gateway.store.errors import Conflict, RestoreFenced

REASON = "operator"
STATES = ("open", "frozen", "closed")
BEGINNING = "^[0-9a-fA-F]{1,64}$"
"""What the beginning of a channel's id looks like."""


def page(
    store: Store,
    *,
    after: bytes = b"",
    limit: int = 100,
    account_id: str | None = None,
    device_id: str | None = None,
    state: str | None = None,
    search: str | None = None,
) -> Page[tuple[Row[Any], Row[Any]]]:
    """Channels by id, each with its tariff; `search` is the beginning of their ids, 1 to 64 hex
    digits. Raises BadInput."""
    if state is not None and state not in STATES:
        raise BadInput("state", "must be open, frozen or closed")
    if search is not None and not re.fullmatch(BEGINNING, search):
        raise BadInput("search", "must be 1 to 64 hex digits, the beginning of a channel's id")
    with store.read() as conn:
        found = one_page(
            lambda count: channels.page(
                conn,
                after=after,
                limit=count,
                account_id=account_id,
                device_id=device_id,
                state=state,
                search=search,
            ),
            limit,
        )
        known = {bytes(row.id): row for row in tariffs.listed(conn, active=False)}
        return Page([(row, known[bytes(row.tariff_id)]) for row in found.items], found.more)


def show(store: Store, id_: bytes) -> tuple[Row[Any], Row[Any]]:
    """One channel and its tariff. Raises NotFound."""
    with store.read() as conn:
        return _with_tariff(conn, id_)


def _with_tariff(conn: Connection, id_: bytes) -> tuple[Row[Any], Row[Any]]:
    row = channels.get(conn, id_)
    return row, tariffs.get(conn, bytes(row.tariff_id))


def evidence(store: Store, id_: bytes) -> Sequence[Row[Any]]:
    """What was kept that proves something wrong on a channel. Raises NotFound."""
    with store.read() as conn:
        channels.get(conn, id_)
        return channels.evidence_of(conn, id_)


def topup(store: Store, id_: bytes) -> bytes | None:
    """The greatest accepted top-up of a channel, as its payer signed it; None if there is none."""
    with store.read() as conn:
        return channels.topups(conn, [id_]).get(id_)


def legs(store: Store, id_: bytes) -> list[bytes]:
    """The legs of a channel in their order, as its payer signed them."""
    with store.read() as conn:
        return [bytes(row.message) for row in store_legs.of(conn, id_)]


def close(store: Store, id_: bytes) -> tuple[Row[Any], Row[Any]]:
    """Close an open or frozen channel at its mark; its device gets a receipt.

    Raises NotFound, Conflict if it is closed or a mirror, RestoreFenced if the mark is that of a
    backup and its device may hold a later one.
    """
    with store.write() as conn:
        _refuse_mirror(conn, id_)
        if fence.is_awaited(conn, id_):
            raise RestoreFenced(
                f"channel {id_.hex()}: its mark is a backup's, and its device has not shown itself "
                "since; wait for it, or declare it lost: tallystick restore --lost DEVICE"
            )
        before = {"state": channels.get(conn, id_).state}
        closed = intervals.close(conn, id_, reason=REASON, at=store.now(conn))
        if not closed.fresh:
            raise Conflict(f"channel {id_.hex()}: is closed already")
        after = {"state": "closed", "amount": str(closed.amount), "units": str(closed.units)}
        audit.record(conn, "channel.close", id_.hex(), before=before, after=after)
        notices.tell_channels(conn, "receipt", [id_])
        return _with_tariff(conn, id_)


def thaw(store: Store, id_: bytes) -> tuple[Row[Any], Row[Any]]:
    """Let a frozen channel go on from its mark. Raises NotFound, Conflict if it is a mirror,
    IllegalMove."""
    with store.write() as conn:
        _refuse_mirror(conn, id_)
        channels.set_state(conn, id_, "open")
        before, after = {"state": "frozen"}, {"state": "open"}
        audit.record(conn, "channel.thaw", id_.hex(), before=before, after=after)
        notices.tell_channels(conn, "grant", [id_])
        return _with_tariff(conn, id_)


def _refuse_mirror(conn: Connection, id_: bytes) -> None:
    mirrored = channels.get(conn, id_).mirror_of
    if mirrored is not None:
        raise Conflict(
            f"channel {id_.hex()}: mirrors channel {mirrored.hex()}, and goes the way of that one"
        )

"""Use cases on the fence of a restored gateway: what it waits for, and taking it down.

It is taken down by an operator, and only when nothing is missing: each channel that was open in the
backup has had its device show itself (or that device was declared lost), the rail's book has been
compared, nothing was moved beyond what is proven (or that is accepted), and the books verify.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.documents.cells import decimal
from gateway.ledger.states import IllegalMove
from gateway.operations import reconcile
from gateway.operations.errors import BadInput
from gateway.operations.reconcile import Handed, Reconciled
from gateway.operations.text import check_name
from gateway.settlement import intervals
from gateway.settlement.rails import Outcome
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, audit, channels, devices, fence, journal, notices
from gateway.store.engine import Store
from gateway.store.errors import RestoreFenced

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Status:
    """How a gateway's restore stands; of a gateway that never was restored only `generation`, 1.

    `channels` counts those that were open in the backup by `waiting`, `presented` and `lost`, and
    `recovered` those that opened behind the fence; `waiting_for` are the first devices waited for.
    `missing` says what keeps the fence up, empty if nothing does.
    """

    generation: int
    state: str
    archive: str
    backup_at: int | None
    restored_at: int | None
    lifted_at: int | None
    channels: dict[str, int]
    waiting_for: Sequence[Row[Any]]
    missing: list[str]


def status(store: Store) -> Status:
    """How the restore stands. The books themselves are verified by `lift` alone."""
    with store.read() as conn:
        return _status(conn, accept_shortfall=False)


def _status(conn: Connection, *, accept_shortfall: bool) -> Status:
    row = fence.latest(conn)
    if row is None:
        return Status(1, "never restored", "", None, None, None, {}, [], [])
    counts = fence.counts(conn)
    counts["recovered"] = len(fence.recovered_channels(conn))
    counts["presented"] -= counts["recovered"]
    up = row.state == "fenced"
    return Status(
        row.number,
        row.state,
        row.archive,
        row.backup_at,
        row.restored_at,
        row.lifted_at,
        counts,
        fence.waiting_devices(conn, _SHOWN),
        _missing(conn, row, counts, accept_shortfall) if up else [],
    )


def _missing(
    conn: Connection, row: Row[Any], counts: dict[str, int], accept_shortfall: bool
) -> list[str]:
    found = []
    if counts["waiting"]:
        found.append(
            f"{counts['waiting']} channels whose devices have not shown themselves: wait for them, "
            "or declare a device lost: tallystick restore --lost DEVICE"
        )
    if row.rail_at is None:
        found.append(
            "the rail has not been compared: tallystick restore --rail FILE.csv, "
            "or --rail none if it executed nothing since the backup"
        )
    if not accept_shortfall:
        for account, currency, amount in reconcile.shortfalls(conn):
            shown = decimal(amount, accounts.scale_of(conn, currency) or 0)
            found.append(
                f"account {account}: the rail moved {shown} {currency} more than devices have "
                "shown, which the next run would send back: wait for devices, "
                "or lift with --accept-shortfall"
            )
    return found


def lift(
    store: Store, gateway_keys: Sequence[bytes], by: str, *, accept_shortfall: bool = False
) -> Status:
    """Take the fence down, or say what is missing.

    Channels that opened behind it are closed at their marks: they were let in without the checks of
    an ordinary open. Their devices carry on by the signed receipts. `by` says who decides. Raises
    IllegalMove if it is not up, RestoreFenced with all that is missing.
    """
    check_name(by)
    with store.read() as conn:
        _may_lift(_status(conn, accept_shortfall=accept_shortfall))
    report = verify_books(store, *gateway_keys)
    if not report.ok:
        first = report.discrepancies[0]
        raise RestoreFenced(
            f"fence: the books have {len(report.discrepancies)} discrepancies, "
            f"first {first.where}: {first.what}; see `tallystick books`"
        )
    with store.write() as conn:
        _may_lift(_status(conn, accept_shortfall=accept_shortfall))
        at = store.now(conn)
        recovered = fence.recovered_channels(conn)
        journal.lock(conn)
        channels.lock(conn, recovered)
        closed = [
            channel_id
            for channel_id in recovered
            if intervals.close(conn, channel_id, reason="recovered", at=at).fresh
        ]
        notices.tell_channels(conn, "receipt", closed)
        fence.lift(conn, by, at)
        after = {"by": by, "accept_shortfall": accept_shortfall, "closed": len(closed)}
        audit.record(conn, "gateway.lift_fence", str(fence.number(conn)), after=after)
        return _status(conn, accept_shortfall=False)


def _may_lift(found: Status) -> None:
    if found.state != "fenced":
        raise IllegalMove(f"there is no fence to lift: the gateway is {found.state}")
    if found.missing:
        raise RestoreFenced("fence: can't be lifted yet: " + "; ".join(found.missing))


def declare_lost(store: Store, device_id: str, by: str, why: str) -> int:
    """Wait no longer for a device; returns how many channels were waited for.

    What it signed after the backup is lost unless it comes back: then it is taken all the same.
    `by` says who decides, `why` is kept with it. Raises NotFound, BadInput if it is not waited for.
    """
    check_name(by)
    if not 1 <= len(why) <= 200:
        raise BadInput("why", "must be 1 to 200 characters")
    with store.write() as conn:
        devices.get(conn, device_id)
        count = fence.declare_lost(conn, device_id, f"{by}: {why}", store.now(conn))
        if count == 0:
            raise BadInput("device", f"{device_id} is not waited for")
        after = {"by": by, "channels": count}
        audit.record(conn, "gateway.declare_lost", device_id, after=after, why=why)
        notices.decided(conn)
        return count


def compare_rail(
    store: Store,
    outcomes: Sequence[Outcome],
    lost: Mapping[str, Handed],
    by: str,
) -> Reconciled:
    """Take in what the rails executed, as a list that is complete, and note that it was compared.

    Raises IllegalMove if the fence is not up, and as `reconcile.reconcile` does; then nothing is
    changed.
    """
    check_name(by)
    with store.write() as conn:
        if not fence.is_up(conn):
            raise IllegalMove("there is no fence: record outcomes by `tallystick settle outcomes`")
        at = store.now(conn)
        found = reconcile.reconcile(conn, lost, outcomes, at)
        fence.note_rail(conn, f"{by}: {len(outcomes)} outcomes", at)
        after = {"by": by, "outcomes": len(outcomes)}
        audit.record(conn, "gateway.compare_rail", str(fence.number(conn)), after=after)
        notices.decided(conn)
        return found

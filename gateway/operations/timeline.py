"""What has happened to one channel: opened, topped up, repriced, posted, contradicted, closed."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Row

from gateway.store import channels, legs, tariffs, timeline
from gateway.store.engine import Store

Happened = Literal["opened", "topped_up", "repriced", "posted", "evidence", "closed"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened at Unix second `at`. `amount` (atomic units) and `units` are what it
    came to, as far as the kind has them: `opened` and `topped_up` the capacity from then on,
    `repriced` the mark beyond which another tariff, whose id is in `note`, says what units cost,
    `posted` the stretch that `entry` posted, by settlement run `run` if there is one, and `closed`
    the mark at the end. `note` is the evidence's kind, or why it closed."""

    kind: Happened
    at: int
    amount: int | None = None
    units: int | None = None
    entry: int | None = None
    run: int | None = None
    note: str = ""


def of_channel(store: Store, id_: bytes) -> tuple[Row[Any], list[Moment]]:
    """A channel's tariff and its moments, oldest first. Raises NotFound."""
    with store.read() as conn:
        row = channels.get(conn, id_)
        topups = timeline.topups(conn, id_)
        opened_with = topups[0].from_capacity if topups else row.capacity
        found = [Moment("opened", row.opened_at, opened_with)]
        found += [Moment("topped_up", each.at, each.capacity) for each in topups]
        found += [
            Moment("repriced", each.at, each.amount, each.units, note=bytes(each.tariff_id).hex())
            for each in legs.of(conn, id_)
        ]
        found += [
            Moment(
                "posted",
                each.at,
                each.to_amount - each.from_amount,
                each.to_units - each.from_units,
                each.seq,
                each.run,
            )
            for each in timeline.intervals(conn, id_)
        ]
        found += [
            Moment("evidence", each.found_at, note=each.kind)
            for each in channels.evidence_of(conn, id_)
        ]
        if row.closed_at is not None:
            found.append(
                Moment("closed", row.closed_at, row.amount, row.units, note=row.close_reason)
            )
        # Stable, so that what is of one second keeps the order above.
        found.sort(key=lambda each: each.at)
        return tariffs.get(conn, bytes(row.tariff_id)), found

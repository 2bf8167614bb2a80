"""Use cases on what is kept for a time only: erasing it once it is old."""

from collections.abc import Callable

from sqlalchemy import Connection

from gateway.config import Config
from gateway.operations import events
from gateway.store import erasure
from gateway.store.engine import Store


def forget(store: Store, config: Config) -> int:
    """Erase what has been kept for as long as the settings say; how many rows there were."""
    total = events.prune(store, config.events_kept) if config.events_kept else 0
    for kept, step in (
        (config.bank_texts_kept, erasure.old_bank_texts),
        (config.payout_details_kept, erasure.old_payout_details),
        (config.audit_details_kept, erasure.old_audit_details),
    ):
        if kept:
            total += _forget(store, kept, step)
    return total


def _forget(store: Store, kept_s: int, step: Callable[[Connection, int], int]) -> int:
    with store.write() as conn:
        return step(conn, store.now(conn) - kept_s)

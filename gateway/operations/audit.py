"""Use cases on the audit log: looking, checking, and writing a file that others can check."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from gateway.keys import GatewayKeys
from gateway.ledger import audit as rule
from gateway.ledger.audit import Checked
from gateway.operations.paging import Page, one_page
from gateway.settlement.rails.manual import write_whole
from gateway.store import audit
from gateway.store.engine import Store
from gateway.store.errors import Conflict


def page(
    store: Store,
    *,
    before: int | None = None,
    limit: int = 100,
    since: int | None = None,
    until: int | None = None,
    **which: str | None,
) -> Page[Row[Any]]:
    """Records, the newest first, as `store.audit.page` says. Raises BadInput."""
    with store.read() as conn:
        return one_page(
            lambda count: audit.page(
                conn, before=before, limit=count, since=since, until=until, **which
            ),
            limit,
        )


def verify(store: Store, signed: tuple[int, bytes] | None = None) -> Checked:
    """Follow the chain of the stored log from its start. Where the number and hash of a record are
    given that the gateway signed before, the log must still have that one."""
    with store.read() as conn:
        found = rule.check(audit.records(conn))
        if found.wrong or signed is None:
            return found
        stored = audit.hash_of(conn, signed[0])
    if stored == signed[1]:
        return found
    if stored is None:
        wrong = f"record {signed[0]} is missing: the log was cut off after {found.count}"
    else:
        wrong = f"record {signed[0]} is not the one that was signed: the log was written anew"
    return Checked(found.count, found.head, wrong, found.erased)


@dataclass(frozen=True, slots=True)
class Exported:
    """What a file of the log holds: how many records, and the hash of the last."""

    path: Path
    records: int
    head: bytes


def export(store: Store, keys: GatewayKeys, path: Path) -> Exported:
    """Write the whole log and its signed head to a file, whole or not at all.

    Raises Conflict if the log does not hold: nothing is signed then. Raises OSError.
    """
    with store.read() as conn:
        found = list(audit.records(conn))
        at = store.now(conn)
    checked = rule.check(found)
    if checked.wrong:
        raise Conflict(f"audit: {checked.wrong}; see `tallystick audit verify`")
    head = rule.head_of(checked.count, checked.head, at)
    write_whole(path, rule.file_of(found, head, keys.sign(rule.DOMAIN + head)))
    return Exported(path, checked.count, checked.head)

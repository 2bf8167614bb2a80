"""Queries on what was last seen of a chain: a copy for people, kept and read."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_, update

from gateway.settlement.rails.onchain import Facts, Look, Sight
from gateway.store import tables_chain  # noqa: F401  (registers the tables)
from gateway.store.tables import Base

chain = Base.metadata.tables["chain"]
deposit = Base.metadata.tables["chain_deposit"]
transaction = Base.metadata.tables["chain_transaction"]

Place = tuple[int, int]
"""Where a list goes on: the block of a deposit and its place there, or the number of a settlement
and the place of its transaction."""


def get(conn: Connection, rail: str, facts: Facts) -> Row[Any] | None:
    """What was last seen of the contract that a rail is set up with; None if it never was."""
    query = select(chain).where(
        chain.c.rail == rail,
        chain.c.chain_id == facts.chain_id,
        chain.c.contract == facts.contract,
    )
    return conn.execute(query).one_or_none()


def decided(conn: Connection, rail: str) -> set[int]:
    """The settlements of whose transactions the state can change no more."""
    query = (
        select(transaction.c.settlement)
        .where(transaction.c.rail == rail)
        .group_by(transaction.c.settlement)
        .having(func.count() == func.count().filter(transaction.c.decided))
    )
    return {int(settlement) for settlement in conn.execute(query).scalars()}


def keep(conn: Connection, rail: str, facts: Facts, look: Look, at: int) -> None:
    """Keep what a look at Unix second `at` showed. What was seen of another contract is forgotten;
    where nothing could be seen, what was seen before stays."""
    if get(conn, rail, facts) is None:
        for table in (deposit, transaction, chain):
            conn.execute(delete(table).where(table.c.rail == rail))
        named = {"rail": rail, "chain_id": facts.chain_id, "contract": facts.contract}
        conn.execute(insert(chain).values(**named, looked_at=at, nodes="[]", trouble=""))
    nodes = json.dumps([asdict(each) for each in look.nodes])
    told: dict[str, object] = {"looked_at": at, "nodes": nodes, "trouble": look.trouble}
    if look.sight is not None:
        told |= _columns(look.sight) | {"seen_at": at}
        _keep_deposits(conn, rail, look.sight)
        _keep_transactions(conn, rail, look.sight)
    conn.execute(update(chain).where(chain.c.rail == rail).values(**told))


def _columns(sight: Sight) -> dict[str, object]:
    names = {*chain.c.keys()} & {*Sight.__dataclass_fields__}
    found: dict[str, object] = {name: getattr(sight, name) for name in names}
    # Above what is final a reorganisation may bring others: these blocks are searched again.
    scanned = min(sight.last, sight.confirmed)
    return found | {"balance": str(sight.balance), "scanned": scanned}


def _keep_deposits(conn: Connection, rail: str, sight: Sight) -> None:
    conn.execute(delete(deposit).where(deposit.c.rail == rail, deposit.c.block >= sight.first))
    if sight.deposits:
        conn.execute(insert(deposit), [{"rail": rail, **asdict(each)} for each in sight.deposits])


def _keep_transactions(conn: Connection, rail: str, sight: Sight) -> None:
    looked_at = {each.settlement for each in sight.transactions}
    if looked_at:
        of_them = (transaction.c.rail == rail, transaction.c.settlement.in_(looked_at))
        conn.execute(delete(transaction).where(*of_them))
        rows = [
            {"rail": rail, **asdict(each), "fee": None if each.fee is None else str(each.fee)}
            for each in sight.transactions
        ]
        conn.execute(insert(transaction), rows)


def deposits(
    conn: Connection,
    rail: str,
    *,
    before: Place | None = None,
    limit: int = 100,
    owners: Collection[str] | None = None,
) -> Sequence[Row[Any]]:
    """At most `limit` deposits, the newest first; those before a place, and of these owners."""
    query = select(deposit).where(deposit.c.rail == rail)
    if before is not None:
        query = query.where(tuple_(deposit.c.block, deposit.c.position) < before)
    if owners is not None:
        query = query.where(deposit.c.owner.in_(owners))
    newest = query.order_by(deposit.c.block.desc(), deposit.c.position.desc())
    return conn.execute(newest.limit(limit)).all()


def transactions(
    conn: Connection,
    rail: str,
    *,
    before: Place | None = None,
    limit: int = 100,
    batch: str | None = None,
) -> Sequence[Row[Any]]:
    """At most `limit` transactions, the newest first; those before a place, and of a batch."""
    query = select(transaction).where(transaction.c.rail == rail)
    if before is not None:
        query = query.where(tuple_(transaction.c.settlement, transaction.c.place) < before)
    if batch is not None:
        query = query.where(transaction.c.batch == batch)
    newest = query.order_by(transaction.c.settlement.desc(), transaction.c.place.desc())
    return conn.execute(newest.limit(limit)).all()

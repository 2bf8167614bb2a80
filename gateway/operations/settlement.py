"""Use cases on settlement: running it, looking at runs, and recording what a rail reported."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from gateway.config import Config
from gateway.keys import GatewayKeys
from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.operations.text import check_note
from gateway.settlement import instructions, run, statements
from gateway.settlement.rails import Rail
from gateway.settlement.rails.manual import ManualRail, Outcome
from gateway.settlement.run import RunResult
from gateway.store import accounts, notices
from gateway.store.engine import Store
from gateway.store.tables import Base
from protocol import cbor

run_table = Base.metadata.tables["run"]
position = Base.metadata.tables["position"]
statement = Base.metadata.tables["statement"]


def rail_of(config: Config) -> Rail:
    """The rail that the settings name."""
    return ManualRail(config.manual_folder)


def settle(store: Store, keys: GatewayKeys, rail: Rail, currency: str | None) -> list[RunResult]:
    """Settle one currency, or all; returns the runs, of which there are none if nothing was due.

    Instructions go to the rail, also those that an earlier call could not hand over. Raises
    BadInput for a currency that no account has, and what the rail raises.
    """
    with store.read() as conn:
        known = accounts.currencies(conn)
    if currency is not None and currency not in known:
        raise BadInput("currency", f"no account has it; there are {', '.join(known) or 'none'}")
    results = []
    for each in known if currency is None else [currency]:
        result = run.run_settlement(store, each, keys.sign, rail.name)
        if result is None:
            continue
        results.append(result)
    instructions.submit_pending(store, rail)
    return results


def page(store: Store, *, before: int | None = None, limit: int = 100) -> Page[Row[Any]]:
    """Runs, the newest first; only those with numbers below `before`."""
    query = select(run_table).order_by(run_table.c.number.desc())
    if before is not None:
        query = query.where(run_table.c.number < before)
    with store.read() as conn:
        return one_page(lambda count: conn.execute(query.limit(count)).all(), limit)


def show(store: Store, number: int) -> tuple[RunResult, Row[Any], Sequence[Row[Any]]]:
    """A run: what it came to, its row, and its positions by account. Raises NotFound."""
    with store.read() as conn:
        result = run.result(conn, number)
        rows = conn.execute(
            select(position).where(position.c.run == number).order_by(position.c.account)
        ).all()
        return result, run.get(conn, number), rows


def instructions_of(store: Store, number: int) -> Sequence[Row[Any]]:
    """The instructions of a run, by account. Raises NotFound."""
    with store.read() as conn:
        run.get(conn, number)
        return instructions.of_run(conn, number)


def statement_accounts(store: Store, number: int) -> list[str]:
    """The accounts that have a statement of a run. Raises NotFound."""
    with store.read() as conn:
        run.get(conn, number)
        query = select(statement.c.account).where(statement.c.run == number)
        return list(conn.execute(query.order_by(statement.c.account)).scalars())


def statement_of(store: Store, number: int, account: str) -> tuple[bytes, bytes]:
    """An account's signed statement of a run, and its lines as one CBOR array of byte strings.

    Raises NotFound.
    """
    with store.read() as conn:
        message = statements.message(conn, number, account)
        return message, cbor.encode(list(statements.lines(conn, number, account)))


def record(store: Store, outcomes: Sequence[Outcome], number: int | None = None) -> int:
    """Post outcomes, all or none; returns how many were news.

    `number` names the run that all must belong to. Raises NotFound, BadInput, Conflict,
    IllegalMove.
    """
    for index, each in enumerate(outcomes):
        check_note(f"outcomes.{index}.note", each.note)
    with store.write() as conn:
        at = store.now(conn)
        if number is not None:
            run.get(conn, number)
            owned = {row.id for row in instructions.of_run(conn, number)}
            for index, each in enumerate(outcomes):
                if each.instruction_id not in owned:
                    field = f"outcomes.{index}.instruction"
                    raise BadInput(field, f"run {number} has no instruction of this id")
        news = [
            instructions.record_outcome(conn, each.instruction_id, each.outcome, each.note, at)
            for each in outcomes
        ]
        notices.decided(conn)
        return sum(news)

"""A settlement run: one currency's unsettled intervals to entries, positions and instructions.

Two transactions. The first freezes, posts and nets, and leaves the run `posted`; the second signs
statements and writes instructions, and leaves it `instructed`. A run that was cut off between them
is continued by the next call, before any other run begins. Moving money is in `instructions`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from gateway.ledger import chart, states
from gateway.settlement import intervals, statements
from gateway.settlement.netting import Position, netting_entry, positions
from gateway.store import accounts, journal, notices
from gateway.store import fence as restore_fence
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.tables import Base

run_table = Base.metadata.tables["run"]
position = Base.metadata.tables["position"]
instruction = Base.metadata.tables["instruction"]
balance = Base.metadata.tables["balance"]

_DUE = text(
    "SELECT EXISTS (SELECT 1 FROM channel c JOIN tariff t ON t.id = c.tariff_id"
    " WHERE c.state = 'open' AND c.amount > c.settled_amount AND t.currency = :currency)"
    " OR EXISTS (SELECT 1 FROM balance b WHERE b.currency = :currency AND b.amount <> 0"
    " AND (b.account LIKE 'payer:%' OR b.account LIKE 'payee:%'))"
    # A close between the two ends of one account leaves no balance, but is to be stated.
    " OR EXISTS (SELECT 1 FROM interval i JOIN channel c ON c.id = i.channel_id"
    " JOIN tariff t ON t.id = c.tariff_id WHERE i.run IS NULL AND t.currency = :currency)"
)
_TURNOVER = text(
    "SELECT account, sum(debits) AS debits, sum(credits) AS credits FROM ("
    " SELECT c.payer_account AS account, i.to_amount - i.from_amount AS debits, 0 AS credits"
    " FROM interval i JOIN channel c ON c.id = i.channel_id WHERE i.run = :run"
    " UNION ALL"
    " SELECT c.payee_account AS account, 0 AS debits, i.to_amount - i.from_amount AS credits"
    " FROM interval i JOIN channel c ON c.id = i.channel_id WHERE i.run = :run"
    ") AS sides GROUP BY account"
)
_FIRST_OPENED = text(
    "SELECT min(c.opened_at) FROM interval i JOIN channel c ON c.id = i.channel_id"
    " WHERE i.run = :run"
)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a call of `run_settlement` came to; amounts in atomic units of `currency`.

    `collect` and `pay` are the sums of the run's instructions.
    """

    run: int
    currency: str
    scale: int
    state: str
    channels: int
    accounts: int
    collect: int
    pay: int


def run_settlement(
    store: Store,
    currency: str,
    sign: Callable[[bytes], bytes],
    rail: str,
    fence: Callable[[Connection], None] | None = None,
) -> RunResult | None:
    """Settle all that is unsettled in a currency; None if there is nothing.

    `sign` makes the gateway's Ed25519 signature of bytes, `rail` names the rail of the
    instructions, and `fence` is called first in each transaction and may raise to refuse it. Two
    calls at once make one run. Frozen channels are left out until an operator has decided. Raises
    RestoreFenced while restored books are not reconciled.
    """
    with store.write() as conn:
        restore_fence.check(conn)
        if fence is not None:
            fence(conn)
        journal.lock(conn)
        run = _unfinished(conn, currency)
        if run is None and _is_due(conn, currency):
            run = _post(conn, currency, store.now(conn))
    if run is None:
        return None
    with store.write() as conn:
        restore_fence.check(conn)
        if fence is not None:
            fence(conn)
        journal.lock(conn)
        if get(conn, run).state == "posted":
            _instruct(conn, run, rail, sign)
        return result(conn, run)


def _unfinished(conn: Connection, currency: str) -> int | None:
    query = select(func.min(run_table.c.number)).where(
        run_table.c.currency == currency, run_table.c.state == "posted"
    )
    found = conn.execute(query).scalar_one()
    return None if found is None else int(found)


def _is_due(conn: Connection, currency: str) -> bool:
    return bool(conn.execute(_DUE, {"currency": currency}).scalar_one())


def _post(conn: Connection, currency: str, at: int) -> int:
    scale = accounts.scale_of(conn, currency)
    if scale is None:
        raise NotFound(f"currency {currency}: no account has it")
    last = int(conn.execute(select(func.coalesce(func.max(run_table.c.number), 0))).scalar_one())
    run = max(last, restore_fence.run_floor(conn)) + 1
    last_end = conn.execute(
        select(func.max(run_table.c.period_end)).where(run_table.c.currency == currency)
    ).scalar_one()
    conn.execute(
        insert(run_table).values(
            number=run,
            currency=currency,
            scale=scale,
            state="posted",
            period_start=0,
            period_end=at,
            journal_head=journal.head(conn)[1],
        )
    )
    intervals.freeze(conn, run, currency)
    intervals.post(conn, run, currency, at)
    _net(conn, run, currency, at)
    start = conn.execute(_FIRST_OPENED, {"run": run}).scalar_one() if last_end is None else last_end
    start = at if start is None else int(start)
    conn.execute(
        update(run_table)
        .where(run_table.c.number == run)
        # A clock that was set back must not make a period that ends before it starts.
        .values(period_start=start, period_end=max(start, at), journal_head=journal.head(conn)[1])
    )
    intervals.advance(conn, run)
    return run


def _net(conn: Connection, run: int, currency: str, at: int) -> None:
    turnover = {
        row.account: (int(row.debits), int(row.credits))
        for row in conn.execute(_TURNOVER, {"run": run})
    }
    balances: dict[str, tuple[int, int]] = {}
    for name, amount in conn.execute(
        select(balance.c.account, balance.c.amount).where(
            balance.c.currency == currency, balance.c.amount != 0
        )
    ):
        if name.startswith(chart.PAYER):
            owner = name.removeprefix(chart.PAYER)
            balances[owner] = (int(amount), balances.get(owner, (0, 0))[1])
        elif name.startswith(chart.PAYEE):
            owner = name.removeprefix(chart.PAYEE)
            balances[owner] = (balances.get(owner, (0, 0))[0], int(amount))
    for each in positions(turnover, balances):
        _store_position(conn, run, each)
        entry = netting_entry(run, each.account, currency, *balances.get(each.account, (0, 0)), at)
        if entry is not None:
            journal.append(conn, entry)


def _store_position(conn: Connection, run: int, each: Position) -> None:
    conn.execute(
        insert(position).values(
            run=run,
            account=each.account,
            debits=each.debits,
            credits=each.credits,
            carried=each.carried,
            net=each.net,
        )
    )


def _instruct(conn: Connection, run: int, rail: str, sign: Callable[[bytes], bytes]) -> None:
    statements.sign_all(conn, run, sign)
    currency = get(conn, run).currency
    rows = conn.execute(
        select(position.c.account, position.c.net)
        .where(position.c.run == run, position.c.net != 0)
        .order_by(position.c.account)
    ).all()
    if rows:
        conn.execute(
            insert(instruction),
            [
                {
                    "id": f"run-{run}-{row.account}",
                    "run": run,
                    "account_id": row.account,
                    "direction": "collect" if row.net > 0 else "pay",
                    "amount": abs(row.net),
                    "currency": currency,
                    "rail": rail,
                    "state": "pending",
                    "note": "",
                }
                for row in rows
            ],
        )
    notices.tell_run(conn, run)
    set_state(conn, run, "instructed")
    if not rows:
        set_state(conn, run, "completed")


def set_state(conn: Connection, run: int, state: str) -> None:
    """Move a run on. Raises NotFound, or IllegalMove from `states`."""
    states.move(states.RUN, get(conn, run).state, state)
    conn.execute(update(run_table).where(run_table.c.number == run).values(state=state))


def get(conn: Connection, run: int) -> Row[Any]:
    """One run. Raises NotFound."""
    row = conn.execute(select(run_table).where(run_table.c.number == run)).one_or_none()
    if row is None:
        raise NotFound(f"run {run}: unknown")
    return row


def result(conn: Connection, run: int) -> RunResult:
    """What a run came to. Raises NotFound."""
    row = get(conn, run)
    interval = Base.metadata.tables["interval"]
    channels = conn.execute(
        select(func.count(interval.c.channel_id.distinct())).where(interval.c.run == run)
    ).scalar_one()
    settled = conn.execute(
        select(func.count()).select_from(position).where(position.c.run == run)
    ).scalar_one()
    sums = {
        direction: int(total)
        for direction, total in conn.execute(
            select(instruction.c.direction, func.sum(instruction.c.amount))
            .where(instruction.c.run == run)
            .group_by(instruction.c.direction)
        )
    }
    return RunResult(
        run,
        row.currency,
        row.scale,
        row.state,
        int(channels),
        int(settled),
        sums.get("collect", 0),
        sums.get("pay", 0),
    )

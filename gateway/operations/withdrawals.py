"""Use cases on withdrawals: deposits that an account asks back.

A request holds the amount at once. Another person approves it, which writes an instruction to the
account's rail; what the rail says of that posts what was held, or frees it.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, insert

from gateway.operations.deposits import check_amount
from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.operations.payout_accounts import bounds_of, check_rail
from gateway.operations.principal import check_other
from gateway.settlement.funds import withdrawal_entry
from gateway.settlement.rails import PAY, Rail, reference_of
from gateway.store import accounts, audit, fence, journal, payout_accounts, pending, withdrawals
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables import Base
from gateway.store.tables_funds import Withdrawal

instruction = Base.metadata.tables["instruction"]


def request(
    store: Store, rails: Mapping[str, Rail], account_id: str, amount: int, rail: str, by: str
) -> Row[Any]:
    """Ask `amount` atomic units of an account's deposits back over a rail; they are held from now.

    Raises NotFound, BadInput, Conflict if the account has no payout account in force there or less
    than that is free, RestoreFenced while restored books are not reconciled.
    """
    check_amount(amount)
    moving = check_rail(rails, rail)
    with store.write() as conn:
        fence.check(conn)
        journal.lock(conn)
        account = accounts.get(conn, account_id)
        quantum, most = bounds_of(moving, account)
        if amount % quantum:
            raise BadInput("amount", f"must be a multiple of {quantum}, which this rail can move")
        if most is not None and amount > most:
            raise BadInput("amount", f"must be at most {most}, which this rail can move at once")
        at = store.now(conn)
        to = _payable(conn, account_id, rail, at)
        # Locks the account, so that no channel reserves meanwhile what is asked back.
        free = min(accounts.free(conn, account_id), accounts.funds(conn, account_id).free_credit)
        if amount > free:
            raise Conflict(
                f"withdrawal: account {account_id} has {max(0, free)} atomic units of deposits free"
            )
        number = withdrawals.next_number(conn)
        entry = withdrawal_entry(number, account_id, account.currency, amount, rail, at)
        withdrawals.add(
            conn,
            Withdrawal(
                number=number,
                account_id=account_id,
                amount=amount,
                currency=account.currency,
                payout_account=to.id,
                pending_id=pending.reserve(conn, entry),
                requested_by=by,
                requested_at=at,
            ),
        )
        after = {"account": account_id, "amount": str(amount), "to": to.id}
        audit.record(conn, "withdrawal.request", str(number), after=after)
        return withdrawals.get(conn, account_id, number)


def _payable(conn: Connection, account_id: str, rail: str, at: int) -> Row[Any]:
    to = payout_accounts.in_force(conn, account_id, rail, at)
    if to is None:
        raise Conflict(
            f"withdrawal: account {account_id} has no payout account in force for the rail {rail}; "
            "propose one, let another person approve it, and wait until it has cooled"
        )
    return to


def approve(store: Store, account_id: str, number: int, by: str) -> Row[Any]:
    """Approve what another person asked for: its instruction is written, to be handed over.

    One that is approved stays as it is. Raises NotFound, SamePerson, IllegalMove if it was
    rejected, Conflict if the account is no longer paid where it was when this was asked for,
    RestoreFenced while restored books are not reconciled.
    """
    with store.write() as conn:
        fence.check(conn)
        journal.lock(conn)
        row = withdrawals.get(conn, account_id, number)
        if row.state == "approved":
            return row
        check_other(row.requested_by, by, f"withdrawal {number}")
        at = store.now(conn)
        asked = payout_accounts.get(conn, account_id, row.payout_account)
        if _payable(conn, account_id, asked.rail, at).id != asked.id:
            raise Conflict(
                f"withdrawal {number}: was to be paid to {asked.id}, which is no longer where the "
                "account is paid; reject it and ask again"
            )
        withdrawals.decide(conn, row, "approved", by, at)
        before, after = {"state": row.state}, {"state": "approved"}
        audit.record(conn, "withdrawal.approve", str(number), before=before, after=after)
        name = instruction_name(number)
        conn.execute(
            insert(instruction).values(
                id=name,
                withdrawal=number,
                account_id=account_id,
                direction=PAY,
                amount=row.amount,
                currency=row.currency,
                rail=asked.rail,
                reference=reference_of(name),
                destination=asked.details,
                state="pending",
                note="",
            )
        )
        return withdrawals.get(conn, account_id, number)


def reject(store: Store, account_id: str, number: int, by: str) -> Row[Any]:
    """Give up a request, one's own or another's: what it held is free again.

    Raises NotFound, IllegalMove if it is approved.
    """
    with store.write() as conn:
        journal.lock(conn)
        row = withdrawals.get(conn, account_id, number)
        if row.state != "rejected":
            at = store.now(conn)
            withdrawals.decide(conn, row, "rejected", by, at)
            pending.void(conn, row.pending_id, at)
            before, after = {"state": row.state}, {"state": "rejected"}
            audit.record(conn, "withdrawal.reject", str(number), before=before, after=after)
        return withdrawals.get(conn, account_id, number)


def page(
    store: Store, account_id: str, *, before: int | None = None, limit: int = 100
) -> Page[Row[Any]]:
    """An account's withdrawals, the newest first. Raises NotFound, BadInput."""
    with store.read() as conn:
        accounts.get(conn, account_id)
        return one_page(
            lambda count: withdrawals.page(conn, account_id, before=before, limit=count), limit
        )


def show(store: Store, account_id: str, number: int) -> Row[Any]:
    """One withdrawal, and what became of it. Raises NotFound."""
    with store.read() as conn:
        return withdrawals.get(conn, account_id, number)


def instruction_of(store: Store, account_id: str, number: int) -> str:
    """The id of a withdrawal's instruction. Raises NotFound, Conflict if it was not approved."""
    row = show(store, account_id, number)
    if row.payout is None:
        raise Conflict(f"withdrawal {number}: is {row.state}, so nothing was handed to a rail")
    return instruction_name(number)


def instruction_name(number: int) -> str:
    """The id of the instruction that a withdrawal has once it is approved."""
    return f"withdrawal-{number}"

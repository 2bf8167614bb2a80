"""Use cases on payout accounts: where a rail pays an account.

One person proposes, another approves, and it is in force only after a cooling period: whoever got
hold of one token can't send money elsewhere, and there is time to notice. The details are the
rail's to check. Nothing is deleted, so that it can be told where an account was paid when.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from gateway.operations.errors import BadInput
from gateway.operations.principal import check_other
from gateway.settlement.rails import Rail, RailError
from gateway.store import accounts, audit, journal, payout_accounts
from gateway.store.engine import Store
from gateway.store.errors import Conflict


def check_rail(rails: Mapping[str, Rail], name: str) -> Rail:
    """The rail of this name. Raises BadInput if there is none, or it is not set up."""
    # By name, since looking one up makes it, and raises what that raises.
    if name not in set(rails):
        raise BadInput("rail", f"there is no such rail; there are {', '.join(rails)}")
    try:
        return rails[name]
    except RailError as error:
        raise BadInput("rail", f"{name} is not set up here ({error})") from None


def bounds_of(rail: Rail, account: Row[Any]) -> tuple[int, int | None]:
    """The least and the greatest amount that a rail moves for an account, in atomic units; None if
    it moves any. Raises BadInput if it does not have the account's currency."""
    try:
        least = rail.quantum(account.currency, account.scale)
        return least, rail.most(account.currency, account.scale)
    except RailError as error:
        raise BadInput("rail", str(error)) from None


def propose(
    store: Store,
    rails: Mapping[str, Rail],
    account_id: str,
    rail: str,
    details: Mapping[str, object],
    by: str,
) -> Row[Any]:
    """Propose where a rail is to pay an account; the same again by the same person is the same.

    Raises NotFound, BadInput for a rail that does not have the account's currency, DestinationError
    naming what of `details` the rail can't use, and Conflict if another proposal for this rail
    waits to be decided.
    """
    moving = check_rail(rails, rail)
    checked = moving.check_destination(details)
    text = json.dumps(checked, sort_keys=True, ensure_ascii=False)
    with store.write() as conn:
        journal.lock(conn)
        bounds_of(moving, accounts.get(conn, account_id))
        for row in payout_accounts.of_account(conn, account_id):
            if row.state != "proposed" or row.rail != rail:
                continue
            if (row.details, row.proposed_by) == (text, by):
                return row
            raise Conflict(f"payout account {row.id}: is proposed; approve or reject it first")
        made = payout_accounts.add(conn, account_id, rail, text, by, store.now(conn))
        after = {"account": account_id, "rail": rail, "state": made.state}
        audit.record(conn, "payout_account.propose", made.id, after=after)
        return made


def approve(store: Store, account_id: str, id_: str, by: str, cooling_s: int) -> Row[Any]:
    """Approve what another person proposed; it is in force `cooling_s` seconds from now.

    One that is approved stays as it is. Raises NotFound, SamePerson, IllegalMove.
    """
    with store.write() as conn:
        journal.lock(conn)
        row = payout_accounts.get(conn, account_id, id_)
        if row.state == "active":
            return row
        check_other(row.proposed_by, by, f"payout account {id_}")
        at = store.now(conn)
        payout_accounts.move(
            conn, row, "active", approved_by=by, approved_at=at, active_from=at + cooling_s
        )
        before, after = {"state": row.state}, {"state": "active", "active_from": at + cooling_s}
        audit.record(conn, "payout_account.approve", id_, before=before, after=after)
        return payout_accounts.get(conn, account_id, id_)


def reject(store: Store, account_id: str, id_: str, by: str) -> Row[Any]:
    """Give up a proposal, one's own or another's. Raises NotFound, IllegalMove."""
    return _end(store, account_id, id_, by, "rejected")


def retire(store: Store, account_id: str, id_: str, by: str) -> Row[Any]:
    """Pay there no more, at once: one person is enough to stop. Raises NotFound, IllegalMove."""
    return _end(store, account_id, id_, by, "retired")


def _end(store: Store, account_id: str, id_: str, by: str, state: str) -> Row[Any]:
    with store.write() as conn:
        journal.lock(conn)
        row = payout_accounts.get(conn, account_id, id_)
        if row.state != state:
            payout_accounts.move(conn, row, state, ended_by=by, ended_at=store.now(conn))
            action = "payout_account.reject" if state == "rejected" else "payout_account.retire"
            audit.record(conn, action, id_, before={"state": row.state}, after={"state": state})
        return payout_accounts.get(conn, account_id, id_)


def listed(store: Store, account_id: str) -> Sequence[Row[Any]]:
    """All that an account has and had, the newest first. Raises NotFound."""
    with store.read() as conn:
        accounts.get(conn, account_id)
        return payout_accounts.of_account(conn, account_id)

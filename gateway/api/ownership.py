"""What an owner may use, and how each request shows that it is about what is theirs.

An operation that is not in this table is for those who work here. What is another's is answered as
what is not there.
"""

import re
from collections.abc import Callable

from fastapi import Request

from gateway.operations.bearer import Bearer
from gateway.operations.errors import BadInput
from gateway.store import channels, devices
from gateway.store.engine import Store
from gateway.store.errors import NotFound

Rule = Callable[[Request, Bearer, Store], bool]
"""Whether a request is about what is its bearer's."""

_DEVICE = re.compile("[0-9a-f]{32}")
_HASH = re.compile("[0-9a-f]{64}")


def _own(_request: Request, _bearer: Bearer, _store: Store) -> bool:
    """Of what nobody but its owner is told: the operation itself leaves out all else."""
    return True


def _account_in_path(request: Request, bearer: Bearer, _store: Store) -> bool:
    return request.path_params["account_id"] in bearer.accounts


def _account_in_query(name: str) -> Rule:
    """Lists are of one account, which must be named: whatever else narrows them, too."""

    def rule(request: Request, bearer: Bearer, _store: Store) -> bool:
        named = request.query_params.getlist(name)
        if not named:
            raise BadInput(name, "must name one of yours: " + ", ".join(sorted(bearer.accounts)))
        return set(named) <= bearer.accounts

    return rule


def _device(request: Request, bearer: Bearer, store: Store) -> bool:
    id_ = request.path_params["device_id"]
    if not _DEVICE.fullmatch(id_):
        return False
    with store.read() as conn:
        return any(each.account_id in bearer.accounts for each in devices.load(conn, [id_]))


def _channel(request: Request, bearer: Bearer, store: Store) -> bool:
    id_ = request.path_params["channel_id"]
    if not _HASH.fullmatch(id_):
        return False
    with store.read() as conn:
        try:
            row = channels.get(conn, bytes.fromhex(id_))
        except NotFound:
            return False
    return not bearer.accounts.isdisjoint((row.payer_account, row.payee_account))


def _channel_for_account(request: Request, bearer: Bearer, store: Store) -> bool:
    """A bundle has the statements of one of the channel's two accounts: theirs, by name."""
    named = _account_in_query("account")
    return _channel(request, bearer, store) and named(request, bearer, store)


OWNERS: dict[str, Rule] = {
    "getSession": _own,
    "getPermissions": _own,
    "logOut": _own,
    "changePassword": _own,
    "listTokens": _own,
    "addToken": _own,
    "revokeToken": _own,
    "listAccounts": _own,
    "getAccount": _account_in_path,
    "listDeposits": _account_in_path,
    "listChainDeposits": _account_in_query("account"),
    "listWithdrawals": _account_in_path,
    "withdraw": _account_in_path,
    "getWithdrawal": _account_in_path,
    "rejectWithdrawal": _account_in_path,
    "listPayoutAccounts": _account_in_path,
    "proposePayoutAccount": _account_in_path,
    "rejectPayoutAccount": _account_in_path,
    "listDevices": _account_in_query("account"),
    "getDevice": _device,
    "listListings": _account_in_query("account_id"),
    "listChannels": _account_in_query("account"),
    "getChannel": _channel,
    "getChannelEvidence": _channel,
    "getChannelTimeline": _channel,
    "getChannelClaim": _channel,
    "listChannelLegs": _channel,
    "listChannelMessages": _channel,
    "getChannelBundle": _channel_for_account,
    "watchEvents": _own,
    "listEvents": _account_in_query("account_id"),
    "listAccountStatements": _account_in_path,
    "getStatement": _account_in_path,
    "getStatementLines": _account_in_path,
    "getStatementProof": _account_in_path,
    "getStatementPdf": _account_in_path,
    "getStatementCsv": _account_in_path,
}
"""By the operation's id."""

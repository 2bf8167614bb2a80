"""Who may use which route: a route that is not in this table can't be used by anybody."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from gateway.api import browser
from gateway.api.ownership import OWNERS
from gateway.api.services import Office
from gateway.operations.bearer import OWNER, Bearer

POLICY = {
    "listAccounts": "viewer",
    "addAccount": "admin",
    "getAccount": "viewer",
    "changeAccount": "admin",
    "exportAccount": "finance",
    "getErasure": "admin",
    "requestErasure": "admin",
    "approveErasure": "admin",
    "rejectErasure": "admin",
    "listDeposits": "viewer",
    "deposit": "operator",
    "listWithdrawals": "viewer",
    "withdraw": "operator",
    "getWithdrawal": "viewer",
    "approveWithdrawal": "finance",
    "rejectWithdrawal": "operator",
    "recordWithdrawalOutcome": "operator",
    "listPayoutAccounts": "operator",
    "proposePayoutAccount": "operator",
    "approvePayoutAccount": "finance",
    "rejectPayoutAccount": "operator",
    "retirePayoutAccount": "operator",
    "listDevices": "viewer",
    "registerDevice": "operator",
    "getDevice": "viewer",
    "suspendDevice": "operator",
    "resumeDevice": "operator",
    "revokeDevice": "operator",
    "rotateDevicePassword": "operator",
    "issueDeviceCertificate": "operator",
    "listClaims": "viewer",
    "addClaim": "operator",
    "revokeClaim": "operator",
    "listTariffs": "viewer",
    "addTariff": "admin",
    "getTariff": "viewer",
    "retireTariff": "admin",
    "getFollower": "viewer",
    "setFollower": "admin",
    "removeFollower": "admin",
    "listBands": "viewer",
    "addBand": "admin",
    "removeBand": "admin",
    "getPricesAhead": "viewer",
    "getPrice": "viewer",
    "listListings": "viewer",
    "endListing": "operator",
    "listChannels": "viewer",
    "getChannel": "viewer",
    "getChannelEvidence": "viewer",
    "getChannelBundle": "viewer",
    "getChannelTimeline": "viewer",
    "getChannelClaim": "viewer",
    "listChannelLegs": "viewer",
    "listChannelMessages": "viewer",
    "closeChannel": "operator",
    "thawChannel": "operator",
    "takeBankFile": "operator",
    "listUnmatchedBookings": "viewer",
    "assignBooking": "operator",
    "getChain": "viewer",
    "listChainDeposits": "viewer",
    "listChainTransactions": "viewer",
    "listSettlements": "viewer",
    "settle": "operator",
    "dryRun": "viewer",
    "approveSettlement": "finance",
    "rejectSettlement": "operator",
    "getSettlement": "viewer",
    "listInstructions": "viewer",
    "concludeInstruction": "operator",
    "recordOutcomes": "operator",
    "listStatements": "viewer",
    "getStatement": "viewer",
    "getStatementLines": "viewer",
    "getStatementProof": "viewer",
    "getStatementPdf": "viewer",
    "getStatementCsv": "viewer",
    "listAccountStatements": "viewer",
    "listSchedules": "viewer",
    "setSchedule": "admin",
    "removeSchedule": "admin",
    "endApproval": "admin",
    "getSession": "viewer",
    "logOut": "viewer",
    "changePassword": "viewer",
    "listPeople": "admin",
    "invitePerson": "admin",
    "getPerson": "admin",
    "changePerson": "admin",
    "disablePerson": "admin",
    "enablePerson": "admin",
    "resetPerson": "admin",
    "listTokens": "viewer",
    "addToken": "viewer",
    "revokeToken": "viewer",
    "verifyBooks": "viewer",
    "getTrialBalance": "viewer",
    "getEntry": "viewer",
    "listReversals": "viewer",
    "proposeReversal": "operator",
    "approveReversal": "finance",
    "rejectReversal": "operator",
    "watchEvents": "viewer",
    "listEvents": "viewer",
    "listAudit": "viewer",
    "listWebhooks": "admin",
    "addWebhook": "admin",
    "removeWebhook": "admin",
    "rotateWebhookSecret": "admin",
    "enableWebhook": "admin",
    "replayWebhook": "admin",
    "listDeliveries": "admin",
    "getRestore": "viewer",
    "liftFence": "admin",
    "getMetrics": "viewer",
    "getOverview": "viewer",
    "getPermissions": "viewer",
}
"""The least role of those who work here, for each operation, by its id. `/healthz`, `/readyz` and
`/openapi.json` need none, and a few ask for a claim code, a password or a link instead
(`gateway.api.authenticate`). What owners may use is in `gateway.api.ownership`."""
ALWAYS = "session"
"""The tag of routes that a token may use whatever its scopes are: they are about itself."""

_by_token = HTTPBearer(auto_error=False, description="A token `tally_<id>_<secret>`.")
_by_session = APIKeyCookie(
    name=browser.COOKIE,
    auto_error=False,
    description=f"A session; a change needs its csrf_token in the header {browser.CSRF_HEADER}.",
)


def may_use(bearer: Bearer, operation: str) -> bool:
    """Whether an operation is for this role at all; an owner, if so, for what is theirs."""
    if bearer.role == OWNER:
        return operation in OWNERS and operation in POLICY
    return operation in POLICY and bearer.may(POLICY[operation])


def authorize(
    request: Request,
    office: Office,
    _token: Annotated[object, Depends(_by_token)],
    _session: Annotated[object, Depends(_by_session)],
) -> Bearer:
    """Whoever sends the request, if they may use its route; 403 else, 404 for what is another's.

    Who that is has been settled by `gateway.api.authenticate`.
    """
    bearer: Bearer = request.state.bearer
    route = request.scope["route"]
    role = POLICY.get(route.operation_id)
    if role is None:
        raise HTTPException(403, "nobody may use this route")
    if bearer.scopes is not None and not {ALWAYS, *bearer.scopes} & set(route.tags):
        raise HTTPException(403, f"needs one of the scopes {', '.join(route.tags)}")
    if not may_use(bearer, route.operation_id):
        needed = "for those who work here" if bearer.role == OWNER else f"needs the role {role}"
        raise HTTPException(403, f"{needed}, yours is {bearer.role}")
    if bearer.role == OWNER and not OWNERS[route.operation_id](request, bearer, office.store):
        raise HTTPException(404, "there is no such thing of yours")
    return bearer


Authorized = Annotated[Bearer, Depends(authorize)]

"""Who may use which route: every route, every kind of caller, against one table."""

import pytest
from fastapi import APIRouter, Depends
from fastapi.testclient import TestClient
from httpx2 import Headers
from sqlalchemy import update
from starlette.routing import BaseRoute

from gateway.api import ownership
from gateway.api.policy import ALWAYS, POLICY, authorize
from gateway.operations import claims, tokens
from gateway.store import tariffs
from gateway.store.tokens import token as token_table
from tests.api.house import House
from tests.api.visitors import visitor

ROLES = ("viewer", "operator", "finance", "admin")
PUBLIC = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/openapi.json")}
OPEN = {
    ("POST", "/v1/claim"),
    ("POST", "/v1/session"),
    ("POST", "/v1/welcome"),
    ("POST", "/v1/welcome/enter"),
}
"""Ask for a claim code, a password or a link instead of a token."""
LEAST = {
    ("GET", "/v1/accounts"): "viewer",
    ("POST", "/v1/accounts"): "admin",
    ("GET", "/v1/accounts/{account_id}"): "viewer",
    ("PATCH", "/v1/accounts/{account_id}"): "admin",
    ("GET", "/v1/accounts/{account_id}/export"): "finance",
    ("GET", "/v1/accounts/{account_id}/erasure"): "admin",
    ("POST", "/v1/accounts/{account_id}/erasure"): "admin",
    ("POST", "/v1/accounts/{account_id}/erasure/approve"): "admin",
    ("POST", "/v1/accounts/{account_id}/erasure/reject"): "admin",
    ("GET", "/v1/accounts/{account_id}/deposits"): "viewer",
    ("POST", "/v1/accounts/{account_id}/deposits"): "operator",
    ("GET", "/v1/accounts/{account_id}/statements"): "viewer",
    ("GET", "/v1/accounts/{account_id}/withdrawals"): "viewer",
    ("POST", "/v1/accounts/{account_id}/withdrawals"): "operator",
    ("GET", "/v1/accounts/{account_id}/withdrawals/{number}"): "viewer",
    ("POST", "/v1/accounts/{account_id}/withdrawals/{number}/approve"): "finance",
    ("POST", "/v1/accounts/{account_id}/withdrawals/{number}/reject"): "operator",
    ("POST", "/v1/accounts/{account_id}/withdrawals/{number}/outcome"): "operator",
    ("GET", "/v1/accounts/{account_id}/payout-accounts"): "operator",
    ("POST", "/v1/accounts/{account_id}/payout-accounts"): "operator",
    ("POST", "/v1/accounts/{account_id}/payout-accounts/{payout_id}/approve"): "finance",
    ("POST", "/v1/accounts/{account_id}/payout-accounts/{payout_id}/reject"): "operator",
    ("POST", "/v1/accounts/{account_id}/payout-accounts/{payout_id}/retire"): "operator",
    ("GET", "/v1/devices"): "viewer",
    ("POST", "/v1/devices"): "operator",
    ("GET", "/v1/devices/{device_id}"): "viewer",
    ("POST", "/v1/devices/{device_id}/suspend"): "operator",
    ("POST", "/v1/devices/{device_id}/resume"): "operator",
    ("POST", "/v1/devices/{device_id}/revoke"): "operator",
    ("POST", "/v1/devices/{device_id}/password"): "operator",
    ("POST", "/v1/devices/{device_id}/certificate"): "operator",
    ("GET", "/v1/claims"): "viewer",
    ("POST", "/v1/claims"): "operator",
    ("DELETE", "/v1/claims/{claim_id}"): "operator",
    ("GET", "/v1/tariffs"): "viewer",
    ("POST", "/v1/tariffs"): "admin",
    ("GET", "/v1/tariffs/{tariff_id}"): "viewer",
    ("POST", "/v1/tariffs/{tariff_id}/retire"): "admin",
    ("GET", "/v1/tariffs/{tariff_id}/follower"): "viewer",
    ("PUT", "/v1/tariffs/{tariff_id}/follower"): "admin",
    ("DELETE", "/v1/tariffs/{tariff_id}/follower"): "admin",
    ("GET", "/v1/bands"): "viewer",
    ("POST", "/v1/bands"): "admin",
    ("DELETE", "/v1/bands/{tariff_id}/{follower_id}"): "admin",
    ("GET", "/v1/prices-ahead"): "viewer",
    ("GET", "/v1/price"): "viewer",
    ("GET", "/v1/listings"): "viewer",
    ("POST", "/v1/listings/{listing_id}/end"): "operator",
    ("GET", "/v1/channels"): "viewer",
    ("GET", "/v1/channels/{channel_id}"): "viewer",
    ("GET", "/v1/channels/{channel_id}/evidence"): "viewer",
    ("GET", "/v1/channels/{channel_id}/bundle"): "viewer",
    ("GET", "/v1/channels/{channel_id}/timeline"): "viewer",
    ("GET", "/v1/channels/{channel_id}/claim"): "viewer",
    ("GET", "/v1/channels/{channel_id}/legs"): "viewer",
    ("GET", "/v1/channels/{channel_id}/messages"): "viewer",
    ("POST", "/v1/channels/{channel_id}/close"): "operator",
    ("POST", "/v1/channels/{channel_id}/thaw"): "operator",
    ("POST", "/v1/bank/files"): "operator",
    ("GET", "/v1/bank/unmatched"): "viewer",
    ("POST", "/v1/bank/bookings/{booking_id}/assignment"): "operator",
    ("GET", "/v1/schedules"): "viewer",
    ("PUT", "/v1/schedules/{subject}"): "admin",
    ("DELETE", "/v1/schedules/{subject}"): "admin",
    ("POST", "/v1/schedules/{subject}/end-approval"): "admin",
    ("POST", "/v1/instructions/{instruction}/conclude"): "operator",
    ("POST", "/v1/dry-run"): "viewer",
    ("GET", "/v1/chain"): "viewer",
    ("GET", "/v1/chain/deposits"): "viewer",
    ("GET", "/v1/chain/transactions"): "viewer",
    ("GET", "/v1/settlements"): "viewer",
    ("POST", "/v1/settlements/{run}/approve"): "finance",
    ("POST", "/v1/settlements/{run}/reject"): "operator",
    ("POST", "/v1/settlements"): "operator",
    ("GET", "/v1/settlements/{run}"): "viewer",
    ("GET", "/v1/settlements/{run}/instructions"): "viewer",
    ("POST", "/v1/settlements/{run}/outcomes"): "operator",
    ("GET", "/v1/settlements/{run}/statements"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}/lines"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}/proof"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}/pdf"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}/csv"): "viewer",
    ("GET", "/v1/session"): "viewer",
    ("DELETE", "/v1/session"): "viewer",
    ("POST", "/v1/session/password"): "viewer",
    ("GET", "/v1/people"): "admin",
    ("POST", "/v1/people"): "admin",
    ("GET", "/v1/people/{name}"): "admin",
    ("PATCH", "/v1/people/{name}"): "admin",
    ("POST", "/v1/people/{name}/disable"): "admin",
    ("POST", "/v1/people/{name}/enable"): "admin",
    ("POST", "/v1/people/{name}/reset"): "admin",
    ("GET", "/v1/tokens"): "viewer",
    ("POST", "/v1/tokens"): "viewer",
    ("DELETE", "/v1/tokens/{token_id}"): "viewer",
    ("GET", "/v1/books"): "viewer",
    ("GET", "/v1/books/balance"): "viewer",
    ("GET", "/v1/books/entries/{entry}"): "viewer",
    ("GET", "/v1/books/reversals"): "viewer",
    ("POST", "/v1/books/reversals"): "operator",
    ("POST", "/v1/books/reversals/{number}/approve"): "finance",
    ("POST", "/v1/books/reversals/{number}/reject"): "operator",
    ("GET", "/v1/events"): "viewer",
    ("GET", "/v1/events/past"): "viewer",
    ("GET", "/v1/audit"): "viewer",
    ("GET", "/v1/webhooks"): "admin",
    ("POST", "/v1/webhooks"): "admin",
    ("DELETE", "/v1/webhooks/{webhook_id}"): "admin",
    ("POST", "/v1/webhooks/{webhook_id}/rotate"): "admin",
    ("POST", "/v1/webhooks/{webhook_id}/enable"): "admin",
    ("POST", "/v1/webhooks/{webhook_id}/replay"): "admin",
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"): "admin",
    ("GET", "/v1/restore"): "viewer",
    ("POST", "/v1/restore/lift"): "admin",
    ("GET", "/v1/overview"): "viewer",
    ("GET", "/v1/permissions"): "viewer",
    ("GET", "/metrics"): "viewer",
}
OWNERS = {
    ("GET", "/v1/events"),
    ("GET", "/v1/events/past"),
    ("GET", "/v1/session"),
    ("DELETE", "/v1/session"),
    ("POST", "/v1/session/password"),
    ("GET", "/v1/tokens"),
    ("POST", "/v1/tokens"),
    ("DELETE", "/v1/tokens/{token_id}"),
    ("GET", "/v1/accounts"),
    ("GET", "/v1/accounts/{account_id}"),
    ("GET", "/v1/accounts/{account_id}/deposits"),
    ("GET", "/v1/accounts/{account_id}/statements"),
    ("GET", "/v1/accounts/{account_id}/withdrawals"),
    ("POST", "/v1/accounts/{account_id}/withdrawals"),
    ("GET", "/v1/accounts/{account_id}/withdrawals/{number}"),
    ("POST", "/v1/accounts/{account_id}/withdrawals/{number}/reject"),
    ("GET", "/v1/accounts/{account_id}/payout-accounts"),
    ("POST", "/v1/accounts/{account_id}/payout-accounts"),
    ("POST", "/v1/accounts/{account_id}/payout-accounts/{payout_id}/reject"),
    ("GET", "/v1/chain/deposits"),
    ("GET", "/v1/devices"),
    ("GET", "/v1/devices/{device_id}"),
    ("GET", "/v1/listings"),
    ("GET", "/v1/channels"),
    ("GET", "/v1/channels/{channel_id}"),
    ("GET", "/v1/channels/{channel_id}/evidence"),
    ("GET", "/v1/channels/{channel_id}/bundle"),
    ("GET", "/v1/channels/{channel_id}/timeline"),
    ("GET", "/v1/channels/{channel_id}/claim"),
    ("GET", "/v1/channels/{channel_id}/legs"),
    ("GET", "/v1/channels/{channel_id}/messages"),
    ("GET", "/v1/permissions"),
    ("GET", "/v1/settlements/{run}/statements/{account_id}"),
    ("GET", "/v1/settlements/{run}/statements/{account_id}/lines"),
    ("GET", "/v1/settlements/{run}/statements/{account_id}/proof"),
    ("GET", "/v1/settlements/{run}/statements/{account_id}/pdf"),
    ("GET", "/v1/settlements/{run}/statements/{account_id}/csv"),
}
"""What an owner may use, for what is theirs (tests/access/test_owners.py)."""
LOG_OUT = ("DELETE", "/v1/session")
FILLED = {
    "{account_id}": "nobody",
    "{device_id}": "0" * 32,
    "{tariff_id}": "0" * 64,
    "{listing_id}": "0" * 64,
    "{channel_id}": "0" * 64,
    "{booking_id}": "0" * 64,
    "{run}": "1",
    "{entry}": "1",
    "{number}": "1",
    "{payout_id}": "nobody-payout-1",
    "{token_id}": "0" * 12,
    "{claim_id}": "0" * 12,
    "{webhook_id}": "0" * 12,
    "{name}": "nobody",
}


def _routes(house: House) -> set[tuple[str, str]]:
    """Every method and path of the application, however deep its routers are nested."""
    found = set()
    for path, item in house.app.openapi()["paths"].items():
        found |= {(method.upper(), path) for method in item}
    plain: list[BaseRoute] = list(house.app.routes)
    for route in plain:
        for method in getattr(route, "methods", None) or ():
            if method != "HEAD":
                found.add((method, getattr(route, "path", "")))
    return found


def _call(client: TestClient, method: str, path: str) -> int:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return client.request(
        method, path, json={} if method in ("POST", "PATCH") else None
    ).status_code


def _caller(house: House, who: str) -> TestClient:
    """A client that sends what this kind of caller does."""
    if who in ROLES:
        return house.client(who)
    store = house.office.store
    id_, token = tokens.add(store, who, "admin")
    sent = {
        "no token": {},
        "malformed": {"Authorization": "Bearer " + token[:-1]},
        "of another form": {"Authorization": "Basic YWRtaW46YWRtaW4="},
        "two tokens": Headers([("Authorization", "Bearer " + token)] * 2),
        "of nobody": {"Authorization": f"Bearer tally_{id_}_" + "0" * 64},
        "another's id": {"Authorization": "Bearer " + house.tokens["admin"][:18] + token[18:]},
    }
    if who == "revoked":
        tokens.revoke(store, id_)
    elif who == "expired":
        with store.write() as conn:
            conn.execute(update(token_table).where(token_table.c.id == id_).values(expires_at=1))
    headers = sent.get(who, {"Authorization": "Bearer " + token})
    return TestClient(house.app, headers=headers, raise_server_exceptions=False)


@pytest.mark.threat("O1")
def test_every_route_is_in_the_table_and_nothing_else(house: House) -> None:
    assert _routes(house) == set(LEAST) | PUBLIC | OPEN


@pytest.mark.threat("O1")
def test_the_program_declares_the_same_role_for_each_operation(house: House) -> None:
    declared = {
        (method.upper(), path): POLICY.get(operation["operationId"])
        for path, item in house.app.openapi()["paths"].items()
        for method, operation in item.items()
    }
    assert {route: role for route, role in declared.items() if role is not None} == LEAST
    assert len(POLICY) == len(LEAST)


@pytest.mark.threat("O1")
def test_the_program_declares_the_same_operations_for_owners(house: House) -> None:
    declared = {
        (method.upper(), path)
        for path, item in house.app.openapi()["paths"].items()
        for method, operation in item.items()
        if operation["operationId"] in ownership.OWNERS
    }
    assert declared == OWNERS
    assert len(ownership.OWNERS) == len(OWNERS)


@pytest.mark.threat("O1")
def test_each_route_is_in_one_scope(house: House) -> None:
    tags = {
        (method.upper(), path): operation["tags"]
        for path, item in house.app.openapi()["paths"].items()
        for method, operation in item.items()
    }
    assert {route for route in LEAST if len(tags[route]) != 1} == set()
    assert {tag for route in LEAST for tag in tags[route]} == {*tokens.SCOPES, ALWAYS}


@pytest.mark.threat("O1")
@pytest.mark.parametrize(
    "caller",
    [
        "no token",
        "malformed",
        "of another form",
        "two tokens",
        "of nobody",
        "another's id",
        "revoked",
        "expired",
        *ROLES,
    ],
)
def test_each_caller_reaches_exactly_the_routes_of_its_role(house: House, caller: str) -> None:
    assert _misjudged(house, _caller(house, caller), caller) == []


@pytest.mark.threat("O1")
@pytest.mark.parametrize("role", [*ROLES, "owner"])
def test_a_person_reaches_exactly_the_routes_of_their_role(house: House, role: str) -> None:
    accounts = ["operator"] if role == "owner" else []
    assert _misjudged(house, visitor(house, "ann", role, accounts).client, role) == []


def _misjudged(house: House, client: TestClient, caller: str) -> list[tuple[object, ...]]:
    """The routes that answer a caller otherwise than the tables say."""
    wrong = []
    # A session would be over for what comes after it.
    for route in sorted(LEAST, key=LOG_OUT.__eq__):
        if caller not in (*ROLES, "owner"):
            wanted = {401}
        elif caller == "owner":
            wanted = {404} if _is_anothers(route) else {0} if route in OWNERS else {403}
        else:
            wanted = {0} if ROLES.index(caller) >= ROLES.index(LEAST[route]) else {403}
        house.throttle_time[0] += 3600
        status = _call(client, *route)
        shown = status if status in wanted | {401, 403} else 0
        if shown not in wanted:
            wrong.append((route, status, wanted))
    return wrong


def _is_anothers(route: tuple[str, str]) -> bool:
    """Whether a call of this route, as it is filled here, is about what is not the owner's."""
    asked = ("{account_id}", "{device_id}", "{channel_id}")
    return route in OWNERS and any(name in route[1] for name in asked)


@pytest.mark.threat("O1")
def test_a_route_that_nobody_declared_can_be_used_by_nobody(house: House) -> None:
    router = APIRouter(prefix="/v1", dependencies=[Depends(authorize)])

    @router.get("/new", operation_id="newThing")
    def new_thing() -> str:
        return "reached"

    house.app.include_router(router)

    @house.app.get("/bare")
    def bare() -> str:
        return "reached"

    assert house.client("admin").get("/v1/new").status_code == 403
    assert house.client(None).get("/bare").status_code == 401


@pytest.mark.threat("O1")
def test_who_asks_is_settled_before_anything_else_is_looked_at(house: House) -> None:
    client = house.client(None)
    broken = {"content": b"{", "headers": {"Content-Type": "application/json"}}
    assert client.post("/v1/accounts", **broken).status_code == 401
    assert client.get("/v1/accounts?limit=0").status_code == 401
    assert client.get("/v1/nowhere").status_code == 401
    assert client.put("/v1/accounts").status_code == 401
    answer = client.get("/v1/books")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_public_routes_need_no_token(house: House) -> None:
    assert {_call(house.client(None), *route) for route in PUBLIC} == {200}


@pytest.mark.threat("O1")
def test_a_token_ends_when_it_is_revoked_and_when_its_time_is_over(house: House) -> None:
    store = house.office.store
    id_, token = tokens.add(store, "gone", "admin")
    client = TestClient(house.app, headers={"Authorization": f"Bearer {token}"})
    assert client.get("/v1/books").status_code == 200
    tokens.revoke(store, id_)
    assert client.get("/v1/books").status_code == 401
    _id, ended = tokens.add(store, "ended", "admin", 1)
    now = store.now
    store.now = lambda conn: now(conn) + 2  # type: ignore[method-assign]
    assert tokens.check(store, ended) is None


@pytest.mark.threat("O2")
def test_who_may_not_do_a_thing_learns_nothing_of_what_there_is(house: House) -> None:
    """The answer is the same, byte for byte, whether the thing exists or not."""
    house.fleet()
    device = house.device()
    channel = house.paid(device, 10)
    with house.office.store.read() as conn:
        (tariff,) = (bytes(row.id).hex() for row in tariffs.listed(conn))
    there = {
        "{account_id}": "fleet",
        "{device_id}": device,
        "{tariff_id}": tariff,
        "{channel_id}": channel.hex(),
        "{run}": "1",
        "{entry}": "1",
        "{number}": "1",
        "{payout_id}": "nobody-payout-1",
        "{token_id}": house.tokens["admin"][6:18],
        "{claim_id}": claims.add(house.office.store, "fleet", "test")[0],
    }
    house.client("operator").post("/v1/settlements", json={})
    compared = 0
    for (method, path), least in LEAST.items():
        for caller in (None, *ROLES[: ROLES.index(least)]):
            client = house.client(caller)
            known, unknown = path, path
            for name, value in there.items():
                known = known.replace(name, value)
                unknown = unknown.replace(name, FILLED[name])
            if known == unknown:
                continue
            answers = [client.request(method, each, json={}) for each in (known, unknown)]
            assert answers[0].status_code in (401, 403)
            assert answers[0].content == answers[1].content
            compared += 1
    assert compared > 20


@pytest.mark.threat("O10")
def test_secrets_are_nowhere_in_the_database(house: House) -> None:
    path = house.office.config.sqlite_path
    assert path is not None
    stored = b"".join(each.read_bytes() for each in path.parent.glob("gateway.db*"))
    assert [role for role, token in house.tokens.items() if token[19:].encode() in stored] == []

"""Who may use which route: every route, every kind of caller, against one table."""

import pytest
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute

from gateway.operations import tokens
from tests.api.house import House

ROLES = ("viewer", "operator", "admin")
PUBLIC = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/openapi.json")}
LEAST = {
    ("GET", "/v1/accounts"): "viewer",
    ("POST", "/v1/accounts"): "admin",
    ("GET", "/v1/accounts/{account_id}"): "viewer",
    ("PATCH", "/v1/accounts/{account_id}"): "admin",
    ("GET", "/v1/devices"): "viewer",
    ("POST", "/v1/devices"): "operator",
    ("GET", "/v1/devices/{device_id}"): "viewer",
    ("POST", "/v1/devices/{device_id}/suspend"): "operator",
    ("POST", "/v1/devices/{device_id}/resume"): "operator",
    ("POST", "/v1/devices/{device_id}/revoke"): "operator",
    ("POST", "/v1/devices/{device_id}/password"): "operator",
    ("GET", "/v1/tariffs"): "viewer",
    ("POST", "/v1/tariffs"): "admin",
    ("GET", "/v1/tariffs/{tariff_id}"): "viewer",
    ("POST", "/v1/tariffs/{tariff_id}/retire"): "admin",
    ("GET", "/v1/channels"): "viewer",
    ("GET", "/v1/channels/{channel_id}"): "viewer",
    ("GET", "/v1/channels/{channel_id}/evidence"): "viewer",
    ("POST", "/v1/channels/{channel_id}/close"): "operator",
    ("POST", "/v1/channels/{channel_id}/thaw"): "operator",
    ("GET", "/v1/settlements"): "viewer",
    ("POST", "/v1/settlements"): "operator",
    ("GET", "/v1/settlements/{run}"): "viewer",
    ("GET", "/v1/settlements/{run}/instructions"): "viewer",
    ("POST", "/v1/settlements/{run}/outcomes"): "operator",
    ("GET", "/v1/settlements/{run}/statements"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}"): "viewer",
    ("GET", "/v1/settlements/{run}/statements/{account_id}/lines"): "viewer",
    ("GET", "/v1/tokens"): "admin",
    ("POST", "/v1/tokens"): "admin",
    ("DELETE", "/v1/tokens/{token_id}"): "admin",
    ("GET", "/v1/books"): "viewer",
    ("GET", "/metrics"): "viewer",
}
FILLED = {
    "{account_id}": "nobody",
    "{device_id}": "0" * 32,
    "{tariff_id}": "0" * 64,
    "{channel_id}": "0" * 64,
    "{run}": "1",
    "{token_id}": "0" * 12,
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


def test_every_route_is_in_the_table_and_nothing_else(house: House) -> None:
    assert _routes(house) == set(LEAST) | PUBLIC


@pytest.mark.parametrize("caller", [None, "bad", *ROLES])
def test_each_caller_reaches_exactly_the_routes_of_its_role(
    house: House, caller: str | None
) -> None:
    client = house.client(caller)
    wrong = []
    for (method, path), least in LEAST.items():
        if caller not in ROLES:
            wanted = 401
        elif ROLES.index(caller) < ROLES.index(least):
            wanted = 403
        else:
            wanted = 0
        status = _call(client, method, path)
        if (status if status in (401, 403) else 0) != wanted:
            wrong.append((method, path, status, wanted))
    assert wrong == []


def test_public_routes_need_no_token(house: House) -> None:
    assert {_call(house.client(None), *route) for route in PUBLIC} == {200}


def test_a_revoked_or_expired_token_is_refused(house: House) -> None:
    store = house.office.store
    id_, token = tokens.add(store, "gone", "admin")
    client = TestClient(house.app, headers={"Authorization": f"Bearer {token}"})
    assert client.get("/v1/books").status_code == 200
    tokens.revoke(store, id_)
    answer = client.get("/v1/books")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    _id, ended = tokens.add(store, "ended", "admin", 1)
    now = store.now
    store.now = lambda conn: now(conn) + 2  # type: ignore[method-assign]
    assert tokens.check(store, ended) is None


def test_a_token_with_anothers_id_in_it_is_refused(house: House) -> None:
    mine, theirs = house.tokens["viewer"], house.tokens["admin"]
    mixed = theirs[:18] + mine[18:]
    client = TestClient(house.app, headers={"Authorization": f"Bearer {mixed}"})
    assert client.get("/v1/books").status_code == 401


def test_secrets_are_nowhere_in_the_database(house: House) -> None:
    path = house.office.config.sqlite_path
    assert path is not None
    stored = b"".join(each.read_bytes() for each in path.parent.glob("gateway.db*"))
    assert [role for role, token in house.tokens.items() if token[19:].encode() in stored] == []

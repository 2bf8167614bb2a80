"""O3: a body may set what its operation is for, and nothing else; no route writes the books."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from gateway.operations.people import FIRST
from tests.api.house import House
from tests.api.test_api_resources import ACCOUNT, DEVICE, TARIFF

pytestmark = pytest.mark.threat("O3")

GOOD: dict[str, dict[str, Any]] = {
    "addAccount": ACCOUNT | {"id": "another"},
    "changeAccount": {"credit_limit": "7"},
    "deposit": {"amount": "7", "reference": "r"},
    "withdraw": {"amount": "7"},
    "recordWithdrawalOutcome": {"outcome": "done"},
    "proposePayoutAccount": {"details": {"to": "the till"}},
    "proposeReversal": {"entry": 1, "reason": "wrong"},
    "registerDevice": DEVICE,
    "addClaim": {"account_id": "fleet"},
    "claimDevice": {"code": "0" * 24, "public_key": DEVICE["public_key"], "name": "x"},
    "addTariff": TARIFF | {"name": "water", "unit": "L"},
    "settle": {},
    "dryRun": {},
    "setSchedule": {"cron": "0 2 * * *"},
    "setFollower": {"follower_id": "0" * 64},
    "addBand": {"tariff_id": "0" * 64, "follower_id": "1" * 64, "cron": "0 22 * * *"},
    "recordOutcomes": {"outcomes": [{"instruction": "run-1-fleet", "outcome": "done"}]},
    "takeBankFile": {"content": "<a/>"},
    "assignBooking": {"account": "fleet"},
    "concludeInstruction": {"outcome": "failed", "reason": "the rail is gone"},
    "addToken": {"name": "x", "role": "viewer"},
    "invitePerson": {"name": "new", "role": "viewer"},
    "changePerson": {"role": "operator"},
    "resetPerson": {"lifetime_s": 60},
    "logIn": {"name": "x", "password": "x"},
    "changePassword": {"password": "x", "new_password": "a new one of some length"},
    "lookAtWelcome": {"token": "0" * 64},
    "enter": {"token": "0" * 64, "password": "a new one of some length"},
    "issueDeviceCertificate": {"days": 30},
    "liftFence": {},
    "requestErasure": {"reason": "asked to"},
    "addWebhook": {"url": "http://127.0.0.1:9/", "loopback": True},
    "replayWebhook": {"first": 1, "last": 2},
}
"""A body that each operation with one takes."""
LEDGER = (
    "amount",
    "units",
    "owed",
    "exposure",
    "balance",
    "mark",
    "settled",
    "settled_amount",
    "settled_units",
    "serial",
    "state",
    "iou",
    "capacity",
    "debits",
    "credits",
    "net",
    "head",
    "secret_hash",
    "created_at",
    "revoked_at",
    "__class__",
    "",
)


def _with_bodies(house: House) -> dict[str, tuple[str, str, dict[str, Any]]]:
    document = house.app.openapi()
    found = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                name = schema["$ref"].rsplit("/", 1)[1]
                found[operation["operationId"]] = (
                    method,
                    path,
                    document["components"]["schemas"][name],
                )
    return found


def _ready(house: House) -> TestClient:
    house.fleet()
    house.paid(house.device(), 10)
    client = house.client("admin")
    client.post("/v1/settlements", json={})
    return client


def _call(client: TestClient, house: House, operation: str, body: object) -> Any:
    method, path, _schema = _with_bodies(house)[operation]
    path = path.replace("{account_id}", "fleet").replace("{run}", "1")
    path = path.replace("{instruction}", "run-9-nobody")
    path = path.replace("{number}", "1").replace("{booking_id}", "0" * 64)
    path = path.replace("{subject}", "EUR").replace("{name}", FIRST)
    path = path.replace("{tariff_id}", "0" * 64)
    path = path.replace("{webhook_id}", "0" * 12)
    path = path.replace("{device_id}", next(iter(house.device_keys)))
    return client.request(method, path, json=body)


def test_every_operation_with_a_body_is_tried_here(house: House) -> None:
    assert set(_with_bodies(house)) == set(GOOD)
    assert all(
        schema["additionalProperties"] is False for _m, _p, schema in _with_bodies(house).values()
    )


@pytest.mark.parametrize("operation", sorted(GOOD))
def test_a_field_that_an_operation_has_not_is_refused(house: House, operation: str) -> None:
    client = _ready(house)
    known = set(_with_bodies(house)[operation][2]["properties"])
    others = {name for body in GOOD.values() for name in body} | {
        name for _m, _p, schema in _with_bodies(house).values() for name in schema["properties"]
    }
    before = _books(client)
    for name in sorted({*LEDGER, *others} - known):
        answer = _call(client, house, operation, GOOD[operation] | {name: 1})
        assert answer.status_code == 422, (operation, name)
        assert [each["field"] for each in answer.json()["errors"]] == [name or "body"]
    assert _books(client) == before
    # Here is no authority that could issue one, no fence to be lifted, nowhere to pay to, no bank,
    # nobody who could log in, no tariff of such an id, and no code or link that was given out.
    refused = {
        "issueDeviceCertificate": 409,
        "liftFence": 409,
        "requestErasure": 409,
        "withdraw": 409,
        "recordWithdrawalOutcome": 404,
        "takeBankFile": 422,
        "claimDevice": 403,
        "assignBooking": 404,
        "concludeInstruction": 404,
        "setFollower": 422,
        "addBand": 422,
        "replayWebhook": 404,
        "logIn": 401,
        "changePassword": 409,
        "lookAtWelcome": 403,
        "enter": 403,
    }
    status = _call(client, house, operation, GOOD[operation]).status_code
    assert status == refused.get(operation, status) and (operation in refused or status < 300)


def _books(client: TestClient) -> list[object]:
    paths = ("accounts", "channels", "settlements", "settlements/1/instructions", "tokens")
    return [client.get(f"/v1/{path}").json() for path in paths] + [
        client.get("/v1/accounts/fleet").json()
    ]


def test_a_nested_body_takes_no_other_field_either(house: House) -> None:
    client = _ready(house)
    outcome = {"instruction": "run-1-fleet", "outcome": "done", "amount": "1"}
    answer = client.post("/v1/settlements/1/outcomes", json={"outcomes": [outcome]})
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == ["outcomes.0.amount"]


def test_a_body_changes_nothing_where_none_is_asked_for(house: House) -> None:
    client = _ready(house)
    channel = house.paid(house.device(2), 10)
    path = f"/v1/channels/{channel.hex()}"
    answer = client.post(path + "/close", json={"amount": "0", "units": 0, "settled": "0"})
    closed = answer.json()
    assert (closed["state"], closed["units"], closed["settled_units"]) == ("closed", 10, 10)
    assert closed["amount"] == closed["settled"] == {"amount": "30", "currency": "EUR", "scale": 6}
    assert client.get("/v1/books").json()["ok"] is True


def test_what_the_books_hold_can_be_read_and_not_written(house: House) -> None:
    """Nothing but the listed operations changes anything, whatever the method."""
    client = _ready(house)
    before = _books(client)
    for path in house.app.openapi()["paths"]:
        filled = path.replace("{account_id}", "fleet").replace("{run}", "1")
        for method in ("PUT", "PATCH", "DELETE", "POST"):
            if method.lower() in house.app.openapi()["paths"][path] or "{" in filled:
                continue
            answer = client.request(method, filled, json={"amount": "1"})
            assert answer.status_code == 405, (method, path)
    assert _books(client) == before

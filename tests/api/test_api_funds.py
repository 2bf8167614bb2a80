"""Money paid in, over the API: repeated, contradicted, and by whom."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from gateway.operations import tokens
from tests.api.house import House

PATH = "/v1/accounts/fleet/deposits"
BODY = {"amount": "5000000", "reference": "E2E 17", "note": "May"}


@pytest.mark.threat("O4", "O5")
def test_a_deposit_is_made_once_however_it_is_repeated(house: House) -> None:
    house.fleet()
    client = house.client("operator")
    key = {"Idempotency-Key": "one"}
    first = client.post(PATH, json=BODY, headers=key)
    assert first.status_code == 200
    assert first.json()["amount"] == {"amount": "5000000", "currency": "EUR", "scale": 6}
    assert first.json()["recorded_by"].startswith("token:")
    # The same key, no key at all, another operator: it is the bank's reference that counts.
    for caller in (client, house.client("admin")):
        for headers in (key, {}):
            answer = caller.post(PATH, json=BODY, headers=headers)
            assert (answer.status_code, answer.json()) == (200, first.json())
    assert client.post(PATH, json=BODY | {"amount": "1"}, headers=key).status_code == 422
    assert client.post(PATH, json=BODY | {"amount": "1"}).status_code == 409
    assert client.get(PATH).json() == {"items": [first.json()], "next": None}
    account = client.get("/v1/accounts/fleet").json()
    assert account["funds"]["amount"] == "5000000"
    assert account["held"]["amount"] == "0"
    assert account["free"]["amount"] == str(10**9 + 5_000_000)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"reference": ""}, "reference"),
        ({"reference": "a\nb"}, "reference"),
        ({"note": "a\nb"}, "note"),
        ({"rail": "No rail"}, "rail"),
    ],
)
def test_what_is_wrong_with_a_deposit_is_named(
    house: House, change: dict[str, object], field: str
) -> None:
    house.fleet()
    client = house.client("operator")
    answer = client.post(PATH, json=BODY | change)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert client.get(PATH).json()["items"] == []


def test_a_deposit_needs_an_account_and_an_operator(house: House, admin: TestClient) -> None:
    assert admin.post(PATH, json=BODY).status_code == 404
    assert admin.get(PATH).status_code == 404
    house.fleet()
    assert house.client("viewer").post(PATH, json=BODY).status_code == 403


def test_deposits_are_listed_by_pages(house: House) -> None:
    house.fleet()
    client = house.client("operator")
    for number in range(3):
        client.post(PATH, json=BODY | {"reference": str(number)})
    page = client.get(PATH + "?limit=2").json()
    rest = client.get(PATH, params={"cursor": page["next"]}).json()
    assert [each["reference"] for each in page["items"] + rest["items"]] == ["2", "1", "0"]
    assert rest["next"] is None


def _other(house: House, role: str) -> dict[str, str]:
    _id, token = tokens.add(house.office.store, f"other {role}", role)
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.threat("O4", "O5", "O6")
def test_money_goes_back_by_two_persons_and_once(house: House) -> None:
    house.fleet()
    operator, admin = house.client("operator"), house.client("admin")
    finance = house.client("finance")
    operator.post(PATH, json=BODY)
    payouts = "/v1/accounts/fleet/payout-accounts"
    path = "/v1/accounts/fleet/withdrawals"
    assert operator.post(path, json={"amount": "1"}).status_code == 409
    made = operator.post(payouts, json={"details": {"to": "the till"}}).json()
    assert made["state"] == "proposed"
    approve = f"{payouts}/{made['id']}/approve"
    assert operator.post(approve).status_code == 403
    done = admin.post(approve).json()
    assert done["active_from"] - done["approved_at"] == 86_400
    assert operator.post(path, json={"amount": "1"}).status_code == 409
    with house.office.store.write() as conn:
        conn.execute(text("UPDATE payout_account SET active_from = approved_at"))

    key = {"Idempotency-Key": "one"}
    asked = finance.post(path, json={"amount": "3000000"}, headers=key)
    assert asked.json()["state"] == "requested"
    assert finance.post(path, json={"amount": "3000000"}, headers=key).json() == asked.json()
    assert finance.post(path, json={"amount": "3000001"}, headers=key).status_code == 422
    assert operator.post(path, json={"amount": "2000001"}).status_code == 409
    account = operator.get("/v1/accounts/fleet").json()
    assert (account["funds"]["amount"], account["held"]["amount"]) == ("5000000", "3000000")

    one = f"{path}/{asked.json()['number']}"
    assert operator.post(one + "/outcome", json={"outcome": "done"}).status_code == 409
    refused = finance.post(one + "/approve")
    assert refused.json()["type"] == "urn:tallystick:problem:same-person"
    assert operator.post(one + "/approve").status_code == 403
    other = _other(house, "finance")
    for _ in range(2):
        approved = finance.post(one + "/approve", headers=other).json()
        assert (approved["state"], approved["payout"]) == ("approved", "submitted")
    for _ in range(2):
        answer = operator.post(one + "/outcome", json={"outcome": "done", "note": "booked"})
        assert (answer.json()["payout"], answer.json()["note"]) == ("done", "booked")
    assert operator.get("/v1/accounts/fleet").json()["funds"]["amount"] == "2000000"
    assert operator.get(path).json()["items"] == [answer.json()]
    assert operator.get("/v1/accounts/operator/withdrawals/1").status_code == 404
    assert operator.post(f"{payouts}/{made['id']}/retire").json()["state"] == "retired"
    assert [each["id"] for each in operator.get(payouts).json()["items"]] == [made["id"]]
    assert house.client("viewer").get(payouts).status_code == 403
    assert admin.get("/v1/books").json()["ok"] is True

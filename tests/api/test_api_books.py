"""The trial balance and corrections, over the API."""

import pytest

from gateway.operations import tokens
from tests.api.house import House


def _second_admin(house: House) -> dict[str, str]:
    _id, token = tokens.add(house.office.store, "second", "admin")
    return {"Authorization": f"Bearer {token}"}


def test_the_trial_balance_is_paged_and_balanced(house: House) -> None:
    house.fleet()
    client = house.client("operator")
    path = "/v1/accounts/fleet/deposits"
    client.post(path, json={"amount": "70", "reference": "r"})
    page = client.get("/v1/books/balance?limit=1").json()
    assert [each["account"] for each in page["items"]] == ["funds:fleet"]
    assert page["totals"] == [
        {
            "currency": "EUR",
            "scale": 6,
            "debits": "70",
            "credits": "70",
            "pending_debits": "0",
            "pending_credits": "0",
            "reserved": "0",
            "balanced": True,
        }
    ]
    rest = client.get("/v1/books/balance", params={"cursor": page["next"], "at": page["at"]}).json()
    assert [(each["account"], each["posted"]) for each in rest["items"]] == [("rail:manual", "70")]
    assert rest["next"] is None
    entry = client.get("/v1/books/entries/1").json()
    assert (entry["hash"], entry["kind"]) == (page["head"], "deposit")
    assert client.get("/v1/books/balance?at=1").json()["items"] == []
    assert client.get("/v1/books/balance?at=-1").status_code == 422
    assert client.get("/v1/books/balance?cursor=MWE").status_code == 422
    assert client.get("/v1/books/entries/2").status_code == 404


@pytest.mark.threat("O4", "O6")
def test_an_entry_is_reversed_by_two_persons_however_often_they_click(house: House) -> None:
    house.fleet()
    operator, admin = house.client("operator"), house.client("admin")
    operator.post("/v1/accounts/fleet/deposits", json={"amount": "70", "reference": "r"})
    path = "/v1/books/reversals"
    key = {"Idempotency-Key": "one"}
    proposed = admin.post(path, json={"entry": 1, "reason": "wrong"}, headers=key)
    assert proposed.json()["state"] == "proposed"
    again = admin.post(path, json={"entry": 1, "reason": "wrong"}, headers=key)
    assert again.json() == proposed.json()
    assert operator.post(path, json={"entry": 1, "reason": "wrong"}).status_code == 409
    same = admin.post(path + "/1/approve")
    assert (same.status_code, same.json()["type"]) == (403, "urn:tallystick:problem:same-person")
    assert operator.post(path + "/1/approve").status_code == 403
    other = _second_admin(house)
    done = admin.post(path + "/1/approve", headers=other)
    assert (done.json()["state"], done.json()["reversed_by"]) == ("posted", 2)
    assert admin.post(path + "/1/approve", headers=other).json() == done.json()
    assert admin.post(path + "/1/reject", headers=other).status_code == 409
    assert admin.get(path).json()["items"] == [done.json()]
    assert admin.get("/v1/books").json()["ok"] is True
    assert admin.get("/v1/accounts/fleet").json()["funds"]["amount"] == "0"

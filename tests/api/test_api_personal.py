"""An account's data over the API: handed over, and erased."""

from gateway.operations import tokens
from tests.api.house import House


def test_finance_gets_all_of_an_account_and_an_admin_erases_it(house: House) -> None:
    house.fleet()
    device = house.device()
    channel = house.paid(device, 10)
    answer = house.client("finance").get("/v1/accounts/fleet/export")
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert (told["format"], told["account_id"]) == ("tallystick account 1", "fleet")
    assert [(row["id"], row["amount"]) for row in told["channel"]] == [(channel.hex(), 30)]
    assert [row["id"] for row in told["device"]] == [device]
    assert "device.register" in {row["action"] for row in told["audit"]}
    admin = house.client("admin")
    assert admin.get("/v1/accounts/nobody/export").status_code == 404
    refused = admin.post("/v1/accounts/fleet/erasure", json={"reason": "asked to"})
    assert refused.status_code == 409
    assert f"device {device} is not revoked" in refused.json()["detail"]
    assert admin.post("/v1/accounts/fleet/erasure", json={"reason": ""}).status_code == 422
    added = {"id": "brief", "name": "Dora Meier", "currency": "EUR"}
    assert admin.post("/v1/accounts", json=added).json()["erased_at"] is None
    path = "/v1/accounts/brief/erasure"
    assert admin.get(path).status_code == 404
    asked = admin.post(path, json={"reason": "asked to"}).json()
    assert (asked["reason"], asked["approved_by"]) == ("asked to", None)
    assert admin.get("/v1/accounts/brief").json()["name"] == "Dora Meier"
    _id, token = tokens.add(house.office.store, "second", "admin")
    second = house.client("admin")
    second.headers["Authorization"] = f"Bearer {token}"
    assert second.post(path + "/reject").status_code == 204
    assert second.post(path + "/approve").status_code == 404
    assert admin.post(path, json={"reason": "asked to"}).status_code == 200
    own = admin.post(path + "/approve")
    assert (own.status_code, own.json()["type"]) == (403, "urn:tallystick:problem:same-person")
    (waits,) = admin.get("/v1/overview").json()["waiting"]
    assert (waits["kind"], waits["first"][0]["subject"]) == ("account.erasure_requested", "brief")
    erased = second.post(path + "/approve").json()
    assert second.post(path + "/reject").status_code == 409
    told = admin.get(path).json()
    assert told["requested_by"] != told["approved_by"] == f"token:{_id}"
    assert (erased["status"], erased["name"][:7]) == ("closed", "erased ")
    assert erased["erased_at"] > 0
    records = admin.get("/v1/audit", params={"subject": "brief"}).json()["items"]
    assert [(row["action"], row["erased"]) for row in records] == [
        ("account.erase", False),
        ("account.request_erasure", True),
        ("account.reject_erasure", True),
        ("account.request_erasure", True),
        ("account.add", True),
    ]
    assert records[4]["after"] is None

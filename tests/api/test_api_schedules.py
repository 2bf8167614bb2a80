"""Schedules, dry runs and approvals over the API."""

import pytest
from fastapi.testclient import TestClient

from gateway.operations import tokens
from tests.api.house import House

SCHEDULE = {
    "cron": "0 2 * * *",
    "time_zone": "Europe/Berlin",
    "least_amount": "5000000",
    "most_owed": "90000000",
    "approval": True,
}


def amounts(position: dict[str, dict[str, str]]) -> dict[str, str]:
    """A position's amounts that are not zero."""
    return {
        name: value["amount"]
        for name, value in position.items()
        if isinstance(value, dict) and value["amount"] != "0"
    }


def test_a_schedule_is_set_shown_and_removed(house: House, admin: TestClient) -> None:
    house.fleet()
    done = admin.put("/v1/schedules/EUR", json=SCHEDULE)
    assert done.status_code == 200
    said = done.json()
    assert said["next_due"] > 0
    assert said["least_amount"] == {"amount": "5000000", "currency": "EUR", "scale": 6}
    assert admin.put("/v1/schedules/fleet", json={}).json()["next_due"] is None
    listed = admin.get("/v1/schedules").json()["items"]
    assert [(each["subject"], each["cron"]) for each in listed] == [
        ("EUR", "0 2 * * *"),
        ("fleet", ""),
    ]
    assert admin.delete("/v1/schedules/EUR").status_code == 409
    assert admin.put("/v1/schedules/EUR", json={}).json()["errors"][0]["field"] == "approval"
    end = "/v1/schedules/EUR/end-approval"
    assert house.client("operator").post(end).status_code == 403
    assert admin.post(end).json()["approval_end_by"].startswith("token:")
    assert admin.post(end).status_code == 403
    _, another = tokens.add(house.office.store, "another", "admin")
    headers = {"Authorization": f"Bearer {another}"}
    assert admin.post(end, headers=headers).json()["approval"] is False
    assert admin.delete("/v1/schedules/EUR").status_code == 204
    assert admin.delete("/v1/schedules/EUR").status_code == 404


@pytest.mark.parametrize(
    ("subject", "change", "field"),
    [
        ("EUR", {"cron": "0 2 * *"}, "cron"),
        ("EUR", {"time_zone": "Berlin"}, "time_zone"),
        ("EUR", {"least_amount": "1.5"}, "least_amount"),
        ("EUR", {"most_owed": "0"}, "most_owed"),
        ("fleet", {"approval": True}, "approval"),
        ("USD", {}, "subject"),
        ("nobody", {}, "subject"),
        ("EUR", {"crom": "0 2 * * *"}, "crom"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_named(
    house: House, admin: TestClient, subject: str, change: dict[str, object], field: str
) -> None:
    house.fleet()
    answer = admin.put(f"/v1/schedules/{subject}", json=change)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert admin.get("/v1/schedules").json()["items"] == []


def test_a_dry_run_tells_what_settling_then_does(house: House) -> None:
    house.fleet()
    house.paid(house.device(), 10)
    viewer, operator = house.client("viewer"), house.client("operator")
    ahead = viewer.post("/v1/dry-run", json={}).json()["runs"]
    assert [each["currency"] for each in ahead] == ["EUR"]
    assert viewer.get("/v1/settlements").json()["items"] == []
    (run,) = operator.post("/v1/settlements", json={}).json()["runs"]
    detail = viewer.get(f"/v1/settlements/{run['run']}").json()
    assert detail["positions"] == ahead[0]["positions"]
    assert {each["account"]: amounts(each) for each in detail["positions"]} == {
        "fleet": {"debits": "30", "net": "30", "instructed": "30"},
        "operator": {"credits": "30", "net": "-30", "instructed": "-30"},
    }
    assert (run["gross"]["amount"], run["net"]["amount"]) == ("30", "30")


def test_one_account_is_settled_alone(house: House) -> None:
    house.fleet()
    house.paid(house.device(), 10)
    operator = house.client("operator")
    (run,) = operator.post("/v1/settlements", json={"account": "fleet"}).json()["runs"]
    detail = operator.get(f"/v1/settlements/{run['run']}").json()
    assert (detail["scope"], detail["started_by"][:6]) == ("accounts", "token:")
    assert {each["account"]: amounts(each).get("instructed") for each in detail["positions"]} == {
        "fleet": "30",
        "operator": None,
    }
    for body, status in (
        ({"account": "nobody"}, 404),
        ({"account": "fleet", "currency": "USD"}, 422),
    ):
        assert operator.post("/v1/settlements", json=body).status_code == status


def test_the_money_of_a_run_waits_for_another_person(house: House, admin: TestClient) -> None:
    house.fleet()
    house.paid(house.device(), 10)
    admin.put("/v1/schedules/EUR", json={"approval": True})
    operator, finance = house.client("operator"), house.client("finance")
    (run,) = finance.post("/v1/settlements", json={}).json()["runs"]
    path = f"/v1/settlements/{run['run']}"
    assert (run["state"], run["collect"]["amount"]) == ("posted", "0")
    own = finance.post(f"{path}/approve")
    assert (own.status_code, own.json()["type"].rsplit(":", 1)[1]) == (403, "same-person")
    assert operator.post(f"{path}/approve").status_code == 403
    done = admin.post(f"{path}/approve").json()
    assert (done["decision"], done["totals"]["collect"]["amount"]) == ("approved", "30")
    assert admin.post(f"{path}/approve").json() == done
    assert operator.post(f"{path}/reject").status_code == 409
    assert admin.post("/v1/settlements/99/approve").status_code == 404


def test_a_rejected_run_moves_nothing_and_its_debts_stay(house: House, admin: TestClient) -> None:
    house.fleet()
    house.paid(house.device(), 10)
    admin.put("/v1/schedules/EUR", json={"approval": True})
    operator = house.client("operator")
    (run,) = operator.post("/v1/settlements", json={}).json()["runs"]
    done = operator.post(f"/v1/settlements/{run['run']}/reject").json()
    assert (done["state"], done["decision"]) == ("completed", "rejected")
    rows = operator.get(f"/v1/settlements/{run['run']}/instructions").json()["items"]
    assert {(each["state"], each["note"].split(" by ")[0]) for each in rows} == {
        ("failed", "rejected")
    }
    (again,) = operator.post("/v1/dry-run", json={}).json()["runs"]
    assert {each["account"]: amounts(each) for each in again["positions"]} == {
        "fleet": {"carried": "30", "net": "30", "instructed": "30"},
        "operator": {"carried": "-30", "net": "-30", "instructed": "-30"},
    }


def test_a_tariff_with_a_fee_says_who_earns_it(house: House, admin: TestClient) -> None:
    house.fleet()
    tariff = {
        "name": "with a fee",
        "unit": "s",
        "numerator": "7",
        "payee_account": "fleet",
        "window_units": 10,
        "max_capacity": "1000000",
        "max_lifetime_s": 3600,
        "fee_fixed": "20",
        "fee_bp": 150,
    }
    said = admin.post("/v1/tariffs", json=tariff).json()
    assert (said["fee_fixed"]["amount"], said["fee_bp"], said["fee_account"]) == (
        "20",
        150,
        "operator",
    )

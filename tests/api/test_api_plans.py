"""Prices that change, over the API."""

import time
from fractions import Fraction

from fastapi.testclient import TestClient

from tests.api.house import House


def added(admin: TestClient, name: str, numerator: str, session_fee: str = "0") -> str:
    """Add a tariff of the same kind as `energy`; its id."""
    done = admin.post(
        "/v1/tariffs",
        json={
            "name": name,
            "unit": "W.h",
            "numerator": numerator,
            "session_fee": session_fee,
            "payee_account": "operator",
            "window_units": 100,
            "max_capacity": "1000000",
            "max_lifetime_s": 86_400,
        },
    )
    assert done.status_code == 201, done.text
    return str(done.json()["id"])


def test_a_tariff_follows_another_until_none_does(house: House, admin: TestClient) -> None:
    house.fleet()
    day, night = added(admin, "day", "9"), added(admin, "night", "2")
    done = admin.put(f"/v1/tariffs/{day}/follower", json={"follower_id": night})
    assert done.status_code == 200
    assert (done.json()["tariff"]["name"], done.json()["follower"]["name"]) == ("day", "night")
    assert admin.get(f"/v1/tariffs/{day}/follower").json() == done.json()
    assert admin.post(f"/v1/tariffs/{night}/retire").status_code == 409
    assert admin.delete(f"/v1/tariffs/{day}/follower").json()["follower"] is None
    assert admin.delete(f"/v1/tariffs/{day}/follower").status_code == 404
    refused = admin.put(f"/v1/tariffs/{day}/follower", json={"follower_id": day})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "follower_id")
    short = {"follower_id": night, "grace_s": 60}
    ends_at = admin.put(f"/v1/tariffs/{day}/follower", json=short).json()["ends_at"]
    assert 0 < ends_at - time.time() <= 60
    refused = admin.put(f"/v1/tariffs/{day}/follower", json={**short, "grace_s": -1})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "grace_s")


def test_a_session_fee_is_part_of_a_tariff_and_of_its_id(house: House, admin: TestClient) -> None:
    house.fleet()
    plain, parked = added(admin, "plain", "9"), added(admin, "parked", "9", "500000")
    assert plain != parked
    fees = [admin.get(f"/v1/tariffs/{each}").json()["session_fee"] for each in (plain, parked)]
    assert [each["amount"] for each in fees] == ["0", "500000"]


def test_times_of_use_are_added_listed_and_removed(house: House, admin: TestClient) -> None:
    house.fleet()
    day, night = added(admin, "day", "9"), added(admin, "night", "2")
    band = {"tariff_id": day, "follower_id": night, "cron": "0 22 * * *", "time_zone": "Asia/Tokyo"}
    done = admin.post("/v1/bands", json=band)
    assert done.status_code == 201
    assert (done.json()["tariff"], done.json()["follower"]) == ("day", "night")
    assert (done.json()["next_due"] > 0, done.json()["grace_s"]) == (True, 3_600)
    assert admin.get("/v1/bands").json()["items"] == [done.json()]
    assert admin.post("/v1/bands", json=band).status_code == 409
    where = f"/v1/bands/{day}/{night}"
    times = {"cron": "0 22 * * *", "time_zone": "Asia/Tokyo"}
    assert admin.delete(where, params=times).status_code == 204
    assert admin.delete(where, params=times).status_code == 404
    refused = admin.post("/v1/bands", json={**band, "cron": "never"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cron")


def test_prices_ahead_name_what_holds_when(house: House, admin: TestClient) -> None:
    house.fleet()
    assert admin.get("/v1/prices-ahead").json()["lines"] == []
    day, night = added(admin, "day", "9"), added(admin, "night", "2")
    for old, new, cron in ((day, night, "0 22 * * *"), (night, day, "0 6 * * *")):
        band = {"tariff_id": old, "follower_id": new, "cron": cron, "time_zone": "Asia/Tokyo"}
        admin.post("/v1/bands", json=band)
    found = house.client("viewer").get("/v1/prices-ahead?hours=24").json()
    assert found["until"] - found["since"] == 24 * 3600
    assert sorted(each["name"] for each in found["tariffs"]) == ["day", "night"]
    by_day = next(each["holds"] for each in found["lines"] if day in each["tariff_ids"])
    assert by_day[0] == {"at": found["since"], "tariff_id": day}
    # 22 and 6 o'clock in Tokyo are 13 and 21 in UTC.
    assert {(each["tariff_id"], each["at"] % 86_400) for each in by_day[1:]} <= {
        (night, 13 * 3600),
        (day, 21 * 3600),
    }
    assert len(by_day) >= 2
    assert admin.get("/v1/prices-ahead?hours=169").status_code == 422


def test_a_price_as_people_write_it_is_an_exact_fraction(house: House, admin: TestClient) -> None:
    house.fleet()
    asked = {"price": "0.30", "per": "kW.h", "unit": "W.h", "payee_account": "operator"}
    found = admin.get("/v1/price", params=asked).json()
    assert found == {
        "numerator": "300",
        "denominator": "1",
        "unit": "W.h",
        "currency": "EUR",
        "scale": 6,
    }
    third = admin.get("/v1/price", params={**asked, "price": "1", "per": "3"}).json()
    assert (third["numerator"], third["denominator"]) == ("1000000", "3")
    gallon = admin.get("/v1/price", params={**asked, "per": "[gal_us]", "unit": "L"}).json()
    exact = Fraction(int(gallon["numerator"]), int(gallon["denominator"]))
    assert exact == 300_000 / Fraction("3.785411784")
    for field, wrong in (
        ("price", "-1"),
        ("price", "0.1" + "0" * 40),
        ("per", "L"),
        ("unit", "furlongs"),
        ("payee_account", "nobody"),
    ):
        refused = admin.get("/v1/price", params={**asked, field: wrong})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), wrong
    # What it says is taken as it is, whatever its size.
    new = {
        "name": "gallons",
        "unit": "L",
        "numerator": gallon["numerator"],
        "denominator": gallon["denominator"],
        "payee_account": "operator",
        "window_units": 10,
        "max_capacity": "1000000000",
        "max_lifetime_s": 86_400,
    }
    made = admin.post("/v1/tariffs", json=new)
    assert (made.status_code, made.json()["denominator"]) == (201, gallon["denominator"])

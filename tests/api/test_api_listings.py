"""/v1/listings: what devices sell, as operators see it and end it."""

from gateway.store import listings, tariffs
from gateway.store.tables_listings import Listing
from protocol import envelope
from protocol.listings import Sell
from protocol.pricing import Tariff
from tests.api.house import House


def test_listings_are_shown_filtered_and_ended_once(house: House) -> None:
    operator = house.client("operator")
    house.fleet()
    device = house.device()
    key = house.device_keys[device]
    price = Tariff("W.h", 300, 1, "EUR")
    sold = Sell(bytes(key.verify_key), house.office.keys.public, price, 10**7, 20, 3_600)
    message = envelope.sign1("sell", sold.payload(), lambda data: key.sign(data).signature)
    with house.office.store.write() as conn:
        tariffs.know(conn, price, "operator", 1)
        listings.add(
            conn,
            Listing(
                id=sold.id(),
                device_id=device,
                tariff_id=price.id(),
                unit="W.h",
                message=message,
                max_capacity=10**7,
                window_units=20,
                max_lifetime_s=3_600,
                fee_bp=250,
                created_at=1,
            ),
        )
    (item,) = operator.get("/v1/listings").json()["items"]
    assert (item["id"], item["state"], item["fee_bp"]) == (sold.id().hex(), "listed", 250)
    assert item["max_capacity"] == {"amount": "10000000", "currency": "EUR", "scale": 6}
    for query, count in (
        ("unit=W.h", 1),
        ("unit=s", 0),
        (f"device_id={device}", 1),
        ("state=ended", 0),
    ):
        assert len(operator.get(f"/v1/listings?{query}").json()["items"]) == count
    assert operator.get("/v1/listings?cursor=nonsense").status_code == 422
    ended = operator.post(f"/v1/listings/{item['id']}/end")
    assert ended.json()["state"] == "ended"
    assert operator.post(f"/v1/listings/{item['id']}/end").status_code == 409
    assert operator.post(f"/v1/listings/{'0' * 64}/end").status_code == 404


def test_an_operator_may_sell_at_a_price_that_a_device_sold_at_first(house: House) -> None:
    admin = house.client("admin")
    house.fleet()
    with house.office.store.write() as conn:
        tariffs.know(conn, Tariff("W.h", 300, 1, "EUR"), "operator", 1)
    new = {
        "name": "day",
        "unit": "W.h",
        "numerator": "300",
        "denominator": 1,
        "payee_account": "operator",
        "window_units": 50,
        "max_capacity": "20000000",
        "max_lifetime_s": 3_600,
    }
    answer = admin.post("/v1/tariffs", json=new)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["status"], made["window_units"]) == ("day", "active", 50)
    assert admin.post("/v1/tariffs", json=new).status_code == 409
    admin.post(f"/v1/tariffs/{made['id']}/retire")
    assert admin.post("/v1/tariffs", json=new).status_code == 409

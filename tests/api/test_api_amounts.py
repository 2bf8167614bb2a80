"""What is no amount, or one too many, through the API and the command line (D4): named and refused,
never an error of ours, and nothing is stored."""

import json

import pytest
from fastapi.testclient import TestClient

from gateway import cli
from gateway.store.tables import Base
from tests.api.house import House
from tests.api.test_api_resources import ACCOUNT, TARIFF

MAX = 2**63 - 1

NO_AMOUNTS = {
    "-1": -1,
    "-1 as text": "-1",
    "2^63": 2**63,
    "2^63 as text": str(2**63),
    "2^64": 2**64,
    "10^400": 10**400,
    "10^400 as text": str(10**400),
    "10^5000 as text": "1" + "0" * 5_000,
    "a fraction": 1.5,
    "a whole float": 3000.0,
    "a float as text": "3000.0",
    "an exponent": "1e3",
    "NaN": float("nan"),
    "NaN as text": "NaN",
    "infinity": float("inf"),
    "true": True,
    "null": None,
    "text": "many",
    "no text": "",
    "a space": " 1",
    "a sign": "+1",
    "an underline": "1_000",
    "other digits": "\u0661\u0662",
    "raised digits": "\u00b2",
    "an array": [1],
    "an object": {"amount": 1},
}
NULL_IS_NO_CHANGE = "null"


def _stored(house: House) -> list[tuple[object, ...]]:
    with house.office.store.read() as conn:
        return [
            tuple(row)
            for name in ("account", "tariff", "device")
            for row in conn.execute(Base.metadata.tables[name].select())
        ]


def _refused(client: TestClient, method: str, path: str, body: dict[str, object]) -> list[str]:
    """The fields that a refusal names."""
    # Python's JSON has NaN and Infinity, as a careless client's has.
    text = json.dumps(body)
    answer = client.request(
        method, path, content=text, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422, (answer.status_code, answer.text)
    return [each["field"] for each in answer.json()["errors"]]


@pytest.mark.threat("D4")
def test_no_field_of_the_api_takes_what_is_no_amount(house: House) -> None:
    client = house.client("admin")
    house.fleet()
    before = _stored(house)
    for name, bad in NO_AMOUNTS.items():
        new = ACCOUNT | {"id": "new", "credit_limit": bad}
        assert _refused(client, "POST", "/v1/accounts", new) == ["credit_limit"], name
        if name != NULL_IS_NO_CHANGE:
            change = {"credit_limit": bad}
            assert _refused(client, "PATCH", "/v1/accounts/fleet", change) == ["credit_limit"], name
        for field in ("numerator", "max_capacity", "denominator", "window_units"):
            tariff = TARIFF | {"name": "new", field: bad}
            assert _refused(client, "POST", "/v1/tariffs", tariff) == [field], (name, field)
    for field in ("denominator", "window_units", "max_capacity", "max_lifetime_s"):
        tariff = TARIFF | {"name": "new", field: 0}
        assert _refused(client, "POST", "/v1/tariffs", tariff) == [field]
    assert _stored(house) == before


@pytest.mark.threat("D4")
def test_the_greatest_amount_is_taken_and_comes_back_exactly(house: House) -> None:
    client = house.client("admin")
    house.fleet()
    for given in (MAX, str(MAX)):
        answer = client.patch("/v1/accounts/fleet", json={"credit_limit": given})
        assert answer.json()["credit_limit"]["amount"] == str(MAX)
    tariff = TARIFF | {
        "name": "dear",
        "numerator": MAX,
        "denominator": MAX,
        "window_units": MAX,
        "max_capacity": MAX,
    }
    made = client.post("/v1/tariffs", json=tariff)
    assert made.status_code == 201, made.text
    assert (made.json()["numerator"], made.json()["denominator"]) == (str(MAX), str(MAX))
    assert made.json()["max_capacity"]["amount"] == str(MAX)


@pytest.mark.threat("D4")
def test_no_amount_of_the_command_line_is_rounded_or_wraps(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.fleet()
    before = _stored(house)
    data = str(house.office.config.data)

    def refused(*arguments: str) -> None:
        with pytest.raises(SystemExit) as ended:
            cli.main(["--data", data, *arguments])
        said = capsys.readouterr().err
        assert ended.value.code == 2, (arguments, said)
        assert "Traceback" not in said

    most = "9223372036854.775808"
    for bad in (most, "99999999999999999999", "0.0000001", "1e3", "NaN", "inf", "-1", "+1", "1,5",
                "true", "", "1_000", "\u0661", "9" * 5_000, "0x10", "1/2"):  # fmt: skip
        refused("account", "limit", "fleet", "--", bad)
        refused("account", "add", "new", f"--credit={bad}")
        refused("tariff", "add", "new", "--unit=W.h", "--price=1", f"--capacity={bad}")
    for bad in ("-0.3", "1e-3", "NaN", "", "1" * 31, "0." + "1" * 31, "9223372036855"):
        refused("tariff", "add", "new", "--unit=W.h", f"--price={bad}")
    for bad in ("0", "-1", "1.5", str(2**63), str(2**64), "NaN", "true"):
        refused("tariff", "add", "new", "--unit=W.h", "--price=1", f"--per={bad}")
        refused("tariff", "add", "new", "--unit=W.h", "--price=1", f"--window={bad}")
    refused("tariff", "add", "new", "--unit=W.h", "--price=1", "--capacity=0")
    assert _stored(house) == before
    with pytest.raises(SystemExit) as ended:
        cli.main(["--data", data, "account", "limit", "fleet", "9223372036854.775807"])
    assert ended.value.code == 0

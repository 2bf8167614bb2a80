"""Banks' files over the API: as by command, and what may be wrong with a request."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.house import House, house_in
from tests.settlement.bank_files import Entry, Part, camt053, camt054
from tests.settlement.test_rail_sepa import OPERATOR

UNKNOWN = camt053(Entry("7.00", [Part(text="Zahlung für Käse")], ref="B-3")).decode()


@pytest.fixture
def house(data_folder: Path) -> Iterator[House]:
    """A gateway with a bank."""
    data_folder.mkdir(exist_ok=True)
    settings = "".join(f'{name} = "{value}"\n' for name, value in OPERATOR.items())
    (data_folder / "tallystick.toml").write_text("[rails.sepa]\n" + settings)
    with house_in(data_folder, None) as found:
        found.fleet()
        yield found


def test_a_file_is_taken_in_once_and_its_money_assigned(house: House) -> None:
    client = house.client("operator")
    answer = client.post("/v1/bank/files", json={"content": UNKNOWN})
    assert answer.status_code == 200
    assert (answer.json()["known"], answer.json()["counts"]["suspense"]) == (False, 1)
    again = client.post("/v1/bank/files", json={"content": UNKNOWN}).json()
    assert again["known"] is True
    assert set(again["counts"].values()) == {0}
    (item,) = client.get("/v1/bank/unmatched").json()["items"]
    assert item["text"] == "Zahlung für Käse"
    path = f"/v1/bank/bookings/{item['id']}/assignment"
    assigned = client.post(path, json={"account": "fleet"})
    assert assigned.json()["state"] == "assigned"
    assert client.get("/v1/bank/unmatched").json()["items"] == []
    assert client.post(path, json={"account": "fleet"}).status_code == 409
    assert client.get("/v1/accounts/fleet/deposits").json()["items"][0]["reference"] == item["id"]
    assert client.get("/v1/books").json()["ok"] is True


def test_unmatched_bookings_come_by_pages(house: House) -> None:
    client = house.client("operator")
    entries = [Entry(f"{number}.00", [Part(text="x")], ref=f"B-{number}") for number in range(1, 6)]
    client.post("/v1/bank/files", json={"content": camt054(*entries).decode()})
    found, page = [], {"next": ""}
    while page["next"] is not None:
        cursor = {"cursor": page["next"]} if page["next"] else {}
        page = client.get("/v1/bank/unmatched", params={"limit": 2} | cursor).json()
        found += [item["id"] for item in page["items"]]
    assert len(found) == len(set(found)) == 5
    assert client.get("/v1/bank/unmatched", params={"cursor": "MXg"}).status_code == 422


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "content"),
        ("x", "line 1: is no XML"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "DOCTYPE: must not be there"),
        ("<a>\x00</a>", "line 1: is no XML"),
        ("\ud800", "content"),
        (UNKNOWN.replace("EUR", "USD"), "Amt: "),
    ],
)
@pytest.mark.threat("D15")
def test_a_file_that_can_not_be_used_is_refused_with_its_field(
    house: House, content: str, said: str
) -> None:
    import json

    client = house.client("operator")
    body = json.dumps({"content": content})
    answer = client.post(
        "/v1/bank/files", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "content"
    assert said in answer.json()["detail"]


def test_an_encoding_that_was_declared_does_not_matter_to_text(house: House) -> None:
    client = house.client("operator")
    content = UNKNOWN.replace("UTF-8", "ISO-8859-1")
    client.post("/v1/bank/files", json={"content": content})
    assert client.get("/v1/bank/unmatched").json()["items"][0]["text"] == "Zahlung für Käse"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"account": "fleet", "duplicate_of": "0" * 64},
        {"instructions": ["run-1-fleet"], "duplicate_of": "0" * 64},
        {"account": None, "instructions": []},
    ],
)
def test_an_assignment_says_one_thing(house: House, body: dict[str, object]) -> None:
    client = house.client("operator")
    answer = client.post(f"/v1/bank/bookings/{'0' * 64}/assignment", json=body)
    assert answer.status_code == 422

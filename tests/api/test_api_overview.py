"""What the pages begin with: how the gateway stands, what waits for a person, what one may do."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from gateway.operations import accounts, tokens
from gateway.store import channels, legs, presence
from protocol.legs import Leg
from protocol.pricing import Tariff
from tests.api.house import CAPACITY, House
from tests.api.test_api_access import LEAST, OWNERS


def _waiting(client: TestClient) -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in client.get("/v1/overview").json()["waiting"]}


def _other(house: House, role: str) -> dict[str, str]:
    _id, token = tokens.add(house.office.store, "another person", role)
    return {"Authorization": f"Bearer {token}"}


def test_a_new_gateway_has_nothing_at_stake_and_nothing_waits(admin: TestClient) -> None:
    found = admin.get("/v1/overview").json()
    assert found["devices"] == {"active": 0, "suspended": 0, "revoked": 0}
    assert (found["online"], found["channels"]) == (0, {"open": 0, "frozen": 0})
    assert (found["money"], found["accounts"], found["waiting"]) == ([], [], [])


def test_what_is_at_stake_is_exact_by_currency_and_account(house_on_each: House) -> None:
    house, client = house_on_each, house_on_each.client("viewer")
    house.fleet()
    first, second = house.device(1), house.device(2)
    house.paid(first, 1_000)
    frozen = house.paid(second, 7)
    with house.office.store.write() as conn:
        channels.set_state(conn, frozen, "frozen")
    found = client.get("/v1/overview").json()
    (money,) = found["money"]
    stake = {name: value["amount"] for name, value in money.items()}
    # A window is of 100 units at 3 each, and on a frozen channel nothing is granted.
    assert stake == {
        "in_flight": "3021",
        "reserved": str(2 * CAPACITY - 3021),
        "windows": "300",
    }
    assert found["channels"] == {"open": 1, "frozen": 1}
    (account,) = found["accounts"]
    assert (account["id"], account["channels"]) == ("fleet", 2)
    assert account["exposure"]["amount"] == str(2 * CAPACITY)
    assert account["limit"]["amount"] == str(10**9)
    shown = client.get("/v1/accounts/fleet").json()
    assert account["exposure"] == shown["exposure"]


def test_what_needs_a_person_waits_until_it_is_decided(house_on_each: House) -> None:
    house = house_on_each
    house.fleet()
    operator, admin = house.client("operator"), house.client("admin")
    channel = house.paid(house.device(1), 1_000)
    admin.put("/v1/schedules/EUR", json={"approval": True})
    assert operator.post("/v1/settlements", json={}).status_code == 200
    with house.office.store.write() as conn:
        channels.set_state(conn, channel, "frozen")
    operator.post("/v1/accounts/fleet/payout-accounts", json={"details": {"to": "the till"}})
    operator.post("/v1/books/reversals", json={"entry": 1, "reason": "posted twice"})

    waiting = _waiting(house.client("viewer"))
    assert {kind: each["count"] for kind, each in waiting.items()} == {
        "run.awaiting_approval": 1,
        "payout_account.proposed": 1,
        "reversal.proposed": 1,
        "channel.frozen": 1,
    }
    assert waiting["run.awaiting_approval"]["first"][0]["subject"] == "1"
    assert waiting["channel.frozen"]["first"][0]["subject"] == channel.hex()
    assert waiting["channel.frozen"]["first"][0]["account_id"] == "fleet"

    assert operator.post(f"/v1/channels/{channel.hex()}/thaw").status_code == 200
    assert operator.post("/v1/books/reversals/1/reject").status_code == 200
    payout = waiting["payout_account.proposed"]["first"][0]["subject"]
    rejected = operator.post(f"/v1/accounts/fleet/payout-accounts/{payout}/reject")
    assert rejected.status_code == 200
    headers = _other(house, "finance")
    assert operator.post("/v1/settlements/1/approve", headers=headers).status_code == 200
    assert _waiting(operator) == {}


def test_a_failed_payment_waits_until_a_later_run_takes_it_up(house: House) -> None:
    house.fleet()
    operator, device = house.client("operator"), house.device(1)
    house.paid(device, 1_000)
    operator.post("/v1/settlements", json={})
    outcome = {"instruction": "run-1-fleet", "outcome": "failed", "note": "no such account"}
    answer = operator.post("/v1/settlements/1/outcomes", json={"outcomes": [outcome]})
    assert answer.status_code == 200
    (failed,) = _waiting(operator)["instruction.failed"]["first"]
    assert (failed["subject"], failed["account_id"]) == ("run-1-fleet", "fleet")
    assert failed["amount"] == {"amount": "3000", "currency": "EUR", "scale": 6}
    house.paid(device, 10, nonce=1)
    operator.post("/v1/settlements", json={})
    assert "instruction.failed" not in _waiting(operator)


@pytest.mark.parametrize("role", ["viewer", "operator", "finance", "admin"])
def test_permissions_are_those_of_the_table_of_roles(house: House, role: str) -> None:
    may = set(house.client(role).get("/v1/permissions").json()["operations"])
    steps = ["viewer", "operator", "finance", "admin"]
    wanted = {
        name
        for route, name in _operations(house).items()
        if route in LEAST and steps.index(LEAST[route]) <= steps.index(role)
    }
    assert may == wanted


def test_an_owners_permissions_are_those_of_the_table_of_owners(house: House) -> None:
    house.fleet()
    _id, token = tokens.add(house.office.store, "theirs", "owner", accounts=["fleet"])
    headers = {"Authorization": f"Bearer {token}"}
    may = house.client(None).get("/v1/permissions", headers=headers).json()["operations"]
    operations = _operations(house)
    assert set(may) == {operations[route] for route in OWNERS}


def _operations(house: House) -> dict[tuple[str, str], str]:
    return {
        (method.upper(), path): operation["operationId"]
        for path, item in house.app.openapi()["paths"].items()
        for method, operation in item.items()
    }


def test_devices_are_found_by_a_part_of_their_name_or_the_beginning_of_their_id(
    house_on_each: House,
) -> None:
    house, client = house_on_each, house_on_each.client("viewer")
    house.fleet()
    ids = [house.device(number) for number in range(1, 4)]
    channel = house.paid(ids[0], 12)

    def found(text: str) -> list[str]:
        answer = client.get("/v1/devices", params={"search": text})
        return [each["name"] for each in answer.json()["items"]]

    assert found("VICE 2") == ["device 2"]
    assert found(ids[2][:10].upper()) == ["device 3"]
    # What a pattern would take for anything is a letter like others.
    assert (found("%"), found("_"), found("' OR 1=1")) == ([], [], [])
    assert len(found("device")) == 3
    for wrong in ("", "a\0b", "x" * 101):
        assert client.get("/v1/devices", params={"search": wrong}).status_code == 422
    paying = {each["id"]: each["paying"] for each in client.get("/v1/devices").json()["items"]}
    assert paying[ids[1]] is None
    assert paying[ids[0]] == {
        "channel_id": channel.hex(),
        "state": "open",
        "unit": "W.h",
        "units": 12,
        "amount": {"amount": "36", "currency": "EUR", "scale": 6},
    }


def test_devices_are_narrowed_to_those_that_are_there_or_have_fallen_silent(
    house_on_each: House,
) -> None:
    house, client = house_on_each, house_on_each.client("viewer")
    house.fleet()
    here, gone, _never = (house.device(number) for number in range(1, 4))
    with house.office.store.write() as conn:
        presence.note(conn, [here, gone], True, 10)
        presence.note(conn, [gone], False, 20)

    def found(online: str) -> list[str]:
        answer = client.get("/v1/devices", params={"online": online})
        return [each["id"] for each in answer.json()["items"]]

    assert (found("true"), found("false")) == ([here], [gone])
    assert len(client.get("/v1/devices").json()["items"]) == 3


def test_accounts_are_found_by_a_part_of_their_name_or_the_beginning_of_their_id(
    house_on_each: House,
) -> None:
    house, client = house_on_each, house_on_each.client("viewer")
    store = house.office.store
    for number in range(3):
        accounts.add(store, f"park-{number}", f"Harbour {number}", "EUR")

    def found(text: str) -> list[str]:
        answer = client.get("/v1/accounts", params={"search": text})
        return [each["id"] for each in answer.json()["items"]]

    assert found("bour 2") == ["park-2"]
    assert found("PARK-") == ["park-0", "park-1", "park-2"]
    assert (found("%"), found("ark-0")) == ([], [])
    assert client.get("/v1/accounts", params={"search": ""}).status_code == 422


def test_a_channels_timeline_says_what_was_posted_and_how_it_ended(house_on_each: House) -> None:
    house, operator = house_on_each, house_on_each.client("operator")
    house.fleet()
    channel = house.paid(house.device(1), 1_000)
    path = f"/v1/channels/{channel.hex()}"
    operator.post("/v1/settlements", json={})
    with house.office.store.write() as conn:
        at = house.office.store.now(conn)
        channels.keep_evidence(conn, channel, "contradiction", b"a message", at)
        price = Tariff("W.h", 3, 1, "EUR")
        iou = bytes(channels.get(conn, channel).iou)
        leg = Leg(channel, 1, price, iou)
        assert legs.begin(conn, leg, b"a leg", 0, at)
    operator.post(path + "/close")
    items = operator.get(path + "/timeline").json()["items"]
    kinds = ["opened", "posted", "repriced", "evidence", "closed"]
    assert sorted(each["kind"] for each in items) == sorted(kinds)
    opened, posted, repriced, evidence, closed = (
        next(each for each in items if each["kind"] == kind) for kind in kinds
    )
    assert (items[0], items[-1]) == (opened, closed)
    assert (repriced["amount"]["amount"], repriced["units"]) == ("3000", 1_000)
    assert repriced["note"] == price.id().hex()
    assert opened["amount"]["amount"] == str(CAPACITY)
    assert (posted["amount"]["amount"], posted["units"], posted["run"]) == ("3000", 1_000, 1)
    assert operator.get(f"/v1/books/entries/{posted['entry']}").status_code == 200
    assert evidence["note"] == "contradiction"
    assert (closed["amount"]["amount"], closed["note"]) == ("3000", "operator")
    assert operator.get("/v1/channels/" + "0" * 64 + "/timeline").status_code == 404

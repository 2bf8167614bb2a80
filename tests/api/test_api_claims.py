"""Claim codes: whoever holds one registers one device, once, and nobody else anything."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from nacl.signing import SigningKey
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.operations import claims, devices
from gateway.pki import folder
from tests.api.house import House


def _key(number: int) -> str:
    return bytes(SigningKey(number.to_bytes(32, "big")).verify_key).hex()


def _claim(house: House, code: str, number: int = 1, **more: object) -> Any:
    body = {"code": code, "public_key": _key(number), "name": f"meter {number}", **more}
    return house.client(None).post("/v1/claim", json=body)


def _code(house: House, account: str = "fleet", lifetime: int = 3_600) -> str:
    answer = house.client("operator").post(
        "/v1/claims", json={"account_id": account, "lifetime_s": lifetime}
    )
    assert answer.status_code == 201
    return str(answer.json()["code"])


@pytest.fixture
def fleet(house: House) -> House:
    house.fleet()
    return house


def test_a_code_registers_one_device_and_tells_it_all_that_it_needs(fleet: House) -> None:
    answer = _claim(fleet, _code(fleet))
    assert answer.status_code == 201
    told = answer.json()
    (row,) = devices.page(fleet.office.store).items
    assert told["device"]["id"] == row.id == told["mqtt"]["username"]
    assert (row.account_id, row.name) == ("fleet", "meter 1")
    assert told["gateway_key"] == fleet.office.keys.public.hex()
    assert told["broker"] == "mqtt://127.0.0.1:1883"
    assert told["authority"] is None
    assert told["certificate"] is None
    assert len(told["mqtt"]["password"]) > 20
    (claim,) = claims.listed(fleet.office.store)
    assert (claim.device_id, claim.made_by[:6]) == (row.id, "token:")


def test_a_code_is_read_as_people_write_it(fleet: House) -> None:
    code = _code(fleet)
    sloppy = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert _claim(fleet, sloppy).status_code == 201


@pytest.mark.threat("O10")
def test_o10_a_code_is_good_once_and_within_its_time_and_until_it_is_revoked(
    fleet: House,
) -> None:
    used, revoked, short = _code(fleet), _code(fleet), _code(fleet, lifetime=1)
    assert _claim(fleet, used).status_code == 201
    (id_,) = (row.id for row in claims.listed(fleet.office.store) if row.used_at)
    assert fleet.client("operator").delete(f"/v1/claims/{id_}").status_code == 409
    for row in claims.listed(fleet.office.store):
        if not row.used_at and row.expires_at - row.created_at > 1:
            assert fleet.client("operator").delete(f"/v1/claims/{row.id}").status_code == 204
    now = fleet.office.store.now
    fleet.office.store.now = lambda conn: now(conn) + 2  # type: ignore[method-assign]
    answers = [_claim(fleet, code, 2) for code in (used, revoked, short, "0" * 20)]
    # None tells which of these it is.
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1
    assert len(devices.page(fleet.office.store).items) == 1


@pytest.mark.threat("O10")
def test_o10_two_who_use_one_code_at_once_register_one_device(house_on_each: House) -> None:
    fleet = house_on_each
    fleet.fleet()
    code = _code(fleet)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda n: _claim(fleet, code, n).status_code, range(1, 5)))
    assert sorted(statuses) == [201, 403, 403, 403]
    assert len(devices.page(fleet.office.store).items) == 1


@pytest.mark.threat("O10")
def test_o10_guessing_is_slowed_down_and_leaves_tokens_alone(fleet: House) -> None:
    statuses = [_claim(fleet, f"{n:020d}").status_code for n in range(11)]
    assert statuses == [403] * 10 + [429]
    good = _code(fleet)
    assert _claim(fleet, good).status_code == 429
    fleet.throttle_time[0] += 60
    assert _claim(fleet, good).status_code == 201


@pytest.mark.threat("O10")
def test_o10_codes_and_passwords_of_claims_are_nowhere_in_the_database(fleet: House) -> None:
    code = _code(fleet)
    password = _claim(fleet, code).json()["mqtt"]["password"]
    path = fleet.office.config.sqlite_path
    assert path is not None
    stored = b"".join(each.read_bytes() for each in path.parent.glob("gateway.db*"))
    for secret in (code, code.replace("-", ""), password):
        assert secret.encode() not in stored


@pytest.mark.threat("O10")
def test_o10_a_code_takes_no_device_from_another_account_and_is_not_used_up_by_trying(
    fleet: House,
) -> None:
    device = fleet.device(7, account="operator")
    code = _code(fleet)
    assert _claim(fleet, code, 7).status_code == 409
    assert devices.show(fleet.office.store, device).account_id == "operator"
    bad = _claim(fleet, code, 1, public_key="00" * 32)
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "public_key")
    assert _claim(fleet, code, 1).status_code == 201


def test_a_board_that_is_set_up_anew_gets_a_new_password(fleet: House) -> None:
    first = _claim(fleet, _code(fleet)).json()
    again = _claim(fleet, _code(fleet)).json()
    assert again["device"] == first["device"]
    assert again["mqtt"]["password"] != first["mqtt"]["password"]
    devices.revoke(fleet.office.store, fleet.office.credentials, first["device"]["id"])
    assert _claim(fleet, _code(fleet)).status_code == 409


def test_a_certificate_is_issued_where_there_is_an_authority(fleet: House) -> None:
    code = _code(fleet)
    refused = _claim(fleet, code, certificate=True)
    assert (refused.status_code, "pki init" in refused.json()["detail"]) == (409, True)
    assert devices.page(fleet.office.store).items == []
    folder.create(fleet.office.config.data, "Tallystick", datetime.now(UTC))
    told = _claim(fleet, code, certificate=True).json()
    assert told["certificate"]["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert told["authority"] == told["certificate"]["authority"]


def test_codes_for_no_account_or_without_end_are_not_made(fleet: House) -> None:
    client = fleet.client("operator")
    assert client.post("/v1/claims", json={"account_id": "nobody"}).status_code == 422
    for wrong in (0, claims.LONGEST_S + 1, "1"):
        body = {"account_id": "fleet", "lifetime_s": wrong}
        assert client.post("/v1/claims", json=body).status_code == 422


def test_codes_are_listed_without_what_they_are(fleet: House) -> None:
    code = _code(fleet)
    listed = fleet.client("viewer").get("/v1/claims")
    assert [item["account_id"] for item in listed.json()["items"]] == ["fleet"]
    assert code.replace("-", "")[:8] not in listed.text


@pytest.mark.parametrize(
    "change",
    [
        "used_at = 5",
        "device_id = 'nobody'",
        "expires_at = created_at",
        "code_hash = NULL",
        "account_id = 'nobody'",
    ],
)
def test_the_database_refuses_impossible_codes(house_on_each: House, change: str) -> None:
    house_on_each.fleet()
    _code(house_on_each)
    with pytest.raises(IntegrityError), house_on_each.office.store.write() as conn:
        conn.execute(text(f"UPDATE claim SET {change}"))

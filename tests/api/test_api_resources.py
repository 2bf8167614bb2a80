"""What the API does, and what it says when a request is wrong."""

import threading

import pytest
from fastapi.testclient import TestClient
from nacl.signing import SigningKey

from gateway.keys import verify
from gateway.store import devices, notices
from gateway.verify import Beside, Known, check
from gateway.verify_bundle import check_bundle
from protocol import cbor, envelope
from protocol.ids import device_id
from protocol.statements import check_lines, read_statement
from tests.api.house import House

KEY = SigningKey(b"\x07" * 32).verify_key.encode()
TARIFF = {
    "name": "energy",
    "unit": "W.h",
    "numerator": "300",
    "denominator": 1,
    "payee_account": "operator",
    "window_units": 1000,
    "max_capacity": "10000000",
    "max_lifetime_s": 86400,
}
ACCOUNT = {"id": "fleet", "name": "Fleet", "currency": "EUR", "credit_limit": "5000000"}
DEVICE = {"public_key": KEY.hex(), "account_id": "fleet", "name": "meter"}


def test_an_account_a_tariff_and_a_device_can_be_set_up(admin: TestClient, house: House) -> None:
    account = admin.post("/v1/accounts", json=ACCOUNT)
    assert account.status_code == 201
    assert account.json()["credit_limit"] == {"amount": "5000000", "currency": "EUR", "scale": 6}
    tariff = admin.post("/v1/tariffs", json=TARIFF)
    assert tariff.status_code == 201
    assert tariff.json()["numerator"] == "300"
    device = admin.post("/v1/devices", json=DEVICE)
    assert device.status_code == 201
    made = device.json()
    assert made["device"]["id"] == made["mqtt"]["username"] == device_id(KEY)
    assert made["gateway_key"] == house.office.keys.public.hex()
    passwords = house.office.config.data / "broker" / "passwords"
    assert device_id(KEY) in passwords.read_text()
    assert made["mqtt"]["password"] not in passwords.read_text()


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/accounts", ACCOUNT | {"id": "Fleet!"}, "id"),
        ("/v1/accounts", ACCOUNT | {"credit_limit": "1.5"}, "credit_limit"),
        ("/v1/accounts", ACCOUNT | {"credit_limit": 1.0}, "credit_limit"),
        ("/v1/accounts", ACCOUNT | {"credit_limit": True}, "credit_limit"),
        ("/v1/accounts", ACCOUNT | {"credit_limit": str(2**63)}, "credit_limit"),
        ("/v1/accounts", ACCOUNT | {"credit_limit": "-1"}, "credit_limit"),
        ("/v1/accounts", ACCOUNT | {"currency": "euro"}, "currency"),
        ("/v1/accounts", ACCOUNT | {"name": "a\nb"}, "name"),
        ("/v1/accounts", ACCOUNT | {"balance": "1"}, "balance"),
        ("/v1/accounts", ACCOUNT | {"status": "closed"}, "status"),
        ("/v1/devices", DEVICE | {"public_key": "00" * 32}, "public_key"),
        ("/v1/devices", DEVICE | {"public_key": "01" + "00" * 31}, "public_key"),
        ("/v1/devices", DEVICE | {"public_key": "ee" + "ff" * 30 + "7f"}, "public_key"),
        ("/v1/devices", DEVICE | {"public_key": "abc"}, "public_key"),
        ("/v1/devices", DEVICE | {"account_id": "nobody"}, "account_id"),
        ("/v1/devices", DEVICE | {"id": "0" * 32}, "id"),
        ("/v1/tariffs", TARIFF | {"denominator": 0}, "denominator"),
        ("/v1/tariffs", TARIFF | {"window_units": "1000"}, "window_units"),
        ("/v1/tariffs", TARIFF | {"payee_account": "nobody"}, "payee_account"),
        ("/v1/tariffs", TARIFF | {"max_capacity": "0"}, "max_capacity"),
        ("/v1/tariffs", TARIFF | {"numerator": 9, "max_capacity": "8"}, "max_capacity"),
        ("/v1/tariffs", TARIFF | {"pricing": "free"}, "pricing"),
        ("/v1/tariffs", TARIFF | {"fee_bp": 10_001}, "fee_bp"),
        ("/v1/tariffs", TARIFF | {"fee_fixed": "-1"}, "fee_fixed"),
        ("/v1/tariffs", TARIFF | {"fee_bp": 1, "fee_account": "nobody"}, "fee_account"),
        ("/v1/tariffs", TARIFF | {"fee_account": "operator"}, "fee_account"),
        ("/v1/tokens", {"name": "x", "role": "root"}, "role"),
        ("/v1/settlements", {"currency": "USD"}, "currency"),
        ("/v1/settlements", {"amount": "1"}, "amount"),
    ],
)
def test_what_is_wrong_in_a_body_is_named(
    admin: TestClient, path: str, body: dict[str, object], field: str
) -> None:
    answer = admin.post(path, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"].startswith("urn:tallystick:problem:")
    assert [each["field"] for each in problem["errors"]] == [field]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/accounts/Fleet!", "account_id"),
        ("/v1/devices/xyz", "device_id"),
        ("/v1/channels/00", "channel_id"),
        ("/v1/tariffs/00", "tariff_id"),
        ("/v1/settlements/0", "run"),
        ("/v1/accounts?limit=0", "limit"),
        ("/v1/accounts?limit=1001", "limit"),
        ("/v1/accounts?cursor=%25%25", "cursor"),
        ("/v1/channels?cursor=MXp6", "cursor"),
        ("/v1/channels?state=ajar", "state"),
        ("/v1/channels?search=xyz", "search"),
    ],
)
def test_what_is_wrong_in_a_path_or_query_is_named(
    admin: TestClient, path: str, field: str
) -> None:
    answer = admin.get(path)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_other_errors_are_problems_too(admin: TestClient) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("PUT", "/v1/accounts", 405),
        ("GET", "/v1/accounts/nobody", 404),
        ("GET", "/v1/channels/" + "0" * 64, 404),
    ):
        answer = admin.request(method, path)
        assert answer.status_code == status
        assert answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"
    broken = admin.post("/v1/accounts", content=b"{", headers={"Content-Type": "application/json"})
    assert broken.json()["errors"][0]["message"] == "must be a JSON document"


def test_the_same_account_twice_is_a_conflict(admin: TestClient) -> None:
    assert admin.post("/v1/accounts", json=ACCOUNT).status_code == 201
    assert admin.post("/v1/accounts", json=ACCOUNT).status_code == 409


def test_a_body_that_is_too_large_is_refused_unread(admin: TestClient) -> None:
    assert admin.post("/v1/accounts", content=b"x" * 1_048_577).status_code == 413
    chunks = (b"x" * 65536 for _ in range(32))
    assert admin.post("/v1/accounts", content=chunks).status_code == 413


def test_a_list_comes_in_pages(admin: TestClient) -> None:
    for number in range(5):
        admin.post("/v1/accounts", json=ACCOUNT | {"id": f"fleet-{number}"})
    seen = []
    path = "/v1/accounts?limit=2"
    while path:
        page = admin.get(path).json()
        seen += [each["id"] for each in page["items"]]
        path = page["next"] and f"/v1/accounts?limit=2&cursor={page['next']}"
    assert seen == ["fleet-0", "fleet-1", "fleet-2", "fleet-3", "fleet-4", "operator"]


def test_suspending_raises_serials_and_leaves_a_notice(house: House) -> None:
    house.fleet()
    device = house.device()
    channel = house.paid(device, 10)
    client = house.client("operator")
    assert client.post(f"/v1/devices/{device}/suspend").json()["status"] == "suspended"
    with house.office.store.read() as conn:
        (notice,) = notices.waiting(conn)
        assert (notice.kind, bytes(notice.channel_id)) == ("grant", channel)
        before = notices.decisions(conn)
    assert client.get(f"/v1/channels/{channel.hex()}").json()["serial"] == 1
    assert client.post(f"/v1/devices/{device}/suspend").status_code == 409
    assert client.post(f"/v1/devices/{device}/resume").json()["status"] == "active"
    assert client.post(f"/v1/devices/{device}/revoke").json()["status"] == "revoked"
    assert client.post(f"/v1/devices/{device}/resume").status_code == 409
    assert client.post(f"/v1/devices/{device}/password").status_code == 409
    passwords = (house.office.config.data / "broker" / "passwords").read_text()
    assert device not in passwords
    with house.office.store.read() as conn:
        assert notices.decisions(conn) == before + 2
        assert devices.get(conn, device).status == "revoked"


def test_closing_gives_a_receipt_and_settling_moves_the_money(house_on_each: House) -> None:
    house = house_on_each
    house.fleet()
    device = house.device()
    closed, open_ = house.paid(device, 10), house.paid(device, 100, nonce=1)
    client = house.client("operator")
    answer = client.post(f"/v1/channels/{closed.hex()}/close")
    assert (answer.json()["state"], answer.json()["settled"]["amount"]) == ("closed", "30")
    assert client.post(f"/v1/channels/{closed.hex()}/close").status_code == 409
    assert client.post(f"/v1/channels/{open_.hex()}/thaw").status_code == 409
    (run,) = client.post("/v1/settlements", json={}).json()["runs"]
    assert run["collect"] == {"amount": "330", "currency": "EUR", "scale": 6}
    detail = client.get("/v1/settlements/1").json()
    assert [(each["account"], each["net"]["amount"]) for each in detail["positions"]] == [
        ("fleet", "330"),
        ("operator", "-330"),
    ]
    assert (house.office.config.manual_folder / "run-1.csv").exists()
    items = client.get("/v1/settlements/1/instructions").json()["items"]
    outcomes = [{"instruction": each["id"], "outcome": "done"} for each in items]
    bad = [{"instruction": "run-9-x", "outcome": "done"}]
    answer = client.post("/v1/settlements/1/outcomes", json={"outcomes": bad})
    assert answer.json()["errors"][0]["field"] == "outcomes.0.instruction"
    for news in (2, 0):
        answer = client.post("/v1/settlements/1/outcomes", json={"outcomes": outcomes})
        assert answer.json() == {"recorded": news}
    assert client.get("/v1/settlements").json()["items"][0]["state"] == "completed"
    assert client.get("/v1/accounts/fleet").json()["owed"]["amount"] == "0"
    assert client.get("/v1/books").json()["ok"] is True


def test_d15_an_outcome_with_a_character_that_no_database_stores_is_named(
    house_on_each: House,
) -> None:
    client = house_on_each.client("operator")
    house_on_each.fleet()
    house_on_each.paid(house_on_each.device(), 10)
    client.post("/v1/settlements", json={})
    good = {"instruction": "run-1-fleet", "outcome": "done", "note": "x"}
    for field in ("note", "instruction"):
        bad = good | {field: "a\0b"}
        answer = client.post("/v1/settlements/1/outcomes", json={"outcomes": [bad]})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == f"outcomes.0.{field}"


def test_a_statement_can_be_fetched_and_proven(house: House) -> None:
    house.fleet()
    house.paid(house.device(), 10)
    client = house.client("operator")
    client.post("/v1/settlements", json={})
    (first, _second) = client.get("/v1/settlements/1/statements").json()["items"]
    message = client.get(first["statement"]).content
    lines = cbor.decode(client.get(first["lines"]).content)
    said = read_statement(
        envelope.open_sign1("statement", message, house.office.keys.public, verify)
    )
    assert isinstance(lines, list)
    check_lines(said, lines)
    for form in ("", "/lines", "/proof", "/pdf", "/csv"):
        assert client.get(f"/v1/settlements/1/statements/nobody{form}").status_code == 404
    proof = client.get(first["proof"]).content
    assert check(message, Known(house.office.keys.public), Beside(proof=proof)).ok
    for form, start in (("pdf", b"%PDF-"), ("csv", b"row,run,account")):
        answer = client.get(first[form])
        assert answer.content.startswith(start)
        assert answer.headers["content-disposition"].endswith(f'-1-fleet.{form}"')


def test_the_evidence_on_a_channel_is_one_file_that_proves_itself(house: House) -> None:
    house.fleet()
    channel = house.paid(house.device(), 10)
    client = house.client("operator")
    client.post("/v1/settlements", json={})
    url = f"/v1/channels/{channel.hex()}/bundle"
    for query in ({}, {"account": "fleet"}, {"account": "operator"}):
        report = check_bundle(client.get(url, params=query).content, [house.office.keys.public])
        assert report.ok, report.checks
        assert report.facts["settled"] == report.facts["amount"] == 30
    wrong = client.get(url, params={"account": "nobody"})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "account"
    assert client.get(f"/v1/channels/{'0' * 64}/bundle").status_code == 404


def test_a_channel_whose_ious_are_no_claims_has_nothing_for_the_xrp_ledger(house: House) -> None:
    house.fleet()
    channel = house.paid(house.device(), 10)
    client = house.client("viewer")
    assert client.get(f"/v1/channels/{channel.hex()}").json()["xrpl_channel"] is None
    refused = client.get(f"/v1/channels/{channel.hex()}/claim")
    assert refused.status_code == 409
    assert "its terms name no XRPL channel" in refused.json()["detail"]
    assert client.get(f"/v1/channels/{'0' * 64}/claim").status_code == 404


def test_a_repeated_idempotency_key_settles_once(house: House) -> None:
    house.fleet()
    device = house.device()
    house.paid(device, 10)
    client = house.client("operator")
    headers = {"Idempotency-Key": "november"}
    first = client.post("/v1/settlements", json={}, headers=headers)
    house.paid(device, 20, nonce=1)
    again = client.post("/v1/settlements", json={}, headers=headers)
    assert first.json() == again.json()
    assert len(client.get("/v1/settlements").json()["items"]) == 1
    other = client.post("/v1/settlements", json={"currency": "EUR"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["type"] == "urn:tallystick:problem:idempotency-key-reused"
    fresh = client.post("/v1/settlements", json={}, headers={"Idempotency-Key": "december"})
    assert [each["run"] for each in fresh.json()["runs"]] == [2]


def test_a_key_whose_request_failed_can_be_used_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.fleet()
    house.paid(house.device(), 10)
    client = house.client("operator")
    headers = {"Idempotency-Key": "november"}

    def full(_batch: str, _instructions: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(house.office.rails["manual"], "submit", full)
        assert client.post("/v1/settlements", json={}, headers=headers).status_code == 500
    assert client.post("/v1/settlements", json={}, headers=headers).status_code == 200
    states = {
        each["state"] for each in client.get("/v1/settlements/1/instructions").json()["items"]
    }
    assert states == {"submitted"}


def test_two_operators_at_once_make_one_run(house_on_each: House) -> None:
    house_on_each.fleet()
    house_on_each.paid(house_on_each.device(), 10)
    answers: list[list[int]] = []
    both = threading.Barrier(2)

    def settle(role: str) -> None:
        client = house_on_each.client(role)
        both.wait(timeout=30)
        runs = client.post("/v1/settlements", json={}).json()["runs"]
        answers.append([each["run"] for each in runs])

    threads = [threading.Thread(target=settle, args=(role,)) for role in ("operator", "admin")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert {number for runs in answers for number in runs} == {1}
    items = house_on_each.client("viewer").get("/v1/settlements").json()["items"]
    assert len(items) == 1


def test_readiness_says_what_is_lacking(house: House) -> None:
    client = house.client(None)
    assert client.get("/readyz").json() == {"status": "ok"}
    house.lacking.append("broker: not connected")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "broker: not connected"


def test_metrics_tell_what_is_owed_and_no_ids(house: House) -> None:
    house.fleet()
    device = house.device()
    channel = house.paid(device, 10)
    text = house.client("viewer").get("/metrics").text
    assert 'tallystick_channels{state="open"} 1.0' in text
    assert 'tallystick_unsettled_amount{currency="EUR"} 30.0' in text
    assert device not in text
    assert channel.hex() not in text


def test_every_operation_has_an_id_and_its_errors_are_problems(house: House) -> None:
    document = house.app.openapi()
    ids = []
    for path in document["paths"].values():
        for operation in path.values():
            ids.append(operation["operationId"])
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert len(ids) == len(set(ids)) > 30
    assert "HTTPBearer" in document["components"]["securitySchemes"]

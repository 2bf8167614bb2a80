"""O4, O5: what is asked for twice is done once, on a real server, from two connections at once."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn

from gateway.store import idempotency
from tests.api.house import House

KEPT = idempotency.KEPT_S


@contextmanager
def _served(house: House) -> Iterator[str]:
    """The application behind a real HTTP server."""
    config = uvicorn.Config(house.app, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    # Listening before the server is: a client that is first waits, and is not turned away.
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()


def _settle_at_once(
    house: House, callers: list[tuple[str, str | None]]
) -> list[tuple[int, dict[str, object]]]:
    """What each (role, Idempotency-Key) is answered, all sending at one time."""
    answers: list[tuple[int, dict[str, object]]] = []
    together = threading.Barrier(len(callers))

    def ask(url: str, role: str, key: str | None) -> None:
        headers = {"Authorization": "Bearer " + house.tokens[role]}
        if key is not None:
            headers["Idempotency-Key"] = key
        with httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
            client.get("/healthz")  # connected, so that only the request itself is left to send
            together.wait(timeout=30)
            answer = client.post("/v1/settlements", json={})
            answers.append((answer.status_code, answer.json()))

    with _served(house) as url:
        threads = [threading.Thread(target=ask, args=(url, *each)) for each in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=90)
    assert len(answers) == len(callers)
    return answers


def _one_run(house: House) -> None:
    client = house.client("viewer")
    assert len(client.get("/v1/settlements").json()["items"]) == 1
    instructions = client.get("/v1/settlements/1/instructions").json()["items"]
    assert sorted((each["direction"], each["amount"]["amount"]) for each in instructions) == [
        ("collect", "30"),
        ("pay", "30"),
    ]
    assert [each.name for each in house.office.config.manual_folder.iterdir()] == ["run-1.csv"]
    assert client.get("/v1/books").json()["ok"] is True


@pytest.mark.threat("O4")
@pytest.mark.parametrize(
    "callers",
    [
        pytest.param([("operator", "november")] * 2, id="double click"),
        pytest.param([("operator", "a"), ("operator", "b")], id="two keys"),
        pytest.param([("operator", "a"), ("admin", "a")], id="two operators, one key each"),
        pytest.param([("operator", None)] * 4, id="no key"),
    ],
)
def test_settling_twice_at_once_moves_money_once(
    house_on_each: House, callers: list[tuple[str, str | None]]
) -> None:
    house = house_on_each
    house.fleet()
    house.paid(house.device(), 10)
    answers = _settle_at_once(house, callers)
    # The second of a double click is told that the first is at work, or gets its answer.
    assert {status for status, _body in answers} <= {200, 409}
    assert any(status == 200 for status, _body in answers)
    _one_run(house)
    role, key = callers[0]
    headers = {} if key is None else {"Idempotency-Key": key}
    again = house.client(role).post("/v1/settlements", json={}, headers=headers)
    assert again.status_code == 200
    if key is not None and len(set(callers)) == 1:
        firsts = [body for status, body in answers if status == 200]
        assert [again.json()] * len(firsts) == firsts
    _one_run(house)


@pytest.mark.threat("O5")
def test_another_request_under_a_used_key_is_refused_and_does_nothing(
    house_on_each: House,
) -> None:
    house = house_on_each
    house.fleet()
    client = house.client("operator")
    headers = {"Idempotency-Key": "november"}
    assert client.post("/v1/settlements", json={}, headers=headers).json() == {"runs": []}
    house.paid(house.device(), 10)
    answer = client.post("/v1/settlements", json={"currency": "EUR"}, headers=headers)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == ["Idempotency-Key"]
    assert client.get("/v1/settlements").json()["items"] == []
    # Another token's key is another key.
    other = house.client("admin").post("/v1/settlements", json={"currency": "EUR"}, headers=headers)
    assert [each["run"] for each in other.json()["runs"]] == [1]


@pytest.mark.threat("O4")
def test_a_request_that_is_still_at_work_is_said_to_be(house: House) -> None:
    sender = "token:" + house.tokens["operator"].split("_")[1]
    request = b'settle {"currency":null,"account":null}'
    store = house.office.store
    with store.write() as conn:
        digest = hashlib.sha256(request).digest()
        assert idempotency.begin(conn, sender, "november", digest, store.now(conn)) is None
    answer = house.client("operator").post(
        "/v1/settlements", json={}, headers={"Idempotency-Key": "november"}
    )
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:tallystick:problem:in-progress"


@pytest.mark.parametrize("key", ["", "x" * 201, "a\x01b", "schlüssel".encode("latin-1")])
def test_a_key_that_can_not_be_kept_is_named(house: House, key: str | bytes) -> None:
    answer = house.client("operator").post(
        "/v1/settlements", json={}, headers={"Idempotency-Key": key}
    )
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == ["Idempotency-Key"]


@pytest.mark.threat("O4")
def test_keys_are_kept_as_long_as_promised_and_no_longer(house_on_each: House) -> None:
    store = house_on_each.office.store
    with store.write() as conn:
        now = store.now(conn)
        for number in range(20):
            assert idempotency.begin(conn, "me", f"key {number}", b"\1" * 32, now) is None
            idempotency.finish(conn, "me", f"key {number}", "{}")
        assert idempotency.begin(conn, "me", "unfinished", b"\1" * 32, now) is None
    with store.write() as conn:
        assert idempotency.begin(conn, "me", "key 0", b"\1" * 32, now + KEPT - 1) == "{}"
        assert _count(conn) == 21
        assert idempotency.begin(conn, "me", "key 1", b"\1" * 32, now + KEPT + 1) is None
        assert _count(conn) == 1


def _count(conn: idempotency.Connection) -> int:
    return len(conn.execute(idempotency.select(idempotency.table)).all())

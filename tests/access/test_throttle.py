"""O10: who tries tokens is slowed down, and who holds a good one is not."""

import pytest
from fastapi.testclient import TestClient

from gateway.api.throttle import FAILURES, REFILL_S, REMEMBERED, Throttle
from gateway.operations import tokens
from tests.api.house import House

pytestmark = pytest.mark.threat("O10")


def _client(house: House, token: str, address: str = "192.0.2.1") -> TestClient:
    return TestClient(
        house.app, headers={"Authorization": f"Bearer {token}"}, client=(address, 4711)
    )


def _guess(number: int, id_: str | None = None) -> str:
    return f"tally_{id_ or f'{number:012x}'}_{number:064x}"


def test_guessing_is_answered_429_with_when_to_try_again(house: House) -> None:
    path = "/v1/accounts"
    statuses = [_client(house, _guess(n)).get(path).status_code for n in range(FAILURES + 1)]
    assert statuses == [401] * FAILURES + [429]
    answer = _client(house, _guess(99)).get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:tallystick:problem:too-many-attempts"
    wait = int(answer.headers["retry-after"])
    assert 0 < wait <= REFILL_S
    house.throttle_time[0] += wait
    assert _client(house, _guess(99)).get(path).status_code == 401
    assert _client(house, _guess(99)).get(path).status_code == 429


def test_a_good_token_is_not_even_looked_at_from_an_address_that_guesses(house: House) -> None:
    for number in range(FAILURES):
        _client(house, _guess(number)).get("/v1/books")
    answer = _client(house, house.tokens["admin"]).get("/v1/books")
    assert answer.status_code == 429
    house.throttle_time[0] += int(answer.headers["retry-after"])
    assert _client(house, house.tokens["admin"]).get("/v1/books").status_code == 200


def test_who_is_at_work_is_not_shut_out_by_a_guesser_behind_the_same_address(house: House) -> None:
    mine = _client(house, house.tokens["viewer"])
    assert mine.get("/v1/books").status_code == 200
    for number in range(3 * FAILURES):
        _client(house, _guess(number)).get("/v1/books")
    assert mine.get("/v1/books").status_code == 200
    assert _client(house, house.tokens["admin"], "192.0.2.2").get("/v1/books").status_code == 200


def test_a_token_that_was_good_and_is_revoked_counts_like_any_other(house: House) -> None:
    id_, token = tokens.add(house.office.store, "leaver", "admin")
    client = _client(house, token)
    assert client.get("/v1/books").status_code == 200
    tokens.revoke(house.office.store, id_)
    statuses = [client.get("/v1/books").status_code for _ in range(FAILURES + 2)]
    assert statuses == [401] * FAILURES + [429] * 2


def test_one_id_is_not_tried_from_many_addresses_either(house: House) -> None:
    id_ = house.tokens["admin"][6:18]
    for number in range(FAILURES):
        _client(house, _guess(number, id_), f"192.0.2.{number}").get("/v1/books")
    assert _client(house, _guess(99, id_), "192.0.2.99").get("/v1/books").status_code == 429
    assert _client(house, _guess(99), "192.0.2.99").get("/v1/books").status_code == 401


def test_malformed_tokens_count_and_requests_without_one_do_not(house: House) -> None:
    for _ in range(3 * FAILURES):
        assert TestClient(house.app, client=("192.0.2.1", 1)).get("/v1/books").status_code == 401
    for number in range(FAILURES):
        assert _client(house, f"x{number}").get("/v1/books").status_code == 401
    assert _client(house, "x").get("/v1/books").status_code == 429


def test_an_ipv6_network_is_one_address() -> None:
    throttle = Throttle(lambda: 0.0)
    for number in range(FAILURES):
        throttle.failed(f"2001:db8::{number:x}", "", str(number))
    assert throttle.wait("2001:db8::ffff", "", "x") > 0
    assert throttle.wait("2001:db8:0:1::1", "", "x") == 0
    for number in range(FAILURES):
        throttle.failed("192.0.2.7", "", str(number))
    assert throttle.wait("::ffff:192.0.2.7", "", "x") > 0


def test_memory_stays_bounded_however_many_try() -> None:
    throttle = Throttle(lambda: 0.0)
    for number in range(2 * REMEMBERED):
        address = f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}"
        throttle.failed(address, f"{number:012x}", "t")
        throttle.succeeded(address, "t")
    assert throttle.size() == 3 * REMEMBERED


def test_waiting_gives_attempts_back_up_to_what_one_has_at_first() -> None:
    time = [0.0]
    throttle = Throttle(lambda: time[0])
    for _ in range(100 * FAILURES):
        throttle.failed("192.0.2.1", "", "t")
    # Attempts that overtook the count cost a wait, but a bounded one.
    assert throttle.wait("192.0.2.1", "", "t") <= (FAILURES + 1) * REFILL_S
    time[0] = 1e9
    for _ in range(FAILURES):
        assert throttle.wait("192.0.2.1", "", "t") == 0
        throttle.failed("192.0.2.1", "", "t")
    assert throttle.wait("192.0.2.1", "", "t") == REFILL_S


def test_what_was_sent_is_not_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    secret = _guess(0xABCDEF)
    _client(house, secret).get("/v1/books")
    _client(house, "somebody's password").get("/v1/books")
    said = caplog.text
    assert "a token was refused" in said
    assert secret[19:] not in said
    assert "somebody" not in said
    assert 'why="invalid"} 2.0' in house.client("viewer").get("/metrics").text

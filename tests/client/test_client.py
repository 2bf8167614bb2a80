"""The client of the API against the API: lists, errors, and what is sent again."""

from collections.abc import Iterator

import pytest

from gateway.operations import accounts
from tallystick import Api, Problem, Unreachable, retries
from tests.api.house import House
from tests.client.relay import LOSE, Relay, relay

DEPOSIT = {"amount": "250", "reference": "R 1"}


@pytest.fixture
def between(house: House, url: str) -> Iterator[Relay]:
    """A relay before the gateway."""
    house.fleet()
    with relay(int(url.rpartition(":")[2])) as made:
        yield made


@pytest.fixture
def relayed(house: House, between: Relay, api: Api) -> Iterator[Api]:
    """A client that asks through the relay; `api` sees to it that it does not wait for long."""
    with Api(between.url, house.tokens["admin"]) as made:
        yield made


def _deposits(api: Api) -> list[str]:
    return [each["reference"] for each in api.items("/v1/accounts/fleet/deposits")]


def test_a_list_is_walked_to_its_end(house: House, api: Api) -> None:
    for number in range(5):
        accounts.add(house.office.store, f"account-{number}", "Name", "EUR")
    found = [each["id"] for each in api.items("/v1/accounts", limit=2)]
    assert found == [*(f"account-{number}" for number in range(5)), "operator"]
    assert [each["id"] for each in api.items("/v1/accounts", limit=1000)] == found


def test_a_problem_names_each_field_and_no_secret(house: House, api: Api) -> None:
    with pytest.raises(Problem) as caught:
        api.post("/v1/accounts", {"id": "Not One", "name": "N", "currency": "euro"})
    problem = caught.value
    assert (problem.status, problem.kind) == (422, "invalid")
    assert {(each.field, each.location) for each in problem.fields} == {
        ("id", "body"),
        ("currency", "body"),
    }
    assert all(each.message in str(problem) for each in problem.fields)
    with pytest.raises(Problem) as unknown:
        api.get("/v1/accounts/nobody")
    assert (unknown.value.status, unknown.value.kind) == (404, "not-found")
    assert house.tokens["admin"] not in str(problem) + str(unknown.value)


def test_each_method_answers_what_the_api_does(house: House, api: Api) -> None:
    house.fleet()
    changed = api.patch("/v1/accounts/fleet", {"credit_limit": "5"})
    assert changed["credit_limit"]["amount"] == "5"
    schedule = {"cron": "0 2 * * *", "time_zone": "Europe/Berlin"}
    assert api.put("/v1/schedules/EUR", schedule)["subject"] == "EUR"
    assert api.delete("/v1/schedules/EUR") is None
    assert api.read("/openapi.json").startswith(b"{")


def test_money_moves_once_though_the_answer_is_lost(between: Relay, relayed: Api) -> None:
    between.plan.extend([LOSE, LOSE])
    first = relayed.post("/v1/accounts/fleet/deposits", DEPOSIT)
    assert _deposits(relayed) == ["R 1"]
    keys = [key for method, _path, key in between.seen if method == "POST"]
    assert len(keys) == 3 and len(set(keys)) == 1 and keys[0]
    # With a key of its own, so does another process, another day.
    again = {"amount": "300", "reference": "R 2"}
    made = relayed.post("/v1/accounts/fleet/deposits", again, key="mine")
    assert relayed.post("/v1/accounts/fleet/deposits", again, key="mine") == made != first
    assert sorted(_deposits(relayed)) == ["R 1", "R 2"]


def test_what_would_be_done_twice_is_not_sent_again(between: Relay, relayed: Api) -> None:
    between.plan.append(LOSE)
    account = {"id": "other", "name": "Other", "currency": "EUR"}
    with pytest.raises(Unreachable, match=r"POST .*/v1/accounts"):
        relayed.post("/v1/accounts", account)
    assert len(between.seen) == 1
    between.plan.append((503, {}))
    with pytest.raises(Problem) as caught:
        relayed.post("/v1/accounts", account)
    assert (caught.value.status, len(between.seen)) == (503, 2)
    # What was not looked at at all may be.
    between.plan.append((429, {"Retry-After": "0"}))
    with pytest.raises(Problem) as conflict:
        relayed.post("/v1/accounts", account)
    assert (conflict.value.status, len(between.seen)) == (409, 4)


def test_reading_is_tried_again_and_not_for_ever(between: Relay, relayed: Api) -> None:
    between.plan.extend([LOSE, (502, {}), (503, {"Retry-After": "0"})])
    assert relayed.get("/v1/accounts/fleet")["id"] == "fleet"
    assert len(between.seen) == 4
    between.plan.extend([(503, {})] * retries.TRIES)
    with pytest.raises(Problem) as caught:
        relayed.get("/v1/accounts/fleet")
    assert (caught.value.status, between.plan) == (503, type(between.plan)())


def test_who_is_told_to_wait_for_long_is_told_so_at_once(between: Relay, relayed: Api) -> None:
    between.plan.append((429, {"Retry-After": "300"}))
    with pytest.raises(Problem) as caught:
        relayed.get("/v1/accounts/fleet")
    assert (caught.value.status, len(between.seen)) == (429, 1)


def test_a_gateway_that_is_away_is_said_to_be(api: Api) -> None:
    with Api("http://127.0.0.1:9", "none") as nobody, pytest.raises(Unreachable, match=r":9/v1"):
        nobody.post("/v1/accounts", {})


def test_it_knows_which_requests_take_a_key(house: House, api: Api) -> None:
    paths = house.client("admin").get("/openapi.json").json()["paths"]
    taking = {
        path
        for path, methods in paths.items()
        for parameter in methods.get("post", {}).get("parameters", [])
        if parameter["name"] == "Idempotency-Key"
    }
    known = {path for path in paths if retries.takes_key("POST", path)}
    assert known == taking and len(known) == 4
    with pytest.raises(ValueError, match="takes none"):
        api.post("/v1/accounts", {}, key="k")

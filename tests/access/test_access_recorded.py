"""Who came in, who went, and who was refused stands in the audit log; and how little an attacker
can write into it."""

import json
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.api.throttle import FAILURES, NAME_REFILL_S
from gateway.operations import audit as log
from gateway.store import audit
from tests.api.house import House
from tests.api.visitors import PASSWORD, browser, later, visitor

pytestmark = pytest.mark.threat("O9", "O10")


def _records(house: House, name: str) -> list[dict[str, Any]]:
    """What the log has of a person, the oldest first, without their invitation and coming in."""
    items = house.client("viewer").get(f"/v1/audit?subject={name}&limit=1000").json()["items"]
    return [each for each in items[::-1] if each["action"] not in ("person.invite", "person.enter")]


def _count(house: House) -> int:
    with house.office.store.read() as conn:
        return int(conn.execute(select(func.count()).select_from(audit.table)).scalar_one())


def _wrong(house: House, name: str, address: str = "203.0.113.9") -> int:
    body = {"name": name, "password": "not the one it is"}
    status: int = browser(house, address=address).post("/v1/session", json=body).status_code
    return status


def test_coming_and_going_is_recorded_with_what_it_was_proven_by(house_on_each: House) -> None:
    house = house_on_each
    ann = visitor(house, "ann", "operator")
    ben = visitor(house, "ben", "viewer")
    assert ann.client.delete("/v1/session").status_code == 204
    assert ann.log_in().status_code == 200
    assert ann.log_in(code=ann.recovery_codes[0]).status_code == 200
    found = _records(house, "ann")
    assert [each["action"] for each in found] == [
        "person.log_out",
        "person.log_in",
        "person.log_in",
    ]
    assert {each["who"] for each in found} == {"person:ann"}
    assert [each["after"] for each in found[1:]] == [
        {"address": "192.0.2.1", "proof": "code"},
        {"address": "192.0.2.1", "proof": "recovery code"},
    ]
    told = json.dumps(found)
    for secret in (PASSWORD, ann.totp_secret, *ann.recovery_codes):
        assert secret not in told
    assert _records(house, "ben") == []
    assert ben.client.get("/v1/session").status_code == 200
    assert log.verify(house.office.store).wrong == ""


def test_a_wrong_password_is_recorded_and_so_is_the_lock(house: House) -> None:
    ann = visitor(house, "ann", "viewer")
    statuses = [_wrong(house, "ann", f"203.0.113.{number}") for number in range(FAILURES + 5)]
    assert statuses == [401] * FAILURES + [429] * 5
    found = _records(house, "ann")
    assert [each["action"] for each in found] == ["person.refused"] * (FAILURES - 1) + [
        "person.locked"
    ]
    assert {each["who"] for each in found} == {"gateway"}
    assert [each["after"]["address"] for each in found] == [
        f"203.0.113.{number}" for number in range(FAILURES)
    ]
    assert found[-1]["after"]["locked_s"] == NAME_REFILL_S
    # A wrong code and a wrong password of somebody who is in are no less.
    house.throttle_time[0] += NAME_REFILL_S
    body = {"password": "no", "new_password": "another horse of that kind"}
    assert ann.client.post("/v1/session/password", json=body).status_code == 403
    assert len(_records(house, "ann")) == FAILURES + 1


def test_whoever_hammers_writes_one_record_in_five_minutes(house: House) -> None:
    visitor(house, "ann", "viewer")
    before = _count(house)
    for minute in range(11):
        house.throttle_time[0] = minute * 60.0
        for number in range(5):
            _wrong(house, "ann", f"198.51.100.{minute * 5 + number}")
    # Ten at once, and two that have become free by then.
    assert _count(house) - before == FAILURES + int(10 * 60 // NAME_REFILL_S)


def test_a_name_that_nobody_has_is_never_written(house: House) -> None:
    before = _count(house)
    for name in ("nobody", "My Password 1", "\0", "x" * 40):
        assert _wrong(house, name) == 401
    assert browser(house).post("/v1/welcome", json={"token": "0" * 64}).status_code == 403
    assert _count(house) == before
    path = house.office.config.sqlite_path
    assert path is not None
    stored = b"".join(each.read_bytes() for each in path.parent.glob("gateway.db*"))
    assert b"My Password" not in stored


def test_addresses_are_details_that_can_be_erased(house: House) -> None:
    ann = visitor(house, "ann", "viewer")
    assert ann.log_in().status_code == 200
    later(house, 10)
    with house.office.store.write() as conn:
        audit.erase(conn, audit.table.c.action.like("person.%"))
    (found,) = _records(house, "ann")
    assert (found["action"], found["who"], found["after"]) == ("person.log_in", "person:ann", None)
    assert log.verify(house.office.store).wrong == ""

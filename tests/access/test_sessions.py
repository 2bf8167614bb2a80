"""People log in by password and code, and stay known by a cookie until their session ends."""

import pyotp
import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY
from sqlalchemy import select

from gateway.api.services import Services
from gateway.api.stream import Stream
from gateway.api.throttle import FAILURES, NAME_REFILL_S
from gateway.operations import people, sessions
from gateway.operations.passwords import Passwords
from gateway.operations.sessions import IDLE_S, LONGEST_S
from gateway.store.people import person
from gateway.store.sessions import session
from tests.api.house import House
from tests.api.visitors import PASSWORD, Visitor, browser, later, visitor

pytestmark = pytest.mark.threat("O10")


def test_somebody_logs_in_works_and_logs_out(house_on_each: House) -> None:
    house = house_on_each
    house.fleet()
    ann = visitor(house, "ann", "admin")
    ann.client.cookies.clear()
    assert ann.client.get("/v1/session").status_code == 401
    answer = ann.log_in()
    said = answer.json()
    assert answer.status_code == 200
    assert (said["principal"], said["name"], said["role"]) == ("person:ann", "ann", "admin")
    assert said["accounts"] is None and said["scopes"] is None
    assert ann.client.get("/v1/session").json()["csrf_token"] == said["csrf_token"]
    changed = ann.client.patch("/v1/accounts/fleet", json={"credit_limit": "7"})
    assert changed.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-tallystick=")
    for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/", f"Max-Age={LONGEST_S}"):
        assert word in cookie
    assert "Domain" not in cookie
    assert ann.client.delete("/v1/session").status_code == 204
    assert ann.client.get("/v1/session").status_code == 401


def test_the_cookie_that_was_logged_out_is_good_nowhere_else(house: House) -> None:
    ann = visitor(house, "ann", "viewer")
    kept = dict(ann.client.cookies)
    ann.client.delete("/v1/session")
    assert browser(house, cookies=kept).get("/v1/books").status_code == 401


def test_over_plain_http_the_cookie_is_for_this_machine_alone(house: House) -> None:
    ann = visitor(house, "ann", "viewer")
    here = browser(house, "http://127.0.0.1:8080")
    body = {"name": "ann", "password": PASSWORD, "code": ann.recovery_codes[0]}
    answer = here.post("/v1/session", json=body)
    assert answer.headers["set-cookie"].startswith("tallystick=")
    assert "Secure" not in answer.headers["set-cookie"]
    assert here.get("/v1/session").status_code == 200
    # By another name of the gateway it is none of its cookies.
    kept = {"tallystick": here.cookies["tallystick"]}
    assert browser(house, cookies=kept).get("/v1/session").status_code == 401


def test_whatever_is_wrong_is_answered_the_same(house: House) -> None:
    ann = visitor(house, "ann", "admin")
    people.invite(house.office.store, "new", "viewer", "test")
    off = visitor(house, "off", "viewer")
    people.disable(house.office.store, "off", "test")
    answers = [
        ann.log_in(password="another horse altogether"),
        ann.log_in(code="000000"),
        ann.log_in(code=""),
        ann.log_in(name="nobody"),
        ann.log_in(name="new"),
        off.log_in(),
        ann.log_in(name="\0"),
    ]
    assert {each.status_code for each in answers} == {401}
    assert len({each.content for each in answers}) == 1


def test_a_name_that_nobody_has_costs_as_much_as_one_that_somebody_has(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = visitor(house, "ann", "viewer")
    asked = []
    verify = PasswordHasher.verify

    def counted(hasher: PasswordHasher, kept: str, password: str) -> bool:
        asked.append(kept.rsplit("$", 2)[0])
        return verify(hasher, kept, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for name in ("ann", "nobody"):
        assert ann.log_in(name=name, password="not the one it is").status_code == 401
    assert len(asked) == 2 and asked[0] == asked[1]


def test_a_code_is_taken_once(house: House) -> None:
    ann = visitor(house, "ann", "operator")
    # What enrolled it was a code as well.
    assert ann.log_in(code=ann.code()).status_code == 401
    later(house, 30)
    code = ann.code()
    assert ann.log_in(code=code).status_code == 200
    assert ann.log_in(code=code).status_code == 401
    later(house, 90)
    assert ann.log_in(code=code).status_code == 401


def test_an_authenticator_may_be_half_a_minute_off(house: House) -> None:
    ann = visitor(house, "ann", "operator")
    later(house, 300)
    with house.office.store.read() as conn:
        now = house.office.store.now(conn)
    shown = pyotp.TOTP(ann.totp_secret)
    for seconds, status in ((-60, 401), (60, 401), (-30, 200), (30, 200)):
        assert ann.log_in(code=shown.at(now + seconds)).status_code == status, seconds


def test_a_recovery_code_is_good_once_and_for_its_person(house: House) -> None:
    ann = visitor(house, "ann", "operator")
    ben = visitor(house, "ben", "operator")
    code = ann.recovery_codes[0]
    assert len(set(ann.recovery_codes)) == 10
    assert ben.log_in(code=code).status_code == 401
    assert ann.log_in(code=code.lower().replace("-", " ")).status_code == 200
    assert ann.log_in(code=code).status_code == 401
    assert ann.log_in(code=ann.recovery_codes[1]).status_code == 200


def test_a_session_ends_when_it_is_not_used_and_at_the_latest_after_twelve_hours(
    house: House,
) -> None:
    ann = visitor(house, "ann", "viewer")
    for _ in range(LONGEST_S // (IDLE_S - 60)):
        later(house, IDLE_S - 60)
        assert ann.client.get("/v1/session").status_code == 200
    later(house, IDLE_S - 60)
    assert ann.client.get("/v1/session").status_code == 401
    ben = visitor(house, "ben", "viewer")
    later(house, IDLE_S)
    assert ben.client.get("/v1/session").status_code == 401


def test_a_changed_password_ends_every_session(house: House) -> None:
    ann = visitor(house, "ann", "viewer")
    elsewhere = Visitor(house, "ann", totp_secret=ann.totp_secret)
    assert elsewhere.log_in().status_code == 200
    body = {"password": "not the one it is", "new_password": "a cow that gives no milk"}
    assert ann.client.post("/v1/session/password", json=body).status_code == 403
    assert ann.client.get("/v1/session").status_code == 200
    body["password"] = PASSWORD
    short = body | {"new_password": "short"}
    answer = ann.client.post("/v1/session/password", json=short)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "new_password")
    assert ann.client.post("/v1/session/password", json=body).status_code == 204
    for client in (ann.client, elsewhere.client):
        assert client.get("/v1/session").status_code == 401
    assert ann.log_in().status_code == 401
    ann.password = body["new_password"]
    assert ann.log_in().status_code == 200


def test_who_is_disabled_is_out_at_once(house: House) -> None:
    ann = visitor(house, "ann", "operator")
    people.disable(house.office.store, "ann", "test")
    assert ann.client.get("/v1/session").status_code == 401
    assert ann.log_in().status_code == 401
    people.enable(house.office.store, "ann", "test")
    assert ann.client.get("/v1/session").status_code == 401
    assert ann.log_in().status_code == 200


def test_a_page_that_is_left_open_keeps_no_session_alive(house_on_each: House) -> None:
    house = house_on_each
    ann = visitor(house, "ann", "viewer")
    ends = ann.client.get("/v1/session").json()["expires_at"]
    for _ in range(5):
        later(house, IDLE_S // 6)
        with ann.client.stream("GET", "/v1/events") as stream:
            assert stream.status_code == 200
        said = ann.client.get("/v1/session", headers={"X-Background": "1"}).json()
        assert abs(said["expires_at"] - ends) <= 2
    later(house, IDLE_S // 6)
    with ann.client.stream("GET", "/v1/events") as stream:
        assert stream.status_code == 401
    assert ann.client.get("/v1/session", headers={"X-Background": "1"}).status_code == 401
    # Who asks for something goes on.
    assert ann.log_in().status_code == 200
    for _ in range(3):
        later(house, IDLE_S - 60)
        assert ann.client.get("/v1/session").status_code == 200


def test_a_stream_ends_with_the_session_that_asked_for_it(house: House) -> None:
    house.app.state.stream = Stream(
        house.office.store, house.app.state.services.metrics, lasts=3600.0
    )
    ann = visitor(house, "ann", "viewer")
    with house.office.store.write() as conn:
        earlier = session.c.seen_at - (IDLE_S - 1)
        conn.execute(session.update().values(seen_at=earlier))
    with ann.client.stream("GET", "/v1/events") as stream:
        assert stream.status_code == 200
        # It would go on for an hour.
        assert "pulse" in "".join(stream.iter_text())


def test_sessions_that_ended_shut_nobody_out(house: House) -> None:
    """A page that was left open goes on asking with its cookie."""
    ann = visitor(house, "ann", "viewer")
    later(house, IDLE_S)
    statuses = {ann.client.get("/v1/session").status_code for _ in range(2 * FAILURES)}
    assert statuses == {401}
    made_up = {"__Host-tallystick": "0" * 64}
    for _ in range(FAILURES):
        assert browser(house, cookies=made_up).get("/v1/session").status_code == 401
    assert browser(house, cookies=made_up).get("/v1/session").status_code == 429


def test_a_name_is_locked_after_ten_attempts_wherever_they_come_from(house: House) -> None:
    ann = visitor(house, "ann", "viewer")
    for number in range(FAILURES):
        there = browser(house, address=f"198.51.100.{number}")
        body = {"name": "ann", "password": "not the one it is"}
        assert there.post("/v1/session", json=body).status_code == 401
    answer = ann.log_in()
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == NAME_REFILL_S
    # Who is at work goes on, and others come in.
    assert ann.client.get("/v1/session").status_code == 200
    assert visitor(house, "ben", "viewer").log_in().status_code == 200
    house.throttle_time[0] += NAME_REFILL_S
    assert ann.log_in().status_code == 200
    house.throttle_time[0] += NAME_REFILL_S
    # What was right counts for nothing.
    assert [ann.log_in().status_code for _ in range(3)] == [200] * 3


def test_an_address_is_locked_whatever_names_it_tries(house: House) -> None:
    there = browser(house)
    body = {"name": "", "password": "not the one it is"}
    for number in range(FAILURES):
        assert there.post("/v1/session", json=body | {"name": f"n{number}"}).status_code == 401
    assert there.post("/v1/session", json=body | {"name": "another"}).status_code == 429


@pytest.mark.threat("O8")
def test_a_change_by_cookie_needs_the_sessions_token(house: House) -> None:
    house.fleet()
    ann = visitor(house, "ann", "admin")
    ben = visitor(house, "ben", "admin")
    theirs = ben.client.headers["X-CSRF-Token"]
    for sent in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": theirs}, {"X-CSRF-Token": "é"}):
        del ann.client.headers["X-CSRF-Token"]
        headers = {name: value.encode() for name, value in sent.items()}
        answer = ann.client.patch("/v1/accounts/fleet", json={}, headers=headers)
        ann.client.headers["X-CSRF-Token"] = theirs
        assert answer.status_code == 403, sent
        assert answer.json()["type"] == "urn:tallystick:problem:csrf"
    # A token needs none, and counts before a cookie.
    headers = {"Authorization": "Bearer " + house.tokens["viewer"]}
    answer = ann.client.patch("/v1/accounts/fleet", json={}, headers=headers)
    assert "needs the role admin" in answer.json()["detail"]


@pytest.mark.threat("O8")
def test_what_another_sites_page_sends_is_refused(house: House) -> None:
    house.fleet()
    ann = visitor(house, "ann", "admin")
    there = (
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://testserver"},
        {"Origin": "https://testserver:8443"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    )
    for headers in there:
        answer = ann.client.patch("/v1/accounts/fleet", json={}, headers=headers)
        assert answer.status_code == 403, headers
        # Nor does it log somebody in as another than they think.
        body = {"name": "ann", "password": PASSWORD, "code": ann.recovery_codes[0]}
        assert browser(house).post("/v1/session", json=body, headers=headers).status_code == 403
    assert ann.client.patch("/v1/accounts/fleet", json={}).status_code == 200


def test_passwords_are_kept_as_the_rfc_recommends_and_anew_where_they_are_not(
    house: House,
) -> None:
    fresh = Services.__dataclass_fields__["passwords"].default_factory()  # type: ignore[misc]
    assert isinstance(fresh, Passwords)
    cost = RFC_9106_LOW_MEMORY
    for name in ("time_cost", "memory_cost", "parallelism", "hash_len", "salt_len", "type"):
        assert getattr(fresh.hasher, name) == getattr(cost, name), name
    visitor(house, "ann", "viewer")
    store, key = house.office.store, house.office.people_key
    dearer = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))

    def kept() -> str:
        with store.read() as conn:
            query = select(person.c.password_hash).where(person.c.name == "ann")
            return str(conn.execute(query).scalar_one())

    assert kept().startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert sessions.log_in(store, dearer, key, "ann", PASSWORD, "") is None
    assert kept().startswith("$argon2id$v=19$m=8,t=1,p=1$")
    later(house, 60)
    ann = Visitor(house, "ann")
    with store.write() as conn:
        conn.execute(person.update().where(person.c.name == "ann").values(totp_secret=None))
    assert sessions.log_in(store, dearer, key, "ann", ann.password, "") is not None
    assert kept().startswith("$argon2id$v=19$m=16,t=2,p=1$")
    assert dearer.matches(kept(), PASSWORD)


def test_nothing_of_it_is_in_the_database(house: House) -> None:
    ann = visitor(house, "ann", "admin")
    secret = ann.client.cookies["__Host-tallystick"]
    told = [PASSWORD, ann.totp_secret, secret, ann.client.headers["X-CSRF-Token"]]
    told += [each.replace("-", "") for each in ann.recovery_codes] + ann.recovery_codes
    path = house.office.config.sqlite_path
    assert path is not None
    stored = b"".join(each.read_bytes() for each in path.parent.glob("gateway.db*"))
    assert [each for each in told if each.encode() in stored] == []

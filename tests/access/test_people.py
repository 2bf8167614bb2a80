"""People are invited by a link that is good once, and what they make is theirs."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from gateway.operations import accounts, people, tokens
from gateway.operations.errors import BadInput
from gateway.operations.people import BadLink
from gateway.operations.principal import SamePerson
from gateway.store.errors import Conflict
from tests.api.house import CHEAP, House
from tests.api.visitors import PASSWORD, Visitor, browser, later, visitor

pytestmark = pytest.mark.threat("O1")


def _invited(house: House, name: str = "ann", role: str = "viewer") -> str:
    return people.invite(house.office.store, name, role, "test").token


def _with_token(house: House, token: str) -> TestClient:
    return TestClient(house.app, headers={"Authorization": f"Bearer {token}"})


def test_an_admin_invites_somebody_who_comes_in(house_on_each: House) -> None:
    house, admin = house_on_each, house_on_each.client("admin")
    body = {"name": "ann", "role": "finance", "lifetime_s": 600}
    made = admin.post("/v1/people", json=body)
    assert made.status_code == 201
    start, _, link = made.json()["link"].rpartition("/")
    assert start == "/#/welcome"
    assert admin.post("/v1/people", json=body).status_code == 409
    ann = Visitor(house, "ann")
    offered = ann.client.post("/v1/welcome", json={"token": link}).json()
    assert (offered["name"], offered["role"], offered["totp_required"]) == ("ann", "finance", True)
    assert offered["totp_uri"].startswith("otpauth://totp/Tallystick:ann?secret=")
    # As often as the page is opened, it offers the same.
    assert ann.client.post("/v1/welcome", json={"token": link}).json() == offered
    assert admin.get("/v1/people/ann").json()["state"] == "invited"
    answer = ann.come_in(link)
    assert answer.json()["session"]["role"] == "finance"
    assert len(answer.json()["recovery_codes"]) == 10
    shown = admin.get("/v1/people/ann").json()
    assert (shown["state"], shown["second_factor"], shown["accounts"]) == ("active", True, None)
    assert Visitor(house, "ann").come_in(link, second_factor=False).status_code == 403
    assert ann.client.get("/v1/people").status_code == 403


def test_a_link_that_is_old_used_or_replaced_lets_nobody_in(house: House) -> None:
    store, key = house.office.store, house.office.people_key
    old = _invited(house)
    new = people.reset(store, "ann", "test").token
    other = _invited(house, "ben")
    people.disable(store, "ben", "test")
    later(house, people.LIFETIME_S - 1)
    for link in (old, other, "0" * 64):
        with pytest.raises(BadLink):
            people.look(store, key, link)
        with pytest.raises(BadLink):
            people.enter(store, CHEAP, key, link, PASSWORD, "")
    assert people.look(store, key, new).name == "ann"
    later(house, 1)
    with pytest.raises(BadLink):
        people.look(store, key, new)


def test_what_is_wrong_leaves_the_link_as_good_as_it_was(house: House) -> None:
    link = _invited(house, role="admin")
    there = browser(house)
    body = {"token": link, "password": PASSWORD, "code": "000000"}
    for change, field in (
        ({}, "code"),
        ({"code": ""}, "code"),
        ({"password": "eleven char"}, "password"),
        ({"password": "ababababababababa"}, "password"),
        ({"password": "ann-ann-ann"}, "password"),
        ({"password": "not\0printable at all"}, "password"),
    ):
        answer = there.post("/v1/welcome/enter", json=body | change)
        assert answer.status_code == 422, change
        assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert Visitor(house, "ann").come_in(link).status_code == 200


def test_who_may_move_money_or_let_others_in_has_a_second_factor(house: House) -> None:
    for role in ("viewer", "operator", "finance", "admin"):
        link = _invited(house, f"a-{role}", role)
        status = Visitor(house, f"a-{role}").come_in(link, second_factor=False).status_code
        assert status == (422 if role in ("finance", "admin") else 200), role
    store = house.office.store
    with pytest.raises(Conflict, match="has no second factor"):
        people.change(store, "a-viewer", "test", "finance")
    people.disable(store, "a-viewer", "test")
    with pytest.raises(Conflict, match="has no second factor"):
        people.change(store, "a-viewer", "test", "admin")
    link = people.reset(store, "a-viewer", "test").token
    people.change(store, "a-viewer", "test", "finance")
    visitor_again = Visitor(house, "a-viewer")
    assert visitor_again.come_in(link, second_factor=False).status_code == 422
    assert visitor_again.come_in(link).status_code == 200


def test_another_role_ends_what_was_made_in_the_old_one(house: House) -> None:
    admin = house.client("admin")
    ann = visitor(house, "ann", "operator")
    token = ann.client.post("/v1/tokens", json={"name": "x", "role": "operator"}).json()["token"]
    assert _with_token(house, token).get("/v1/accounts").status_code == 200
    changed = admin.patch("/v1/people/ann", json={"role": "viewer"}).json()
    assert changed["role"] == "viewer"
    assert ann.client.get("/v1/session").status_code == 401
    assert _with_token(house, token).get("/v1/accounts").status_code == 401
    assert ann.log_in().json()["role"] == "viewer"


def test_a_reset_ends_password_second_factor_and_sessions(house: House) -> None:
    ann = visitor(house, "ann", "admin")
    link = house.client("admin").post("/v1/people/ann/reset", json={}).json()["link"]
    assert ann.client.get("/v1/session").status_code == 401
    assert ann.log_in().status_code == 401
    assert ann.log_in(code=ann.recovery_codes[0]).status_code == 401
    again = Visitor(house, "ann", "a cow that gives no milk")
    assert again.come_in(link.rpartition("/")[2]).status_code == 200
    assert again.totp_secret != ann.totp_secret
    assert again.log_in(code=ann.recovery_codes[1]).status_code == 401
    assert again.log_in(code=again.recovery_codes[1]).status_code == 200


def test_nobody_changes_their_own_role_or_way_in(house: House) -> None:
    ann = visitor(house, "ann", "admin")
    token = ann.client.post("/v1/tokens", json={"name": "x", "role": "admin"}).json()["token"]
    for client in (ann.client, _with_token(house, token)):
        answers = [
            client.patch("/v1/people/ann", json={"role": "viewer"}),
            client.post("/v1/people/ann/disable"),
            client.post("/v1/people/ann/enable"),
            client.post("/v1/people/ann/reset", json={}),
        ]
        kinds = {each.json()["type"].rpartition(":")[2] for each in answers}
        assert kinds == {"same-person"}
    assert ann.client.get("/v1/session").status_code == 200
    with pytest.raises(SamePerson):
        people.disable(house.office.store, "ann", "person:ann")


@pytest.mark.threat("O6")
def test_a_person_and_the_tokens_that_come_from_them_are_one(house: House) -> None:
    house.fleet()
    ann, ben = visitor(house, "ann", "finance"), visitor(house, "ben", "finance")
    first = _made(house, ann.client)
    second = _made(house, first)
    path = "/v1/accounts/fleet/payout-accounts"
    for proposer in (ann.client, first, second):
        proposed = proposer.post(path, json={"details": {"to": "the till"}}).json()
        one = f"{path}/{proposed['id']}"
        for client in (ann.client, first, second):
            answer = client.post(one + "/approve")
            assert answer.json()["type"].endswith(":same-person"), answer.text
        approved = ben.client.post(one + "/approve").json()
        assert approved["approved_by"] == "person:ben"
        assert approved["proposed_by"].partition("/")[0] == "person:ann"
        ben.client.post(one + "/retire")


def _made(house: House, client: TestClient, **changes: Any) -> TestClient:
    """A client with a token that this one has made."""
    body = {"name": "x", "role": "finance", "lifetime_s": 3600} | changes
    answer = client.post("/v1/tokens", json=body)
    assert answer.status_code == 201, answer.text
    return _with_token(house, answer.json()["token"])


@pytest.mark.threat("O6")
def test_a_token_that_a_token_made_is_one_with_it(house: House) -> None:
    house.fleet()
    root = house.client("admin")
    made = _made(house, root)
    path = "/v1/accounts/fleet/payout-accounts"
    proposed = made.post(path, json={"details": {"to": "the till"}}).json()
    assert root.post(f"{path}/{proposed['id']}/approve").status_code == 403
    assert house.client("finance").post(f"{path}/{proposed['id']}/approve").status_code == 200


def test_a_token_is_never_above_whoever_made_it(house: House) -> None:
    ann = visitor(house, "ann", "operator").client
    refused = [
        ({"role": "finance"}, "role"),
        ({"role": "admin"}, "role"),
        ({"role": "owner", "accounts": ["operator"]}, "role"),
        ({"role": "viewer", "accounts": ["operator"]}, "accounts"),
        ({"role": "viewer", "scopes": ["everything"]}, "scopes"),
    ]
    for change, field in refused:
        answer = ann.post("/v1/tokens", json={"name": "x"} | change)
        assert answer.status_code == 422, change
        assert [each["field"] for each in answer.json()["errors"]] == [field], change
    narrow = _made(house, ann, role="operator", scopes=["devices", "tokens"])
    body = {"name": "x", "role": "operator", "lifetime_s": 60}
    answer = narrow.post("/v1/tokens", json=body | {"scopes": ["channels"]})
    assert answer.json()["errors"][0]["field"] == "scopes"
    answer = narrow.post("/v1/tokens", json=body | {"lifetime_s": 3601})
    assert answer.json()["errors"][0]["field"] == "lifetime_s"
    # What it does not say it has of its maker.
    below = _made(house, narrow, role="operator", lifetime_s=60)
    assert below.get("/v1/session").json()["scopes"] == ["devices", "tokens"]


def test_a_token_is_for_its_scopes_alone(house: House) -> None:
    client = _made(house, house.client("admin"), role="admin", scopes=["devices", "health"])
    for path, status in (
        ("/v1/devices", 200),
        ("/metrics", 200),
        ("/v1/session", 200),
        ("/v1/accounts", 403),
        ("/v1/channels", 403),
        ("/v1/people", 403),
    ):
        assert client.get(path).status_code == status, path
    assert "scopes accounts" in client.get("/v1/accounts").json()["detail"]


def test_a_token_ends_after_ninety_days_unless_told_otherwise(house: House) -> None:
    client = house.client("admin")
    with house.office.store.read() as conn:
        now = house.office.store.now(conn)
    made = client.post("/v1/tokens", json={"name": "x", "role": "viewer"}).json()
    (row,) = (each for each in client.get("/v1/tokens").json()["items"] if each["id"] == made["id"])
    assert now + tokens.LIFETIME_S <= row["expires_at"] <= now + tokens.LIFETIME_S + 60


def test_tokens_are_listed_and_ended_by_whom_they_are_of(house: House) -> None:
    ann, ben = visitor(house, "ann", "operator").client, visitor(house, "ben", "operator").client
    mine = ann.post("/v1/tokens", json={"name": "mine", "role": "viewer"}).json()
    below = _with_token(house, mine["token"])
    lower = below.post("/v1/tokens", json={"name": "lower", "role": "viewer", "lifetime_s": 9})
    names = [each["name"] for each in ann.get("/v1/tokens").json()["items"]]
    assert names == ["lower", "mine"]
    assert ben.get("/v1/tokens").json()["items"] == []
    assert [each["name"] for each in below.get("/v1/tokens").json()["items"]] == ["lower"]
    assert below.delete(f"/v1/tokens/{mine['id']}").status_code == 404
    refused = ben.delete(f"/v1/tokens/{mine['id']}")
    unknown = ben.delete("/v1/tokens/" + "0" * 12)
    assert refused.status_code == unknown.status_code == 404
    assert below.get("/v1/session").status_code == 200
    assert ann.delete(f"/v1/tokens/{mine['id']}").status_code == 204
    # With it goes what it made.
    assert below.get("/v1/session").status_code == 401
    assert _with_token(house, lower.json()["token"]).get("/v1/session").status_code == 401


def test_who_leaves_takes_their_tokens_along(house: House) -> None:
    ann = visitor(house, "ann", "operator").client
    token = _made(house, ann, role="viewer")
    lower = _made(house, token, role="viewer", lifetime_s=60)
    other = _made(house, visitor(house, "ann-2", "operator").client, role="viewer")
    house.client("admin").post("/v1/people/ann/disable")
    assert {each.get("/v1/session").status_code for each in (token, lower)} == {401}
    assert other.get("/v1/session").status_code == 200
    house.client("admin").post("/v1/people/ann/enable")
    assert token.get("/v1/session").status_code == 401


@pytest.mark.parametrize("name", ["", "Ann", "-ann", "a" * 41, "ann/x", "ann ", "änn", "a\0b"])
def test_a_name_is_one_that_programs_can_say(house: House, name: str) -> None:
    answer = house.client("admin").post("/v1/people", json={"name": name, "role": "viewer"})
    assert answer.status_code == 422
    with pytest.raises(BadInput, match="name"):
        people.invite(house.office.store, name, "viewer", "test")


def test_the_first_person_is_invited_once(house: House) -> None:
    # `init` has done it.
    (first,) = people.listed(house.office.store)
    row = first.person
    assert (row.name, row.role, row.state) == ("admin", "admin", "invited")
    assert row.invited_by.startswith("shell:")
    assert people.first(house.office.store, "test") is None


def test_second_factors_under_another_key_are_not_readable_and_can_be_made_good(
    house: House,
) -> None:
    """As after a restore without `people.key`."""
    ann = visitor(house, "ann", "admin")
    services = house.app.state.services
    object.__setattr__(services, "people_key", bytes(32))
    assert ann.log_in().status_code == 401
    assert ann.log_in(code=ann.recovery_codes[0]).status_code == 200


def test_an_owner_is_given_other_accounts(house: House) -> None:
    store = house.office.store
    accounts.add(store, "fleet", "Fleet", "EUR")
    accounts.add(store, "other", "Other", "EUR")
    ann = visitor(house, "ann", "owner", ["fleet"])
    body = {"role": "owner", "accounts": ["other"]}
    assert house.client("admin").patch("/v1/people/ann", json=body).json()["accounts"] == ["other"]
    assert ann.log_in().json()["accounts"] == ["other"]
    assert ann.client.get("/v1/accounts/fleet").status_code == 404
    assert ann.client.get("/v1/accounts/other").status_code == 200

"""O2: an owner sees what is theirs; what is another's is answered as what is not there."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from gateway.operations import accounts, people, tokens
from gateway.operations.errors import BadInput
from gateway.store.errors import NotFound
from tests.api.house import House
from tests.api.test_api_access import OWNERS
from tests.api.visitors import visitor

pytestmark = pytest.mark.threat("O2")

IN_QUERY = {
    "/v1/chain/deposits": "account",
    "/v1/devices": "account",
    "/v1/channels": "account",
    "/v1/listings": "account_id",
    "/v1/channels/{channel_id}/bundle": "account",
}
"""What these must name an account by."""


class Town:
    """Two accounts, each with all that an account can have, and an owner of the first of them."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.fleet()
        accounts.add(house.office.store, "other", "Other", "EUR", credit_limit=10**9)
        self.filled: dict[str, dict[str, str]] = {}
        operator = house.client("operator")
        for number, account in enumerate(("fleet", "other"), 1):
            device = house.device(number, account)
            channel = house.paid(device, 10, payer=account)
            deposit = {"amount": "5000000", "reference": account}
            path = f"/v1/accounts/{account}"
            assert operator.post(path + "/deposits", json=deposit).status_code == 200
            proposed = operator.post(path + "/payout-accounts", json={"details": {"to": "x"}})
            self.filled[account] = {
                "{account_id}": account,
                "{device_id}": device,
                "{channel_id}": channel.hex(),
                "{payout_id}": proposed.json()["id"],
                "{run}": "1",
                "{number}": "1",
            }
        operator.post("/v1/settlements", json={})
        self.filled["nobody"] = {
            "{account_id}": "nobody",
            "{device_id}": "0" * 32,
            "{channel_id}": "0" * 64,
            "{payout_id}": "nobody-payout-1",
            "{run}": "1",
            "{number}": "1",
        }

    def call(self, client: TestClient, method: str, path: str, account: str) -> Any:
        """Call a route for what is an account's."""
        query = {IN_QUERY[path]: account} if path in IN_QUERY else None
        for name, value in self.filled[account].items():
            path = path.replace(name, value)
        body = {"amount": "1", "details": {"to": "y"}} if method == "POST" else None
        if body is not None:
            body.pop("details" if "withdrawals" in path else "amount")
        return client.request(method, path, params=query, json=body)


@pytest.fixture
def town(house: House) -> Town:
    """Two accounts, and what they have."""
    return Town(house)


WITHDRAWALS = "/v1/accounts/{account_id}/withdrawals"
EXCEPT = {
    ("POST", WITHDRAWALS): 409,
    ("GET", "/v1/channels/{channel_id}/claim"): 409,
    ("GET", WITHDRAWALS + "/{number}"): 404,
    ("POST", WITHDRAWALS + "/{number}/reject"): 404,
    ("POST", "/v1/accounts/{account_id}/payout-accounts"): 409,
}
"""Nothing is withdrawn, since nowhere is approved to be paid to, but proposed already; and the IOUs
of these channels are no claims on the XRP Ledger."""
ROUTES = sorted(route for route in OWNERS if "{" in route[1] or route[1] in IN_QUERY)
ROUTES.remove(("DELETE", "/v1/tokens/{token_id}"))


def test_an_owner_reaches_what_is_theirs_and_nothing_of_anothers(town: Town) -> None:
    client = visitor(town.house, "ann", "owner", ["fleet"]).client
    wrong = []
    for route in ROUTES:
        own = town.call(client, *route, "fleet")
        if own.status_code != EXCEPT.get(route, 200):
            wrong.append((route, own.status_code, own.text))
        others = [town.call(client, *route, account) for account in ("other", "nobody")]
        if {each.status_code for each in others} != {404}:
            wrong.append((route, [each.status_code for each in others], others[0].text))
        if others[0].content != others[1].content:
            wrong.append((route, others[0].text, others[1].text))
    assert wrong == []


def test_lists_hold_what_is_theirs_alone(town: Town) -> None:
    client = visitor(town.house, "ann", "owner", ["fleet"]).client
    assert [each["id"] for each in client.get("/v1/accounts").json()["items"]] == ["fleet"]
    devices = client.get("/v1/devices?account=fleet").json()["items"]
    assert [each["account_id"] for each in devices] == ["fleet"]
    channels = client.get("/v1/channels?account=fleet").json()["items"]
    assert [each["payer_account"] for each in channels] == ["fleet"]
    (one,) = client.get("/v1/accounts/fleet/statements").json()["items"]
    assert (one["run"], one["account"]) == (1, "fleet")
    assert client.get(one["csv"]).status_code == 200
    for path in ("/v1/devices", "/v1/channels", "/v1/listings"):
        answer = client.get(path)
        assert answer.status_code == 422
        assert "must name one of yours: fleet" in answer.json()["errors"][0]["message"]
    for query in ("account=other&account=fleet", "account=fleet&account=other", "account="):
        assert client.get("/v1/devices?" + query).status_code == 404, query


def test_hostile_ids_are_unknown_ones(town: Town) -> None:
    client = visitor(town.house, "ann", "owner", ["fleet"]).client
    for text in ("%00", "%27%20OR%201=1", "..%2Ffleet", "FLEET"):
        for path in ("/v1/accounts/", "/v1/devices/", "/v1/channels/"):
            assert client.get(path + text).status_code == 404, (path, text)


def test_both_parties_of_a_channel_see_it_each_with_their_own_statements(house: House) -> None:
    town = Town(house)
    channel = town.filled["fleet"]["{channel_id}"]
    payee = visitor(house, "pat", "owner", ["operator"]).client
    assert payee.get(f"/v1/channels/{channel}").status_code == 200
    assert payee.get(f"/v1/channels/{channel}/bundle?account=operator").status_code == 200
    assert payee.get(f"/v1/channels/{channel}/bundle?account=fleet").status_code == 404
    assert payee.get(f"/v1/channels/{channel}/bundle").status_code == 422


def test_an_owners_token_is_for_their_accounts(town: Town) -> None:
    store = town.house.office.store
    accounts.add(store, "third", "Third", "EUR")
    ann = visitor(town.house, "ann", "owner", ["fleet", "third"]).client
    new = {"name": "x", "role": "owner"}
    for body in (new, new | {"accounts": ["other"]}, new | {"accounts": ["fleet", "other"]}):
        answer = ann.post("/v1/tokens", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "accounts")
    for role in ("viewer", "admin"):
        answer = ann.post("/v1/tokens", json={"name": "x", "role": role})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "role")
    made = ann.post("/v1/tokens", json=new | {"accounts": ["fleet"]}).json()
    headers = {"Authorization": "Bearer " + made["token"]}
    client = TestClient(town.house.app, headers=headers)
    assert client.get("/v1/accounts/fleet").status_code == 200
    for account in ("third", "other"):
        assert client.get(f"/v1/accounts/{account}").status_code == 404
    (listed,) = ann.get("/v1/tokens").json()["items"]
    assert (listed["accounts"], listed["made_by"]) == (["fleet"], "person:ann")


def test_only_an_owner_has_accounts_and_they_must_be_there(town: Town) -> None:
    store = town.house.office.store
    for role, seen in (("owner", []), ("viewer", ["fleet"])):
        with pytest.raises(BadInput, match="accounts"):
            people.invite(store, "x", role, "test", seen)
        with pytest.raises(BadInput, match="accounts"):
            tokens.add(store, "x", role, accounts=seen)
    with pytest.raises(NotFound, match="account nowhere"):
        people.invite(store, "x", "owner", "test", ["fleet", "nowhere"])
    assert "x" not in {each.person.name for each in people.listed(store)}

"""Every route that changes something leaves a record of who did it."""

import json
from typing import Any

import pytest

from gateway.operations import accounts, channels, payout_accounts, schedules
from gateway.store import channels as stored
from tests.api.house import House
from tests.api.test_api_resources import ACCOUNT, DEVICE, TARIFF
from tests.api.visitors import Visitor

pytestmark = pytest.mark.threat("O9")

UNTRIED = {
    "dryRun": "changes nothing",
    "logIn": "is tried by the browser; tests/access/test_access_recorded",
    "logOut": "is tried by the browser; tests/access/test_access_recorded",
    "lookAtWelcome": "changes nothing",
    "enter": "is tried with the people, by the browser",
    "changePassword": "is tried with the people, by the browser",
    "concludeInstruction": "needs a rail that is gone; tests/operations/test_conclusions",
    "claimDevice": "is no operator's; test_api_claims",
    "issueDeviceCertificate": "needs an authority of certificates; tests/tls",
    "liftFence": "needs restored books; tests/restore",
    "takeBankFile": "needs a bank; tests/operations/test_bank",
    "assignBooking": "needs a bank; tests/operations/test_bank",
    "setFollower": "needs two tariffs that go together",
    "removeFollower": "needs two tariffs that go together",
    "addBand": "needs two tariffs that go together",
    "removeBand": "needs two tariffs that go together",
    "endListing": "needs a device that sells; test_api_listings",
    "requestErasure": "needs an account with nothing open; test_api_personal",
    "approveErasure": "needs an account with nothing open; test_api_personal",
    "rejectErasure": "needs an account with nothing open; test_api_personal",
    "recordWithdrawalOutcome": "records as recordOutcomes does",
}
"""Operations that are not tried here, and why. That they record all the same is held by
tests/operations/test_audited.py."""


class Caller:
    """Does what each role may, and remembers which operations were done and what was recorded."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.done: set[str] = set()
        self.ids = {
            (method.upper(), path): operation["operationId"]
            for path, item in house.app.openapi()["paths"].items()
            for method, operation in item.items()
        }

    def __call__(
        self,
        role: str,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        action: str,
        **given: object,
    ) -> dict[str, Any]:
        """Call a route; it must succeed, and record this action by the role's token once."""
        client = self.house.client(role)
        answer = client.request(method, path.format(**given), json=body)
        assert answer.status_code < 300, (path, answer.text)
        self.done.add(self.ids[method, path])
        who = "token:" + self.house.tokens[role].split("_")[1]
        records = client.get("/v1/audit", params={"who": who, "limit": 1}).json()["items"]
        assert [each["action"] for each in records] == [action], path
        found: dict[str, Any] = answer.json() if answer.content else {}
        return {**found, "record": records[0]}


def test_every_route_that_changes_something_records_it(house: House) -> None:
    house.fleet()
    device = house.device()
    frozen, settled = house.paid(device, 10, 0), house.paid(device, 20, 1)
    with house.office.store.write() as conn:
        stored.set_state(conn, frozen, "frozen")
    call = Caller(house)
    call("admin", "POST", "/v1/accounts", ACCOUNT | {"id": "another"}, "account.add")
    path = "/v1/accounts/{account_id}"
    changed = call(
        "admin", "PATCH", path, {"credit_limit": "2000000000"}, "account.change", account_id="fleet"
    )["record"]
    assert changed["before"] == {"credit_limit": "1000000000", "status": "active"}
    assert changed["after"] == {"credit_limit": "2000000000", "status": "active"}
    assert (changed["subject"], changed["why"]) == ("fleet", "")
    of = {"account_id": "fleet"}
    paid_in = {"amount": "700", "reference": "r", "note": "by hand"}
    deposit = call("operator", "POST", path + "/deposits", paid_in, "deposit.record", **of)
    assert deposit["record"]["why"] == "by hand"
    payouts = path + "/payout-accounts"
    proposed = call(
        "operator", "POST", payouts, {"details": {"iban": "XX12"}}, "payout_account.propose", **of
    )
    assert "XX12" not in json.dumps(proposed["record"])
    of = {"account_id": "fleet", "payout_id": proposed["id"]}
    one = payouts + "/{payout_id}"
    call("admin", "POST", one + "/approve", None, "payout_account.approve", **of)
    call("operator", "POST", one + "/retire", None, "payout_account.retire", **of)
    again = call(
        "operator", "POST", payouts, {"details": {"to": "x"}}, "payout_account.propose", **of
    )
    of["payout_id"] = again["id"]
    call("operator", "POST", one + "/reject", None, "payout_account.reject", **of)
    _devices(call, device)
    _claims_tariffs_and_tokens(call)
    _channels_and_books(call, frozen, settled, deposit["entry"])
    _settlements(call)
    _withdrawals(call)
    _people(call)
    _webhooks(call)
    changing = {
        operation
        for (method, _path), operation in call.ids.items()
        if method in ("POST", "PUT", "PATCH", "DELETE")
    }
    assert changing - call.done == set(UNTRIED)
    assert house.client("viewer").get("/v1/books").json()["ok"] is True


def _devices(call: Caller, device: str) -> None:
    of = {"device_id": device}
    path = "/v1/devices/{device_id}"
    call("operator", "POST", "/v1/devices", DEVICE | {"account_id": "fleet"}, "device.register")
    suspended = call("operator", "POST", path + "/suspend", None, "device.suspend", **of)["record"]
    assert (suspended["before"], suspended["after"]) == (
        {"status": "active"},
        {"status": "suspended"},
    )
    call("operator", "POST", path + "/resume", None, "device.resume", **of)
    password = call("operator", "POST", path + "/password", None, "device.password", **of)
    assert password["password"] not in json.dumps(password["record"])
    other = call.house.device(7)
    call("operator", "POST", path + "/revoke", None, "device.revoke", device_id=other)


def _claims_tariffs_and_tokens(call: Caller) -> None:
    claim = call("operator", "POST", "/v1/claims", {"account_id": "fleet"}, "claim.add")
    assert claim["code"] not in json.dumps(claim["record"])
    call("operator", "DELETE", "/v1/claims/{claim_id}", None, "claim.revoke", claim_id=claim["id"])
    water = TARIFF | {"name": "water", "unit": "L"}
    tariff = call("admin", "POST", "/v1/tariffs", water, "tariff.add")
    one = {"tariff_id": tariff["id"]}
    call("admin", "POST", "/v1/tariffs/{tariff_id}/retire", None, "tariff.retire", **one)
    token = call("admin", "POST", "/v1/tokens", {"name": "x", "role": "viewer"}, "token.add")
    assert token["token"] not in json.dumps(token["record"])
    call("admin", "DELETE", "/v1/tokens/{token_id}", None, "token.revoke", token_id=token["id"])


def _channels_and_books(call: Caller, frozen: bytes, settled: bytes, entry: int) -> None:
    path = "/v1/channels/{channel_id}"
    call("operator", "POST", path + "/thaw", None, "channel.thaw", channel_id=frozen.hex())
    closed = call(
        "operator", "POST", path + "/close", None, "channel.close", channel_id=settled.hex()
    )
    assert closed["record"]["after"] == {"state": "closed", "amount": "60", "units": "20"}
    reversals = "/v1/books/reversals"
    body = {"entry": entry, "reason": "not theirs"}
    for decision, role in (("reject", "operator"), ("approve", "admin")):
        made = call("operator", "POST", reversals, body, "reversal.propose")
        assert made["record"]["why"] == "not theirs"
        one = reversals + "/{number}/" + decision
        call(role, "POST", one, None, f"reversal.{decision}", number=made["number"])


def _settlements(call: Caller) -> None:
    path = "/v1/schedules/{subject}"
    body = {"cron": "0 2 * * *", "approval": True}
    made = call("admin", "PUT", path, body, "schedule.set", subject="EUR")["record"]
    assert made["before"] is None and made["after"]["approval"] is True
    runs = "/v1/settlements"
    call("operator", "POST", runs, {"currency": "EUR"}, "run.begin")
    call("admin", "POST", runs + "/{run}/approve", None, "run.approve", run=1)
    outcome = {"outcomes": [{"instruction": "run-1-fleet", "outcome": "done", "note": "paid"}]}
    call("operator", "POST", runs + "/{run}/outcomes", outcome, "instruction.outcome", run=1)
    call.house.paid(next(iter(call.house.device_keys)), 30, 2)
    call("operator", "POST", runs, {"currency": "EUR"}, "run.begin")
    call("admin", "POST", runs + "/{run}/reject", None, "run.reject", run=2)
    end = path + "/end-approval"
    call("admin", "POST", end, None, "schedule.end_approval", subject="EUR")
    schedules.end_approval(call.house.office.store, "EUR", "shell:other")
    call("admin", "DELETE", path, None, "schedule.remove", subject="EUR")


def _people(call: Caller) -> None:
    path = "/v1/people"
    made = call("admin", "POST", path, {"name": "ann", "role": "viewer"}, "person.invite")
    assert made["link"].rsplit("/", 1)[1] not in json.dumps(made["record"])
    one = path + "/{name}"
    ann = Visitor(call.house, "ann")
    ann.come_in(made["link"].rsplit("/", 1)[1])
    changed = {"password": ann.password, "new_password": "another horse of that kind"}
    assert ann.client.post("/v1/session/password", json=changed).status_code < 300
    own = call.house.client("viewer").get("/v1/audit?who=person:ann").json()["items"]
    assert [each["action"] for each in own] == ["person.password", "person.enter"]
    assert "horse" not in json.dumps(own)
    role = call("admin", "PATCH", one, {"role": "operator"}, "person.change", name="ann")["record"]
    assert (role["before"]["role"], role["after"]["role"]) == ("viewer", "operator")
    call("admin", "POST", one + "/disable", None, "person.disable", name="ann")
    call("admin", "POST", one + "/enable", None, "person.enable", name="ann")
    again = call("admin", "POST", one + "/reset", {}, "person.reset", name="ann")
    assert again["link"].rsplit("/", 1)[1] not in json.dumps(again["record"])


def _webhooks(call: Caller) -> None:
    body = {"url": "http://127.0.0.1:9/", "loopback": True}
    made = call("admin", "POST", "/v1/webhooks", body, "webhook.add")
    assert made["secret"] not in json.dumps(made["record"])
    one, of = "/v1/webhooks/{webhook_id}", {"webhook_id": made["id"]}
    other = call("admin", "POST", one + "/rotate", None, "webhook.rotate", **of)
    assert other["secret"] not in json.dumps(other["record"])
    call("admin", "POST", one + "/enable", None, "webhook.enable", **of)
    call("admin", "POST", one + "/replay", {"first": 1, "last": 2}, "webhook.replay", **of)
    call("admin", "DELETE", one, None, "webhook.remove", **of)


def _withdrawals(call: Caller) -> None:
    store = call.house.office.store
    path = "/v1/accounts/{account_id}"
    of: dict[str, object] = {"account_id": "fleet"}
    paid_in = {"amount": "700", "reference": "another"}
    call("operator", "POST", path + "/deposits", paid_in, "deposit.record", **of)
    payouts = path + "/payout-accounts"
    to = call("operator", "POST", payouts, {"details": {"to": "x"}}, "payout_account.propose", **of)
    payout_accounts.approve(store, "fleet", to["id"], "shell:other", 0)
    for decision, role in (("reject", "operator"), ("approve", "admin")):
        made = call(
            "operator", "POST", path + "/withdrawals", {"amount": "7"}, "withdrawal.request", **of
        )
        one = path + "/withdrawals/{number}/" + decision
        call(role, "POST", one, None, f"withdrawal.{decision}", number=made["number"], **of)


def test_what_a_command_does_is_recorded_under_its_user(house: House) -> None:
    house.fleet()
    store = house.office.store.acting("shell:somebody")
    accounts.change(store, "fleet", credit_limit=5)
    channels.close(store, house.paid(house.device(), 1))
    records = house.client("viewer").get("/v1/audit?who=shell:somebody").json()["items"]
    assert [each["action"] for each in records] == ["channel.close", "account.change"]


def test_records_are_listed_page_by_page(house: House) -> None:
    house.fleet()
    viewer = house.client("viewer")
    first = viewer.get("/v1/audit?limit=2").json()
    rest = viewer.get(f"/v1/audit?cursor={first['next']}").json()
    seqs = [each["seq"] for each in first["items"] + rest["items"]]
    assert seqs == list(range(len(seqs), 0, -1)) and rest["next"] is None
    for bad in ("since=-1", "who=", "who=%00", "limit=0", "cursor=x"):
        assert viewer.get(f"/v1/audit?{bad}").status_code == 422, bad

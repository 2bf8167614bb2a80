"""The API against its own OpenAPI document: thousands of requests, valid, broken and in sequences.

Schemathesis makes them from the document alone, sends them to the real application on a real
database, and holds every answer against the document.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema

from gateway.settlement.verify_books import verify_books
from tests.api.house import House, house_in
from tests.sizes import size

DECIDED = {
    "details": "not printable, or not what the rail asks for",
    "rail": "there is no such rail, or it is not set up",
    "body": "an assignment names whose money it was, or another booking",
    "url": "is no https, or at no public address",
    "kind": "there are no events of the kind",
    "kinds": "there are no events of the kind",
    "last": "is below the first, or too far from it",
    "subject": "no currency of an account, and no account",
    "cron": "not five fields of cron",
    "time_zone": "no time zone",
    "least_amount": "19 digits above 2^63-1",
    "most_owed": "19 digits above 2^63-1, or 0",
    "approval": "is a currency's to ask for",
    "account": "neither pays nor is paid on this channel",
    "account_id": "there is no such account, or it is no text of the form",
    "payee_account": "there is no such account",
    "currency": "no account has it",
    "public_key": "64 hex digits that are no point of the curve",
    "unit": "no UCUM code",
    "name": "not printable",
    "note": "not printable",
    "amount": "19 digits above 2^63-1, or 0",
    "reference": "not printable",
    "reason": "not printable",
    "instruction": "the run has no such instruction",
    "cursor": "was never given out",
    "Idempotency-Key": "was used for another request",
    "role": "its accounts are missing, or there are none for it",
    "accounts": "an owner's alone, who must have some",
    "scopes": "twice the same, or none there is",
    "password": "too short or too simple",
    "new_password": "too short or too simple",
    "code": "not what the authenticator shows",
    "credit_limit": "19 digits above 2^63-1",
    "numerator": "19 digits above 2^63-1",
    "denominator": "19 digits above 2^63-1, or 0",
    "price": "no decimal, or none that 63-bit numbers write exactly",
    "per": "no quantity of the unit",
    "fee_fixed": "19 digits above 2^63-1",
    "tariff_id": "there is no such tariff",
    "follower_id": "there is no such tariff, or it does not go with the other",
    "fee_account": "there is no such account, or there is no fee",
    "max_capacity": "19 digits above 2^63-1, or 0",
}
"""The fields whose value may fit the document and still be wrong, and why. No other may."""


def _named(field: str) -> str:
    """A field without what it is in; a payout account's details have names of the caller's own."""
    return "details" if field.startswith("details.") else field.split(".")[-1]


@schemathesis.check
def what_the_document_allows_is_taken(_context: Any, response: Any, case: Any) -> None:
    """422 to a request that fits the document only for what no document can say."""
    if response.status_code != 422 or not case.meta.generation.mode.is_positive:
        return
    wrong = {_named(error["field"]) for error in response.json()["errors"]}
    # What one answer had not, a link brings into the next path as "None".
    wrong -= {name for name, value in case.path_parameters.items() if value in (None, "None")}
    if isinstance(case.body, dict):
        # JSON Schema takes 1.0 for an integer; here nothing with a point is a number of anything.
        wrong -= {name for name, value in case.body.items() if isinstance(value, float)}
    if not wrong <= set(DECIDED):
        raise AssertionError(f"the document allows what was refused: {sorted(wrong)}")


def _config(house: House, role: str) -> SchemathesisConfig:
    examples = size("rest_examples", 2, 300)
    return SchemathesisConfig.from_dict(
        {
            "seed": size("rest_seed", 1, 1),
            "headers": {"Authorization": "Bearer " + house.tokens[role]},
            "continue-on-failure": True,
            "workers": 1,
            "generation": {"max-examples": examples, "mode": "all", "database": "none"},
            # Who may look and no more is refused nearly everything, which few requests show.
            "phases": {"coverage": {"enabled": role == "admin" or examples > 50}},
            "checks": {
                # 413: a text that is too long may make a body that is too large.
                "negative_data_rejection": {
                    "expected-statuses": ["400", "401", "403", "404", "405", "409", "413", "422"]
                },
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "401", "403", "404", "409", "422"]
                },
            },
        }
    )


def _failures(house: House, role: str) -> Iterator[str]:
    """What schemathesis finds, each with the request that showed it."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", house.app, config=_config(house, role))
    sent: Counter[int] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            yield f"{event.label}: {event.value!r}"
        if isinstance(event, events.FatalError):
            yield repr(event.exception)
        if not isinstance(event, events.ScenarioFinished):
            continue
        sent.update(
            each.response.status_code
            for each in event.recorder.interactions.values()
            if each.response is not None
        )
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure: Failure = check.failure_info.failure
                    case = event.recorder.cases[case_id].value
                    yield f"{check.name}: {failure}\n{case.as_curl_command()}"
    print(f"as {role}: {sent.total()} requests, by status {dict(sorted(sent.items()))}")
    if sent[200] < 20:
        yield f"too little was done to say anything: {sent}"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A gateway on SQLite, where an hour goes by between any two attempts at a token."""
    monkeypatch.chdir(tmp_path)  # schemathesis writes where it is started
    with house_in(tmp_path / "data", None, itertools.count(0.0, 3600.0).__next__) as made:
        yield made


@pytest.mark.threat("O1", "D4", "D15")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_every_answer_is_what_the_document_says(house: House, role: str) -> None:
    house.fleet()
    house.paid(house.device(), 10)
    house.client("admin").post("/v1/settlements", json={})
    found = list(_failures(house, role))
    if found:
        pytest.fail(f"{len(found)} failures:\n" + "\n\n".join(found[:20]), pytrace=False)
    # Not over the API: an admin may have revoked that token, its own, by now.
    assert verify_books(house.office.store, house.office.keys.public).discrepancies == []

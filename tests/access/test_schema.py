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

from tests.api.house import House, house_in
from tests.sizes import size

DECIDED = {
    "account_id": "there is no such account, or it is no text of the form",
    "payee_account": "there is no such account",
    "currency": "no account has it",
    "public_key": "64 hex digits that are no point of the curve",
    "unit": "no UCUM code",
    "name": "not printable",
    "note": "not printable",
    "instruction": "the run has no such instruction",
    "cursor": "was never given out",
    "Idempotency-Key": "was used for another request",
    "credit_limit": "19 digits above 2^63-1",
    "numerator": "19 digits above 2^63-1",
    "max_capacity": "19 digits above 2^63-1, or 0",
}
"""The fields whose value may fit the document and still be wrong, and why. No other may."""


@schemathesis.check
def what_the_document_allows_is_taken(_context: Any, response: Any, case: Any) -> None:
    """422 to a request that fits the document only for what no document can say."""
    if response.status_code != 422 or not case.meta.generation.mode.is_positive:
        return
    wrong = {error["field"].split(".")[-1] for error in response.json()["errors"]}
    if isinstance(case.body, dict):
        # JSON Schema takes 1.0 for an integer; here nothing with a point is a number of anything.
        wrong -= {name for name, value in case.body.items() if isinstance(value, float)}
    if not wrong <= set(DECIDED):
        raise AssertionError(f"the document allows what was refused: {sorted(wrong)}")


def _config(house: House, role: str) -> SchemathesisConfig:
    examples = size("rest_examples", 5, 300)
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
    assert house.client(role).get("/v1/books").json()["ok"] is True

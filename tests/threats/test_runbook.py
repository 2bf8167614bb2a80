"""docs/runbook.md has an entry for everything that can ask an operator to do something."""

import re

import pytest

from gateway.ingest.alerts import SIGNS
from gateway.ledger import states
from tests.threats.page import ROOT

ENTRIES = set(re.findall(r"^### (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE))
FINDING = re.compile(r'Finding\(\s*"([a-z ]+)",\s*(?:FAIL|WARN)')
LACKING = re.compile(r'lacking\.append\(f?"([a-z]+):')


def _found(pattern: re.Pattern[str], *files: str) -> set[str]:
    return {
        name for file in files for name in pattern.findall((ROOT / "gateway" / file).read_text())
    }


@pytest.mark.parametrize("kind", sorted(SIGNS))
def test_each_alert_has_an_entry(kind: str) -> None:
    assert kind in ENTRIES


def test_each_finding_of_doctor_has_an_entry() -> None:
    findings = _found(FINDING, "doctor.py", "doctor_tls.py")
    assert len(findings) > 10
    assert sorted(findings - ENTRIES) == []


def test_each_reason_not_to_be_ready_has_an_entry() -> None:
    reasons = _found(LACKING, "serve.py")
    assert len(reasons) == 4
    assert sorted(reasons - ENTRIES) == []


def test_each_state_that_waits_for_somebody_has_an_entry() -> None:
    waiting = {
        "channel": {"frozen"} & states.CHANNEL.keys(),
        "device": {"suspended", "revoked"} & states.DEVICE.keys(),
        "gateway": {"fenced"} & states.FENCE.keys(),
        "run": {"posted"} & states.RUN.keys(),
        "instruction": {"pending", "submitted", "failed"} & states.INSTRUCTION.keys(),
    }
    wanted = {f"{state} {thing}" for thing, found in waiting.items() for state in found}
    assert len(wanted) == 8
    assert sorted(wanted - ENTRIES) == []


def test_links_within_the_runbook_lead_somewhere() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert sorted(set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors) == []

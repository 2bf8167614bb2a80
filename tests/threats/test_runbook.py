"""docs/runbook.md has an entry for everything that can ask an operator to do something."""

import re

import pytest

from gateway.ingest.alerts import SIGNS
from gateway.ledger import states
from tests.threats.page import ROOT

ENTRIES = set(re.findall(r"^### (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE))
FINDING = re.compile(r'Finding\(\s*"([a-z ]+)",\s*(?:FAIL|WARN)')
LACKING = re.compile(r'lacking\.append\(f?"([a-z]+):')
METRIC = re.compile(r'"(tallystick_[a-z_]+)"')
DESCRIBING = {
    "tallystick_awaited_channels",
    "tallystick_batch_messages",
    "tallystick_broker_connections_total",
    "tallystick_devices_online",
    "tallystick_generation",
    "tallystick_inbox_messages",
    "tallystick_ious_accepted_total",
    "tallystick_ious_coalesced_total",
    "tallystick_ious_stale_total",
    "tallystick_messages_total",
    "tallystick_reserved_amount",
    "tallystick_ticks_accepted_total",
    "tallystick_unsettled_amount",
    "tallystick_window_amount",
}
"""Metrics that say how much there is of something, and of themselves that nothing is wrong."""
QUIET = {
    *("active device", "open channel", "closed channel"),
    *("approved run", "rejected run", "instructed run", "completed run", "done instruction"),
    *("pending pending", "posted pending", "voided pending"),
    *("active payout account", "retired payout account", "rejected payout account"),
    *("approved withdrawal", "rejected withdrawal", "posted reversal", "rejected reversal"),
    *("listed listing", "ended listing", "matched booking", "assigned booking"),
    *("lifted fence", "superseded fence"),
    # What is awaited, and by whom, stands at the fenced gateway.
    *("waiting awaited", "presented awaited", "lost awaited"),
}
"""States in which nothing waits for a person."""


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


def test_each_state_has_an_entry_unless_nobody_need_do_anything() -> None:
    found = {
        f"{state} {name.lower().replace('_', ' ')}"
        for name, machine in vars(states).items()
        if name.isupper()
        for state in machine
    }
    spoken = {each.replace(" fence", " gateway") for each in found - QUIET}
    assert found >= QUIET
    assert len(spoken) > 10
    assert sorted(spoken - ENTRIES) == []


def test_each_metric_has_an_entry_or_an_alarm_unless_it_only_describes() -> None:
    files = [str(path.relative_to(ROOT / "gateway")) for path in (ROOT / "gateway").rglob("*.py")]
    metrics = _found(METRIC, *files)
    assert metrics >= DESCRIBING
    text = (ROOT / "docs" / "runbook.md").read_text()
    assert sorted(each for each in metrics - DESCRIBING if each not in text) == []
    counters = {each for each in metrics - DESCRIBING if each.endswith("_total")}
    assert sorted(counters - ENTRIES - {"tallystick_alerts_total"}) == []


@pytest.mark.parametrize(
    "entry",
    [
        "refused bank file",
        "contradictory bank file",
        "booking that nobody can assign",
        "rail that does not answer",
    ],
)
def test_what_banks_and_rails_may_do_has_an_entry(entry: str) -> None:
    assert entry in ENTRIES


def test_links_within_the_runbook_lead_somewhere() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert sorted(set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors) == []

"""The dashboard and the alerts name only what `/metrics` tells, with labels that it has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.api.house import House

FOLDER = Path(__file__).parents[2] / "docs" / "grafana"
_RUNBOOK = FOLDER.parent.parent
_NAME = re.compile(r"\b(tallystick_\w+)(?:\{([^}]*)\})?")
_BY = re.compile(r"by \(([^)]*)\)")
_LEGEND = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def _asked() -> Iterator[tuple[str, str]]:
    """Each expression, with the text that shows labels of what it finds."""
    for panel in json.loads((FOLDER / "tallystick.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]
    for rule in _rules():
        yield rule["expr"], rule["annotations"]["summary"]


def _told(house: House) -> dict[str, set[str]]:
    """The labels of each metric, of a gateway in which each has something to tell."""
    house.fleet()
    house.paid(house.device(), 10)
    metrics = house.app.state.services.metrics
    metrics.messages.labels(kind="iou")
    metrics.refused.labels(kind="iou", reason="expired")
    metrics.silent.labels(why="unknown")
    metrics.alerts.labels(kind="stale_ious")
    metrics.tokens_refused.labels(why="invalid")
    told: dict[str, set[str]] = {}
    text = house.client("viewer").get("/metrics").text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            told.setdefault(sample.name, set()).update(sample.labels)
    return told


def test_each_metric_that_is_asked_for_exists_with_its_labels(house: House) -> None:
    told = _told(house)
    names = set()
    for expression, shown in _asked():
        labels: set[str] = set()
        for name, matched in _NAME.findall(expression):
            names.add(name)
            assert name in told, f"{name}: in {expression}"
            asked = {each.split("=")[0].strip() for each in matched.split(",") if each}
            assert asked <= told[name], expression
            labels |= told[name]
        grouped = {each.strip() for found in _BY.findall(expression) for each in found.split(",")}
        assert grouped <= labels, expression
        # `{{ $value }}` is no label, and of what is grouped only that is left.
        assert set(_LEGEND.findall(shown)) - {"value"} <= (grouped or labels), expression
    assert len(names) > 20


def test_each_alert_says_what_to_do_where_that_stands() -> None:
    rules = _rules()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        page, _hash, anchor = rule["annotations"]["runbook"].partition("#")
        heads = re.findall(r"^#+ (.*)$", (_RUNBOOK / page).read_text(), re.MULTILINE)
        assert anchor in {head.lower().replace(" ", "-") for head in heads}, rule["alert"]

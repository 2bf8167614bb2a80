"""docs/asyncapi.yaml says what the code does: kinds, topics, qualities of service, payloads."""

import json
from pathlib import Path
from typing import Any

import pytest

from protocol import topics
from protocol.errors import WireError
from tests.protocol.asyncapi import document, payload_of, wrong

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "messages.json").read_text("utf-8"))
BEYOND_A_SCHEMA = {"statement": {"an end before its start"}}
"""What only a comparison of two values shows."""


def _kinds(direction: str) -> set[str]:
    actions = {"up": "receive", "down": "send"}
    operations = document()["operations"]
    return {kind for kind, each in operations.items() if each["action"] == actions[direction]}


def test_the_kinds_of_both_directions_are_those_of_the_code() -> None:
    assert _kinds("up") == set(topics.UP_KINDS)
    assert _kinds("down") == set(topics.DOWN_KINDS)
    parts = document()["components"]
    assert set(document()["channels"]) == set(parts["messages"]) == set(topics.QOS)
    assert parts["schemas"]["upKind"]["enum"] == list(topics.UP_KINDS)


@pytest.mark.parametrize("kind", sorted(topics.QOS))
def test_each_kind_has_its_topic_and_its_quality_of_service(kind: str) -> None:
    device = "0123456789abcdef" * 2
    address = document()["channels"][kind]["address"]
    topic = address.replace("{shard}", device[:2]).replace("{deviceId}", device)
    way = topics.up if kind in topics.UP_KINDS else topics.down
    assert topic == way(device, kind)
    said = document()["operations"][kind]["bindings"]["mqtt"]
    assert (said["qos"], said["retain"]) == (topics.QOS[kind], False)


def _published(name: str) -> list[dict[str, Any]]:
    return [each for each in VECTORS[name] if each["kind"] in topics.QOS]


def test_every_valid_message_is_what_the_document_says() -> None:
    seen = set()
    for vector in _published("valid"):
        kind, payload = vector["kind"], bytes.fromhex(vector["payload"])
        assert wrong(kind, payload) == []
        assert payload_of(kind, bytes.fromhex(vector["message"])) == payload
        seen.add(kind)
    # Their vectors are in files of their own.
    assert seen == set(topics.QOS) - {"topup", "leg"}
    leg = json.loads((Path(__file__).parents[1] / "vectors" / "leg.json").read_text("utf-8"))
    assert wrong("leg", bytes.fromhex(leg["leg"]["payload"])) == []
    claimed = json.loads((Path(__file__).parents[1] / "vectors" / "xrpl.json").read_text("utf-8"))
    for kind, name in (("open", "terms"), ("iou", "iou")):
        assert wrong(kind, bytes.fromhex(claimed[name]["payload"])) == []
    for kind in ("offer", "grant", "resume"):
        for vector in leg[f"{kind}s"]:
            assert wrong(kind, bytes.fromhex(vector["payload"])) == []
    ends = json.loads((Path(__file__).parents[1] / "vectors" / "price_end.json").read_text("utf-8"))
    for vector in ends["offers"]:
        assert wrong("offer", bytes.fromhex(vector["payload"])) == []
    for vector in ends["invalid_offers"]:
        assert wrong("offer", bytes.fromhex(vector["payload"])), vector["name"]


def test_tariffs_with_a_session_fee_and_wrong_ones_are_told_apart() -> None:
    path = Path(__file__).parents[1] / "vectors" / "session_fee.json"
    vectors = json.loads(path.read_text("utf-8"))
    for vector in vectors["tariffs"]:
        assert wrong("tariff", bytes.fromhex(vector["encoded"])) == []
    for vector in vectors["invalid_tariffs"]:
        assert wrong("tariff", bytes.fromhex(vector["encoded"])), vector["name"]


@pytest.mark.threat("D15")
@pytest.mark.parametrize(
    "vector", _published("invalid_payloads"), ids=lambda each: f"{each['kind']}: {each['name']}"
)
def test_every_payload_that_is_refused_is_wrong_by_the_document_too(vector: dict[str, Any]) -> None:
    kind = vector["kind"]
    try:
        found = wrong(kind, bytes.fromhex(vector["payload"]))
    except WireError:
        return
    assert bool(found) is (vector["name"] not in BEYOND_A_SCHEMA.get(kind, ()))

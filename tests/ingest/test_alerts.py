"""Signs that two act under one name: counted per device, told once, never about an honest one."""

import pytest

from gateway.ingest.alerts import SIGNS, Alerts
from gateway.ingest.inbox import Received
from gateway.metrics import Metrics
from protocol import envelope, topics
from protocol.messages import read_refused
from tests.ingest.parties import Gateway


def told(metrics: Metrics, kind: str) -> float:
    """How often an operator was alerted."""
    return metrics.registry.get_sample_value("tallystick_alerts_total", {"kind": kind}) or 0.0


@pytest.mark.threat("D13")
def test_d13_ious_below_the_mark_that_keep_coming_are_an_alert_and_charge_nothing(
    gateway: Gateway,
) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 500))
    before = gateway.mark(channel)
    for number in range(SIGNS["stale_ious"].enough * 3):
        gateway.take(device.iou(channel, 100 + number))
    assert gateway.mark(channel) == before
    assert told(gateway.metrics, "stale_ious") == 1


@pytest.mark.threat("D13")
def test_d13_repeating_the_last_iou_is_honest_and_alerts_nobody(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    for _ in range(100):
        gateway.take(device.iou(channel, 500))
    assert told(gateway.metrics, "stale_ious") == 0


@pytest.mark.threat("D13", "N5")
def test_d13_a_device_that_connects_again_and_again_is_an_alert(gateway: Gateway) -> None:
    device, other = gateway.device(), gateway.device()
    for _ in range(SIGNS["device_takeover"].enough):
        gateway.take(device.hello())
    gateway.take(other.hello())
    assert told(gateway.metrics, "device_takeover") == 1


def test_signs_far_apart_are_no_alert_and_names_are_bounded() -> None:
    metrics, now = Metrics(), 0.0
    alerts = Alerts(metrics, lambda: now)
    sign = SIGNS["device_takeover"]
    for _ in range(100):
        alerts.sign("device_takeover", "slow")
        now += sign.seconds / (sign.enough - 1) + 1
    assert told(metrics, "device_takeover") == 0
    for number in range(50_000):
        alerts.sign("stale_ious", f"{number}")
    assert len(alerts) <= 20_000


@pytest.mark.threat("D14")
def test_d14_a_limited_device_learns_the_reason_and_nothing_is_taken(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    before = gateway.mark(channel)
    (answer,) = gateway.take(Received(topics.up(device.id, "iou"), b"", limited=True))
    assert answer.topic == topics.down(device.id, "refused")
    said = read_refused(envelope.open_mac0("refused", answer.payload, device.mac_key))
    assert (said.kind, said.reason) == ("iou", "rate_limited")
    assert gateway.mark(channel) == before

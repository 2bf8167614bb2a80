"""Session fees from the IOU to the statement, the evidence and its check: exact, and once."""

from pathlib import Path

import pytest

from gateway.operations import plans
from gateway.settlement import evidence
from gateway.settlement.run import run_settlement
from gateway.settlement.statements import lines
from gateway.settlement.verify_books import verify_books
from gateway.store import channels, figures
from gateway.verify import Known, check, collect_legs, collect_terms
from gateway.verify_bundle import check_bundle
from protocol.pricing import Tariff
from protocol.statements import read_line
from tests.ingest.parties import NOW, WINDOW, Gateway, gateway_in

FEE = 500_000
PARKED = Tariff("W.h", 300, 1, "EUR", session_fee=FEE)
NIGHT = Tariff("W.h", 100, 3, "EUR")


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """A gateway that sells by a price with a session fee, which NIGHT may follow."""
    made = gateway_in(tmp_path)
    made.offer(PARKED)
    made.offer(NIGHT)
    return made


def statement_lines(gateway: Gateway, number: int) -> list[tuple[int, int, int, int, bytes]]:
    """The payer's lines of a run: amounts, units and tariff."""
    with gateway.store.read() as conn:
        found = [read_line(each) for each in lines(conn, number, "fleet")]
    return [(x.from_amount, x.to_amount, x.from_units, x.to_units, x.tariff) for x in found]


@pytest.mark.threat("D10")
def test_it_is_owed_with_the_first_unit_and_settled_verified_and_proven_once(
    gateway: Gateway,
) -> None:
    device = gateway.device()
    channel = device.opened(tariff=PARKED)
    with gateway.store.read() as conn:
        assert figures.read(conn).money["EUR"].windows == WINDOW * 300 + FEE
    assert gateway.reasons(device, device.iou(channel, 10, 3_000)) == ["wrong_amount"]
    assert gateway.reasons(device, device.iou(channel, 10, FEE + 3_000)) == []
    with gateway.store.read() as conn:
        assert figures.read(conn).money["EUR"].windows == WINDOW * 300
    assert run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual") is not None
    plans.follow(gateway.store, PARKED.id(), NIGHT.id())
    at_30 = device.iou_bytes(channel, 30, FEE + 9_000)
    gateway.take(device.leg(channel, 1, NIGHT, at_30))
    gateway.take(device.iou(channel, 60, FEE + 10_000))
    assert run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual") is not None
    assert statement_lines(gateway, 1) == [(0, FEE + 3_000, 0, 10, PARKED.id())]
    assert statement_lines(gateway, 2) == [
        (FEE + 3_000, FEE + 9_000, 10, 30, PARKED.id()),
        (FEE + 9_000, FEE + 10_000, 30, 60, NIGHT.id()),
    ]
    assert verify_books(gateway.store, gateway.keys.public).discrepancies == []
    with gateway.store.read() as conn:
        bundle = evidence.bundle(conn, channel, "fleet", gateway.keys, NOW + 9)
    report = check_bundle(bundle, [gateway.keys.public])
    assert report.ok, report.checks
    assert f"and {FEE} once, as session fee" in str(report.facts["price"])


@pytest.mark.threat("D10")
def test_a_leg_before_the_first_unit_does_not_save_it(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened(tariff=PARKED)
    plans.follow(gateway.store, PARKED.id(), NIGHT.id())
    leg = device.leg_bytes(channel, 1, NIGHT)
    gateway.take(device.message("leg", leg))
    assert gateway.reasons(device, device.iou(channel, 3, 100)) == ["wrong_amount"]
    iou = device.iou_bytes(channel, 3, FEE + 100)
    assert gateway.reasons(device, device.message("iou", iou)) == []
    assert run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual") is not None
    assert statement_lines(gateway, 1) == [(0, FEE + 100, 0, 3, NIGHT.id())]
    # Offline, from the payer's own messages.
    with gateway.store.read() as conn:
        terms = collect_terms([bytes(channels.get(conn, channel).open_message)])
    known = Known(terms=terms, legs=collect_legs([leg], terms))
    assert check(iou, known).ok
    assert not check(device.iou_bytes(channel, 3, 100), known).ok
    assert not check(device.iou_bytes(channel, 3, 2 * FEE + 100), known).ok

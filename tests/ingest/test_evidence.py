"""The evidence on channels as the hot path leaves them: topped up, mirrored, ticked."""

import pytest
from sqlalchemy import update

from gateway.contradictions import find
from gateway.keys import verify
from gateway.settlement import evidence
from gateway.settlement.run import run_settlement
from gateway.store import channels
from gateway.store.tables import Base
from gateway.verify_bundle import Report, check_bundle
from protocol.earning import read_mirror
from protocol.messages import Credit
from tests.ingest.parties import Gateway, kind_of


def proven(gateway: Gateway, channel: bytes) -> Report:
    with gateway.store.read() as conn:
        row = channels.get(conn, channel)
        account = row.payer_account if row.mirror_of is None else row.payee_account
        content = evidence.bundle(conn, channel, account, gateway.keys, 2**32)
    report = check_bundle(content, [gateway.keys.public])
    assert report.ok, report.checks
    return report


@pytest.mark.threat("G3")
def test_a_topped_up_channel_is_proven_beyond_what_its_terms_allow(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened(0, capacity=3_000_000)
    gateway.take(device.topup(channel, 6_000_000))
    gateway.take(device.iou(channel, 10_001))
    run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual")
    gateway.take(device.close(channel, device.iou_bytes(channel, 10_002)))
    report = proven(gateway, channel)
    assert report.facts["amount"] == 300 * 10_002
    assert report.facts["settled"] == 300 * 10_001


@pytest.mark.threat("G1", "G3")
def test_what_the_gateway_owes_a_payee_is_proven_by_its_own_credits(gateway: Gateway) -> None:
    gateway.account("park")
    payer, payee = gateway.device(), gateway.device("park")
    gateway.take(payee.sell(payee.sale()))
    opened, mirrored = gateway.take(payer.open(payer.terms(0, payee_key=payee.public)))
    channel = payer.terms(0, payee_key=payee.public).channel_id()
    mirror = read_mirror(mirrored.payload, payee.public, gateway.keys.public, verify).channel_id()
    assert kind_of(opened) == "opened"
    gateway.take(payer.iou(channel, 10))
    run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual")
    gateway.take(payer.close(channel, payer.iou_bytes(channel, 12)))
    for each in (channel, mirror):
        report = proven(gateway, each)
        assert report.facts["amount"] == 3_600
        assert report.facts["settled"] == 3_000


def test_a_mirror_outlives_the_key_that_it_names(gateway: Gateway) -> None:
    gateway.account("park")
    payer, payee = gateway.device(), gateway.device("park")
    gateway.take(payee.sell(payee.sale()))
    terms = payer.terms(0, payee_key=payee.public)
    _opened, mirrored = gateway.take(payer.open(terms))
    mirror = read_mirror(mirrored.payload, payee.public, gateway.keys.public, verify).channel_id()
    older = gateway.keys
    gateway.take(payer.iou(terms.channel_id(), 10))
    keys = older.followed_by(b"\x09" * 32, 2**31).without(older.public)
    credit = keys.sign1("credit", Credit(mirror, 3_000, 10).payload())
    with gateway.store.write() as conn:
        table = Base.metadata.tables["channel"]
        conn.execute(update(table).where(table.c.id == mirror).values(iou=credit))
    with gateway.store.read() as conn:
        content = evidence.bundle(conn, mirror, "park", keys, 2**32)
    report = check_bundle(content, [older.public])
    assert report.ok, report.checks


@pytest.mark.threat("D3", "G4")
def test_a_payer_that_contradicts_itself_is_named_by_the_evidence(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    gateway.take(device.iou(channel, 9, amount=3_000))
    report = proven(gateway, channel)
    messages = [message for message, _verdict in report.messages]
    verdicts = [verdict for _message, verdict in report.messages]
    (lie,) = find(messages, verdicts)
    assert verdicts[lie.first].signer == device.public.hex()

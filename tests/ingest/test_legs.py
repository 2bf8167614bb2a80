"""Legs: a channel goes on by another price once its payer said so, from where it said."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.ingest import upkeep
from gateway.operations import channels as decisions
from gateway.operations import devices, plans
from gateway.settlement import evidence
from gateway.settlement.run import run_settlement
from gateway.settlement.statements import lines
from gateway.settlement.verify_books import verify_books
from gateway.store import channels, fence
from gateway.verify_bundle import check_bundle
from protocol import envelope, messages
from protocol.hashchain import Chain
from protocol.legs import handle
from protocol.messages import CLOSE, Iou, read_offer
from protocol.pricing import OPEN_ENDED, Tariff
from protocol.statements import read_line
from tests.ingest.parties import NOW, PRICE, Gateway, Party, kind_of

NIGHT = Tariff("W.h", 100, 3, "EUR")
PEAK = Tariff("W.h", 1_000, 1, "EUR")


@pytest.fixture
def payer(gateway: Gateway) -> Party:
    """A device; the gateway sells by three prices, and the first is followed by the second."""
    gateway.offer(NIGHT)
    gateway.offer(PEAK)
    return gateway.device()


def followed(gateway: Gateway, device: Party, units: int = 10) -> tuple[bytes, bytes]:
    """A channel with a mark, on which NIGHT is to follow; its id and its last IOU."""
    channel = device.opened()
    iou = device.iou_bytes(channel, units)
    gateway.take(device.message("iou", iou))
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    return channel, iou


def begun(gateway: Gateway, device: Party, units: int = 10) -> tuple[bytes, bytes]:
    """A channel that has gone over to NIGHT; its id and its leg."""
    channel, iou = followed(gateway, device, units)
    leg = device.leg_bytes(channel, 1, NIGHT, iou)
    answers = gateway.take(device.message("leg", leg))
    assert [kind_of(each) for each in answers] == ["ack", "grant"]
    return channel, leg


def books(gateway: Gateway) -> list[str]:
    report = verify_books(gateway.store, gateway.keys.public)
    return [f"{each.where}: {each.what}" for each in report.discrepancies]


def state_of(gateway: Gateway, channel: bytes) -> tuple[int, int, int]:
    with gateway.store.read() as conn:
        row = channels.get(conn, channel)
    return row.amount, row.units, row.leg


def test_the_devices_of_open_channels_are_told_what_follows(gateway: Gateway, payer: Party) -> None:
    other = gateway.device()
    other.opened()
    followed(gateway, payer)
    gateway.restart()
    told = [each for each in upkeep.tell(gateway.context) if kind_of(each) == "offer"]
    assert len(told) == 2
    offers = [read_offer(envelope.parse_sign1("offer", each.payload).payload) for each in told]
    assert {offer.follows for offer in offers} == {PRICE.id()}
    assert {offer.tariff.id() for offer in offers} == {NIGHT.id()}
    # And whoever was away, at its next hello.
    hello = [each for each in gateway.take(payer.hello()) if kind_of(each) == "offer"]
    last = read_offer(envelope.parse_sign1("offer", hello[-1].payload).payload)
    assert (last.follows, last.tariff.id()) == (PRICE.id(), NIGHT.id())


@pytest.mark.threat("D10")
def test_beyond_the_leg_units_cost_what_it_says_and_before_it_nothing_changes(
    gateway: Gateway, payer: Party
) -> None:
    channel, _leg = begun(gateway, payer)
    assert state_of(gateway, channel) == (3_000, 10, 1)
    for amount, reasons in ((13 * 300, ["wrong_amount"]), (3_099, ["wrong_amount"]), (3_100, [])):
        assert gateway.reasons(payer, payer.iou(channel, 13, amount)) == reasons
    # Rounded down once, on all units of the leg.
    assert gateway.reasons(payer, payer.iou(channel, 14, 3_133)) == []
    assert gateway.reasons(payer, payer.iou(channel, 15, 3_166)) == []
    # What was signed before it is stale, as ever.
    (ack,) = gateway.take(payer.iou(channel, 9, 2_700))
    assert gateway.ack(payer, ack).amount == 3_166
    assert books(gateway) == []


def test_a_grant_names_the_leg_from_then_on(gateway: Gateway, payer: Party) -> None:
    _channel, leg = begun(gateway, payer)
    again = gateway.take(payer.message("leg", leg))
    assert gateway.grant(payer, again[-1]).leg == handle(leg)
    (resume, *_offers) = gateway.take(payer.hello())
    known = messages.read_resume(envelope.open_mac0("resume", resume.payload, payer.mac_key))
    assert [each.leg for each in known.channels] == [leg]


@pytest.mark.threat("D5")
def test_a_leg_that_comes_twice_or_late_changes_nothing_more(
    gateway: Gateway, payer: Party
) -> None:
    channel, leg = begun(gateway, payer)
    iou = payer.iou_bytes(channel, 13, 3_100)
    gateway.take(payer.message("iou", iou))
    plans.follow(gateway.store, NIGHT.id(), PEAK.id())
    second = payer.leg_bytes(channel, 2, PEAK, iou)
    gateway.take(payer.message("leg", second))
    after = state_of(gateway, channel)
    assert after == (3_100, 13, 2)
    for message in (leg, second, leg):
        answers = gateway.take(payer.message("leg", message))
        assert gateway.grant(payer, answers[-1]).leg == handle(second)
    assert state_of(gateway, channel) == after
    assert gateway.count("leg") == 2
    assert books(gateway) == []


@pytest.mark.threat("D3", "D8", "D10")
def test_what_is_no_next_leg_is_refused_by_name_and_leaves_no_trace(
    gateway: Gateway, payer: Party
) -> None:
    other = gateway.device()
    elsewhere = other.opened()
    channel, iou = followed(gateway, payer)
    unknown = Tariff("W.h", 7, 1, "EUR")
    earlier = payer.iou_bytes(channel, 9)
    wrong = payer.iou_bytes(channel, 20, 5_000)
    forged = other.iou_bytes(channel, 10)
    cases = [
        (payer.leg(channel, 2, NIGHT, iou), "wrong_leg"),
        (payer.leg(channel, 1, PEAK, iou), "unknown_tariff"),
        (payer.leg(channel, 1, unknown, iou), "unknown_tariff"),
        (payer.leg(channel, 1, PRICE, iou), "unknown_tariff"),
        (payer.leg(channel, 1, Tariff("L", 100, 3, "EUR"), iou), "unknown_tariff"),
        (payer.leg(channel, 1, Tariff("W.h", 0, 1, "EUR", 6, OPEN_ENDED), iou), "unknown_tariff"),
        (payer.leg(channel, 1, NIGHT), "wrong_amount"),
        (payer.leg(channel, 1, NIGHT, earlier), "wrong_amount"),
        (payer.leg(channel, 1, NIGHT, wrong), "wrong_amount"),
        (payer.leg(channel, 1, NIGHT, forged), "bad_signature"),
        (payer.leg(bytes(32), 1, NIGHT), "unknown_channel"),
        (payer.leg(elsewhere, 1, NIGHT), "not_yours"),
        (other.leg(channel, 1, NIGHT), "not_yours"),
        (payer.message("leg", other.leg_bytes(channel, 1, NIGHT, iou)), "bad_signature"),
        (payer.message("leg", iou), "bad_signature"),
        (payer.message("leg", payer.topup_bytes(channel, 5)), "bad_signature"),
    ]
    for message, reason in cases:
        sender = other if other.id in message.topic else payer
        assert gateway.reasons(sender, message) == [reason], (reason, message)
    assert state_of(gateway, channel) == (3_000, 10, 0)
    assert gateway.count("leg") == gateway.count("evidence") == 0
    assert books(gateway) == []


def test_another_leg_of_a_number_that_is_taken_is_refused(gateway: Gateway, payer: Party) -> None:
    channel, _leg = begun(gateway, payer)
    plans.follow(gateway.store, NIGHT.id(), PEAK.id())
    iou = payer.iou_bytes(channel, 10)
    (_ack, refused) = gateway.take(payer.leg(channel, 1, PEAK, iou))
    assert gateway.refusal(payer, refused) == ("leg", "wrong_leg", 2)
    assert state_of(gateway, channel)[2] == 1


def test_a_leg_raises_the_mark_to_the_iou_that_it_carries(gateway: Gateway, payer: Party) -> None:
    channel, _iou = followed(gateway, payer)
    iou = payer.iou_bytes(channel, 25)
    gateway.take(payer.leg(channel, 1, NIGHT, iou))
    assert state_of(gateway, channel) == (7_500, 25, 1)


def test_a_leg_may_begin_before_anything_is_owed(gateway: Gateway, payer: Party) -> None:
    channel = payer.opened()
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    gateway.take(payer.leg(channel, 1, NIGHT))
    assert gateway.reasons(payer, payer.iou(channel, 30, 1_000)) == []
    assert books(gateway) == []


def test_a_suspended_device_gets_no_other_price(gateway: Gateway, payer: Party) -> None:
    channel, iou = followed(gateway, payer)
    devices.suspend(gateway.store, payer.id)
    assert gateway.reasons(payer, payer.leg(channel, 1, NIGHT, iou)) == ["device_suspended"]


@pytest.mark.parametrize("how", ["closed", "expired", "frozen"])
def test_a_channel_that_is_not_open_takes_no_leg(gateway: Gateway, payer: Party, how: str) -> None:
    channel, iou = followed(gateway, payer)
    if how == "closed":
        decisions.close(gateway.store, channel)
    elif how == "frozen":
        assert gateway.reasons(payer, payer.iou(channel, 9, 3_000)) == ["conflict"]
    else:
        gateway.clock.now = NOW + 86_400
    answers = gateway.take(payer.leg(channel, 1, NIGHT, iou))
    refused = [each for each in answers if kind_of(each) == "refused"]
    assert [gateway.refusal(payer, each)[1] for each in refused] == [how]
    if how == "closed":
        assert gateway.receipt(answers[-1]).event == CLOSE
    assert state_of(gateway, channel)[2] == 0


def test_a_channel_to_another_device_keeps_its_price(gateway: Gateway, payer: Party) -> None:
    seller = gateway.device()
    gateway.take(seller.sell(seller.sale()))
    channel = payer.opened(payee_key=seller.public)
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    assert gateway.reasons(payer, payer.leg(channel, 1, NIGHT)) == ["unknown_tariff"]
    (_resume, *others) = gateway.take(payer.hello())
    offers = [each for each in others if kind_of(each) == "offer"]
    read = [read_offer(envelope.parse_sign1("offer", each.payload).payload) for each in offers]
    assert all(not offer.follows for offer in read)


@pytest.mark.threat("D8")
def test_a_chain_of_ticks_ends_where_a_leg_begins(gateway: Gateway, payer: Party) -> None:
    channel = payer.opened()
    chain = Chain(bytes(range(32)), 50)
    gateway.take(payer.iou_with_chain(channel, 10, chain), payer.tick(channel, 5, chain.value(5)))
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    cover = payer.iou_bytes(channel, 15)
    gateway.take(payer.leg(channel, 1, NIGHT, cover))
    assert state_of(gateway, channel) == (4_500, 15, 1)
    assert gateway.reasons(payer, payer.tick(channel, 9, chain.value(9))) == ["no_chain"]
    gateway.restart()
    assert gateway.reasons(payer, payer.tick(channel, 9, chain.value(9))) == ["no_chain"]
    assert state_of(gateway, channel) == (4_500, 15, 1)
    # By the price of the leg, and its one rounding.
    iou = Iou(channel, 4_500 + 33, 16, chain.root, 50)
    gateway.take(payer.message("iou", envelope.sign1("iou", iou.payload(), payer.sign)))
    gateway.take(payer.tick(channel, 2, chain.value(2)))
    assert state_of(gateway, channel) == (4_600, 18, 1)
    assert books(gateway) == []


def test_an_unpriced_chain_that_the_leg_s_iou_commits_to_ends_too(
    gateway: Gateway, payer: Party
) -> None:
    channel = payer.opened()
    chain = Chain(bytes(range(32)), 50)
    message = payer.iou_with_chain(channel, 10, chain)
    gateway.take(message)
    plans.follow(gateway.store, PRICE.id(), NIGHT.id())
    gateway.take(payer.leg(channel, 1, NIGHT, message.payload))
    assert gateway.reasons(payer, payer.tick(channel, 3, chain.value(3))) == ["no_chain"]


@pytest.mark.threat("D13")
def test_behind_the_fence_a_leg_is_taken_though_those_before_it_are_lost(
    gateway: Gateway, payer: Party
) -> None:
    channel, iou = followed(gateway, payer)
    with gateway.store.write() as conn:
        fence.put_up(conn, 2, "", NOW, NOW)
    leg = payer.leg_bytes(channel, 4, PEAK, iou)
    gateway.take(payer.message("leg", leg))
    assert state_of(gateway, channel)[2] == 4
    assert gateway.reasons(payer, payer.iou(channel, 11, 4_000)) == []
    lost = Tariff("W.h", 77, 1, "EUR")
    assert gateway.reasons(payer, payer.leg(channel, 5, lost, payer.iou_bytes(channel, 11, 4_000)))
    assert books(gateway) == []


@pytest.mark.threat("G3")
def test_a_statement_shows_each_leg_and_the_evidence_proves_them(
    gateway: Gateway, payer: Party
) -> None:
    channel, _leg = begun(gateway, payer)
    iou = payer.iou_bytes(channel, 40, 4_000)
    gateway.take(payer.message("iou", iou))
    plans.follow(gateway.store, NIGHT.id(), PEAK.id())
    gateway.take(payer.leg(channel, 2, PEAK, iou))
    gateway.take(payer.iou(channel, 42, 6_000))
    assert run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual") is not None
    gateway.take(payer.iou(channel, 43, 7_000))
    assert run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual") is not None
    with gateway.store.read() as conn:
        shown = [
            [
                (line.tariff, line.to_units - line.from_units, line.to_amount - line.from_amount)
                for line in map(read_line, lines(conn, run, "fleet"))
            ]
            for run in (1, 2)
        ]
        bundles = [
            evidence.bundle(conn, channel, account, gateway.keys, NOW + 9)
            for account in ("fleet", "operator")
        ]
        intervals = conn.execute(text("SELECT from_amount, to_amount FROM interval")).all()
    assert shown == [
        [(PRICE.id(), 10, 3_000), (NIGHT.id(), 30, 1_000), (PEAK.id(), 2, 2_000)],
        [(PEAK.id(), 1, 1_000)],
    ]
    # Posted as one amount each.
    assert [tuple(row) for row in intervals] == [(0, 6_000), (6_000, 7_000)]
    for each in bundles:
        report = check_bundle(each, [gateway.keys.public])
        assert report.ok, report.checks
        assert (report.facts["amount"], report.facts["settled"]) == (7_000, 7_000)
    assert books(gateway) == []


def test_books_find_what_was_done_to_legs(gateway: Gateway, payer: Party) -> None:
    channel, _leg = begun(gateway, payer)
    gateway.take(payer.iou(channel, 13, 3_100))
    for change in ("UPDATE leg SET amount = 1", "DELETE FROM leg", "UPDATE channel SET leg = 0"):
        with pytest.raises(DBAPIError), gateway.store.write() as conn:
            conn.execute(text(change))
    with gateway.store.write() as conn:
        conn.execute(text("DROP TRIGGER leg_no_update"))
        conn.execute(text("UPDATE leg SET tariff_id = :other"), {"other": PEAK.id()})
    assert [each for each in books(gateway) if "leg 1 is not what was signed" in each]

"""Channels from one device to another: listings, mirrors, credits, and what is settled of them."""

import pytest

from gateway.ingest import upkeep
from gateway.keys import verify
from gateway.operations import channels as office
from gateway.settlement import run as runs
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import channels, devices, listings, notices
from gateway.store.errors import Conflict
from protocol import envelope, hub
from protocol.earning import read_mirror
from protocol.hashchain import Chain
from protocol.listings import read_listed
from protocol.messages import read_credit, read_offer
from protocol.pricing import Tariff
from tests.ingest.parties import CAPACITY, PRICE, Gateway, Party, kind_of

FEE = 250


@pytest.fixture
def pair(gateway: Gateway) -> tuple[Party, Party]:
    """A payer, and a payee that sells to it; the gateway takes 2.5 %."""
    gateway.account("park")
    gateway.context.hub_fee_bp = FEE
    payer, payee = gateway.device(), gateway.device("park")
    (answer,) = gateway.take(payee.sell(payee.sale()))
    assert kind_of(answer) == "listed"
    return payer, payee


def bought(gateway: Gateway, payer: Party, payee: Party, nonce: int = 0) -> tuple[bytes, bytes]:
    """A channel between two devices, and its mirror."""
    terms = payer.terms(nonce, payee_key=payee.public)
    opened, mirror = gateway.take(payer.open(terms))
    assert (kind_of(opened), kind_of(mirror)) == ("opened", "mirror")
    mirrored = read_mirror(mirror.payload, payee.public, gateway.keys.public, verify)
    return terms.channel_id(), mirrored.channel_id()


def credit_of(gateway: Gateway, answers: list[object]) -> tuple[str, int, int]:
    """To whom the credit among these answers goes, its amount and units."""
    (answer,) = [each for each in answers if kind_of(each) == "credit"]  # type: ignore[arg-type]
    payload = envelope.open_sign1("credit", answer.payload, gateway.keys.public, verify)  # type: ignore[attr-defined]
    credit = read_credit(payload)
    return answer.topic.split("/")[3], credit.amount, credit.units  # type: ignore[attr-defined]


def test_what_a_device_sells_is_listed_and_found_by_unit_account_and_device(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    other = gateway.device()
    gateway.take(other.sell(other.sale(Tariff("s", 7, 1, "EUR"))))
    for wanted in (payer.find(), payer.find(account="park"), payer.find(device=payee.id)):
        (answer,) = gateway.take(wanted)
        offer = read_offer(
            envelope.open_sign1("offer", answer.payload, gateway.keys.public, verify)
        )
        assert (offer.payee_key, offer.tariff.id()) == (payee.public, PRICE.id())
    for nothing in (payer.find("m3"), payer.find(account="fleet"), payer.find(device=other.id)):
        assert gateway.take(nothing) == []
    # Nobody is offered what it sells itself.
    assert gateway.take(payee.find()) == []


def test_a_listing_says_its_fee_and_a_new_one_of_the_unit_ends_the_one_before(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    dearer = payee.sale(Tariff("W.h", 400, 1, "EUR"))
    (answer,) = gateway.take(payee.sell(dearer))
    listed = read_listed(envelope.open_mac0("listed", answer.payload, payee.mac_key))
    assert (listed.listing, listed.fee_bp) == (dearer.id(), FEE)
    (answer,) = gateway.take(payer.find())
    assert read_offer(envelope.parse_sign1("offer", answer.payload).payload).tariff.numerator == 400
    # Back to the first: the same listing again.
    gateway.take(payee.sell(payee.sale()))
    with gateway.store.read() as conn:
        states = {bytes(row.id): row.state for row in listings.find(conn, state=None)}
    assert states == {payee.sale().id(): "listed", dearer.id(): "ended"}


def test_each_iou_brings_the_payee_a_credit_less_the_fee(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    channel, mirror = bought(gateway, payer, payee)
    answers = gateway.take(payer.iou(channel, 10))
    assert sorted(kind_of(each) for each in answers) == ["ack", "credit"]
    assert credit_of(gateway, answers) == (payee.id, 3_000 - 75, 10)
    assert gateway.mark(mirror) == (2_925, 10, "open")
    assert verify_books(gateway.store, gateway.keys.public).ok


def test_ticks_bring_credits_too(gateway: Gateway, pair: tuple[Party, Party]) -> None:
    payer, payee = pair
    channel, mirror = bought(gateway, payer, payee)
    chain = Chain(b"s" * 32, 50)
    gateway.take(payer.iou_with_chain(channel, 10, chain))
    answers = gateway.take(payer.tick(channel, 5, chain.value(5)))
    assert credit_of(gateway, answers) == (payee.id, hub.credited(4_500, FEE), 15)
    assert gateway.mark(mirror)[1] == 15


@pytest.mark.threat("D5")
def test_of_many_ious_the_payee_is_credited_once_and_never_for_a_stale_one(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    channel, _ = bought(gateway, payer, payee)
    answers = gateway.take(*[payer.iou(channel, units) for units in (4, 9, 2, 9)])
    assert credit_of(gateway, answers)[2] == 9
    assert all(kind_of(each) != "credit" for each in gateway.take(payer.iou(channel, 9)))


@pytest.mark.threat("D3")
def test_a_payer_that_contradicts_itself_freezes_both_channels(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    channel, mirror = bought(gateway, payer, payee)
    gateway.take(payer.iou(channel, 10))
    gateway.take(payer.iou(channel, 11, 3_000))
    assert (gateway.mark(channel)[2], gateway.mark(mirror)) == ("frozen", (2_925, 10, "frozen"))
    office.thaw(gateway.store, channel)
    upkeep.tell(gateway.context)
    assert credit_of(gateway, gateway.take(payer.iou(channel, 12)))[2] == 12


@pytest.mark.threat("D8", "D9")
def test_only_a_device_itself_sells_and_only_what_may_be_sold(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    forged = payee.message("sell", envelope.sign1("sell", payee.sale().payload(), payer.sign))
    assert gateway.reasons(payee, forged) == ["bad_signature"]
    for sale, reason in (
        (payee.sale(payee_key=payer.public), "not_yours"),
        (payee.sale(gateway_key=payer.public), "not_yours"),
        (payee.sale(Tariff("W.h", 1, 1, "CHF")), "unknown_tariff"),
        (payee.sale(Tariff("W.h", 1, 1, "EUR", 6, 1)), "malformed"),
        (payee.sale(window=0), "malformed"),
    ):
        assert gateway.reasons(payee, payee.sell(sale)) == [reason]
    assert gateway.count("listing") == 1


@pytest.mark.threat("D10")
def test_a_channel_opens_only_on_what_its_payee_sells(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    stranger = gateway.device()
    for changes, reason in (
        ({"payee_key": stranger.public}, "unknown_tariff"),
        ({"payee_key": payee.public, "tariff": Tariff("W.h", 299, 1, "EUR")}, "unknown_tariff"),
        ({"payee_key": payee.public, "capacity": CAPACITY + 1}, "capacity_not_allowed"),
        ({"payee_key": payer.public}, "not_yours"),
    ):
        terms = payer.terms(1, **changes)
        assert gateway.reasons(payer, payer.open(terms)) == [reason]
    with gateway.store.write() as conn:
        listings.end(conn, payee.sale().id())
        notices.decided(conn)
    assert gateway.reasons(payer, payer.open(payer.terms(2, payee_key=payee.public))) == [
        "unknown_tariff"
    ]
    assert gateway.count("channel") == 0


def test_a_suspended_device_sells_nothing(gateway: Gateway, pair: tuple[Party, Party]) -> None:
    payer, payee = pair
    with gateway.store.write() as conn:
        devices.set_status(conn, payee.id, "suspended")
        notices.decided(conn)
    assert gateway.take(payer.find()) == []
    assert gateway.reasons(payee, payee.sell(payee.sale())) == ["device_suspended"]
    assert gateway.reasons(payer, payer.open(payer.terms(2, payee_key=payee.public))) == [
        "unknown_tariff"
    ]


def test_the_close_of_a_channel_closes_its_mirror_and_the_payee_gets_its_receipt(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    channel, mirror = bought(gateway, payer, payee)
    gateway.take(payer.close(channel, payer.iou_bytes(channel, 40)))
    assert gateway.mark(channel)[2] == gateway.mark(mirror)[2] == "closed"
    told = [each for each in upkeep.tell(gateway.context) if payee.id in each.topic]
    receipt = gateway.receipt(told[0])
    assert (receipt.channel, receipt.amount, receipt.units) == (
        mirror,
        hub.credited(12_000, FEE),
        40,
    )


def test_a_mirror_goes_the_way_of_its_channel_and_no_other(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    channel, mirror = bought(gateway, *pair)
    for refused in (office.close, office.thaw):
        with pytest.raises(Conflict, match=channel.hex()):
            refused(gateway.store, mirror)
    office.close(gateway.store, channel)
    assert gateway.mark(mirror)[2] == "closed"


def test_a_payee_that_was_away_is_told_all_when_it_says_hello(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    channel, _ = bought(gateway, payer, payee)
    gateway.take(payer.iou(channel, 33))
    answers = gateway.take(payee.hello())
    assert [kind_of(each) for each in answers][:3] == ["resume", "mirror", "credit"]
    assert credit_of(gateway, answers)[2] == 33
    # What it is paid on is none of the channels that it pays on.
    with gateway.store.read() as conn:
        assert channels.by_device(conn, payee.id) == []


def test_a_payee_that_missed_the_ends_of_channels_is_told_them_when_it_says_hello(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    mirrors = set()
    for nonce in range(3):
        channel, mirror = bought(gateway, payer, payee, nonce)
        gateway.take(payer.close(channel, payer.iou_bytes(channel, 5)))
        mirrors.add(mirror)
    ends = [each for each in gateway.take(payee.hello()) if kind_of(each) == "receipt"]
    assert {gateway.receipt(each).channel for each in ends} == mirrors
    # A payee that holds one that has expired gives it up by itself.
    gateway.clock.now += 86_400 + hub.MIRROR_SLACK
    assert "receipt" not in map(kind_of, gateway.take(payee.hello()))


def test_an_expired_channel_ends_with_its_mirror(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    channel, mirror = bought(gateway, payer, payee)
    gateway.take(payer.iou(channel, 5))
    gateway.clock.now += 86_400 + 301
    upkeep.expire(gateway.context)
    assert gateway.mark(channel)[2] == gateway.mark(mirror)[2] == "closed"


def net(gateway: Gateway) -> dict[str, int]:
    """Settle, and what it made of each account."""
    result = run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual")
    assert result is not None
    with gateway.store.read() as conn:
        rows = conn.execute(runs.position.select().where(runs.position.c.run == result.run))
        return {row.account: row.net for row in rows}


def test_in_a_net_settlement_the_two_sides_and_the_fee_cancel_exactly(
    gateway: Gateway, pair: tuple[Party, Party]
) -> None:
    payer, payee = pair
    channel, _ = bought(gateway, payer, payee)
    owed = 0
    for units in (7, 19, 333):
        gateway.take(payer.iou(channel, units))
        nets = net(gateway)
        assert sum(nets.values()) == 0
        owed += -nets["park"]
        assert owed == hub.credited(300 * units, FEE)
    assert verify_books(gateway.store, gateway.keys.public).ok


def test_a_chain_of_three_and_a_ring_settle_to_the_right_net(gateway: Gateway) -> None:
    gateway.context.hub_fee_bp = 0
    for name in ("a", "b", "c"):
        gateway.account(name)
    a, b, c = (gateway.device(name) for name in ("a", "b", "c"))
    for each in (a, b, c):
        gateway.take(each.sell(each.sale()))
    for number, (payer, payee) in enumerate([(a, b), (b, c)]):
        channel, _ = bought(gateway, payer, payee, number)
        gateway.take(payer.iou(channel, 100))
    assert net(gateway) == {"a": 30_000, "b": 0, "c": -30_000, "operator": 0}
    for number, (payer, payee) in enumerate([(a, b), (b, c), (c, a)]):
        channel, _ = bought(gateway, payer, payee, 10 + number)
        gateway.take(payer.iou(channel, 50))
    assert set(net(gateway).values()) == {0}


def test_both_ways_between_two_parties_make_one_net_position(gateway: Gateway) -> None:
    gateway.context.hub_fee_bp = 0
    gateway.account("house")
    grid, inverter = gateway.device(), gateway.device("house")
    for each in (grid, inverter):
        gateway.take(each.sell(each.sale()))
    by_day, _ = bought(gateway, grid, inverter, 1)
    by_night, _ = bought(gateway, inverter, grid, 2)
    gateway.take(grid.iou(by_day, 80), inverter.iou(by_night, 30))
    assert net(gateway) == {"fleet": 15_000, "house": -15_000, "operator": 0}

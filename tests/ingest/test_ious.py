"""What becomes of IOUs: which raise the mark, what is answered, what leaves no trace."""

import random

import pytest

from gateway.ingest.inbox import Received
from gateway.store import channels, lease
from gateway.store.errors import Fenced
from protocol import MAX_INT, envelope, topics
from protocol.messages import Iou
from tests.ingest.parties import CAPACITY, PRICE, WINDOW, Gateway, kind_of


def test_an_iou_raises_the_mark_and_its_ack_grants_the_window(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    (answer,) = gateway.take(device.iou(channel, 10))
    ack = gateway.ack(device, answer)
    assert (ack.amount, ack.units, ack.limit) == (3_000, 10, 10 + WINDOW)
    assert gateway.mark(channel) == (3_000, 10, "open")


@pytest.mark.threat("D1")
def test_d1_duplicates_have_one_effect_and_equal_answers(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    first = gateway.take(device.iou(channel, 10))
    for _ in range(20):
        assert gateway.take(*[device.iou(channel, 10)] * 50) == first
    assert gateway.mark(channel) == (3_000, 10, "open")


@pytest.mark.threat("D2")
def test_d2_an_iou_below_the_mark_gets_the_current_ack(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    (answer,) = gateway.take(device.iou(channel, 4))
    assert gateway.ack(device, answer).amount == 3_000
    assert gateway.mark(channel) == (3_000, 10, "open")


@pytest.mark.threat("D3")
@pytest.mark.parametrize(("units", "amount"), [(11, 3_000), (9, 3_000), (20, 2_700), (5, 6_000)])
def test_d3_a_contradiction_is_kept_freezes_the_channel_and_charges_nothing(
    gateway: Gateway, units: int, amount: int
) -> None:
    device = gateway.device()
    channel = device.opened()
    liar = device.iou(channel, units, amount)
    gateway.take(device.iou(channel, 10))
    answers = gateway.take(liar)
    reasons = [gateway.refusal(device, a)[1] for a in answers if kind_of(a) == "refused"]
    assert reasons == ["conflict"]
    assert gateway.mark(channel) == (3_000, 10, "frozen")
    assert gateway.evidence(channel) == [liar.payload]
    (answer,) = gateway.take(device.iou(channel, 12))
    assert gateway.refusal(device, answer)[1] == "frozen"
    assert gateway.mark(channel) == (3_000, 10, "frozen")


@pytest.mark.threat("D3")
def test_d3_a_forged_contradiction_freezes_nothing(gateway: Gateway) -> None:
    device, thief = gateway.device(), gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    forged = device.message("iou", thief.iou_bytes(channel, 11, 3_000))
    (answer,) = gateway.take(forged)
    assert gateway.refusal(device, answer)[1] == "bad_signature"
    assert gateway.mark(channel) == (3_000, 10, "open")
    assert gateway.evidence(channel) == []


@pytest.mark.threat("D4")
def test_d4_exactly_the_capacity_is_accepted_and_one_more_is_not(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    most = PRICE.units_within(CAPACITY)
    (answer,) = gateway.take(device.iou(channel, most + 1))
    assert gateway.refusal(device, answer) == ("iou", "over_capacity", CAPACITY)
    (answer,) = gateway.take(device.iou(channel, most))
    assert gateway.ack(device, answer).amount == CAPACITY
    (answer,) = gateway.take(device.iou(channel, MAX_INT, MAX_INT))
    assert gateway.refusal(device, answer)[1] == "over_capacity"


def _raw_iou(signer: object, payload: bytes) -> bytes:
    return envelope.sign1("iou", payload, signer)  # type: ignore[arg-type]


@pytest.mark.threat("D4")
@pytest.mark.parametrize(
    "amount",
    [
        b"\x1b\x80\x00\x00\x00\x00\x00\x00\x00",  # 2^63
        b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",  # 2^64-1
        b"\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00",  # 2^64, a bignum
        b"\x20",  # -1
        b"\xfb\x40\xa7\x70\x00\x00\x00\x00\x00",  # 3000.0
        b"\xf9\x7e\x00",  # NaN
        b"\xf5",  # true
        b"\xf6",  # null
        b"\x64\x33\x30\x30\x30",  # "3000"
        b"\x1a\x00\x00\x0b\xb8",  # 3000, not in its shortest form
    ],
)
def test_d4_an_amount_that_is_no_amount_is_malformed(gateway: Gateway, amount: bytes) -> None:
    device = gateway.device()
    channel = device.opened()
    payload = b"\xa3\x01\x58\x20" + channel + b"\x02" + amount + b"\x03\x0a"
    (answer,) = gateway.take(device.message("iou", _raw_iou(device.sign, payload)))
    assert gateway.refusal(device, answer)[1] == "malformed"
    assert gateway.mark(channel) == (0, 0, "open")


@pytest.mark.threat("D5")
def test_d5_order_and_gaps_do_not_matter(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    stream = [device.iou(channel, units) for units in (3, 50, 7, 120, 119, 2, 64)]
    random.Random(5).shuffle(stream)
    for message in stream:
        gateway.take(message)
    assert gateway.mark(channel) == (36_000, 120, "open")


@pytest.mark.threat("D7")
def test_d7_every_flipped_bit_is_refused_and_leaves_no_trace(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    good = device.iou_bytes(channel, 10)
    for index in range(len(good)):
        for bit in range(8) if index >= len(good) - 64 else (index % 8,):
            bad = bytearray(good)
            bad[index] ^= 1 << bit
            answers = gateway.take(device.message("iou", bytes(bad)))
            assert [kind_of(answer) for answer in answers] == ["refused"]
    assert gateway.mark(channel) == (0, 0, "open")
    for bad_length in (good[:-1], good + b"\x00", b"", good[:60]):
        (answer,) = gateway.take(device.message("iou", bad_length))
        assert gateway.refusal(device, answer)[1] == "malformed"


@pytest.mark.threat("D7")
def test_d7_s_plus_l_is_refused(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    good = device.iou_bytes(channel, 10)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(good[-32:], "little") + order
    (answer,) = gateway.take(device.message("iou", good[:-32] + s.to_bytes(32, "little")))
    assert gateway.refusal(device, answer)[1] == "bad_signature"


@pytest.mark.threat("D8")
def test_d8_an_iou_is_valid_on_its_own_channel_alone(gateway: Gateway) -> None:
    device, other = gateway.device(), gateway.device()
    mine, reopened, theirs = device.opened(0), device.opened(1), other.opened(0)
    iou = device.iou_bytes(mine, 10)
    # As another kind, on another device's topic, and as another device's debt.
    answers = gateway.take(device.message("close", iou), other.message("iou", iou))
    reasons = [gateway.refusal(p, a)[1] for p, a in zip((device, other), answers, strict=True)]
    assert reasons == ["bad_signature", "not_yours"]
    (answer,) = gateway.take(device.message("iou", other.iou_bytes(theirs, 10)))
    assert gateway.refusal(device, answer)[1] == "not_yours"
    for channel in (mine, reopened, theirs):
        assert gateway.mark(channel) == (0, 0, "open")


@pytest.mark.threat("D9")
def test_d9_a_topic_whose_shard_or_sender_is_wrong_gets_silence(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    iou = device.iou_bytes(channel, 10)
    other_shard = "00" if device.id[:2] != "00" else "01"
    batch = [
        Received(
            topics.up(device.id, "iou").replace(f"/{device.id[:2]}/", f"/{other_shard}/"), iou
        ),
        Received(topics.up("0" * 32, "iou"), iou),
        Received(f"tally/1/{device.id[:2]}/{device.id}/up/unheard", iou),
        Received(f"tally/2/{device.id[:2]}/{device.id}/up/iou", iou),
        Received("tally/1/+/#", iou),
    ]
    assert gateway.take(*batch) == []
    assert gateway.mark(channel) == (0, 0, "open")


@pytest.mark.threat("D10")
def test_d10_units_and_amount_that_disagree_with_the_tariff_are_refused(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    (answer,) = gateway.take(device.iou(channel, 10, 3_001))
    assert gateway.refusal(device, answer) == ("iou", "wrong_amount", 3_000)
    (answer,) = gateway.take(device.iou(channel, 10, 1))
    assert gateway.refusal(device, answer) == ("iou", "wrong_amount", 3_000)


def test_a_batch_takes_the_newest_good_iou_behind_forged_ones(gateway: Gateway) -> None:
    device, thief = gateway.device(), gateway.device()
    channel = device.opened()
    forged = [device.message("iou", thief.iou_bytes(channel, units)) for units in (40, 50, 60)]
    answers = gateway.take(
        *forged, device.iou(channel, 30), device.iou(channel, 20), device.iou(channel, 10)
    )
    assert sorted(kind_of(answer) for answer in answers) == ["ack"] + ["refused"] * 3
    assert gateway.mark(channel) == (9_000, 30, "open")


def test_of_many_ious_of_one_channel_only_the_newest_is_verified(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(*[device.iou(channel, units) for units in range(1, 51)])
    assert gateway.mark(channel) == (15_000, 50, "open")
    coalesced = gateway.metrics.registry.get_sample_value("tallystick_ious_coalesced_total")
    assert coalesced == 49


@pytest.mark.threat("D9")
def test_a_foreign_device_can_not_shadow_a_good_iou_in_the_same_batch(gateway: Gateway) -> None:
    device, thief = gateway.device(), gateway.device()
    channel = device.opened()
    gateway.take(
        thief.message("iou", thief.iou_bytes(channel, 900)),
        device.iou(channel, 10),
    )
    assert gateway.mark(channel) == (3_000, 10, "open")


@pytest.mark.threat("N7")
def test_n7_a_retained_iou_is_refused(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    message = device.message("iou", device.iou_bytes(channel, 10), retain=True)
    (answer,) = gateway.take(message)
    assert gateway.refusal(device, answer)[1] == "retained"
    assert gateway.mark(channel) == (0, 0, "open")


@pytest.mark.threat("D14")
def test_d14_an_oversized_message_is_refused_before_it_is_parsed(gateway: Gateway) -> None:
    device = gateway.device()
    (answer,) = gateway.take(device.message("iou", b"\x9b" + bytes(4096)))
    assert gateway.refusal(device, answer) == ("iou", "too_large", 4096)


@pytest.mark.threat("D14")
def test_d14_hostile_cbor_is_refused(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    for payload in (
        b"\x81" * 2000,
        b"\xa1\x01" * 1000,
        b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff",
        b"\x62\xff\xfe",
        b"\xbf\x01\x02\xff",
        b"\x5f\x41\x00\xff",
    ):
        (answer,) = gateway.take(device.message("iou", _raw_iou(device.sign, payload)))
        assert gateway.refusal(device, answer)[1] == "malformed"
    assert gateway.mark(channel) == (0, 0, "open")


def test_an_iou_of_an_unknown_channel_is_refused_by_that_name(gateway: Gateway) -> None:
    device = gateway.device()
    (answer,) = gateway.take(device.iou(bytes(32), 10))
    assert gateway.refusal(device, answer) == ("iou", "unknown_channel", 0)


def test_an_expired_channel_takes_no_more(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.clock.now += 86_400
    (answer,) = gateway.take(device.iou(channel, 10))
    assert gateway.refusal(device, answer)[1] == "expired"
    assert gateway.mark(channel) == (0, 0, "open")


def test_an_iou_that_meets_an_operators_decision_is_judged_anew(gateway: Gateway) -> None:
    """The cache says open, the database says frozen: the commit finds out."""
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    with gateway.store.write() as conn:
        channels.set_state(conn, channel, "frozen")
    (answer,) = gateway.take(device.iou(channel, 11))
    assert gateway.refusal(device, answer)[1] == "frozen"
    assert gateway.mark(channel) == (3_000, 10, "frozen")


@pytest.mark.threat("C7", "N10")
def test_a_worker_that_was_replaced_can_write_nothing(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    with gateway.store.write() as conn:
        lease.take(conn, "ingest", "another")
    with pytest.raises(Fenced):
        gateway.take(device.iou(channel, 10))
    assert gateway.mark(channel) == (0, 0, "open")


def test_many_channels_in_one_batch_each_get_their_own_ack(gateway: Gateway) -> None:
    parties = [gateway.device() for _ in range(30)]
    opened = [party.opened() for party in parties]
    answers = gateway.take(
        *[p.iou(c, units) for units in (1, 2, 3) for p, c in zip(parties, opened, strict=True)]
    )
    assert len(answers) == 30
    assert all(gateway.mark(channel) == (900, 3, "open") for channel in opened)


def test_an_iou_with_a_chain_is_taken_at_its_amount(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    payload = Iou(channel, 3_000, 10, bytes(32), 100).payload()
    (answer,) = gateway.take(device.message("iou", _raw_iou(device.sign, payload)))
    assert gateway.ack(device, answer).amount == 3_000

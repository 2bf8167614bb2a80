"""Hello, open and close: what a device may have, what it is told of its channels, and the end."""

from collections.abc import Sequence

import pytest
from sqlalchemy import update

from gateway.ingest.context import Check
from gateway.keys import verify
from gateway.store import accounts, channels, devices, notices
from gateway.store.tables import Base
from protocol import envelope, messages
from protocol.messages import CLOSE, Close
from protocol.pricing import Tariff
from tests.ingest.parties import CAPACITY, NOW, PRICE, WINDOW, Gateway, Party, kind_of


def _resume(gateway: Gateway, device: Party, nonce: bytes = bytes(16)) -> messages.Resume:
    answers = {kind_of(answer): answer for answer in gateway.take(device.hello(nonce))}
    payload = envelope.open_mac0("resume", answers["resume"].payload, device.mac_key)
    return messages.read_resume(payload)


def test_hello_is_answered_with_signed_offers(gateway: Gateway) -> None:
    device = gateway.device()
    answers = {kind_of(answer): answer for answer in gateway.take(device.hello())}
    payload = envelope.open_sign1("offer", answers["offer"].payload, gateway.keys.public, verify)
    offer = messages.read_offer(payload)
    assert offer.tariff.id() == PRICE.id()
    assert (offer.window, offer.max_capacity, offer.time) == (WINDOW, CAPACITY, NOW)


def test_resume_carries_the_devices_own_signatures(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    last = device.iou(channel, 10)
    gateway.take(last)
    resume = _resume(gateway, device, b"n" * 16)
    assert resume.nonce == b"n" * 16
    (known,) = resume.channels
    assert known.last_iou == last.payload
    terms = envelope.open_sign1("open", known.open_message, device.public, verify)
    assert messages.read_terms(terms).channel_id() == channel
    assert known.limit == 10 + WINDOW


@pytest.mark.threat("D8")
def test_a_forged_hello_is_refused(gateway: Gateway) -> None:
    device, other = gateway.device(), gateway.device()
    (answer,) = gateway.take(device.message("hello", other.hello().payload))
    assert gateway.refusal(device, answer)[1] == "bad_signature"


@pytest.mark.threat("D16", "D1")
def test_opening_twice_with_one_id_gives_the_same_answer_and_one_channel(gateway: Gateway) -> None:
    device = gateway.device()
    message = device.open(device.terms())
    assert gateway.take(message) == gateway.take(message)
    assert gateway.count("channel") == 1


@pytest.mark.threat("D16")
def test_d16_an_id_is_never_used_again(gateway: Gateway) -> None:
    device = gateway.device()
    message = device.open(device.terms())
    gateway.take(message)
    channel = device.terms().channel_id()
    gateway.take(device.close(channel))
    refused, receipt = gateway.take(message)
    assert gateway.refusal(device, refused)[1] == "closed"
    assert gateway.receipt(receipt).event == CLOSE


@pytest.mark.threat("D8")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"payer_key": b"\x01" * 32}, "not_yours"),
        ({"payee_key": b"\x01" * 32}, "unknown_tariff"),
        ({"gateway_key": b"\x01" * 32}, "not_yours"),
        ({"tariff": Tariff("W.h", 1, 1, "EUR")}, "unknown_tariff"),
        ({"tariff": Tariff("W.h", 300, 1, "USD")}, "unknown_tariff"),
        ({"capacity": CAPACITY + 1}, "capacity_not_allowed"),
        ({"capacity": 0}, "capacity_not_allowed"),
        ({"expiry": NOW}, "expiry_not_allowed"),
        ({"expiry": NOW + 10 * 86_400}, "expiry_not_allowed"),
    ],
)
def test_d8_terms_that_were_not_offered_are_refused(
    gateway: Gateway, change: dict[str, object], reason: str
) -> None:
    device = gateway.device()
    (answer,) = gateway.take(device.open(device.terms(**change)))  # type: ignore[arg-type]
    assert gateway.refusal(device, answer)[1] == reason
    assert gateway.count("channel") == 0


@pytest.mark.threat("D9")
def test_an_open_signed_by_another_is_refused(gateway: Gateway) -> None:
    device, thief = gateway.device(), gateway.device()
    forged = envelope.sign1("open", device.terms().payload(), thief.sign)
    (answer,) = gateway.take(device.message("open", forged))
    assert gateway.refusal(device, answer)[1] == "bad_signature"
    assert gateway.count("channel") == 0


@pytest.mark.threat("D4")
def test_capacity_is_reserved_from_the_accounts_credit(gateway: Gateway) -> None:
    device = gateway.device()
    with gateway.store.write() as conn:
        accounts.set_credit_limit(conn, "fleet", CAPACITY + 5)
        notices.decided(conn)
    device.opened(0)
    (answer,) = gateway.take(device.open(device.terms(1)))
    assert gateway.refusal(device, answer) == ("open", "insufficient_funds", 5)
    gateway.take(device.close(device.terms().channel_id()))
    device.opened(1)


def test_a_device_may_have_six_channels(gateway: Gateway) -> None:
    device = gateway.device()
    for nonce in range(6):
        device.opened(nonce)
    (answer,) = gateway.take(device.open(device.terms(6)))
    assert gateway.refusal(device, answer) == ("open", "too_many_channels", 6)
    assert len(_resume(gateway, device).channels) == 6


@pytest.mark.threat("D16")
def test_close_takes_the_iou_it_carries_and_is_final(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    answers = gateway.take(device.close(channel, device.iou_bytes(channel, 10)))
    receipt = gateway.receipt(answers[-1])
    assert (receipt.channel, receipt.amount, receipt.units) == (channel, 3_000, 10)
    assert receipt.event == CLOSE
    assert gateway.mark(channel) == (3_000, 10, "closed")
    refused, again = gateway.take(device.iou(channel, 11))
    assert gateway.refusal(device, refused)[1] == "closed"
    assert again.payload == answers[-1].payload
    assert gateway.mark(channel) == (3_000, 10, "closed")


def test_a_close_that_the_ledger_can_not_take_waits_and_ends_nothing_else(
    gateway: Gateway,
) -> None:
    device, other = gateway.device(), gateway.device()
    channel, last = device.opened(), other.opened()
    gateway.fill_payee()
    close = device.close(channel, device.iou_bytes(channel, 10))
    *_, refused, ack = gateway.take(close, other.iou(last, 4))
    assert gateway.refusal(device, refused)[:2] == ("close", "unavailable")
    assert kind_of(ack) == "ack"
    assert gateway.mark(channel) == (3_000, 10, "open")
    assert gateway.mark(last) == (1_200, 4, "open")


@pytest.mark.threat("D16")
def test_d16_close_with_a_lower_final_ends_at_the_mark_and_twice_is_once(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    message = device.close(channel, device.iou_bytes(channel, 4))
    first = gateway.take(message)
    assert gateway.receipt(first[-1]).amount == 3_000
    assert gateway.take(message)[-1] == first[-1]
    assert gateway.count("interval") == 1


@pytest.mark.threat("G5")
def test_a_close_that_is_refused_since_the_channel_is_frozen_is_kept_once(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    with gateway.store.write() as conn:
        channels.set_state(conn, channel, "frozen")
    gateway.context.directory.forget_channels([channel])
    first = device.close(channel, device.iou_bytes(channel, 10))
    for message in (first, first, device.close(channel, b"")):
        answer = gateway.take(message)[-1]
        assert gateway.refusal(device, answer)[1] == "frozen"
    with gateway.store.read() as conn:
        (kept,) = channels.evidence_of(conn, channel)
    assert (kept.kind, kept.message) == ("close", first.payload)
    assert gateway.mark(channel) == (3_000, 10, "frozen")


@pytest.mark.threat("D16")
def test_a_device_that_repeats_its_last_iou_learns_that_the_channel_was_closed(
    gateway: Gateway,
) -> None:
    device = gateway.device()
    channel = device.opened()
    last = device.iou(channel, 10)
    gateway.take(last)
    (closed,) = gateway.take(device.close(channel))
    answers = gateway.take(last)
    assert [kind_of(answer) for answer in answers] == ["ack", "receipt"]
    assert answers[1] == closed


def test_a_close_races_with_a_charge_in_one_batch_and_nothing_is_lost(gateway: Gateway) -> None:
    """The close carries what is owed; the IOU beside it can't be counted a second time."""
    device = gateway.device()
    channel = device.opened()
    last = device.iou_bytes(channel, 12)
    gateway.take(device.iou(channel, 11), device.close(channel, last), device.message("iou", last))
    assert gateway.mark(channel) == (3_600, 12, "closed")


@pytest.mark.threat("D9")
def test_another_device_can_not_close_a_channel(gateway: Gateway) -> None:
    device, thief = gateway.device(), gateway.device()
    channel = device.opened()
    (answer,) = gateway.take(thief.close(channel))
    assert gateway.refusal(thief, answer) == ("close", "not_yours", 0)
    (answer,) = gateway.take(
        device.message("close", envelope.sign1("close", Close(channel, b"").payload(), thief.sign))
    )
    assert gateway.refusal(device, answer)[1] == "bad_signature"
    assert gateway.mark(channel) == (0, 0, "open")


@pytest.mark.threat("D8")
def test_a_close_with_an_iou_of_another_channel_is_refused_whole(gateway: Gateway) -> None:
    device = gateway.device()
    first, second = device.opened(0), device.opened(1)
    (answer,) = gateway.take(device.close(first, device.iou_bytes(second, 10)))
    assert gateway.refusal(device, answer)[1] == "not_yours"
    assert gateway.mark(first) == gateway.mark(second) == (0, 0, "open")


@pytest.mark.threat("D4")
def test_a_close_with_an_iou_beyond_the_capacity_is_refused_whole(
    gateway: Gateway,
) -> None:
    device = gateway.device()
    channel = device.opened()
    greedy = device.iou_bytes(channel, PRICE.units_within(CAPACITY) + 1)
    answers = gateway.take(device.close(channel, greedy))
    assert gateway.refusal(device, answers[0])[1] == "over_capacity"
    assert gateway.mark(channel) == (0, 0, "open")


def test_a_suspended_device_pays_what_it_used_and_may_deliver_no_more(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    with gateway.store.write() as conn:
        devices.set_status(conn, device.id, "suspended")
        channels.raise_serial(conn, channel)
        notices.tell_channels(conn, "grant", [channel])
    (answer,) = gateway.take(device.iou(channel, 10))
    ack = gateway.ack(device, answer)
    assert (ack.amount, ack.limit, ack.serial) == (3_000, 10, 1)
    (answer,) = gateway.take(device.open(device.terms(1)))
    assert gateway.refusal(device, answer)[1] == "device_suspended"


def test_a_revoked_key_can_owe_nothing_more(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    with gateway.store.write() as conn:
        devices.set_status(conn, device.id, "revoked")
        notices.decided(conn)
    (answer,) = gateway.take(device.iou(channel, 10))
    assert gateway.refusal(device, answer)[1] == "device_suspended"
    assert gateway.mark(channel) == (0, 0, "open")


def test_a_key_revoked_while_its_signature_is_verified_can_owe_nothing_more(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what the operator had decided at the commit."""
    device = gateway.device()
    channel = device.opened()
    verify_all = gateway.context.verify_all

    def verify_and_revoke(checks: Sequence[Check]) -> list[bool]:
        with gateway.store.write() as conn:
            if devices.get(conn, device.id).status == "active":
                devices.set_status(conn, device.id, "revoked")
                notices.decided(conn)
        return verify_all(checks)

    monkeypatch.setattr(gateway.context, "verify_all", verify_and_revoke)
    (answer,) = gateway.take(device.iou(channel, 10))
    assert gateway.refusal(device, answer)[1] == "device_suspended"
    assert gateway.mark(channel) == (0, 0, "open")


@pytest.mark.threat("D12")
def test_d12_a_device_that_lost_its_state_is_told_it_and_never_credited(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    (answer,) = gateway.take(device.iou(channel, 1))
    assert gateway.ack(device, answer).units == 10
    assert _resume(gateway, device).channels[0].last_iou == device.iou_bytes(channel, 10)
    assert gateway.mark(channel) == (3_000, 10, "open")


def test_a_tick_without_a_chain_is_refused(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    tick = messages.Tick(channel[:8], 1, bytes(32)).payload()
    (answer,) = gateway.take(device.message("tick", tick))
    assert gateway.refusal(device, answer)[:2] == ("tick", "no_chain")


@pytest.mark.threat("D9")
def test_an_unknown_device_gets_silence(gateway: Gateway) -> None:
    stranger = Party(gateway, 999)
    assert gateway.take(stranger.hello(), stranger.open(stranger.terms())) == []
    assert gateway.count("channel") == 0


def test_a_mark_and_its_iou_are_one_row(gateway: Gateway) -> None:
    """The database itself refuses a mark above the capacity."""
    device = gateway.device()
    channel = device.opened()
    table = Base.metadata.tables["channel"]
    with pytest.raises(Exception, match="CHECK"), gateway.store.write() as conn:
        conn.execute(update(table).where(table.c.id == channel).values(amount=CAPACITY + 1))


def test_a_device_that_was_just_suspended_opens_nothing(gateway: Gateway) -> None:
    """The cache still says active; what counts is the database at the commit."""
    device = gateway.device()
    gateway.take(device.hello())
    with gateway.store.write() as conn:
        devices.set_status(conn, device.id, "suspended")
        notices.decided(conn)
    (answer,) = gateway.take(device.open(device.terms()))
    assert gateway.refusal(device, answer)[1] == "device_suspended"
    assert gateway.count("channel") == 0

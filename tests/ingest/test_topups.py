"""Top-ups: a channel may owe more once its payer said so and its account can cover it."""

import pytest
from sqlalchemy import text

from gateway.ingest import upkeep
from gateway.operations import accounts as operations
from gateway.operations import deposits
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts, channels, fence, notices
from protocol import envelope, messages
from protocol.messages import CLOSE, Grant
from protocol.pricing import OPEN_ENDED, Tariff
from tests.ingest.parties import CAPACITY, NOW, PRICE, WINDOW, Gateway, Party, kind_of

SMALL = 3_000_000
"""What a channel's terms allow here: 10,000 units."""


def _small(gateway: Gateway, nonce: int = 0) -> tuple[Party, bytes]:
    device = gateway.device()
    return device, device.opened(nonce, capacity=SMALL)


def _grant(gateway: Gateway, device: Party, channel: bytes, capacity: int) -> Grant:
    (answer,) = gateway.take(device.topup(channel, capacity))
    assert kind_of(answer) == "grant", gateway.refusal(device, answer)
    return gateway.grant(device, answer)


def _capacity(gateway: Gateway, channel: bytes) -> int:
    with gateway.store.read() as conn:
        return int(channels.get(conn, channel).capacity)


def _books(gateway: Gateway) -> list[str]:
    report = verify_books(gateway.store, gateway.keys.public)
    return [f"{each.where}: {each.what}" for each in report.discrepancies]


def test_what_was_over_capacity_is_taken_after_a_topup(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    (refused,) = gateway.take(device.iou(channel, 10_001))
    assert gateway.refusal(device, refused) == ("iou", "over_capacity", SMALL)
    granted = _grant(gateway, device, channel, 2 * SMALL)
    assert (granted.channel, granted.capacity) == (channel, 2 * SMALL)
    (ack,) = gateway.take(device.iou(channel, 10_001))
    assert gateway.ack(device, ack).units == 10_001
    assert gateway.ack(device, ack).limit == 10_001 + WINDOW
    assert _books(gateway) == []


def test_the_limit_follows_the_capacity(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    (ack,) = gateway.take(device.iou(channel, 9_900))
    assert gateway.ack(device, ack).limit == 10_000
    granted = _grant(gateway, device, channel, SMALL + 300 * 50)
    assert (granted.limit, granted.serial) == (10_050, gateway.ack(device, ack).serial)


@pytest.mark.threat("D1", "D2")
def test_a_repeated_or_lower_topup_changes_nothing(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    first = gateway.take(device.topup(channel, 2 * SMALL))
    assert gateway.take(device.topup(channel, 2 * SMALL)) == first
    for lower in (2 * SMALL - 1, SMALL, 1, 0):
        assert _grant(gateway, device, channel, lower).capacity == 2 * SMALL
    assert gateway.count("topup") == 1
    # Both in one batch, in the wrong order.
    answers = gateway.take(device.topup(channel, 4 * SMALL), device.topup(channel, 3 * SMALL))
    assert [gateway.grant(device, each).capacity for each in answers] == [4 * SMALL, 4 * SMALL]
    assert _capacity(gateway, channel) == 4 * SMALL
    assert _books(gateway) == []


def test_a_topup_and_the_iou_that_needs_it_may_be_in_one_batch(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    answers = gateway.take(device.iou(channel, 10_001), device.topup(channel, 2 * SMALL))
    assert [kind_of(each) for each in answers] == ["grant", "ack"]


@pytest.mark.threat("D4")
def test_the_account_must_cover_it(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    gateway.credit("fleet", 2 * SMALL)
    (refused,) = gateway.take(device.topup(channel, 2 * SMALL + 1))
    assert gateway.refusal(device, refused) == ("topup", "insufficient_funds", SMALL)
    assert _capacity(gateway, channel) == SMALL
    granted = _grant(gateway, device, channel, 2 * SMALL)
    assert (granted.capacity, granted.free) == (2 * SMALL, 0)
    with gateway.store.write() as conn:
        assert accounts.free(conn, "fleet") == 0
    deposits.deposit(gateway.store, "fleet", 5, "manual", "r", "token:ann")
    assert _grant(gateway, device, channel, 2 * SMALL + 5).capacity == 2 * SMALL + 5


@pytest.mark.threat("D4")
def test_a_topup_within_what_the_tariff_allows(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    for wanted in (CAPACITY + 1, 2**63 - 1):
        (refused,) = gateway.take(device.topup(channel, wanted))
        assert gateway.refusal(device, refused) == ("topup", "capacity_not_allowed", CAPACITY)
    assert _grant(gateway, device, channel, CAPACITY).capacity == CAPACITY


@pytest.mark.threat("D8", "D9")
def test_only_the_payer_tops_its_own_channel_up(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    thief, own = _small(gateway, 1)
    good = device.topup_bytes(channel, 2 * SMALL)
    cases = [
        (thief, good, "bad_signature"),
        (thief, thief.topup_bytes(channel, 2 * SMALL), "not_yours"),
        (device, thief.topup_bytes(channel, 2 * SMALL), "bad_signature"),
        (device, device.topup_bytes(bytes(32), 2 * SMALL), "unknown_channel"),
        (device, good[:-1], "malformed"),
        (device, good + b"\x00", "malformed"),
        (device, device.iou_bytes(channel, 1), "bad_signature"),
    ]
    for sender, message, reason in cases:
        (refused,) = gateway.take(sender.message("topup", message))
        assert gateway.refusal(sender, refused)[:2] == ("topup", reason)
    (refused,) = gateway.take(device.message("iou", good))
    assert gateway.refusal(device, refused)[1] in ("bad_signature", "malformed")
    (refused,) = gateway.take(device.message("topup", good, retain=True))
    assert gateway.refusal(device, refused)[1] == "retained"
    assert (_capacity(gateway, channel), _capacity(gateway, own)) == (SMALL, SMALL)


def test_a_channel_that_is_not_open_is_not_topped_up(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    with gateway.store.write() as conn:
        channels.set_state(conn, channel, "frozen")
        notices.decided(conn)
    (refused,) = gateway.take(device.topup(channel, 2 * SMALL))
    assert gateway.refusal(device, refused)[1] == "frozen"
    device, channel = _small(gateway, 1)
    gateway.take(device.close(channel))
    refused, receipt = gateway.take(device.topup(channel, 2 * SMALL))
    assert gateway.refusal(device, refused)[1] == "closed"
    assert gateway.receipt(receipt).event == CLOSE
    device, channel = _small(gateway, 2)
    gateway.clock.now = NOW + 86_400
    (refused,) = gateway.take(device.topup(channel, 2 * SMALL))
    assert gateway.refusal(device, refused) == ("topup", "expired", NOW + 86_400)


def test_a_suspended_devices_channel_is_not_topped_up(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    with gateway.store.write() as conn:
        conn.execute(text("UPDATE device SET status = 'suspended'"))
        notices.decided(conn)
    (refused,) = gateway.take(device.topup(channel, 2 * SMALL))
    assert gateway.refusal(device, refused)[1] == "device_suspended"
    # What was taken before is still so.
    assert _grant(gateway, device, channel, SMALL).capacity == SMALL


def test_a_retired_tariff_is_still_the_channels(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    with gateway.store.write() as conn:
        conn.execute(text("UPDATE tariff SET status = 'retired'"))
        notices.decided(conn)
    assert _grant(gateway, device, channel, 2 * SMALL).capacity == 2 * SMALL


def test_resume_shows_the_greatest_accepted_topup(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    plain = device.opened(1, capacity=SMALL)
    for capacity in (2 * SMALL, 3 * SMALL):
        _grant(gateway, device, channel, capacity)
    gateway.restart()
    answers = {kind_of(each): each for each in gateway.take(device.hello())}
    payload = envelope.open_mac0("resume", answers["resume"].payload, device.mac_key)
    shown = {}
    for known in messages.read_resume(payload).channels:
        terms = envelope.parse_sign1("open", known.open_message).payload
        shown[messages.read_terms(terms).channel_id()] = known.topup
    assert shown == {channel: device.topup_bytes(channel, 3 * SMALL), plain: b""}


def test_a_restarted_gateway_goes_by_the_capacity_as_topped_up(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    _grant(gateway, device, channel, 2 * SMALL)
    gateway.restart()
    (ack,) = gateway.take(device.iou(channel, 20_000))
    assert gateway.ack(device, ack).limit == 20_000
    (refused,) = gateway.take(device.iou(channel, 20_001))
    assert gateway.refusal(device, refused) == ("iou", "over_capacity", 2 * SMALL)


@pytest.mark.threat("C6")
def test_behind_the_fence_a_topup_is_shown_again_and_grants_nothing(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    gateway.credit("fleet", SMALL)
    with gateway.store.write() as conn:
        fence.put_up(conn, 2, "", NOW, NOW)
    granted = _grant(gateway, device, channel, 2 * SMALL)
    assert (granted.capacity, granted.limit) == (2 * SMALL, 0)
    (ack,) = gateway.take(device.iou(channel, 20_000))
    assert gateway.ack(device, ack).units == 20_000


def _told(gateway: Gateway, device: Party) -> list[int | None]:
    found = [each for each in upkeep.tell(gateway.context) if kind_of(each) == "grant"]
    return [gateway.grant(device, each).free for each in found]


def test_devices_are_told_how_little_is_left(gateway: Gateway) -> None:
    device, channel = _small(gateway)
    two_windows = PRICE.amount(2 * WINDOW)
    gateway.credit("fleet", SMALL + SMALL + two_windows)
    granted = _grant(gateway, device, channel, 2 * SMALL)
    assert granted.free is None
    granted = _grant(gateway, device, channel, 2 * SMALL + 1)
    assert granted.free == two_windows - 1
    # Each grant says so until it is so no more.
    with gateway.store.write() as conn:
        notices.tell_channels(conn, "grant", [channel])
    assert _told(gateway, device) == [two_windows - 1]
    deposits.deposit(gateway.store, "fleet", 2, "manual", "r", "token:ann")
    assert _told(gateway, device) == [None]
    operations.change(gateway.store, "fleet", credit_limit=2 * SMALL - 1)
    assert _told(gateway, device) == [0]


def test_a_tenth_of_what_is_reserved_is_little(gateway: Gateway) -> None:
    gateway.credit("fleet", 4 * CAPACITY)
    device = gateway.device()
    for nonce in range(3):
        device.opened(nonce)
    channel = device.opened(3, capacity=CAPACITY - 1)
    # 3.99 of 4 are reserved, and less than a tenth of that is left: the open itself is told.
    with gateway.store.write() as conn:
        notices.tell_channels(conn, "grant", [channel])
    assert _told(gateway, device) == [1]
    other = gateway.device()
    gateway.account("rich")
    answers = gateway.take(other.open(other.terms(capacity=1)))
    assert [kind_of(each) for each in answers] == ["opened", "grant"]
    assert gateway.grant(other, answers[1]).free == 0


def test_an_open_ended_tariff_has_no_windows_worth(gateway: Gateway) -> None:
    tips = Tariff("1", 1, 1, "EUR", 6, OPEN_ENDED)
    gateway.offer(tips)
    gateway.credit("fleet", 100)
    device = gateway.device()
    answers = gateway.take(device.open(device.terms(tariff=tips, capacity=90)))
    assert [kind_of(each) for each in answers] == ["opened"]
    assert (
        _grant(gateway, device, device.terms(tariff=tips, capacity=90).channel_id(), 91).free == 9
    )


@pytest.mark.threat("O9", "G1")
def test_the_audit_finds_a_capacity_that_nobody_signed(gateway: Gateway) -> None:
    _device, channel = _small(gateway)
    other = gateway.device()
    forged = other.topup_bytes(channel, 2 * SMALL)
    with gateway.store.write() as conn:
        assert channels.raise_capacity(conn, channel, SMALL, 2 * SMALL, forged, NOW)
        assert not channels.raise_capacity(conn, channel, SMALL, 3 * SMALL, forged, NOW)
    (found,) = _books(gateway)
    assert f"channel {channel.hex()}: topped up to {2 * SMALL}" in found

"""Another key follows the gateway's, under a device that pays: real rules on both sides."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import told
from firmware.journal import Journal, JournalError
from firmware.record import Record
from gateway.ingest.inbox import Received
from gateway.keys import GatewayKey
from gateway.settlement import intervals
from gateway.store import beliefs, channels, notices
from protocol import cbor, envelope
from protocol.messages import CLOSE, Ack, Grant, Receipt, Refused, Successor, read_terms
from tests.firmware.pair import MemorySlots, Pair
from tests.ingest.parties import gateway_in


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device that has paid 10 units under the gateway's first key."""
    gateway = gateway_in(tmp_path)
    pair = Pair(gateway, gateway.device())
    pair.connect()
    pair.meter(10)
    yield pair
    gateway.store.close()


def _keys_of_channels(pair: Pair) -> list[bytes]:
    """The gateway's keys in the terms of all the device's channels, the first opened first."""
    with pair.gateway.store.read() as conn:
        rows = channels.by_device(conn, pair.party.id, live=False)
    opened = [envelope.parse_sign1("open", bytes(row.open_message)).payload for row in rows]
    return [read_terms(payload).gateway_key for payload in reversed(opened)]


def _close(pair: Pair) -> None:
    """An operator closes the device's channels."""
    pair.gateway.clock.now += 1
    with pair.gateway.store.write() as conn:
        rows = channels.by_device(conn, pair.party.id)
        for row in rows:
            intervals.close(conn, row.id, reason="operator", at=pair.gateway.clock.now)
        notices.tell_channels(conn, "receipt", [row.id for row in rows])
        notices.decided(conn)


def _settle(pair: Pair) -> None:
    for _ in range(10):
        pair.keep_house()
        pair.wait(5_000)


def test_a_connected_device_is_told_and_goes_on_on_its_channel(pair: Pair) -> None:
    first = pair.given
    second = pair.gateway.rotate()
    pair.meter(5)
    assert pair.units_paid() == 15
    assert pair.device.gateway_key == first
    pair.keep_house()
    assert pair.device.gateway_key == second
    pair.meter(5)
    assert (pair.units_paid(), pair.device.unpaid()) == (20, 0)
    assert _keys_of_channels(pair) == [first]


def test_the_next_channel_is_opened_under_the_new_key_and_nothing_is_lost_between(
    pair: Pair,
) -> None:
    first, second = pair.given, pair.gateway.rotate()
    pair.keep_house()
    pair.meter(5)
    _close(pair)
    _settle(pair)
    pair.meter(7)
    assert _keys_of_channels(pair) == [first, second]
    assert (pair.units_paid(), pair.device.total, pair.device.unpaid()) == (22, 22, 0)


def test_a_device_that_was_not_told_hears_of_it_when_it_opens(pair: Pair) -> None:
    """It still has the old key's offer, and opens with that."""
    first, second = pair.given, pair.gateway.rotate()
    pair.gateway.context.announced_to = None
    _close(pair)
    _settle(pair)
    assert pair.device.refusals == {"not_yours": 1}
    assert pair.device.gateway_key == second
    pair.meter(5)
    assert _keys_of_channels(pair) == [first, second]
    assert pair.units_paid() == 15


def test_a_device_that_was_away_over_three_keys_catches_up_key_by_key(pair: Pair) -> None:
    pair.disconnect()
    pair.meter(4)
    for _ in range(3):
        newest = pair.gateway.rotate()
    pair.connect()
    assert pair.device.gateway_key == newest
    assert [kind for kind, _ in pair.heard].count("successor") >= 3
    assert (pair.units_paid(), pair.device.unpaid()) == (14, 0)
    with pair.gateway.store.read() as conn:
        assert beliefs.of(conn, pair.party.id) == newest


def test_where_one_word_is_lost_the_rest_comes_with_the_next_hello(pair: Pair) -> None:
    pair.disconnect()
    pair.gateway.rotate()
    second, third = pair.gateway.keys.public, pair.gateway.rotate()
    lost = pair.gateway.keys.successors(second)[0]
    seen = []

    def pass_but_the_first_time(kind: str, message: bytes) -> bool:
        if kind == "successor" and message == lost and not seen:
            seen.append(message)
            return False
        return True

    pair.down = pass_but_the_first_time
    pair.connect()
    _settle(pair)
    assert seen
    assert pair.device.gateway_key == third
    assert pair.units_paid() == 10


@pytest.mark.threat("D12")
def test_a_device_that_lost_its_journal_begins_with_the_key_it_was_given(pair: Pair) -> None:
    for _ in range(2):
        newest = pair.gateway.rotate()
    pair.keep_house()
    pair.disconnect()
    pair.slots.slots = [b"", b""]
    pair.boot()
    assert pair.device.gateway_key == pair.given
    pair.connect()
    assert pair.device.gateway_key == newest
    # It goes on on the channel that it forgot, which is of the oldest key.
    pair.meter(3)
    assert (len(_keys_of_channels(pair)), pair.units_paid()) == (1, 13)


@pytest.mark.threat("D12")
def test_a_forgotten_channel_of_a_key_in_the_middle_is_adopted_too(pair: Pair) -> None:
    second = pair.gateway.rotate()
    pair.keep_house()
    _close(pair)
    _settle(pair)
    pair.meter(5)
    pair.gateway.rotate()
    pair.disconnect()
    pair.slots.slots = [b"", b""]
    pair.boot()
    # The resume under the first key comes before it has heard of the others: not adopted then.
    pair.connect()
    pair.meter(3)
    assert _keys_of_channels(pair) == [pair.given, second]
    assert pair.units_paid() == 18


def test_the_new_key_is_in_the_journal_before_it_is_used(pair: Pair) -> None:
    second = pair.gateway.rotate()
    word = pair.gateway.keys.successors()[0]
    before = list(pair.slots.slots)
    writes = pair.slots.writes
    said = pair.device.on_message("successor", word, pair.now)
    assert pair.slots.writes > writes
    assert [kind for kind, _ in said] == ["hello"]
    assert Record(Journal(pair.slots)).keys == [pair.given, second]
    # Had the power failed within that write, it would believe what it believed.
    pair.slots.slots = before
    pair.boot()
    assert pair.device.gateway_key == pair.given
    pair.connect()
    assert pair.device.gateway_key == second


class _Full(MemorySlots):
    def write(self, slot: int, data: bytes) -> None:
        raise OSError(28, "full")


def test_a_device_whose_journal_fails_says_nothing_under_the_new_key(pair: Pair) -> None:
    pair.gateway.rotate()
    full = _Full()
    full.slots = pair.slots.slots
    pair.slots = full
    pair.boot()
    with pytest.raises(JournalError, match="full"):
        pair.device.on_message("successor", pair.gateway.keys.successors()[0], pair.now)


def test_a_record_of_before_is_read_and_stays_as_it_is_until_a_key_is_followed(pair: Pair) -> None:
    stored = Journal(pair.slots).load()
    assert stored is not None
    parts = cbor.decode(stored)
    assert isinstance(parts, list)
    assert len(parts) == 4
    assert Record(Journal(pair.slots)).keys == []


def _words_of_others(pair: Pair) -> dict[str, bytes]:
    keys = pair.gateway.keys
    stranger = GatewayKey(b"\x77" * 32)
    named = Successor(stranger.public, 1).payload()
    return {
        "a stranger's": stranger.sign1("successor", named),
        "the device's own": envelope.sign1("successor", named, pair.party.sign),
        "an older key's": keys.of(keys.publics[0]).sign1("successor", named),
        "of another kind": keys.sign1("receipt", named),
        "back to an older key": keys.sign1("successor", Successor(keys.publics[0], 1).payload()),
        "itself": keys.sign1("successor", Successor(keys.public, 1).payload()),
        "no point of the curve": keys.sign1("successor", Successor(b"\x02" * 32, 1).payload()),
        "of small order": keys.sign1("successor", Successor(bytes(32), 1).payload()),
        "cut short": keys.sign1("successor", named)[:-1],
        "nothing": b"",
    }


@pytest.mark.parametrize(
    "whose",
    [
        "a stranger's",
        "the device's own",
        "an older key's",
        "of another kind",
        "back to an older key",
        "itself",
        "no point of the curve",
        "of small order",
        "cut short",
        "nothing",
    ],
)
def test_a_word_that_proves_nothing_changes_nothing(pair: Pair, whose: str) -> None:
    newest = pair.gateway.rotate()
    pair.keep_house()
    journal, ignored = list(pair.slots.slots), pair.device.ignored
    word = _words_of_others(pair)[whose]
    assert pair.device.on_message("successor", word, pair.now) == []
    assert pair.device.gateway_key == newest
    assert (pair.slots.slots, pair.device.ignored) == (journal, ignored + 1)
    pair.meter(2)
    assert pair.units_paid() == 12


def test_an_older_key_is_believed_about_its_own_channels_alone(pair: Pair) -> None:
    """What a thief of the first key can say, once the device has taken over the second."""
    keys = pair.gateway.keys
    stolen = keys.of(keys.public)
    pair.gateway.rotate()
    pair.keep_house()
    _close(pair)
    _settle(pair)
    pair.meter(3)
    channel = pair.device.channels[-1]
    before = (channel.acked_amount, channel.limit, channel.serial)
    mac_key = stolen.mac_key(pair.party.public)
    mark = (channel.signed_amount, channel.signed_units)
    told = {
        "ack": Ack(channel.id, *mark, 10**6, 2**40).payload(),
        "grant": Grant(channel.id, 10**6, 2**40).payload(),
        "refused": Refused("iou", "not_yours", channel.id).payload(),
    }
    for kind, payload in told.items():
        pair.device.on_message(kind, envelope.mac0(kind, payload, mac_key), pair.now)
    receipt = Receipt(channel.id, 0, 0, CLOSE, 1).payload()
    pair.device.on_message("receipt", stolen.sign1("receipt", receipt), pair.now)
    assert pair.device.channels == [channel]
    assert (channel.acked_amount, channel.limit, channel.serial) == before


def test_an_owner_who_gives_another_key_ends_all_trust_in_what_followed_the_old(
    pair: Pair,
) -> None:
    """The first key was stolen, and the thief named a successor."""
    thief = GatewayKey(b"\x66" * 32)
    stolen = pair.gateway.keys
    word = stolen.sign1("successor", Successor(thief.public, 1).payload())
    pair.gateway.rotate()
    pair.gateway.context.announced_to = None
    pair.device.on_message("successor", word, pair.now)
    assert pair.device.gateway_key == thief.public
    pair.disconnect()
    pair.given = pair.gateway.keys.public
    pair.boot()
    assert pair.device.gateway_key == pair.given
    pair.connect()
    pair.meter(5)
    assert (pair.units_paid(), pair.device.unpaid()) == (15, 0)


def test_a_later_key_of_the_same_line_may_be_given_at_any_time(pair: Pair) -> None:
    second, third = pair.gateway.rotate(), pair.gateway.rotate()
    pair.keep_house()
    for given in (second, third):
        pair.disconnect()
        pair.given = given
        pair.boot()
        assert pair.device.gateway_key == third
        pair.connect()
        pair.meter(1)
    assert (pair.units_paid(), pair.device.unpaid()) == (12, 0)


def test_a_device_that_knows_no_successor_is_paid_by_to_the_end_of_its_channel(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The firmware of before there were any."""
    monkeypatch.delitem(told.HANDLERS, "successor")
    pair.gateway.rotate()
    pair.disconnect()
    pair.connect()
    pair.meter(5)
    assert (pair.units_paid(), pair.device.unpaid()) == (15, 0)
    _close(pair)
    _settle(pair)
    pair.meter(5)
    assert pair.device.total == 15


@pytest.mark.parametrize("told_before", [True, False])
def test_channels_of_a_retired_key_go_on_under_the_newest(pair: Pair, told_before: bool) -> None:
    """Retired all the same: even to a device that never heard of the new key nothing is lost."""
    first, second = pair.given, pair.gateway.rotate()
    if told_before:
        pair.keep_house()
    pair.disconnect()
    pair.meter(3)
    pair.gateway.keys = pair.gateway.keys.without(first)
    pair.gateway.restart()
    pair.connect()
    assert pair.device.gateway_key == second
    pair.meter(4)
    assert (pair.units_paid(), pair.device.unpaid()) == (17, 0)
    _close(pair)
    _settle(pair)
    pair.meter(5)
    assert _keys_of_channels(pair) == [first, second]
    assert (pair.units_paid(), pair.device.total) == (22, 22)


def test_a_channel_that_closed_while_its_device_was_away_ends_by_a_receipt_of_the_newest_key(
    pair: Pair,
) -> None:
    first, second = pair.given, pair.gateway.rotate()
    pair.keep_house()
    pair.disconnect()
    pair.meter(6)
    _close(pair)
    pair.gateway.keys = pair.gateway.keys.without(first)
    pair.gateway.restart()
    pair.connect()
    _settle(pair)
    pair.meter(1)
    assert _keys_of_channels(pair) == [first, second]
    # 6 units were metered after the mark at which it closed: the next channel pays for them.
    assert (pair.units_paid(), pair.device.total, pair.device.unpaid()) == (17, 17, 0)


def test_a_channel_that_the_gateway_does_not_know_is_refused_under_each_key(pair: Pair) -> None:
    """Books that were lost: the device goes by the key of the channel's terms."""
    pair.gateway.rotate()
    pair.keep_house()
    channel = bytes(32)
    answers = pair.gateway.take(pair.party.iou(channel, 5))
    assert len(answers) == 2
    keys = pair.gateway.keys
    opened = [
        envelope.open_mac0("refused", answer.payload, key.mac_key(pair.party.public))
        for answer, key in zip(answers, keys.held, strict=True)
    ]
    assert opened[0] == opened[1]


def test_a_hello_played_back_takes_no_belief_away(pair: Pair) -> None:
    pair.gateway.rotate()
    pair.keep_house()
    newest = pair.gateway.rotate()
    pair.keep_house()
    said = [message for kind, message in pair.said if kind == "hello"]
    assert len(said) == 3
    for old in reversed(said):
        pair.gateway.take(pair.party.message("hello", old))
    with pair.gateway.store.read() as conn:
        assert beliefs.of(conn, pair.party.id) == newest


def test_before_any_key_was_followed_a_hello_writes_nothing(pair: Pair) -> None:
    pair.disconnect()
    pair.connect()
    assert pair.gateway.count("belief") == 0


def test_terms_under_an_older_key_open_no_channel(pair: Pair) -> None:
    party = pair.gateway.device()
    old = party.open(party.terms(1))
    pair.gateway.rotate()
    answers = pair.gateway.take(Received(old.topic, old.payload))
    assert [answer.topic.rsplit("/", 1)[1] for answer in answers] == ["refused", "successor"]
    assert pair.gateway.refusal(party, answers[0])[1] == "not_yours"
    half = party.terms(2, payee_key=pair.given, gateway_key=pair.gateway.keys.public)
    (refused,) = [
        answer
        for answer in pair.gateway.take(party.open(half))
        if answer.topic.endswith("/refused")
    ]
    key = pair.gateway.keys.mac_key(party.public)
    assert envelope.open_mac0("refused", refused.payload, key)

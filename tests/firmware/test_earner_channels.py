"""What a payee keeps of its channels: which mirrors it takes, and that its record fits."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from nacl.signing import SigningKey

from firmware import earnings, nvs_slots
from firmware.belief import Belief
from firmware.device import Device
from firmware.earner import Earner, Sale
from firmware.identity import native_identity
from firmware.journal import Journal
from firmware.repeat import LONGEST_MS
from protocol import MAX_EARNED_PER_DEVICE, MAX_INT, cbor, envelope
from protocol.messages import CLOSE, Credit, Receipt, Terms
from protocol.pricing import OPEN_ENDED, Tariff
from simulator.crypto import native
from tests.firmware.pair import MemorySlots
from tests.ingest.parties import PRICE

WINDOW = 20
EXPIRY = 2_000_000_000
FREE = Tariff("W.h", 0, 1, "EUR", 6, OPEN_ENDED)


class Sold:
    """A payee, and a gateway's key with which a test says what it likes."""

    def __init__(self) -> None:
        self.gateway = SigningKey(bytes([7]) * 32)
        self.key = SigningKey(bytes([8]) * 32)
        self.slots = MemorySlots()
        self.boot()

    def boot(self) -> None:
        """Start from what the journal holds."""
        identity = native_identity(native(self.key), bytes(self.gateway.verify_key))
        device = Device(identity, Journal(MemorySlots()), bytes, "W.h", 1, 1_000)
        belief: Belief = device.belief
        sale = Sale(PRICE, 1_000, WINDOW, 86_400)
        self.earner = Earner(identity, belief, Journal(self.slots), sale, 1)

    def sign(self, kind: str, payload: bytes) -> bytes:
        return envelope.sign1(kind, payload, lambda data: self.gateway.sign(data).signature)

    def terms(self, nonce: int, expiry: int = EXPIRY, tariff: Tariff = FREE) -> Terms:
        ours = bytes(self.gateway.verify_key)
        payee = bytes(self.key.verify_key)
        return Terms(ours, payee, ours, tariff, MAX_INT, expiry, nonce.to_bytes(16, "big"))

    def mirror(self, terms: Terms) -> None:
        self.earner.on_message("mirror", self.sign("mirror", terms.payload()), 0)

    def close(self, terms: Terms) -> None:
        receipt = Receipt(terms.channel_id(), MAX_INT, MAX_INT, CLOSE, 1)
        self.earner.on_message("receipt", self.sign("receipt", receipt.payload()), 0)

    def credit(self, terms: Terms, amount: int, units: int) -> None:
        credit = Credit(terms.channel_id(), amount, units)
        self.earner.on_message("credit", self.sign("credit", credit.payload()), 0)

    def deliver(self) -> int:
        """Deliver all that may be; how much that was."""
        before = self.earner.total
        while self.earner.may_deliver():
            self.earner.on_meter(self.earner.total + 1)
        return self.earner.total - before

    def count_verified(self) -> list[bytes]:
        """The signatures that it checks from now on."""
        seen = []
        identity = self.earner._identity
        verify = identity.verify

        def counted(key: bytes, message: bytes, signature: bytes) -> bool:
            seen.append(signature)
            return verify(key, message, signature)

        identity.verify = counted
        return seen

    def open(self) -> list[bytes]:
        return [channel.id for channel in self.earner.channels]


def ids(terms: Iterable[Terms]) -> list[bytes]:
    return [each.channel_id() for each in terms]


@pytest.fixture
def sold() -> Sold:
    return Sold()


@pytest.mark.parametrize("reset", [False, True])
def test_the_mirror_of_a_closed_channel_gives_no_other_window(sold: Sold, reset: bool) -> None:
    closed, live = sold.terms(1), sold.terms(2)
    sold.mirror(closed)
    assert sold.deliver() == WINDOW
    sold.close(closed)
    sold.mirror(live)
    if reset:
        sold.boot()
    sold.mirror(closed)
    assert sold.open() == ids([live])
    assert sold.earner.ignored == 1
    assert sold.deliver() == WINDOW


def test_however_many_channels_are_over_the_mirror_of_none_is_taken_again(sold: Sold) -> None:
    over = [sold.terms(n, EXPIRY + n) for n in range(3 * earnings.MAX_ENDED)]
    for terms in over:
        sold.mirror(terms)
        sold.close(terms)
    sold.boot()
    for _ in range(2):
        for terms in over:
            sold.mirror(terms)
            sold.close(terms)
            assert sold.open() == []
            assert sold.deliver() == 0
    new = sold.terms(1_000, EXPIRY + 1_000)
    sold.mirror(new)
    assert sold.open() == ids([new])


def test_a_mirror_that_had_expired_when_the_gateway_last_said_the_time_is_not_taken(
    sold: Sold,
) -> None:
    sold.earner.on_gateway_time(EXPIRY)
    sold.earner.on_gateway_time(5)
    sold.mirror(sold.terms(1, EXPIRY))
    assert sold.open() == []
    sold.mirror(sold.terms(2, EXPIRY + 1))
    assert len(sold.open()) == 1


def test_a_record_of_before_channels_that_are_over_were_kept_is_read(sold: Sold) -> None:
    sold.mirror(sold.terms(1))
    rows = [channel.record() for channel in sold.earner.channels]
    Journal(sold.slots).save(cbor.encode([33, rows, []]))
    sold.boot()
    assert sold.earner.total == 33
    assert sold.open() == ids([sold.terms(1)])


def test_with_more_open_mirrors_than_it_keeps_each_reconnect_grants_no_other_window(
    sold: Sold,
) -> None:
    told = [sold.terms(n) for n in range(MAX_EARNED_PER_DEVICE + 3)]
    for terms in told:
        sold.mirror(terms)
    assert sold.open() == ids(told[:MAX_EARNED_PER_DEVICE])
    assert sold.earner.ignored == 3
    assert sold.deliver() == WINDOW
    for _ in range(3):
        for terms in reversed(told):
            sold.mirror(terms)
    assert sold.open() == ids(told[:MAX_EARNED_PER_DEVICE])
    assert sold.deliver() == 0


def test_a_payee_for_which_no_place_is_left_asks_ever_less_often(sold: Sold) -> None:
    """A gateway that opens more channels than it keeps is no reason to say hello without end."""
    sold.earner.on_connected(0)
    for n in range(MAX_EARNED_PER_DEVICE):
        sold.mirror(sold.terms(n))
    asked = []
    for now in range(0, 200_000, 500):
        sold.mirror(sold.terms(99))
        if sold.earner.asks_again(now):
            asked.append(now)
    assert asked[:4] == [0, 3_000, 9_000, 21_000]
    assert max(later - before for before, later in pairwise(asked)) == LONGEST_MS
    sold.earner.on_disconnected()
    assert not sold.earner.asks_again(300_000)


def test_what_a_payee_has_already_is_not_verified_again(sold: Sold) -> None:
    """A hello brings it all again, and a board takes most of a second for each signature."""
    told = sold.terms(1)
    sold.mirror(told)
    sold.credit(told, 7, 7)
    verified = sold.count_verified()
    for _ in range(3):
        sold.mirror(told)
        sold.credit(told, 7, 7)
    assert verified == []
    sold.credit(told, 8, 8)
    assert len(verified) == 1


def test_a_payee_that_is_full_gives_up_a_channel_that_has_expired_for_a_new_one(
    sold: Sold,
) -> None:
    """The receipt that closed it may have been lost; it would keep a place for ever."""
    told = [sold.terms(n, EXPIRY + n) for n in range(MAX_EARNED_PER_DEVICE)]
    for terms in told:
        sold.mirror(terms)
    new = sold.terms(1_000, EXPIRY + 1_000)
    sold.mirror(new)
    assert new.channel_id() not in sold.open()
    sold.earner.on_gateway_time(EXPIRY)
    sold.mirror(new)
    assert sold.open() == ids([*told[1:], new])
    sold.boot()
    sold.mirror(told[0])
    assert sold.open() == ids([*told[1:], new])


def test_the_largest_record_fits_into_nvs(sold: Sold) -> None:
    dearest = Tariff("W" * 16, MAX_INT, MAX_INT, "EUR", 18, OPEN_ENDED)
    for n in range(2 * earnings.MAX_ENDED + MAX_EARNED_PER_DEVICE):
        terms = sold.terms(n, MAX_INT - 1_000 + n, dearest)
        sold.mirror(terms)
        if n < 2 * earnings.MAX_ENDED:
            sold.close(terms)
        else:
            sold.credit(terms, MAX_INT - 1, MAX_INT - 1)
    for n in range(earnings.MAX_PROOFS):
        sold.credit(terms, MAX_INT, MAX_INT - 2 - n)
    sold.earner.on_meter(MAX_INT)
    assert len(sold.open()) == MAX_EARNED_PER_DEVICE
    assert len(sold.earner.proofs) == earnings.MAX_PROOFS
    assert max(map(len, sold.slots.slots)) <= nvs_slots.LARGEST
    sold.boot()
    assert len(sold.open()) == MAX_EARNED_PER_DEVICE


def test_a_proof_that_is_kept_already_wears_no_flash_and_displaces_no_other(sold: Sold) -> None:
    terms = sold.terms(1)
    sold.mirror(terms)
    sold.credit(terms, 300, 10)
    sold.credit(terms, 300, 9)
    sold.credit(terms, 400, 8)
    kept = list(sold.earner.proofs)
    assert len(kept) == 2
    writes = sold.slots.writes
    for _ in range(earnings.MAX_PROOFS):
        sold.credit(terms, 300, 9)
        sold.credit(terms, 400, 8)
    assert sold.earner.proofs == kept
    assert sold.slots.writes == writes
    # Nor does it with a later credit.
    sold.credit(terms, 350, 12)
    writes = sold.slots.writes
    sold.credit(terms, 400, 8)
    assert sold.earner.proofs == kept
    assert sold.slots.writes == writes

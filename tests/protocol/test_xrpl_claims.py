"""Claims on the XRP Ledger: what we sign is what that ledger's own library reads, and none of it is
ever a message of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey
from xrpl.core import binarycodec, keypairs

from gateway.keys import verify
from protocol import MAX_INT, envelope
from protocol.errors import WireError
from protocol.messages import Terms, read_terms
from protocol.pricing import Tariff
from protocol.xrpl import claim_bytes

KEY = SigningKey(b"\x07" * 32)
PUBLIC = bytes(KEY.verify_key)
IDS = st.binary(min_size=32, max_size=32)
DROPS = st.integers(min_value=0, max_value=MAX_INT)


@given(IDS, DROPS)
def test_a_claim_is_over_the_bytes_that_the_ledgers_library_signs(name: bytes, drops: int) -> None:
    said = {"channel": name.hex().upper(), "amount": str(drops)}
    assert claim_bytes(name, drops).hex().upper() == binarycodec.encode_for_signing_claim(said)


@given(IDS, DROPS)
def test_the_ledgers_library_takes_our_signature_and_we_take_its(name: bytes, drops: int) -> None:
    claimed = claim_bytes(name, drops)
    ledger_key = "ED" + PUBLIC.hex().upper()
    ours = KEY.sign(claimed).signature
    assert keypairs.is_valid_message(claimed, ours, ledger_key)
    theirs = keypairs.sign(claimed, "ED" + bytes(KEY).hex().upper())
    assert verify(PUBLIC, claimed, bytes.fromhex(theirs))


@given(IDS, DROPS, st.sampled_from(envelope.KINDS), st.binary(max_size=200))
def test_no_message_of_ours_is_a_claim_and_no_claim_a_message(
    name: bytes, drops: int, kind: str, payload: bytes
) -> None:
    signed = envelope.sign_structure(kind, payload)
    claimed = claim_bytes(name, drops)
    # A CBOR array of four, and the letter C: whatever follows, they differ.
    assert (signed[0], claimed[0]) == (0x84, 0x43)
    assert not verify(PUBLIC, claimed, KEY.sign(signed).signature)
    assert not verify(PUBLIC, signed, KEY.sign(claimed).signature)


def test_a_payload_that_looks_like_a_claim_is_signed_as_none() -> None:
    # Whoever could have a device sign any payload of any kind would still get no claim from it.
    claimed = claim_bytes(bytes(32), 10**6)
    for kind in envelope.KINDS:
        message = envelope.sign1(kind, claimed, lambda data: KEY.sign(data).signature)
        assert not verify(PUBLIC, claimed, message[-64:])


@pytest.mark.parametrize(("currency", "scale"), [("EUR", 6), ("XRP", 5), ("XRP", 7), ("XRQ", 6)])
def test_only_drops_can_be_claimed(currency: str, scale: int) -> None:
    price = Tariff("W.h", 300, 1, currency, scale)
    terms = Terms(PUBLIC, PUBLIC, PUBLIC, price, 1, 1, bytes(16), b"\x01" * 32)
    with pytest.raises(WireError, match=r"open\.xrpl_channel: only where the tariff is in XRP"):
        read_terms(terms.payload())


def test_terms_that_ask_for_no_claim_are_encoded_as_ever() -> None:
    price = Tariff("W.h", 300, 1, "XRP")
    asked = Terms(PUBLIC, PUBLIC, PUBLIC, price, 1, 1, bytes(16), b"\x01" * 32)
    plain = Terms(PUBLIC, PUBLIC, PUBLIC, price, 1, 1, bytes(16))
    assert read_terms(asked.payload()).xrpl_channel == b"\x01" * 32
    assert read_terms(plain.payload()).xrpl_channel == b""
    assert asked.payload()[1:].startswith(plain.payload()[1:])
    assert asked.channel_id() != plain.channel_id()

"""The edges of Ed25519 (D6, D7): one verdict, the same on the gateway and on a device."""

import pytest

from firmware.crypto import ed25519
from gateway.keys import BadPublicKey, check_public_key, verify
from tests.protocol.edge_signatures import EDGES, Edge, holds
from tests.protocol.small_order import NON_CANONICAL, SMALL_ORDER, mixed

GOOD = next(edge for edge in EDGES if edge.name == "a good signature")
TAKEN = ("a good signature", "A and R mixed")
"""What verifies: the second has a key that can't be registered."""


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.name)
def test_each_case_is_what_it_says(edge: Edge) -> None:
    """By arithmetic that makes no check: each of them is a signature that some verifier takes."""
    assert holds(edge.key, edge.message, edge.signature, 1) == edge.plain
    assert holds(edge.key, edge.message, edge.signature, 8) == edge.cofactored


@pytest.mark.threat("D6", "D7")
@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.name)
def test_gateway_and_device_decide_alike_and_take_none_of_the_edges(edge: Edge) -> None:
    taken = verify(edge.key, edge.message, edge.signature)
    assert ed25519.verify(edge.key, edge.message, edge.signature) == taken
    assert taken == (edge.name in TAKEN)


@pytest.mark.threat("D6")
@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.name)
def test_no_key_at_an_edge_may_be_registered(edge: Edge) -> None:
    if edge.registrable:
        assert check_public_key(edge.key) == edge.key
    else:
        with pytest.raises(BadPublicKey):
            check_public_key(edge.key)


@pytest.mark.threat("D6")
def test_every_encoding_of_small_or_mixed_order_or_not_canonical_is_refused() -> None:
    assert (len(SMALL_ORDER), len(NON_CANONICAL)) == (14, 38)
    of_small_order_and_canonical = set(SMALL_ORDER) - set(NON_CANONICAL)
    # 0x..01 and 0x..ec with the sign set are x = 0 with a sign: not canonical either.
    assert len(of_small_order_and_canonical) == 10
    for key in {*SMALL_ORDER, *NON_CANONICAL, *mixed(GOOD.key), bytes(32), b"\xff" * 32}:
        with pytest.raises(BadPublicKey):
            check_public_key(key)


@pytest.mark.threat("D7")
def test_every_flipped_bit_of_signature_message_and_key_is_refused() -> None:
    assert verify(GOOD.key, GOOD.message, GOOD.signature)
    for part in ("signature", "message", "key"):
        data = getattr(GOOD, part)
        for bit in range(8 * len(data)):
            wrong = bytearray(data)
            wrong[bit >> 3] ^= 1 << (bit & 7)
            given = {"key": GOOD.key, "message": GOOD.message, "signature": GOOD.signature}
            given[part] = bytes(wrong)
            assert not verify(given["key"], given["message"], given["signature"]), (part, bit)


@pytest.mark.threat("D7")
@pytest.mark.parametrize("check", [verify, ed25519.verify])
def test_every_other_length_is_refused(check: object) -> None:
    signature = GOOD.signature * 2
    for length in [*range(64), *range(65, 129)]:
        assert not check(GOOD.key, GOOD.message, signature[:length])  # type: ignore[operator]
    for length in [*range(32), *range(33, 65)]:
        assert not check((GOOD.key * 2)[:length], GOOD.message, GOOD.signature)  # type: ignore[operator]
    # A signature whose end stands at the start of the message, and the other way round.
    for cut in (1, 31, 64):
        head, tail = GOOD.signature[:-cut], GOOD.signature[-cut:]
        assert not check(GOOD.key, tail + GOOD.message, head)  # type: ignore[operator]
    longer = GOOD.signature + GOOD.message[:3]
    assert not check(GOOD.key, GOOD.message[3:], longer)  # type: ignore[operator]

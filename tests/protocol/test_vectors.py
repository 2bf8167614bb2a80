"""Every test vector holds for `protocol/`, checked by the same code as under MicroPython."""

import json
from pathlib import Path
from typing import Any

import pytest
from nacl import bindings
from nacl.signing import SigningKey

from gateway.keys import verify
from tests.micropython.checks import (
    protocol_legs,
    protocol_payer,
    protocol_price_end,
    protocol_session_fee,
    protocol_settled,
    protocol_topups,
    protocol_vectors,
    protocol_xrpl,
)

VECTORS = Path(__file__).parents[1] / "vectors"
CHECKS = {
    **protocol_vectors.CHECKS,
    "payer": protocol_payer.check_payer,
    "evidence": protocol_settled.check_evidence,
    "settlement": protocol_settled.check_settlement,
    "topup": protocol_topups.check_topup,
    "leg": protocol_legs.check_leg,
    "xrpl": protocol_xrpl.check_xrpl,
    "price_end": protocol_price_end.check_price_end,
    "session_fee": protocol_session_fee.check_session_fee,
}


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def sign(seed: bytes, data: bytes) -> bytes:
    return SigningKey(seed).sign(data).signature


def test_every_file_of_vectors_has_a_check() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} == set(CHECKS)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_vectors_hold(name: str) -> None:
    CHECKS[name](load(name), verify, sign)


def test_identities_are_what_libsodium_derives() -> None:
    vectors = load("identities")
    montgomery = {}
    for party in vectors["parties"]:
        seed = bytes.fromhex(party["seed"])
        public = bytes(SigningKey(seed).verify_key)
        assert public.hex() == party["public_key"]
        montgomery[party["seed"]] = bindings.crypto_sign_ed25519_pk_to_curve25519(public)
        assert montgomery[party["seed"]].hex() == party["x25519_public"]
    secrets = {party["seed"]: party["x25519_secret"] for party in vectors["parties"]}
    for case in vectors["mac_keys"]:
        for one, other in (
            (case["device_seed"], case["gateway_seed"]),
            (case["gateway_seed"], case["device_seed"]),
        ):
            shared = bindings.crypto_scalarmult(bytes.fromhex(secrets[one]), montgomery[other])
            assert shared.hex() == case["shared_secret"]


def test_merkle_roots_are_those_of_certificate_transparency() -> None:
    # From the tests of Google's Certificate Transparency log, for its eight leaves.
    assert load("merkle")["roots"] == [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

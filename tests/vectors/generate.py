"""Makes the JSON test vectors in this folder: `python tests/vectors/generate.py`.

Run once. The vectors are reviewed by hand and are part of the specification: they are never made
anew to let a test pass, only extended, and a changed line in them is a changed protocol. Nothing
of `protocol/` is used here: CBOR is cbor2's, Ed25519 and X25519 are libsodium's, HMAC and SHA are
the standard library's, and what a rule decides is written out by hand in `rules.py`.

In every file a byte string is lower-case hex, and an integer above 2^53-1 is a decimal string,
because JSON readers of many languages lose its last digits.
"""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import cbor2
from nacl import bindings
from nacl.signing import SigningKey

HERE = Path(__file__).parent
TIME = 1_800_000_000
L = 2**252 + 27742317777372353535851937790883648493
"""Order of Ed25519's prime-order group."""


def cbor(value: object) -> bytes:
    return cbor2.dumps(value, canonical=True)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class Party:
    """A key pair from a seed of one repeated byte."""

    def __init__(self, number: int) -> None:
        self.seed = bytes([number]) * 32
        self.key = SigningKey(self.seed)
        self.public = bytes(self.key.verify_key)
        self.secret = bindings.crypto_sign_ed25519_sk_to_curve25519(self.seed + self.public)
        self.montgomery = bindings.crypto_sign_ed25519_pk_to_curve25519(self.public)

    def sign1(self, kind: str, payload: bytes) -> bytes:
        signature = self.key.sign(sig_structure(kind, payload)).signature
        return cbor2.dumps(cbor2.CBORTag(18, [b"\xa1\x01\x27", {}, payload, signature]))


DEVICE, OTHER, GATEWAY = Party(1), Party(2), Party(3)


def sig_structure(kind: str, payload: bytes) -> bytes:
    return cbor(["Signature1", b"\xa1\x01\x27", b"tallystick/v1/" + kind.encode(), payload])


def mac_structure(kind: str, payload: bytes) -> bytes:
    return cbor(["MAC0", b"\xa1\x01\x05", b"tallystick/v1/" + kind.encode(), payload])


def hmac256(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()


def hkdf(material: bytes, info: bytes) -> bytes:
    return hmac256(hmac256(bytes(32), material), info + b"\x01")


def shared_secret(device: Party, gateway: Party) -> bytes:
    return bindings.crypto_scalarmult(device.secret, gateway.montgomery)


def mac_info(device: Party, gateway: Party) -> bytes:
    return b"tallystick/v1/mac" + device.public + gateway.public


def mac_key(device: Party, gateway: Party) -> bytes:
    return hkdf(shared_secret(device, gateway), mac_info(device, gateway))


MAC_KEY = mac_key(DEVICE, GATEWAY)


def mac0(kind: str, payload: bytes, key: bytes = MAC_KEY) -> bytes:
    tag = hmac256(key, mac_structure(kind, payload))
    return cbor2.dumps(cbor2.CBORTag(17, [b"\xa1\x01\x05", {}, payload, tag]))


def tariff(
    numerator: int = 300, denominator: int = 1, pricing: int = 0, unit: str = "W.h"
) -> dict[int, Any]:
    return {1: unit, 2: numerator, 3: denominator, 4: "EUR", 5: 6, 6: pricing}


def terms(price: dict[int, Any], capacity: int = 30_000_000, nonce: int = 0) -> dict[int, Any]:
    return {
        1: DEVICE.public,
        2: GATEWAY.public,
        3: GATEWAY.public,
        4: price,
        5: capacity,
        6: TIME + 86_400,
        7: bytes([nonce]) * 16,
    }


TERMS = cbor(terms(tariff()))
CHANNEL = sha256(TERMS)
OPEN = DEVICE.sign1("open", TERMS)


def iou(amount: int, units: int, channel: bytes = CHANNEL, party: Party = DEVICE) -> bytes:
    return party.sign1("iou", cbor({1: channel, 2: amount, 3: units}))


def plain(value: Any) -> Any:
    """A value as it stands in the JSON files."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if value < 2**53 else str(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    return [plain(each) for each in value]


def write(name: str, content: Any) -> None:
    text = json.dumps(plain(content), indent=1, ensure_ascii=True)
    (HERE / f"{name}.json").write_text(text + "\n", encoding="ascii")


def tagged(value: Any) -> Any:
    """A CBOR value with its types told: {"uint": ..}, {"bytes": ..}, {"text": ..} and so on."""
    if isinstance(value, int):
        return {"uint": str(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, str):
        # MicroPython's JSON reader does not join surrogate escapes: other characters as UTF-8.
        return {"text": value} if value.isascii() else {"utf8": value.encode().hex()}
    if isinstance(value, dict):
        return {"map": [[str(key), tagged(each)] for key, each in value.items()]}
    return {"array": [tagged(each) for each in value]}


def encoding() -> dict[str, Any]:
    numbers = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53, 2**63 - 1]
    values: list[tuple[str, Any]] = [(f"integer {number}", number) for number in numbers]
    values += [
        ("no bytes", b""),
        ("23 bytes", bytes(range(23))),
        ("24 bytes", bytes(range(24))),
        ("256 bytes", bytes(256)),
        ("no text", ""),
        ("text", "tally"),
        ("text of two, three and four bytes a character", "\u00e9\u20ac\U0001f4b6"),
        ("last characters before and after the surrogates", "\ud7ff\ue000\U0010ffff"),
        ("empty array", []),
        ("array", [1, b"\x02", "3", []]),
        ("empty map", {}),
        ("map, keys by value", {0: 0, 1: b"one", 23: "x", 24: [], 256: {}, 2**63 - 1: 1}),
        ("depth 4", [[[[1]]]]),
        ("depth 4 of maps", {1: {1: {1: {1: 1}}}}),
    ]
    invalid = {
        "nothing": "",
        "negative integer": "20",
        "integer 2^63": "1b8000000000000000",
        "integer 2^64-1": "1bffffffffffffffff",
        "bignum": "c249010000000000000000",
        "float": "f93c00",
        "double": "fb3ff0000000000000",
        "NaN": "f97e00",
        "true": "f5",
        "null": "f6",
        "undefined": "f7",
        "simple value": "f0",
        "break alone": "ff",
        "tag": "c100",
        "23 in two bytes": "1817",
        "255 in three bytes": "1900ff",
        "65535 in five bytes": "1a0000ffff",
        "2^32-1 in nine bytes": "1b00000000ffffffff",
        "bytes with a long length": "580161",
        "text with a long length": "780161",
        "array with a long length": "980100",
        "map with a long length": "b8010000",
        "reserved length 28": "1c",
        "reserved length 30": "1e",
        "indefinite bytes": "5f4161ff",
        "indefinite text": "7f6161ff",
        "indefinite array": "9f00ff",
        "indefinite map": "bf0000ff",
        "a byte after the end": "0000",
        "cut in the head": "19ff",
        "cut bytes": "4361",
        "cut text": "6361",
        "cut array": "8200",
        "cut map": "a10a",
        "array longer than the message": "9bffffffffffffffff",
        "map longer than the message": "bb7fffffffffffffff",
        "bytes longer than the message": "5bffffffffffffffff",
        "text that is no UTF-8": "61ff",
        "text cut in a character": "61c3",
        "surrogate": "63eda080",
        "over-long form of two bytes": "62c080",
        "over-long form of three bytes": "63e08080",
        "over-long form of four bytes": "64f0808080",
        "beyond Unicode": "64f4908080",
        "text key": "a1616100",
        "bytes key": "a1416100",
        "negative key": "a12000",
        "key 2^63": "a11b800000000000000000",
        "key in a long form": "a1180100",
        "twice the same key": "a201000101",
        "keys out of order": "a202000100",
        "depth 5": "818181818100",
        "depth 5, map within arrays": "81818181a0",
    }
    return {
        "valid": [
            {"name": name, "value": tagged(value), "encoded": cbor(value)} for name, value in values
        ],
        "invalid": [{"name": name, "encoded": text} for name, text in invalid.items()],
    }


def identities() -> dict[str, Any]:
    pairs = [(DEVICE, GATEWAY), (OTHER, GATEWAY), (DEVICE, OTHER)]
    return {
        "parties": [
            {
                "seed": party.seed,
                "public_key": party.public,
                "device_id": sha256(party.public)[:16],
                "x25519_secret": party.secret,
                "x25519_public": party.montgomery,
            }
            for party in (DEVICE, OTHER, GATEWAY)
        ],
        "mac_keys": [
            {
                "device_seed": device.seed,
                "gateway_seed": gateway.seed,
                "shared_secret": shared_secret(device, gateway),
                "info": mac_info(device, gateway),
                "mac_key": mac_key(device, gateway),
            }
            for device, gateway in pairs
        ],
        "hmac": [
            {"key": key, "message": message, "mac": hmac256(key, message)}
            for key, message in (
                (b"", b""),
                (b"\x0b" * 20, b"Hi There"),
                (b"Jefe", b"what do ya want for nothing?"),
                (b"\xaa" * 64, b"a key of one block"),
                (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First"),
            )
        ],
    }


def ids() -> dict[str, Any]:
    prices = [tariff(), tariff(1, 3, unit="By"), tariff(0, 1, 1, unit="1"), tariff(2**63 - 1)]
    contracts = [terms(tariff()), terms(tariff(), nonce=1), terms(tariff(1, 3, unit="By"), 10**9)]
    return {
        "tariffs": [{"encoded": cbor(price), "tariff_id": sha256(cbor(price))} for price in prices],
        "channels": [{"terms": cbor(each), "channel_id": sha256(cbor(each))} for each in contracts],
    }


def hashes() -> tuple[dict[str, Any], dict[str, Any]]:
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    leaves.append("606162636465666768696a6b6c6d6e6f")
    data = [bytes.fromhex(leaf) for leaf in leaves]
    roots = [tree(data[:count]) for count in range(9)]
    merkle = {
        "source": "the eight leaves that Certificate Transparency's own tests use (RFC 6962, 2.1)",
        "leaves": data,
        "roots": roots,
        "proofs": [
            {"index": index, "count": count, "path": path(data[:count], index)}
            for count, index in ((1, 0), (2, 1), (3, 2), (5, 2), (7, 6), (8, 0), (8, 5))
        ],
    }
    chain = [sha256(b"the secret end of a chain")]
    for _ in range(10):
        chain.insert(0, sha256(chain[0]))
    return merkle, {"length": 10, "root": chain[0], "values": chain}


def tree(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + tree(leaves[:half]) + tree(leaves[half:]))


def path(leaves: list[bytes], index: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < half:
        return [*path(leaves[:half], index), tree(leaves[half:])]
    return [*path(leaves[half:], index - half), tree(leaves[:half])]


def main() -> None:
    from tests.vectors import (
        between,
        claimed,
        ended,
        evidence,
        legged,
        rules,
        said,
        sessions,
        settled,
        succession,
        topped,
    )

    merkle, chain = hashes()
    write("encoding", encoding())
    write("identities", identities())
    write("ids", ids())
    write("merkle", merkle)
    write("hashchain", chain)
    write("messages", said.messages())
    write("pricing", rules.pricing())
    write("judge", rules.judge())
    write("topics", rules.topics())
    write("payer", rules.payer())
    write("succession", succession.succession())
    write("evidence", evidence.evidence())
    write("settlement", settled.settlement())
    write("hub", between.hub())
    write("topup", topped.topped())
    write("leg", legged.legged())
    write("xrpl", claimed.xrpl())
    write("session_fee", sessions.session_fees())
    write("price_end", ended.price_ends())


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(HERE.parents[1]))
    main()

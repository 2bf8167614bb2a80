# SHA-512, Ed25519 and X25519: the RFCs' vectors, and no silent use of a hash that boards lack.
import hashlib
from binascii import unhexlify as unhex

from firmware.crypto import sha512_python
from firmware.crypto.curve import L
from firmware.crypto.ed25519 import SigningKey, public_key, verify
from firmware.crypto.sha512 import SOURCE, sha512
from firmware.crypto.x25519 import shared_secret, x25519

assert not hasattr(hashlib, "sha512")
# The WebAssembly build makes no machine code either.
assert SOURCE == "python"
assert sha512 is sha512_python.sha512
assert sha512(b"abc") == unhex(
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)
# SHA-512 of 0..199 bytes, hashed together: every length of padding.
everything = b""
for length in range(200):
    everything += sha512(bytes(range(length)))
assert sha512(everything) == unhex(
    "2cd9145e0311a2ccde99262f88e5c57671327abbd33cd396ee05af4e6507d42c"
    "681d86e35f5bd4e6374a8791a064e528bfd313a5dba913ed4364b4261999008d"
)

seed = unhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
key = SigningKey(seed)
assert key.public_key == public_key(seed)
assert key.public_key == unhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
signature = key.sign(b"\xaf\x82")
assert signature == unhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)
assert verify(key.public_key, b"\xaf\x82", signature)
assert not verify(key.public_key, b"\xaf\x83", signature)
for position in range(0, 64, 7):
    wrong = bytearray(signature)
    wrong[position] ^= 1
    assert not verify(key.public_key, b"\xaf\x82", bytes(wrong))
higher = int.from_bytes(signature[32:], "little") + L
assert not verify(key.public_key, b"\xaf\x82", signature[:32] + higher.to_bytes(32, "little"))
assert not verify(bytes(32), b"", signature)

assert x25519(
    unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
    unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
) == unhex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
other = bytes(range(32))
assert shared_secret(seed, public_key(other)) == shared_secret(other, key.public_key)
print("OK")

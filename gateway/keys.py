"""The gateway's identity keys, and all cryptography that decides money.

One pinned verifier, libsodium through PyNaCl: it rejects small-order and non-canonical keys, which
other libraries accept. Seeds are never logged. The files that keep them are in `key_files`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from protocol import envelope, mac
from protocol.errors import AuthenticationError, ProtocolError
from protocol.messages import Successor, read_successor


class BadPublicKey(ValueError):
    """32 bytes that are no public key anybody can hold (or not 32 bytes)."""


class GatewayKey:
    """One key that a gateway signs with. `public` is its 32-byte Ed25519 public key."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)
        self.public = bytes(self._key.verify_key)
        self._agreement = bindings.crypto_sign_ed25519_sk_to_curve25519(seed + self.public)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`."""
        return self._key.sign(message).signature

    def sign1(self, kind: str, payload: bytes) -> bytes:
        """`payload` as a COSE_Sign1 of this gateway."""
        return envelope.sign1(kind, payload, self.sign)

    def mac_key(self, device_key: bytes) -> bytes:
        """The 32-byte key that this gateway shares with the device of this public key.

        Raises BadPublicKey.
        """
        try:
            peer = bindings.crypto_sign_ed25519_pk_to_curve25519(device_key)
            shared = bindings.crypto_scalarmult(self._agreement, peer)
        except (CryptoError, ValueError) as error:
            raise BadPublicKey("public key: not a valid Ed25519 key") from error
        return mac.channel_mac_key(shared, device_key, self.public)


@dataclass(frozen=True, slots=True)
class Followed:
    """A key that another has followed: `successor` is its own signed word for that, `key` None once
    it is retired."""

    public: bytes
    successor: bytes
    key: GatewayKey | None


class GatewayKeys(GatewayKey):
    """All keys of one gateway, each of which followed the one before. By itself it is the newest,
    which signs whatever is new; `older` are the others, the oldest first."""

    def __init__(self, seed: bytes, older: Sequence[Followed] = ()) -> None:
        super().__init__(seed)
        self._seed = seed
        self.older = tuple(older)
        self.publics = (*(each.public for each in older), self.public)
        """The public keys, the oldest first."""
        held = {each.public: each.key for each in older if each.key is not None}
        self._held: dict[bytes, GatewayKey] = {**held, self.public: self}

    @property
    def held(self) -> Sequence[GatewayKey]:
        """The keys that are not retired, the newest first: that is the likeliest one."""
        return tuple(reversed(self._held.values()))

    def of(self, public: bytes) -> GatewayKey:
        """The key that speaks where `public` did: that one while it is held, else the newest."""
        return self._held.get(public, self)

    def age(self, public: bytes) -> int:
        """How many keys are older than this one; -1 for a key that is none of these."""
        return self.publics.index(public) if public in self.publics else -1

    def successors(self, public: bytes | None = None) -> list[bytes]:
        """The signed words that lead from this key to the newest, in order; from the first key if
        none is given, or it is none of these."""
        start = 0 if public is None else max(0, self.age(public))
        return [each.successor for each in self.older[start:]]

    def followed_by(self, seed: bytes, time: int) -> "GatewayKeys":
        """These keys once the one with this seed has followed the newest, at `time` (Unix
        seconds)."""
        new = SigningKey(seed)
        word = self.sign1("successor", Successor(bytes(new.verify_key), time).payload())
        return GatewayKeys(seed, (*self.older, Followed(self.public, word, GatewayKey(self._seed))))

    def without(self, public: bytes) -> "GatewayKeys":
        """These keys once an older one is retired: it is known, and speaks no more."""
        older = [
            Followed(each.public, each.successor, None) if each.public == public else each
            for each in self.older
        ]
        return GatewayKeys(self._seed, older)


def named_by(public_key: bytes, word: bytes) -> bytes:
    """The key that this key's `successor` message names. Raises ProtocolError."""
    return read_successor(envelope.open_sign1("successor", word, public_key, verify)).key


def named_at(followed: Followed) -> int:
    """When a key was followed, by its own word, in Unix seconds."""
    return read_successor(envelope.parse_sign1("successor", followed.successor).payload).time


def line_to(newest: bytes, words: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """The keys that were followed on the way to this one, the oldest first, each with its word.

    `words` are `successor` messages by the keys that signed them; those of another way are left
    out. Raises ProtocolError for one that its key did not sign.
    """
    by_follower = {named_by(public, word): public for public, word in words.items()}
    line: list[tuple[bytes, bytes]] = []
    public = by_follower.pop(newest, None)
    while public is not None:
        line.insert(0, (public, words[public]))
        public = by_follower.pop(public, None)
    return line


def following(public_key: bytes, words: Iterable[bytes]) -> list[bytes]:
    """The keys that these `successor` messages lead to from this one, itself first, in order; more
    than one way if a key has contradicted itself."""
    found = [public_key]
    words = list(words)
    for known in found:
        for word in words:
            try:
                named = named_by(known, word)
            except ProtocolError:
                continue
            if named not in found:
                found.append(named)
    return found


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is this key's Ed25519 signature of `message`.

    Never raises for bad input: what is not a signature does not verify. Releases the interpreter
    lock while it works.
    """
    # The binding looks at neither length: of a longer key it takes the beginning, past the end of a
    # shorter one it reads on, and a signature of another length borrows from the message.
    if len(public_key) != 32 or len(signature) != 64:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public_key)
    except (CryptoError, ValueError):
        return False
    return True


def opened(kind: str, message: bytes, public_keys: Sequence[bytes]) -> bytes:
    """The payload of a COSE_Sign1 of this kind that one of these keys signed; the last is the
    likeliest. Raises ProtocolError."""
    signed = envelope.parse_sign1(kind, message)
    for key in reversed(public_keys):
        if verify(key, signed.to_be_signed, signed.signature):
            return signed.payload
    raise AuthenticationError(kind, "not signed by the expected key")


def check_public_key(public_key: bytes) -> bytes:
    """`public_key` if a device may be registered with it.

    Raises BadPublicKey for wrong lengths, points not on the curve, non-canonical encodings, and
    points of small or mixed order (libsodium's conversion refuses them).
    """
    if len(public_key) != 32:
        raise BadPublicKey("public key: must be 32 bytes")
    if not bindings.crypto_core_ed25519_is_valid_point(public_key):
        raise BadPublicKey("public key: not a canonical point of the prime-order group")
    return public_key

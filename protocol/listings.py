"""What devices sell to each other, and how a payer finds it: the payloads of `sell`, `listed` and
`find`.

A payee signs what it sells, at what price and on which terms; its gateway keeps that as a listing,
and offers it, under its own signature, to the devices that look for it.
"""

from protocol import cbor
from protocol.errors import WireError
from protocol.fields import data, integer, octets, read_map, text
from protocol.ids import listing_id
from protocol.pricing import METERED, Tariff, tariff_from_map

DEVICE_SIZE = 16
"""Bytes of a device's id."""
_MAX_ACCOUNT = 40


class Sell:
    """What a payee sells: its price, the most that one channel may owe it (atomic units), how many
    units it delivers unpaid, how long a channel may last (seconds). COSE_Sign1 of the payee."""

    def __init__(
        self,
        payee_key: bytes,
        gateway_key: bytes,
        tariff: Tariff,
        max_capacity: int,
        window: int,
        max_lifetime: int,
    ) -> None:
        self.payee_key = payee_key
        self.gateway_key = gateway_key
        self.tariff = tariff
        self.max_capacity = max_capacity
        self.window = window
        self.max_lifetime = max_lifetime

    def payload(self) -> bytes:
        return cbor.encode_numbered(
            self.payee_key,
            self.gateway_key,
            self.tariff.to_map(),
            self.max_capacity,
            self.window,
            self.max_lifetime,
        )

    def id(self) -> bytes:
        """The listing's id, 32 bytes."""
        return listing_id(self.payload())


def read_sell(payload: bytes) -> Sell:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2, 3, 4, 5, 6), (), "sell")
    sell = Sell(
        data(fields[1], 32, "sell.payee_key"),
        data(fields[2], 32, "sell.gateway_key"),
        tariff_from_map(fields[3], "sell.tariff"),
        _positive(fields[4], "sell.max_capacity"),
        _positive(fields[5], "sell.window"),
        _positive(fields[6], "sell.max_lifetime"),
    )
    if sell.tariff.pricing != METERED:
        raise WireError("sell.tariff", "must be metered")
    return sell


def _positive(value: object, where: str) -> int:
    found = integer(value, where)
    if found == 0:
        raise WireError(where, "must be at least 1")
    return found


class Listed:
    """The gateway keeps this listing, and takes `fee_bp` basis points of what it brings.
    COSE_Mac0."""

    def __init__(self, listing: bytes, fee_bp: int) -> None:
        self.listing = listing
        self.fee_bp = fee_bp

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.listing, self.fee_bp)


def read_listed(payload: bytes) -> Listed:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2), (), "listed")
    return Listed(data(fields[1], 32, "listed.listing"), integer(fields[2], "listed.fee_bp"))


class Find:
    """A payer asks for what is sold by the unit (UCUM), by devices of an account or by one device;
    both may be empty. COSE_Mac0; answered with offers."""

    def __init__(self, unit: str, account: str, device: bytes) -> None:
        self.unit = unit
        self.account = account
        self.device = device

    def payload(self) -> bytes:
        return cbor.encode_numbered(self.unit, self.account, self.device)


def read_find(payload: bytes) -> Find:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2, 3), (), "find")
    account = text(fields[2], "find.account")
    if len(account) > _MAX_ACCOUNT:
        raise WireError("find.account", "longer than 40 characters")
    device = octets(fields[3], "find.device")
    if len(device) not in (0, DEVICE_SIZE):
        raise WireError("find.device", "must be 16 bytes, or empty")
    return Find(text(fields[1], "find.unit"), account, device)

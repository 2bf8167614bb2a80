"""What the database says of devices and channels, kept at hand between batches.

Only a copy: every commit checks in SQL that what it builds on is still so, and every decision of an
operator raises a counter that empties this copy (`gateway.store.decisions`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.keys import GatewayKeys
from gateway.store import channels, devices, legs, listings
from gateway.store.errors import NotFound
from protocol import envelope, payee
from protocol.legs import handle, read_leg
from protocol.messages import Iou, Terms, read_iou, read_terms

MAX_CACHED = 200_000


class MacKeys(dict[bytes, bytes]):
    """What a device and the gateway share, by the gateway's key that it is shared under; made when
    first asked for. Where that key is retired it is what the newest shares."""

    def __init__(self, keys: GatewayKeys, device_key: bytes) -> None:
        self._keys = keys
        self._device_key = device_key

    def __missing__(self, gateway_key: bytes) -> bytes:
        made = self[gateway_key] = self._keys.of(gateway_key).mac_key(self._device_key)
        return made


@dataclass(slots=True)
class KnownDevice:
    """A registered device; `mac_keys` are what it and the gateway share."""

    id: str
    public_key: bytes
    account_id: str
    status: str
    mac_keys: MacKeys
    fenced: bool = False
    """Whether the gateway grants nothing new, its books being restored and not reconciled."""


@dataclass(slots=True)
class KnownChain:
    """The chain that a channel's last IOU commits to, and the last value of it that is accepted
    (index 0: the root). `base` is that IOU's units."""

    iou: bytes
    base: int
    length: int
    index: int
    value: bytes


def chain_of(iou: Iou, message: bytes) -> KnownChain | None:
    """The chain of an IOU that is now a channel's last; None if it commits to none."""
    if not iou.chain_root:
        return None
    return KnownChain(message, iou.units, iou.chain_length, 0, iou.chain_root)


@dataclass(frozen=True, slots=True)
class KnownMirror:
    """The mirror of a channel to another device: its id, that device, and the fee between them."""

    id: bytes
    payee_device: str
    fee_bp: int


@dataclass(slots=True)
class KnownChannel:
    """A channel with its mark as last read or committed. The mark is (amount, units), one value, so
    that a thread that reads it never sees half of a new one. The capacity and the price in `terms`
    are the channel's now, which a top-up may have raised and a leg changed. `leg` is the number of
    the leg that it is on (0: none), and `leg_handle` what a grant names that by."""

    id: bytes
    device_id: str
    terms: Terms
    state: str
    mark: tuple[int, int]
    window: int
    serial: int
    closed_at: int
    topped_up: bool = False
    leg: int = 0
    leg_handle: bytes = b""
    chain: KnownChain | None = None
    mirror: KnownMirror | None = None

    @property
    def amount(self) -> int:
        """Accepted, in atomic units."""
        return self.mark[0]

    @property
    def units(self) -> int:
        """Accepted units."""
        return self.mark[1]

    def limit(self, device: KnownDevice) -> int:
        """The cumulative units up to which the device may deliver."""
        if self.state != payee.OPEN or device.status != "active" or device.fenced:
            return self.units
        return payee.limit(self.terms, self.units, self.window)


class Directory:
    """Devices by id and channels by id, read when first asked for."""

    def __init__(self, keys: GatewayKeys) -> None:
        self._keys = keys
        self.fenced = False
        """Whether the devices read from now on are granted nothing new."""
        self._devices: dict[str, KnownDevice] = {}
        self._channels: dict[bytes, KnownChannel] = {}
        self._handles: dict[tuple[str, bytes], bytes] = {}

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._devices.clear()
        self._channels.clear()
        self._handles.clear()

    def forget_channels(self, ids: Iterable[bytes]) -> None:
        """Read these channels anew when they are next asked for."""
        for channel_id in ids:
            self._channels.pop(channel_id, None)

    def device(self, conn: Connection, device_id: str) -> KnownDevice | None:
        """The device, or None if no such device is registered."""
        known = self._devices.get(device_id)
        if known is None:
            try:
                row = devices.get(conn, device_id)
            except NotFound:
                return None
            known = KnownDevice(
                id=row.id,
                public_key=bytes(row.public_key),
                account_id=row.account_id,
                status=row.status,
                mac_keys=MacKeys(self._keys, bytes(row.public_key)),
                fenced=self.fenced,
            )
            self._devices[device_id] = known
        return known

    def cached_device(self, device_id: str) -> KnownDevice | None:
        """The device if it is at hand."""
        return self._devices.get(device_id)

    def cached_channel(self, channel_id: bytes) -> KnownChannel | None:
        """The channel if it is at hand."""
        return self._channels.get(channel_id)

    def ticking(self, device_id: str, handle: bytes) -> KnownChannel | None:
        """The channel of this device that a tick's handle names, if it is at hand."""
        return self._channels.get(self._handles.get((device_id, handle), b""))

    def load_ticking(self, conn: Connection, device_id: str, handle: bytes) -> None:
        """Read the channel that a tick's handle names, if it names one. Two that are both not over
        can't be told apart: then it names none."""
        found = channels.by_handle(conn, device_id, handle)
        self.load_channels(conn, found[:2])
        live = [each for each in found[:2] if self._channels[each].state != payee.CLOSED]
        if found and len(live) < 2:
            self._handles[(device_id, handle)] = found[0]

    def load_channels(self, conn: Connection, ids: Iterable[bytes]) -> None:
        """Read those of these channels that are not at hand and exist."""
        missing = [channel_id for channel_id in set(ids) if channel_id not in self._channels]
        for start in range(0, len(missing), 500):
            rows = channels.load(conn, missing[start : start + 500])
            for channel in known_channels(conn, rows):
                self._channels[channel.id] = channel
        self._load_mirrors(conn, [found for found in missing if found in self._channels])

    def _load_mirrors(self, conn: Connection, ids: list[bytes]) -> None:
        mirrored = []
        for each in ids:
            terms = self._channels[each].terms
            if terms.payee_key != terms.gateway_key and terms.payer_key != terms.gateway_key:
                mirrored.append(each)
        for channel_id, row in listings.mirrors_of(conn, mirrored).items():
            mirror = KnownMirror(bytes(row.id), row.device_id, row.mirror_fee_bp)
            self._channels[channel_id].mirror = mirror

    def channel(self, conn: Connection, channel_id: bytes) -> KnownChannel | None:
        """The channel, or None if there is none of this id."""
        self.load_channels(conn, (channel_id,))
        return self._channels.get(channel_id)

    def bound(self) -> None:
        """Forget all if that is too much. Between transactions only: what one has loaded is at hand
        until its end."""
        if len(self._devices) + len(self._channels) + len(self._handles) >= MAX_CACHED:
            self.forget()


def known_channels(conn: Connection, rows: Sequence[Row[Any]]) -> list[KnownChannel]:
    """Channels' rows with their terms decoded, and the legs that they are on."""
    on = legs.current(conn, rows)
    return [_known_channel(row, on.get(bytes(row.id), b"")) for row in rows]


def _known_channel(row: Row[Any], leg: bytes) -> KnownChannel:
    signed = envelope.parse_sign1("open", bytes(row.open_message))
    chain = None
    if row.iou is not None:
        message = bytes(row.iou)
        chain = chain_of(read_iou(envelope.parse_sign1("iou", message).payload), message)
    if chain is not None and row.tick_index:
        chain.index, chain.value = row.tick_index, bytes(row.tick_preimage)
    terms = read_terms(signed.payload)
    topped_up = row.capacity > terms.capacity
    terms.capacity = row.capacity
    if leg:
        begun = read_leg(envelope.parse_sign1("leg", leg).payload)
        terms.price = begun.price(terms)
        if row.iou is not None and bytes(row.iou) == begun.last_iou:
            # A chain ends where a leg begins.
            chain = None
    if row.ended_units is not None:
        terms.price.until = payee.reach(terms.price, row.ended_units, row.window_units)
    return KnownChannel(
        id=bytes(row.id),
        device_id=row.device_id,
        terms=terms,
        state=row.state,
        mark=(row.amount, row.units),
        window=row.window_units,
        serial=row.serial,
        closed_at=row.closed_at or 0,
        topped_up=topped_up,
        leg=row.leg,
        leg_handle=handle(leg),
        chain=chain,
    )

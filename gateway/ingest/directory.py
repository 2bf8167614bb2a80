"""What the database says of devices and channels, kept at hand between batches.

Only a copy: every commit checks in SQL that what it builds on is still so, and every decision of an
operator raises a counter that empties this copy (`gateway.store.decisions`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.keys import GatewayKeys
from gateway.store import channels, devices
from gateway.store.errors import NotFound
from protocol import envelope, payee
from protocol.messages import Terms, read_terms

MAX_CACHED = 200_000


@dataclass(slots=True)
class KnownDevice:
    """A registered device; `mac_key` is what it and the gateway share."""

    id: str
    public_key: bytes
    account_id: str
    status: str
    mac_key: bytes
    fenced: bool = False
    """Whether the gateway grants nothing new, its books being restored and not reconciled."""


@dataclass(slots=True)
class KnownChannel:
    """A channel with its mark as last read or committed. The mark is (amount, units), one value, so
    that a thread that reads it never sees half of a new one."""

    id: bytes
    device_id: str
    terms: Terms
    state: str
    mark: tuple[int, int]
    window: int
    serial: int
    closed_at: int

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

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._devices.clear()
        self._channels.clear()

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
                mac_key=self._keys.mac_key(bytes(row.public_key)),
                fenced=self.fenced,
            )
            self._bound()
            self._devices[device_id] = known
        return known

    def cached_device(self, device_id: str) -> KnownDevice | None:
        """The device if it is at hand."""
        return self._devices.get(device_id)

    def cached_channel(self, channel_id: bytes) -> KnownChannel | None:
        """The channel if it is at hand."""
        return self._channels.get(channel_id)

    def load_channels(self, conn: Connection, ids: Iterable[bytes]) -> None:
        """Read those of these channels that are not at hand and exist."""
        missing = [channel_id for channel_id in set(ids) if channel_id not in self._channels]
        for start in range(0, len(missing), 500):
            for row in channels.load(conn, missing[start : start + 500]):
                self._bound()
                self._channels[bytes(row.id)] = known_channel(row)

    def channel(self, conn: Connection, channel_id: bytes) -> KnownChannel | None:
        """The channel, or None if there is none of this id."""
        self.load_channels(conn, (channel_id,))
        return self._channels.get(channel_id)

    def _bound(self) -> None:
        if len(self._devices) + len(self._channels) >= MAX_CACHED:
            self.forget()


def known_channel(row: Row[Any]) -> KnownChannel:
    """A channel's row with its terms decoded."""
    signed = envelope.parse_sign1("open", bytes(row.open_message))
    return KnownChannel(
        id=bytes(row.id),
        device_id=row.device_id,
        terms=read_terms(signed.payload),
        state=row.state,
        mark=(row.amount, row.units),
        window=row.window_units,
        serial=row.serial,
        closed_at=row.closed_at or 0,
    )

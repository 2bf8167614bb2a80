"""The payment channels of the XRP Ledger that a device's channels name, one after the other.

Loaded by devices that pay by claims alone. An XRPL channel's claims are cumulative over its whole
life, and so are those of a channel here: one that named it leaves nothing of it for another. Which
are used the gateway knows; a device that has forgotten it is told by being refused.
"""

from binascii import unhexlify

from protocol import xrpl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocol.pricing import Tariff


class XrplChannels:
    """The ids (32 bytes each) that were not used yet, as far as is known, in the order in which
    they are to be."""

    def __init__(self, ids: list[bytes]) -> None:
        self._ids = ids

    @property
    def next(self) -> bytes:
        """The one that the next channel is to name; empty if there is none left."""
        return self._ids[0] if self._ids else b""

    def used(self, xrpl_channel: bytes) -> None:
        """A channel has named it, and no other may."""
        if xrpl_channel in self._ids:
            self._ids.remove(xrpl_channel)

    def fits(self, tariff: "Tariff") -> bool:
        """Whether what is due by this tariff can be claimed."""
        return xrpl.counts_drops(tariff)


def read_ids(text: str) -> list[bytes]:
    """The ids in a setting: 64 hex digits each, with commas between. Raises ValueError."""
    found = []
    for each in text.split(","):
        try:
            one = unhexlify(each.strip())
        except ValueError:
            one = b""
        if len(one) != 32 or one in found:
            raise ValueError("must be ids of 64 hex digits, with commas between, none twice")
        found.append(one)
    return found

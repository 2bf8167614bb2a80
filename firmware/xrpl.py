"""The payment channels of the XRP Ledger that a device's channels name, one after the other.

Loaded by devices that pay by claims alone. An XRPL channel's claims are cumulative over its whole
life, and so are those of a channel here: one that named it leaves nothing of it for another. Which
are used the gateway knows; a device that has forgotten it is told by being refused.
"""

from binascii import unhexlify

from firmware.settings import SettingsError
from protocol import envelope, xrpl
from protocol.messages import read_terms
from protocol.payer import OPENING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.record import Record
    from protocol.pricing import Tariff


class XrplChannels:
    """Those ids (32 bytes each) that are still to be used, in their order, as far as `record` can
    tell."""

    def __init__(self, ids: list[bytes], record: "Record") -> None:
        self._ids = ids
        for kept in record.over:
            terms = read_terms(envelope.parse_sign1("open", kept[0]).payload)
            self.used(terms.xrpl_channel)
        for channel in record.channels:
            # Were it refused, for want of credit say, that one would be still to be used.
            if channel.state != OPENING:
                self.used(channel.terms.xrpl_channel)

    @property
    def next(self) -> bytes:
        """The one that the next channel is to name; empty if there is none left."""
        return self._ids[0] if self._ids else b""

    def used(self, xrpl_channel: bytes) -> None:
        """A channel has named it, and so have others all that stand before it."""
        if xrpl_channel in self._ids:
            self._ids = self._ids[self._ids.index(xrpl_channel) + 1 :]

    def fits(self, tariff: "Tariff") -> bool:
        """Whether what is due by this tariff can be claimed."""
        return xrpl.counts_drops(tariff)


def read_ids(text: str, chain_length: int) -> list[bytes]:
    """The ids in the setting `xrpl_channels`, beside that of `chain_length`. Raises
    SettingsError."""
    if chain_length:
        raise SettingsError("chain_length: must be 0 with xrpl_channels, a tick is no claim")
    found = []
    for each in text.split(","):
        try:
            one = unhexlify(each.strip())
        except ValueError:
            one = b""
        if len(one) != 32 or one in found:
            raise SettingsError(
                "xrpl_channels: must be ids of 64 hex digits, with commas between, none twice"
            )
        found.append(one)
    return found

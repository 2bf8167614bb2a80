"""Channels that are over, shown again to a gateway that has lost their end.

A gateway whose books were restored from a backup may hold such a channel open, or not know it at
all. The device kept its terms and the receipt of its close, and so can say it all again: the terms,
and a close with the last IOU, signed as it was then. What is kept, and for how long, is decided in
`record`.
"""

from protocol import envelope
from protocol.ids import channel_id
from protocol.messages import Close, Iou, read_terms
from protocol.payer import iou_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.identity import Identity
    from firmware.record import Record

    Messages = list[tuple[str, bytes]]


_LATER = ("over_capacity", "insufficient_funds")
# The top-up before the close was lost, or can't be covered now.


class Over:
    """What is still to be shown, until the gateway has answered with the receipt of the close."""

    def __init__(self, identity: "Identity", record: "Record") -> None:
        self._identity = identity
        self._record = record
        # Channel id to [the open message, whether the gateway knows it].
        self._shown: dict[bytes, list[Any]] = {}

    def close(self, open_message: bytes) -> None:
        """The gateway holds this channel open."""
        self._shown[_id(open_message)] = [open_message, True]

    def show_all(self) -> None:
        """The gateway may have lost any of them."""
        for pair in self._record.over:
            known = _id(pair[0])
            if known not in self._shown:
                self._shown[known] = [pair[0], False]

    def unanswered(self) -> "Messages":
        """What is to be said now, for each."""
        found: Messages = []
        for known in self._shown:
            open_message, is_open = self._shown[known]
            if is_open:
                found += self._close(known, open_message)
            else:
                found.append(("open", open_message))
        return found

    def _close(self, known: bytes, open_message: bytes) -> "Messages":
        receipt = self._record.close_of(known)
        sign = self._identity.sign
        found: Messages = []
        iou = b""
        if receipt is not None and receipt.amount:
            # The very bytes that were sent: Ed25519 gives the same signature each time.
            terms = read_terms(envelope.parse_sign1("open", open_message).payload)
            iou = iou_message(terms, Iou(known, receipt.amount, receipt.units), sign)
            if receipt.amount > terms.capacity:
                from protocol.topups import Topup

                # It was topped up. No further than to this binds the device to nothing new.
                payload = Topup(known, receipt.amount).payload()
                found.append(("topup", envelope.sign1("topup", payload, sign)))
            for kept in self._record.over:
                if kept[0] == open_message and len(kept) > 2:
                    found.append(("leg", kept[2]))
        found.append(("close", envelope.sign1("close", Close(known, iou).payload(), sign)))
        return found

    def is_shown(self, known: bytes) -> bool:
        """Whether this channel's end is still to be answered."""
        return known in self._shown

    def opened(self, known: bytes) -> bool:
        """The gateway knows this channel again; whether it is one of these."""
        if known not in self._shown:
            return False
        self._shown[known][1] = True
        return True

    def closed(self, known: bytes) -> None:
        """The gateway has closed this channel."""
        self._shown.pop(known, None)

    def refused(self, known: bytes, reason: str) -> "Messages":
        """The gateway does not know it and needs its terms, or refuses it for good."""
        if known not in self._shown:
            return []
        if reason == "unknown_channel":
            self._shown[known][1] = False
            return [("open", self._shown[known][0])]
        if reason in _LATER:
            return []
        del self._shown[known]
        return []


def _id(open_message: bytes) -> bytes:
    return channel_id(envelope.parse_sign1("open", open_message).payload)

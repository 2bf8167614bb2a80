"""/v1/channels/{channel_id}/messages: every signed message of a channel, one by one."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.api.services import Office
from gateway.api.shapes import HexId, Money
from gateway.operations import evidence
from protocol import envelope
from protocol.evidence import Bundle
from protocol.legs import read_leg
from protocol.messages import (
    RECEIPT_EVENTS,
    read_credit,
    read_iou,
    read_opened,
    read_receipt,
    read_terms,
    read_tick,
)
from protocol.topups import read_topup

router = APIRouter(prefix="/channels/{channel_id}/messages", tags=["channels"])


class MessageOut(BaseModel):
    """A signed message: `message` (base64) is what `tallystick verify` takes as a file.

    `amount` and `units` are what it says itself: of `open`, `mirror` and `topup` the capacity, of
    an `iou` (the gateway's are of the kind `credit`) and a `receipt` the mark, of a `leg` where it
    begins. `at` (Unix seconds) is there if it says so; an IOU holds no time. A receipt's `event` is
    `checkpoint`, `settlement` (of `run`) or `close`. `ticks` is how far its payer ticked beyond an
    IOU. `wrong`: it was kept because it proves something wrong.
    """

    kind: str
    signer: Literal["payer", "gateway"]
    amount: Money | None
    units: int | None
    at: int | None
    event: str | None
    run: int | None
    ticks: int
    wrong: bool
    message: str


class Messages(BaseModel):
    """All messages: how it began, what changed it, each mark that is proven, what was kept."""

    items: list[MessageOut]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a message says of money and time."""

    amount: int | None = None
    units: int | None = None
    at: int | None = None
    event: str | None = None
    run: int | None = None


def _receipt(payload: bytes) -> _Said:
    found = read_receipt(payload)
    event = RECEIPT_EVENTS[found.event]
    return _Said(found.amount, found.units, found.time, event, found.run or None)


def _leg(payload: bytes) -> _Said:
    found = read_leg(payload)
    return _Said(found.amount, found.units)


def _iou(payload: bytes) -> _Said:
    found = read_iou(payload)
    return _Said(found.amount, found.units)


def _credit(payload: bytes) -> _Said:
    found = read_credit(payload)
    return _Said(found.amount, found.units)


_READ: dict[str, Callable[[bytes], _Said]] = {
    "open": lambda payload: _Said(read_terms(payload).capacity),
    "mirror": lambda payload: _Said(read_terms(payload).capacity),
    "opened": lambda payload: _Said(at=read_opened(payload).opened_at),
    "topup": lambda payload: _Said(read_topup(payload).capacity),
    "leg": _leg,
    "iou": _iou,
    "credit": _credit,
    "receipt": _receipt,
    "close": lambda _payload: _Said(),
    "successor": lambda _payload: _Said(),
}
_PAYERS = ("open", "topup", "leg", "iou", "close")


@router.get("", operation_id="listChannelMessages")
def list_messages(office: Office, channel_id: HexId) -> Messages:
    """Every signed message of a channel that is kept, or that the gateway signs the same again: its
    receipts, and a checkpoint of now."""
    tariff, bundle = evidence.messages_of(office.store, office.keys, bytes.fromhex(channel_id))
    return Messages(
        items=[
            _out(kind, message, ticks, wrong, tariff.currency, tariff.scale)
            for kind, message, ticks, wrong in _all(bundle)
        ]
    )


def _all(bundle: Bundle) -> Iterator[tuple[str, bytes, int, bool]]:
    """Kind, message, ticks beyond it, and whether it is of something wrong."""
    mark = "credit" if bundle.said[0][0] == "mirror" else "iou"
    for kind, message in bundle.said:
        if kind != "receipt":
            yield kind, message, 0, False
    for each in bundle.marks:
        yield mark, each.message, read_tick(each.tick).index if each.tick else 0, False
    for kind, message in bundle.said:
        if kind == "receipt":
            yield kind, message, 0, False
    for kind, message in bundle.kept:
        yield kind, message, 0, True


def _out(
    kind: str, message: bytes, ticks: int, wrong: bool, currency: str, scale: int
) -> MessageOut:
    said = _READ[kind](envelope.parse_sign1(kind, message).payload)
    return MessageOut(
        kind=kind,
        signer="payer" if kind in _PAYERS else "gateway",
        amount=None
        if said.amount is None
        else Money(amount=said.amount, currency=currency, scale=scale),
        units=said.units,
        at=said.at,
        event=said.event,
        run=said.run,
        ticks=ticks,
        wrong=wrong,
        message=b64encode(message).decode(),
    )

"""One batch, through all steps: the pure shape of the hot path.

Decoding and the first refusals happen here; what a message of each kind does is in `ious`,
`ticks`, `control`, `topups`, `legs` and `hub`. A message from a sender that is not known, or that
is no message at all, gets no answer.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.ingest import control, hub, legs, topups
from gateway.ingest.context import Context
from gateway.ingest.directory import KnownDevice
from gateway.ingest.inbox import Received
from gateway.ingest.ious import Claim, read_claim, refuse, take_ious
from gateway.ingest.replies import Outgoing
from gateway.ingest.ticks import Ticked, take_ticks
from protocol import MAX_MESSAGE, topics
from protocol.errors import ProtocolError, WireError
from protocol.messages import read_tick

Handler = Callable[[Context, KnownDevice, bytes], list[Outgoing]]

HANDLERS: dict[str, Handler] = {
    "hello": control.hello,
    "open": control.open_channel,
    "close": control.close_channel,
    "topup": topups.top_up,
    "leg": legs.begin,
    "sell": hub.sell,
    "find": hub.find,
}
"""What is done with each kind but `iou` and `tick`, which are taken by the batch."""


@dataclass(slots=True)
class _Decoded:
    """A batch that is read: IOUs and ticks, everything else that is asked, and what was refused."""

    claims: list[Claim] = field(default_factory=list)
    ticked: list[Ticked] = field(default_factory=list)
    asked: list[tuple[KnownDevice, str, bytes]] = field(default_factory=list)
    refusals: list[Outgoing] = field(default_factory=list)


def process(context: Context, batch: Sequence[Received]) -> list[Outgoing]:
    """Decode, coalesce, verify and commit one batch, and return what to publish now that it is on
    disk.

    Raises Fenced if this worker was replaced, and the database's error if it can't be written;
    then nothing of what is not yet on disk was answered.
    """
    context.metrics.batch_size.observe(len(batch))
    with context.spans.step("decode"):
        decoded = _decode(context, batch)
    answers = decoded.refusals
    for device, kind, payload in decoded.asked:
        try:
            answers += HANDLERS[kind](context, device, payload)
        except ProtocolError as error:
            answers += refuse(context, device, kind, b"", error)
    answers += take_ious(context, decoded.claims)
    # After the IOUs: one of them may commit to the chain.
    answers += take_ticks(context, decoded.ticked)
    return answers


def _decode(context: Context, batch: Sequence[Received]) -> _Decoded:
    """What there is to do, and the refusals of what is no message or was not rightly delivered."""
    found = _Decoded()
    arrived = _senders(context, batch)
    context.presence.hear(device.id for device, _, _ in arrived)
    for kind, count in Counter(kind for _, kind, _ in arrived).items():
        context.metrics.messages.labels(kind).inc(count)
    for device, kind, message in arrived:
        try:
            _check_delivery(message)
            if kind == "iou":
                found.claims.append(read_claim(device, message.payload))
            elif kind == "tick":
                found.ticked.append(Ticked(device, read_tick(message.payload)))
            else:
                found.asked.append((device, kind, message.payload))
        except ProtocolError as error:
            found.refusals += refuse(context, device, kind, b"", error)
    return found


def _senders(
    context: Context, batch: Sequence[Received]
) -> list[tuple[KnownDevice, str, Received]]:
    """The messages whose sender is known, each with its device and kind."""
    named = []
    for message in batch:
        sender = _sender(message.topic)
        if sender is None:
            context.metrics.silent.labels("bad_topic").inc()
        else:
            named.append((*sender, message))
    if any(context.directory.cached_device(device_id) is None for device_id, _, _ in named):
        with context.read() as conn:
            for device_id, _, _ in named:
                context.directory.device(conn, device_id)
    found = []
    for device_id, kind, message in named:
        device = context.directory.cached_device(device_id)
        if device is None:
            context.metrics.silent.labels("unknown_device").inc()
        else:
            found.append((device, kind, message))
    return found


@lru_cache(maxsize=100_000)
def _sender(topic: str) -> tuple[str, str] | None:
    """The device id and kind of a topic, None if it is not one of the protocol's."""
    try:
        return topics.parse(topic, "up")
    except WireError:
        return None


def _check_delivery(message: Received) -> None:
    """That the broker delivered it as a live message of a lawful size."""
    if message.limited:
        raise ProtocolError("rate_limited", "message", "more than a device may say")
    if message.retain:
        raise ProtocolError("retained", "message", "money is never taken from retained messages")
    if len(message.payload) > MAX_MESSAGE:
        raise ProtocolError("too_large", "message", "longer than 4096 bytes", MAX_MESSAGE)

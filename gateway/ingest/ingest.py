"""One batch, through all steps: the pure shape of the hot path.

Decoding and the first refusals happen here; what a message of each kind does is in `ious` and
`control`. A message from a sender that is not known, or that is no message at all, gets no answer.
"""

from collections.abc import Callable, Sequence

from gateway.ingest import control
from gateway.ingest.context import Context
from gateway.ingest.directory import KnownDevice
from gateway.ingest.inbox import Received
from gateway.ingest.ious import Claim, read_claim, refuse, take_ious
from gateway.ingest.replies import Outgoing
from protocol import MAX_MESSAGE, topics
from protocol.errors import ProtocolError, WireError

Handler = Callable[[Context, KnownDevice, bytes], list[Outgoing]]

HANDLERS: dict[str, Handler] = {
    "hello": control.hello,
    "open": control.open_channel,
    "close": control.close_channel,
    "tick": control.tick,
}
"""What is done with each kind but `iou`, which is taken by the batch."""


def process(context: Context, batch: Sequence[Received]) -> list[Outgoing]:
    """Take one batch, and return what to publish now that it is on disk.

    Raises Fenced if this worker was replaced, and the database's error if it can't be written;
    then nothing of what is not yet on disk was answered.
    """
    context.metrics.batch_size.observe(len(batch))
    answers: list[Outgoing] = []
    claims: list[Claim] = []
    with context.read() as conn:
        arrived = []
        for message in batch:
            sender = _sender(context, message)
            if sender is None:
                continue
            device = context.directory.device(conn, sender[0])
            if device is None:
                context.metrics.silent.labels("unknown_device").inc()
            else:
                arrived.append((device, sender[1], message))
    for device, kind, message in arrived:
        context.metrics.messages.labels(kind).inc()
        try:
            _check_delivery(message)
            if kind == "iou":
                claims.append(read_claim(device, message.payload))
            else:
                answers += HANDLERS[kind](context, device, message.payload)
        except ProtocolError as error:
            answers.append(refuse(context, device, kind, b"", error))
    if claims:
        answers += take_ious(context, claims)
    return answers


def _sender(context: Context, message: Received) -> tuple[str, str] | None:
    try:
        return topics.parse(message.topic, "up")
    except WireError:
        context.metrics.silent.labels("bad_topic").inc()
        return None


def _check_delivery(message: Received) -> None:
    """That the broker delivered it as a live message of a lawful size."""
    if message.retain:
        raise ProtocolError("retained", "message", "money is never taken from retained messages")
    if len(message.payload) > MAX_MESSAGE:
        raise ProtocolError("too_large", "message", "longer than 4096 bytes", MAX_MESSAGE)

"""Ticks: look up, coalesce, verify, commit, ack.

Of several ticks of one channel in a batch only the furthest need be verified and stored; if it
proves bad, the next furthest is tried. What a tick may come to is `protocol.payee`'s to say, and
what it costs to check is bounded by `protocol.hashchain` before anything is hashed.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ingest import hub, replies
from gateway.ingest.context import Context, Overtaken
from gateway.ingest.directory import KnownChain, KnownChannel, KnownDevice
from gateway.ingest.ious import refuse
from gateway.ingest.replies import Outgoing
from gateway.store import channels
from protocol import hashchain, payee
from protocol.errors import ProtocolError
from protocol.messages import Tick

_MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Ticked:
    """One tick as it came."""

    device: KnownDevice
    tick: Tick


@dataclass(slots=True)
class _Advance:
    """What a channel's furthest good tick makes of it."""

    channel: KnownChannel
    chain: KnownChain
    tick: Tick
    mark: tuple[int, int]


def take_ticks(context: Context, ticked: Sequence[Ticked]) -> list[Outgoing]:
    """Decide what these ticks come to, raise the marks, and return the answers to send; where
    another writer was there first, decide again.

    On return everything that the answers say is on disk. Raises Fenced if this worker was replaced,
    Overtaken if others decided faster than this could commit, eight times over.
    """
    if not ticked:
        return []
    groups: dict[tuple[str, bytes], list[Tick]] = defaultdict(list)
    devices: dict[str, KnownDevice] = {}
    for each in ticked:
        groups[each.device.id, each.tick.handle].append(each.tick)
        devices[each.device.id] = each.device
    for ticks in groups.values():
        ticks.sort(key=_index, reverse=True)
    for _ in range(_MAX_ATTEMPTS):
        answers: list[Outgoing] = []
        advances = []
        settled: list[tuple[KnownDevice, KnownChannel]] = []
        _look_up(context, devices, groups)
        with context.spans.step("verify"):
            for (device_id, handle), ticks in groups.items():
                # The device as it is now: it may have been suspended since it was decoded.
                device = context.directory.cached_device(device_id) or devices[device_id]
                channel = context.directory.ticking(device_id, handle)
                good, found = _furthest(context, device, channel, ticks, answers)
                if found is not None:
                    advances.append(found)
                if channel is not None and good:
                    settled.append((device, channel))
        if _write(context, advances, answers):
            for advance in advances:
                advance.channel.mark = advance.mark
                advance.chain.index = advance.tick.index
                advance.chain.value = advance.tick.preimage
            context.metrics.ticks_accepted.inc(len(advances))
            return answers + [replies.ack(device, channel) for device, channel in settled]
        context.directory.forget_channels(advance.channel.id for advance in advances)
    raise Overtaken


def _index(tick: Tick) -> int:
    return tick.index


def _look_up(
    context: Context,
    devices: dict[str, KnownDevice],
    groups: dict[tuple[str, bytes], list[Tick]],
) -> None:
    """Read the devices and channels of these ticks that are not at hand."""
    directory = context.directory
    missing = [key for key in groups if directory.ticking(*key) is None]
    if not missing and all(map(directory.cached_device, devices)):
        return
    with context.read() as conn:
        for device_id in devices:
            directory.device(conn, device_id)
        # The read may have emptied what was at hand.
        for key in groups:
            if directory.ticking(*key) is None:
                directory.load_ticking(conn, *key)


def _furthest(
    context: Context,
    device: KnownDevice,
    channel: KnownChannel | None,
    ticks: Sequence[Tick],
    answers: list[Outgoing],
) -> tuple[bool, _Advance | None]:
    """Whether one of these ticks is good, and what the furthest such makes of the channel; None if
    it does not raise the mark."""
    for tick in ticks:
        try:
            return True, _judged(context, device, channel, tick)
        except ProtocolError as error:
            channel_id = b"" if channel is None else channel.id
            answers += refuse(context, device, "tick", channel_id, error)
            if channel is not None and error.reason == "closed":
                answers.append(replies.close_receipt(context.keys, channel))
    return False, None


def _judged(
    context: Context, device: KnownDevice, channel: KnownChannel | None, tick: Tick
) -> _Advance | None:
    """What a tick comes to; None if it is stale. Raises ProtocolError."""
    if device.status == "revoked":
        raise ProtocolError("device_suspended", "device", "its key is revoked")
    if channel is None:
        raise ProtocolError("no_chain", "tick.handle", "no open channel of this device")
    chain = channel.chain
    base, length, known = (0, 0, 0) if chain is None else (chain.base, chain.length, chain.index)
    mark = payee.judge_tick(
        channel.terms,
        channel.state,
        channel.amount,
        base,
        length,
        known,
        tick.index,
        context.expiry_now,
    )
    if mark is None or chain is None:
        return None
    if not hashchain.is_tick(tick.preimage, tick.index, chain.value, known):
        raise ProtocolError("bad_tick", "tick.preimage", "not of the last IOU's chain")
    return _Advance(channel, chain, tick, mark)


def _write(context: Context, advances: Sequence[_Advance], answers: list[Outgoing]) -> bool:
    """One transaction for the whole batch; False if another writer was there first. What payees
    are then owed is added to `answers`."""
    if not advances:
        return True
    mirrors, credits = hub.credits(
        context, [hub.Raised(each.channel, *each.mark) for each in advances]
    )
    started = time.perf_counter()
    shown = [advance.channel.id for advance in advances]
    rows = [
        {
            "b_id": advance.channel.id,
            "b_iou": advance.chain.iou,
            "new_amount": advance.mark[0],
            "new_units": advance.mark[1],
            "new_index": advance.tick.index,
            "new_preimage": advance.tick.preimage,
            "now": context.expiry_now,
        }
        for advance in advances
    ]
    try:
        with context.write() as conn:
            channels.lock(conn, shown)
            if channels.raise_by_ticks(conn, rows) != len(rows):
                raise Overtaken
            if channels.raise_marks(conn, mirrors) != len(mirrors):
                raise Overtaken
            context.present(conn, shown)
    except Overtaken:
        return False
    context.awaited.difference_update(shown)
    context.metrics.commit_seconds.observe(time.perf_counter() - started)
    context.spans.raised(shown)
    answers += credits
    return True

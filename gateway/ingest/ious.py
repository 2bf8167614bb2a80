"""IOUs: decode, coalesce, verify, commit, ack.

Of several IOUs of one channel in a batch only the newest need be verified and stored, since it
contains the others; if it proves bad, the next newest is tried, so that a forged message can't hide
a good one. What may raise a mark is `protocol.payee`'s to say; this file only does it for many at
once and in the right order.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.ingest import hub, replies
from gateway.ingest.context import Context, Overtaken
from gateway.ingest.directory import KnownChannel, KnownDevice, chain_of
from gateway.ingest.replies import Outgoing
from gateway.store import channels
from protocol import envelope, payee, topics, xrpl
from protocol.errors import AuthenticationError, ProtocolError
from protocol.messages import Iou, read_iou

_MAX_ATTEMPTS = 8


@dataclass(slots=True)
class Claim:
    """One IOU as it came, decoded and not yet verified."""

    device: KnownDevice
    iou: Iou
    message: bytes
    signed: envelope.Signed


def read_claim(device: KnownDevice, message: bytes) -> Claim:
    """Raises WireError."""
    signed = envelope.parse_sign1("iou", message)
    return Claim(device, read_iou(signed.payload), message, signed)


@dataclass(slots=True)
class _Group:
    """The claims of one device on one channel, the newest last, until one of them is settled."""

    device: KnownDevice
    channel: KnownChannel
    claims: list[Claim]
    winner: Claim | None = None
    contradiction: Claim | None = None
    answer_ack: bool = False
    coalesced: int = 0


def take_ious(context: Context, claims: Sequence[Claim]) -> list[Outgoing]:
    """Decide what these IOUs come to, raise the marks, and return the answers to send; where
    another writer was there first, decide again.

    On return everything that the answers say is on disk. Raises Fenced if this worker was replaced,
    Overtaken if others decided faster than this could commit, eight times over.
    """
    if not claims:
        return []
    for _ in range(_MAX_ATTEMPTS):
        answers: list[Outgoing] = []
        groups = _group(context, claims, answers)
        _choose(context, groups, answers)
        if _write(context, groups, answers):
            _after_commit(context, groups, answers)
            return answers
        context.directory.forget_channels(group.channel.id for group in groups)
        with context.read() as conn:
            _look_up(context, conn, claims)
    raise Overtaken


def take_carried(context: Context, claim: Claim) -> tuple[list[Outgoing], bool]:
    """What the IOU that another message carries comes to, and whether it is taken."""
    answers = take_ious(context, [claim])
    return answers, all(
        answer.topic != topics.down(claim.device.id, "refused") for answer in answers
    )


def _look_up(context: Context, conn: Connection, claims: Sequence[Claim]) -> None:
    """Read the devices and channels of these claims that are not at hand."""
    context.directory.load_channels(conn, (claim.iou.channel for claim in claims))
    for claim in claims:
        context.directory.device(conn, claim.device.id)


def _group(context: Context, claims: Sequence[Claim], answers: list[Outgoing]) -> list[_Group]:
    by_channel: dict[tuple[str, bytes], list[Claim]] = defaultdict(list)
    for claim in claims:
        by_channel[(claim.device.id, claim.iou.channel)].append(claim)
    if any(context.directory.cached_channel(channel) is None for _, channel in by_channel):
        with context.read() as conn:
            _look_up(context, conn, claims)
    groups = []
    for (device_id, channel_id), own in by_channel.items():
        channel = context.directory.cached_channel(channel_id)
        # The device as it is now: it may have been suspended since the message was decoded.
        device = context.directory.cached_device(device_id) or own[0].device
        problem = _not_payable(device, channel)
        if problem is not None or channel is None:
            problem = problem or _unknown()
            answers += refuse(context, device, "iou", channel_id, problem)
            continue
        own.sort(key=lambda claim: (claim.iou.amount, claim.iou.units))
        groups.append(_Group(device, channel, own))
    return groups


def _unknown() -> ProtocolError:
    return ProtocolError("unknown_channel", "iou.channel_id", "no such channel")


def _not_payable(device: KnownDevice, channel: KnownChannel | None) -> ProtocolError | None:
    if channel is None:
        return _unknown()
    if channel.device_id != device.id:
        return ProtocolError("not_yours", "iou.channel_id", "the channel of another device")
    if device.status == "revoked":
        return ProtocolError("device_suspended", "device", "its key is revoked")
    return None


def refuse(
    context: Context,
    device: KnownDevice,
    kind: str,
    channel_id: bytes,
    error: ProtocolError,
    gateway_key: bytes | None = None,
) -> list[Outgoing]:
    """Count a refusal and return the answers that tell it: under the key of the channel's terms, or
    under `gateway_key` if that is given. Where neither says which key the device goes by, it is
    told under each that is held."""
    context.metrics.refused.labels(kind, error.reason).inc()
    channel = context.directory.cached_channel(channel_id)
    if channel is not None:
        gateway_key = channel.terms.gateway_key
    under = [each.public for each in context.keys.held] if gateway_key is None else [gateway_key]
    return [replies.refused(device, kind, channel_id, error, key) for key in under]


def _choose(context: Context, groups: list[_Group], answers: list[Outgoing]) -> None:
    """Find each group's newest good claim: judge, verify together, try the next if one is bad."""
    undecided = groups
    while undecided:
        candidates = []
        for group in undecided:
            claim, verdict = _next_candidate(context, group, answers)
            if claim is not None:
                candidates.append((group, claim, verdict))
        results = _verify(context, candidates)
        undecided = []
        for (group, claim, verdict), problem in zip(candidates, results, strict=True):
            if problem is not None:
                answers += refuse(context, group.device, "iou", group.channel.id, problem)
            elif verdict == payee.CONTRADICTS:
                group.contradiction = claim
                continue
            else:
                group.winner = claim
            if group.claims:
                undecided.append(group)


def _verify(
    context: Context, candidates: Sequence[tuple[_Group, Claim, str]]
) -> list[ProtocolError | None]:
    """What is wrong with the signatures of each candidate, if anything. With those of the IOUs go,
    of the few that carry one, those of the claims on the XRP Ledger."""
    checks = [
        (claim.device.public_key, claim.signed.to_be_signed, claim.signed.signature)
        for _, claim, _ in candidates
    ]
    claiming = [
        at
        for at, (_, claim, verdict) in enumerate(candidates)
        if claim.iou.xrpl_claim and verdict == payee.RAISES
    ]
    for at in claiming:
        group, claim, _ = candidates[at]
        drops = xrpl.claim_bytes(group.channel.terms.xrpl_channel, claim.iou.amount)
        checks.append((claim.device.public_key, drops, claim.iou.xrpl_claim))
    good = context.verify_all(checks)
    problems: list[ProtocolError | None] = [
        None if each else AuthenticationError("iou", "not signed by the payer's key")
        for each in good[: len(candidates)]
    ]
    for at, claimed in zip(claiming, good[len(candidates) :], strict=True):
        if not claimed and problems[at] is None:
            problems[at] = xrpl.bad_claim(candidates[at][1].iou)
    return problems


def _next_candidate(
    context: Context, group: _Group, answers: list[Outgoing]
) -> tuple[Claim | None, str]:
    """Take claims off the group, newest first, up to one whose signature is worth checking."""
    channel = group.channel
    while group.claims:
        claim = group.claims.pop()
        if group.winner is None:
            amount, units = channel.mark
        else:
            amount, units = group.winner.iou.amount, group.winner.iou.units
        try:
            verdict = payee.judge(
                channel.terms, channel.state, amount, units, claim.iou, context.expiry_now
            )
        except ProtocolError as error:
            answers += refuse(context, group.device, "iou", channel.id, error)
            if error.reason == "closed":
                answers.append(replies.close_receipt(context.keys, channel))
            continue
        if verdict != payee.STALE:
            return claim, verdict
        if group.winner is None:
            group.answer_ack = True
            context.metrics.ious_stale.inc()
            if claim.iou.amount < amount:
                context.alerts.sign("stale_ious", group.device.id)
        else:
            group.coalesced += 1
    return None, payee.STALE


def _write(context: Context, groups: list[_Group], answers: list[Outgoing]) -> bool:
    """One transaction for the whole batch; False if another writer was there first. What payees
    are then owed is added to `answers`."""
    winners = [group for group in groups if group.winner is not None]
    contradictions = [group for group in groups if group.contradiction is not None]
    # An IOU that raises nothing shows all the same that its device has nothing newer.
    shown = [
        group.channel.id
        for group in groups
        if context.awaited and (group.winner or group.answer_ack or group.contradiction)
    ]
    if not winners and not contradictions and context.awaited.isdisjoint(shown):
        return True
    mirrors, credits = hub.credits(
        context,
        [
            hub.Raised(group.channel, group.winner.iou.amount, group.winner.iou.units)
            for group in winners
            if group.winner is not None
        ],
    )
    started = time.perf_counter()
    try:
        with context.write() as conn:
            rows: list[dict[str, object]] = [
                {
                    "b_id": group.channel.id,
                    "new_amount": group.winner.iou.amount,
                    "new_units": group.winner.iou.units,
                    "new_iou": group.winner.message,
                    "now": context.expiry_now,
                }
                for group in winners
                if group.winner is not None
            ]
            if contradictions:
                # Else one statement changes them all, in order.
                channels.lock(conn, [group.channel.id for group in winners + contradictions])
            if channels.raise_marks(conn, rows + mirrors) != len(rows) + len(mirrors):
                raise Overtaken
            for group in contradictions:
                _freeze(conn, group, context.now)
            context.present(conn, shown)
    except Overtaken:
        return False
    context.awaited.difference_update(shown)
    context.metrics.commit_seconds.observe(time.perf_counter() - started)
    context.spans.raised(group.channel.id for group in winners)
    answers += credits
    return True


def _freeze(conn: Connection, group: _Group, now: int) -> None:
    if group.contradiction is None:
        return
    channels.keep_evidence(
        conn, group.channel.id, "contradiction", group.contradiction.message, now
    )
    if group.channel.state == payee.OPEN:
        group.channel.serial = channels.set_state(conn, group.channel.id, payee.FROZEN)
        group.channel.state = payee.FROZEN


def _after_commit(context: Context, groups: list[_Group], answers: list[Outgoing]) -> None:
    """Take over what is now on disk, and say it."""
    metrics = context.metrics
    metrics.ious_accepted.inc(sum(group.winner is not None for group in groups))
    metrics.ious_coalesced.inc(sum(group.coalesced for group in groups))
    for group in groups:
        channel = group.channel
        if group.winner is not None:
            channel.mark = (group.winner.iou.amount, group.winner.iou.units)
            channel.chain = chain_of(group.winner.iou, group.winner.message)
        if group.contradiction is not None:
            error = ProtocolError("conflict", "iou.amount", "contradicts an accepted IOU")
            answers += refuse(context, group.device, "iou", channel.id, error)
            answers.append(replies.grant(group.device, channel))
        if group.winner is not None or group.answer_ack:
            answers.append(replies.ack(group.device, channel))
        if group.answer_ack and channel.state == payee.CLOSED:
            # A device that still repeats its last IOU has missed the close.
            answers.append(replies.close_receipt(context.keys, channel))

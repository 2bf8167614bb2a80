"""/v1/channels."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy import Row

from gateway.api.services import Office
from gateway.api.shapes import AtomicOut, Cursor, HexId, Limit, Money, Page, cursor_of, position_of
from gateway.api.statements import CBOR
from gateway.operations import channels, evidence, xrpl
from gateway.operations.errors import BadInput
from gateway.xrpl_claim import FORMAT, XrplClaim

router = APIRouter(prefix="/channels", tags=["channels"])


class ChannelOut(BaseModel):
    """A channel with its mark: `amount` for `units`, of which `settled` is in settlement runs.
    `tariff` is the name of its terms' tariff. By a mirror the gateway pays `device_id` what
    `mirror_of`, another device's channel, owes it. Where there is an `xrpl_channel` (hex), each IOU
    is a claim on that channel of the XRP Ledger."""

    id: str
    device_id: str
    payer_account: str
    payee_account: str
    tariff_id: str
    tariff: str
    unit: str
    state: str
    amount: Money
    units: int
    capacity: Money
    settled: Money
    settled_units: int
    window_units: int
    serial: int
    opened_at: int
    expires_at: int
    closed_at: int | None
    close_reason: str | None
    mirror_of: str | None
    xrpl_channel: str | None


class ChannelProof(ChannelOut):
    """A channel with the signed messages it rests on (base64): the payer's `open`, last `iou`,
    greatest `topup` and each `leg`, by which its price changed, in their order, and the gateway's
    `opened`. `tallystick verify` checks them. Where the payer
    has ticked since that IOU, `tick_preimage` (hex) is the value of its chain at `tick_index`,
    which proves it."""

    open_message: str
    opened_message: str
    iou_message: str | None
    topup_message: str | None
    leg_messages: list[str]
    tick_index: int
    tick_preimage: str | None


class ClaimTransaction(BaseModel):
    """The fields of the PaymentChannelClaim that pays out all of it, as the XRP Ledger names them:
    amounts in drops. `Account`, `Sequence`, `Fee` and its own signature are the destination's."""

    TransactionType: Literal["PaymentChannelClaim"]
    Channel: str
    Amount: str
    Balance: str
    PublicKey: str
    Signature: str


class ClaimOut(BaseModel):
    """What redeems a channel's mark on the XRP Ledger. `transaction` is null while nothing is owed.
    `tallystick verify` checks it; that the ledger's channel has this key, is yours and holds the
    `capacity` (drops) is on the ledger."""

    format: Literal["tallystick xrpl claim 1"]
    channel_id: str
    xrpl_channel: str
    public_key: str
    capacity: AtomicOut
    expires_at: int
    transaction: ClaimTransaction | None


class EvidenceOut(BaseModel):
    """A message (base64) kept because it proves something wrong; its id is its SHA-256."""

    id: str
    kind: str
    message: str
    found_at: int


class EvidenceList(BaseModel):
    """All evidence on one channel, oldest first."""

    items: list[EvidenceOut]


def channel_out(row: Row[Any], tariff: Row[Any]) -> ChannelOut:
    """A channel's and its tariff's rows as the API shows them."""

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=tariff.currency, scale=tariff.scale)

    return ChannelOut(
        id=bytes(row.id).hex(),
        device_id=row.device_id,
        payer_account=row.payer_account,
        payee_account=row.payee_account,
        tariff_id=bytes(row.tariff_id).hex(),
        tariff=tariff.name,
        unit=tariff.unit,
        state=row.state,
        amount=money(row.amount),
        units=row.units,
        capacity=money(row.capacity),
        settled=money(row.settled_amount),
        settled_units=row.settled_units,
        window_units=row.window_units,
        serial=row.serial,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        closed_at=row.closed_at,
        close_reason=row.close_reason,
        mirror_of=None if row.mirror_of is None else row.mirror_of.hex(),
        xrpl_channel=None if row.xrpl_channel is None else row.xrpl_channel.hex(),
    )


def proof_out(
    row: Row[Any], tariff: Row[Any], topup: bytes | None, legs: Sequence[bytes]
) -> ChannelProof:
    """A channel with its messages as the API shows it."""
    return ChannelProof(
        **dict(channel_out(row, tariff)),
        open_message=b64encode(row.open_message).decode(),
        opened_message=b64encode(row.opened_message).decode(),
        iou_message=None if row.iou is None else b64encode(row.iou).decode(),
        topup_message=None if topup is None else b64encode(topup).decode(),
        leg_messages=[b64encode(each).decode() for each in legs],
        tick_index=row.tick_index,
        tick_preimage=None if row.tick_preimage is None else row.tick_preimage.hex(),
    )


def claim_out(found: XrplClaim) -> ClaimOut:
    """A claim as the API shows it."""
    return ClaimOut(
        format=FORMAT,
        channel_id=found.channel.hex(),
        xrpl_channel=found.xrpl_channel.hex(),
        public_key=found.public_key,
        capacity=found.capacity,
        expires_at=found.expires_at,
        transaction=ClaimTransaction.model_validate(found.transaction()) if found.drops else None,
    )


@router.get("", operation_id="listChannels")
def list_channels(
    office: Office,
    cursor: Cursor = None,
    limit: Limit = 100,
    account: Annotated[str | None, Query(pattern="^[a-z0-9-]{1,40}$")] = None,
    device: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
    state: Literal["open", "frozen", "closed"] | None = None,
    search: Annotated[
        str | None,
        Query(pattern=channels.BEGINNING, description="The beginning of their ids, in hex."),
    ] = None,
) -> Page[ChannelOut]:
    """Channels by id; `account` as payer or payee."""
    try:
        after = bytes.fromhex(position_of(cursor) or "")
    except ValueError:
        raise BadInput("cursor", "must be the `next` of an earlier page") from None
    found = channels.page(
        office.store,
        after=after,
        limit=limit,
        account_id=account,
        device_id=device,
        state=state,
        search=search,
    )
    last = bytes(found.items[-1][0].id).hex() if found.more else None
    return Page(
        items=[channel_out(*each) for each in found.items],
        next=None if last is None else cursor_of(last),
    )


@router.get("/{channel_id}", operation_id="getChannel")
def get_channel(office: Office, channel_id: HexId) -> ChannelProof:
    """One channel with the signed messages it rests on."""
    id_ = bytes.fromhex(channel_id)
    found = channels.show(office.store, id_)
    return proof_out(*found, channels.topup(office.store, id_), channels.legs(office.store, id_))


@router.get("/{channel_id}/evidence", operation_id="getChannelEvidence")
def get_evidence(office: Office, channel_id: HexId) -> EvidenceList:
    """What was kept that proves something wrong on a channel."""
    rows = channels.evidence(office.store, bytes.fromhex(channel_id))
    return EvidenceList(
        items=[
            EvidenceOut(
                id=row.id,
                kind=row.kind,
                message=b64encode(row.message).decode(),
                found_at=row.found_at,
            )
            for row in rows
        ]
    )


@router.get(
    "/{channel_id}/bundle",
    operation_id="getChannelBundle",
    response_class=Response,
    responses=CBOR,
)
def get_bundle(
    office: Office,
    channel_id: HexId,
    account: Annotated[str | None, Query(pattern="^[a-z0-9-]{1,40}$")] = None,
) -> Response:
    """All evidence on a channel in one file, for `tallystick verify`, with the statements of one of
    its two accounts (by default its device's)."""
    content = evidence.bundle_of(office.store, office.keys, bytes.fromhex(channel_id), account)
    return Response(content, media_type="application/cbor")


@router.get("/{channel_id}/claim", operation_id="getChannelClaim")
def get_claim(office: Office, channel_id: HexId) -> ClaimOut:
    """What redeems a channel's mark on the XRP Ledger; a conflict if its IOUs are no claims."""
    return claim_out(xrpl.claim(office.store, bytes.fromhex(channel_id)))


@router.post("/{channel_id}/close", operation_id="closeChannel")
def close_channel(office: Office, channel_id: HexId) -> ChannelOut:
    """Close an open or frozen channel at its mark; its device gets a receipt."""
    return channel_out(*channels.close(office.store, bytes.fromhex(channel_id)))


@router.post("/{channel_id}/thaw", operation_id="thawChannel")
def thaw_channel(office: Office, channel_id: HexId) -> ChannelOut:
    """Let a frozen channel go on from its mark."""
    return channel_out(*channels.thaw(office.store, bytes.fromhex(channel_id)))

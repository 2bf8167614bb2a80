"""/v1/devices."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.services import Office
from gateway.api.shapes import (
    Body,
    Cursor,
    DeviceId,
    Limit,
    Money,
    Page,
    Search,
    cursor_of,
    position_of,
)
from gateway.operations import devices
from gateway.operations.devices import Doing
from gateway.pki.authority import LONGEST_DAYS, Issued
from gateway.pki.folder import DEVICE_DAYS

router = APIRouter(prefix="/devices", tags=["devices"])


class DeviceIn(Body):
    """A device to register: its Ed25519 public key as 64 hex digits; its id is computed."""

    public_key: Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]
    account_id: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]


class DeviceOut(BaseModel):
    """A device."""

    id: str
    public_key: str
    account_id: str
    name: str
    status: str
    created_at: int


class Paying(BaseModel):
    """A live channel with its mark: the last IOU's `amount` for `units`."""

    channel_id: str
    state: str
    unit: str
    units: int
    amount: Money


class Presence(BaseModel):
    """Whether a device has been heard of lately, and since when (Unix seconds) that is so."""

    online: bool
    since: int


class DeviceShown(DeviceOut):
    """A device with the live channel that it opened last, if it has one, and whether it is there,
    if it ever was."""

    paying: Paying | None
    presence: Presence | None


class MqttLogin(BaseModel):
    """How a device logs in at the broker. The password is told this once."""

    username: str
    client_id: str
    password: str


class Registered(BaseModel):
    """A new device, and its login."""

    device: DeviceOut
    mqtt: MqttLogin
    gateway_key: str


class CertificateIn(Body):
    """How long a certificate is to be good."""

    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = DEVICE_DAYS


class CertificateOut(BaseModel):
    """A certificate with its key and authority, in PEM. The key is told this once."""

    serial: str
    expires_at: int
    certificate: str
    private_key: str
    authority: str


def device_out(row: Row[Any]) -> DeviceOut:
    """A device's row as the API shows it."""
    return DeviceOut(
        id=row.id,
        public_key=bytes(row.public_key).hex(),
        account_id=row.account_id,
        name=row.name,
        status=row.status,
        created_at=row.created_at,
    )


def device_shown(row: Row[Any], doing: Doing) -> DeviceShown:
    """A device and what it does as the API shows them."""
    return DeviceShown(
        **dict(device_out(row)),
        paying=None if doing.paying is None else paying_out(*doing.paying),
        presence=None
        if doing.presence is None
        else Presence(online=doing.presence[0], since=doing.presence[1]),
    )


def paying_out(channel: Row[Any], tariff: Row[Any]) -> Paying:
    """A channel's mark as the API shows it with its device."""
    return Paying(
        channel_id=bytes(channel.id).hex(),
        state=channel.state,
        unit=tariff.unit,
        units=channel.units,
        amount=Money(amount=channel.amount, currency=tariff.currency, scale=tariff.scale),
    )


def certificate_out(issued: Issued, authority: bytes) -> CertificateOut:
    """A certificate that was issued, with its authority's in PEM, as the API tells it once."""
    return CertificateOut(
        serial=issued.serial,
        expires_at=int(issued.certificate.not_valid_after_utc.timestamp()),
        certificate=issued.certificate_pem.decode(),
        private_key=issued.key_pem.decode(),
        authority=authority.decode(),
    )


@router.get("", operation_id="listDevices")
def list_devices(
    office: Office,
    cursor: Cursor = None,
    limit: Limit = 100,
    account: Annotated[str | None, Query(pattern="^[a-z0-9-]{1,40}$")] = None,
    status: Literal["active", "suspended", "revoked"] | None = None,
    search: Search = None,
    online: Annotated[
        bool | None, Query(description="Those that are there, or that have fallen silent.")
    ] = None,
) -> Page[DeviceShown]:
    """Devices by id."""
    found = devices.page(
        office.store,
        after=position_of(cursor) or "",
        limit=limit,
        account_id=account,
        status=status,
        search=search,
        online=online,
    )
    doing = devices.doing(office.store, [row.id for row in found.items])
    return Page(
        items=[device_shown(row, doing[row.id]) for row in found.items],
        next=cursor_of(found.items[-1].id) if found.more else None,
    )


@router.post("", operation_id="registerDevice", status_code=201)
def register_device(office: Office, body: DeviceIn) -> Registered:
    """Register a device by its public key; the answer holds its MQTT password, told this once."""
    row, password = devices.register(
        office.store,
        office.credentials,
        devices.public_key(body.public_key),
        body.account_id,
        body.name,
        office.keys.public,
    )
    return Registered(
        device=device_out(row),
        mqtt=MqttLogin(username=row.id, client_id=row.id, password=password),
        gateway_key=office.keys.public.hex(),
    )


@router.get("/{device_id}", operation_id="getDevice")
def get_device(office: Office, device_id: DeviceId) -> DeviceShown:
    """One device, and what it does."""
    row = devices.show(office.store, device_id)
    return device_shown(row, devices.doing(office.store, [device_id])[device_id])


@router.post("/{device_id}/suspend", operation_id="suspendDevice")
def suspend_device(office: Office, device_id: DeviceId) -> DeviceOut:
    """Let a device deliver nothing more until it is resumed."""
    return device_out(devices.suspend(office.store, device_id))


@router.post("/{device_id}/resume", operation_id="resumeDevice")
def resume_device(office: Office, device_id: DeviceId) -> DeviceOut:
    """Let a suspended device deliver again."""
    return device_out(devices.resume(office.store, device_id))


@router.post("/{device_id}/revoke", operation_id="revokeDevice")
def revoke_device(office: Office, device_id: DeviceId) -> DeviceOut:
    """End a device for good."""
    return device_out(devices.revoke(office.store, office.credentials, device_id))


@router.post("/{device_id}/password", operation_id="rotateDevicePassword")
def rotate_password(office: Office, device_id: DeviceId) -> MqttLogin:
    """A new MQTT password, told this once; the old one ends."""
    password = devices.rotate_password(office.store, office.credentials, device_id)
    return MqttLogin(username=device_id, client_id=device_id, password=password)


@router.post("/{device_id}/certificate", operation_id="issueDeviceCertificate", status_code=201)
def issue_certificate(office: Office, device_id: DeviceId, body: CertificateIn) -> CertificateOut:
    """A TLS certificate for the broker; its key is told this once. Older ones stay good."""
    issued, authority = devices.certificate(office.store, office.credentials, device_id, body.days)
    return certificate_out(issued, authority)

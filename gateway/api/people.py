"""/v1/people: who logs in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import Body, Cursor, Limit, Page, slice_of
from gateway.operations import people
from gateway.operations.bearer import OWNER
from gateway.operations.people import Known, Link
from gateway.operations.principal import of_bearer

router = APIRouter(prefix="/people", tags=["people"])

_HANDLE = "^[a-z0-9][a-z0-9-]{0,39}$"
Name = Annotated[str, Path(pattern=_HANDLE)]
Role = Literal["viewer", "operator", "finance", "admin", "owner"]
Accounts = Annotated[
    list[Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]], Field(max_length=1000)
]


class PersonIn(Body):
    """Somebody to invite: what they are called, what they may do, and which accounts they see if
    they are an owner. Their link is good for `lifetime_s` seconds."""

    name: Annotated[str, Field(pattern=_HANDLE)]
    role: Role
    accounts: Accounts = Field(default_factory=list)
    lifetime_s: Annotated[int, Field(ge=1, le=people.LONGEST_S)] = people.LIFETIME_S


class PersonChange(Body):
    """What a person may do from now on, and which accounts they see if they are an owner."""

    role: Role
    accounts: Accounts = Field(default_factory=list)


class ResetIn(Body):
    """For how many seconds the new link is good."""

    lifetime_s: Annotated[int, Field(ge=1, le=people.LONGEST_S)] = people.LIFETIME_S


class PersonOut(BaseModel):
    """A person. `state` is `invited` until they have come in by their link, `active`, or
    `disabled`; `accounts` are what an owner sees, null for whoever sees all."""

    name: str
    role: str
    state: str
    accounts: list[str] | None
    second_factor: bool
    invited_by: str
    created_at: int


class LinkOut(BaseModel):
    """What lets a person in once, until `expires_at` (Unix seconds): `link` is where, on this
    gateway. Told this once; whoever has it comes in."""

    name: str
    link: str
    expires_at: int


def person_out(found: Known) -> PersonOut:
    """A person as the API shows them."""
    row = found.person
    return PersonOut(
        name=row.name,
        role=row.role,
        state=row.state,
        accounts=found.accounts if row.role == OWNER else None,
        second_factor=row.totp_secret is not None,
        invited_by=row.invited_by,
        created_at=row.created_at,
    )


def link_out(link: Link, address: str = "") -> LinkOut:
    """A link as the API shows it; with the gateway's address before it, if that is given."""
    return LinkOut(name=link.person, link=address + link.path, expires_at=link.expires_at)


@router.get("", operation_id="listPeople")
def list_people(office: Office, cursor: Cursor = None, limit: Limit = 100) -> Page[PersonOut]:
    """People by name."""
    found = people.listed(office.store)
    return slice_of([(each.person.name, person_out(each)) for each in found], cursor, limit)


@router.post("", operation_id="invitePerson", status_code=201)
def invite_person(office: Office, bearer: Authorized, body: PersonIn) -> LinkOut:
    """Invite somebody: the answer is the only place where their link can be read."""
    by = of_bearer(bearer)
    link = people.invite(office.store, body.name, body.role, by, body.accounts, body.lifetime_s)
    return link_out(link)


@router.get("/{name}", operation_id="getPerson")
def get_person(office: Office, name: Name) -> PersonOut:
    """One person."""
    return person_out(people.show(office.store, name))


@router.patch("/{name}", operation_id="changePerson")
def change_person(office: Office, bearer: Authorized, name: Name, body: PersonChange) -> PersonOut:
    """Give somebody else another role or other accounts; their sessions and tokens end."""
    by = of_bearer(bearer)
    return person_out(people.change(office.store, name, by, body.role, body.accounts))


@router.post("/{name}/disable", operation_id="disablePerson")
def disable_person(office: Office, bearer: Authorized, name: Name) -> PersonOut:
    """Keep somebody else out; their sessions and tokens end."""
    return person_out(people.disable(office.store, name, of_bearer(bearer)))


@router.post("/{name}/enable", operation_id="enablePerson")
def enable_person(office: Office, bearer: Authorized, name: Name) -> PersonOut:
    """Let somebody in again who was disabled."""
    return person_out(people.enable(office.store, name, of_bearer(bearer)))


@router.post("/{name}/reset", operation_id="resetPerson")
def reset_person(office: Office, bearer: Authorized, name: Name, body: ResetIn) -> LinkOut:
    """A new link for somebody else who lost their password or second factor, which end by that."""
    return link_out(people.reset(office.store, name, of_bearer(bearer), body.lifetime_s))

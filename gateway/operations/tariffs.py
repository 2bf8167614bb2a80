"""Use cases on tariffs: adding a price, and retiring one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from gateway.operations.errors import BadInput
from gateway.operations.text import check_name
from gateway.store import accounts, notices, tariffs
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from gateway.store.tables import Tariff as TariffRow
from protocol.errors import ProtocolError
from protocol.pricing import METERED, OPEN_ENDED, Tariff

LONGEST_S = 100 * 366 * 86_400
"""The longest lifetime that a channel of a tariff may have, in seconds."""
PRICINGS = {"metered": METERED, "open-ended": OPEN_ENDED}


@dataclass(frozen=True, slots=True)
class NewTariff:
    """A tariff to add. The price is numerator/denominator atomic units for one `unit`; capacity in
    atomic units, window in units, lifetime in seconds. Currency and scale are the payee's."""

    name: str
    unit: str
    numerator: int
    denominator: int
    payee_account: str
    window_units: int
    max_capacity: int
    max_lifetime_s: int
    pricing: str = "metered"


def add(store: Store, new: NewTariff) -> Row[Any]:
    """Add a tariff, which devices are offered from now on.

    Raises BadInput, Conflict if an active one has its name or it exists already.
    """
    check_name(new.name)
    if new.pricing not in PRICINGS:
        raise BadInput("pricing", "must be metered or open-ended")
    for field in ("window_units", "max_capacity"):
        if not 1 <= getattr(new, field) < 2**63:
            raise BadInput(field, "must be 1 to 2^63-1")
    if not 1 <= new.max_lifetime_s <= LONGEST_S:
        # A device adds it to the time now, which must not come to more than the wire can say.
        raise BadInput("max_lifetime_s", "must be 1 second to 100 years")
    with store.write() as conn:
        try:
            payee = accounts.get(conn, new.payee_account)
        except NotFound as error:
            raise BadInput("payee_account", "there is no such account") from error
        try:
            tariff = Tariff(
                new.unit,
                new.numerator,
                new.denominator,
                payee.currency,
                payee.scale,
                PRICINGS[new.pricing],
            )
        except ProtocolError as error:
            field = error.field.removeprefix("tariff.")
            raise BadInput(field, str(error).split(": ", 1)[1]) from error
        tariffs.add(
            conn,
            TariffRow(
                id=tariff.id(),
                name=new.name,
                encoded=tariff.encoded(),
                unit=tariff.unit,
                numerator=tariff.numerator,
                denominator=tariff.denominator,
                currency=tariff.currency,
                scale=tariff.scale,
                pricing=tariff.pricing,
                payee_account=new.payee_account,
                window_units=new.window_units,
                max_capacity=new.max_capacity,
                max_lifetime_s=new.max_lifetime_s,
                created_at=store.now(conn),
            ),
        )
        notices.decided(conn)
        return tariffs.get(conn, tariff.id())


def listed(store: Store, *, active: bool = True) -> Sequence[Row[Any]]:
    """All tariffs by name; only active ones unless `active` is false."""
    with store.read() as conn:
        return tariffs.listed(conn, active=active)


def show(store: Store, id_: bytes) -> Row[Any]:
    """One tariff. Raises NotFound."""
    with store.read() as conn:
        return tariffs.get(conn, id_)


def find(store: Store, name_or_id: str) -> Row[Any]:
    """A tariff by its id in hex, or an active one by its name. Raises NotFound."""
    with store.read() as conn:
        row = tariffs.by_name(conn, name_or_id)
        if row is not None:
            return row
        try:
            id_ = bytes.fromhex(name_or_id)
        except ValueError:
            raise NotFound(f"tariff {name_or_id}: no active tariff has this name") from None
        return tariffs.get(conn, id_)


def retire(store: Store, id_: bytes) -> Row[Any]:
    """Offer a tariff no more; channels opened under it keep it. Raises NotFound."""
    with store.write() as conn:
        tariffs.retire(conn, id_)
        notices.decided(conn)
        return tariffs.get(conn, id_)

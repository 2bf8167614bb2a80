"""Use cases on tariffs: adding a price, and retiring one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.operations.errors import BadInput
from gateway.operations.money import price
from gateway.operations.text import check_name
from gateway.operations.ucum import parse, quantity
from gateway.settlement import fees
from gateway.store import accounts, audit, notices, plans, tariffs
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Tariff as TariffRow
from protocol.errors import ProtocolError
from protocol.pricing import METERED, OPEN_ENDED, Tariff

LONGEST_S = 100 * 366 * 86_400
"""The longest lifetime that a channel of a tariff may have, in seconds."""
PRICINGS = {"metered": METERED, "open-ended": OPEN_ENDED}


@dataclass(frozen=True, slots=True)
class NewTariff:
    """A tariff to add. The price is numerator/denominator atomic units for one `unit`, and
    `session_fee` atomic units once for each channel, with its first unit; capacity in atomic units,
    window in units, lifetime in seconds. Currency and scale are the payee's.

    Of each interval that is posted the payee pays `fee_fixed` atomic units and `fee_bp` basis
    points to `fee_account`, which is the operator's if there is a fee and none is named.
    """

    name: str
    unit: str
    numerator: int
    denominator: int
    payee_account: str
    window_units: int
    max_capacity: int
    max_lifetime_s: int
    pricing: str = "metered"
    session_fee: int = 0
    fee_fixed: int = 0
    fee_bp: int = 0
    fee_account: str | None = None


@dataclass(frozen=True, slots=True)
class ExactPrice:
    """numerator/denominator atomic units of a currency for one unit, in lowest terms."""

    numerator: int
    denominator: int
    currency: str
    scale: int


def exact_price(store: Store, text: str, per: str, unit: str, payee_account: str) -> ExactPrice:
    """What a price as people write it comes to: `0.30` per `kW.h`, of a tariff whose unit is `W.h`
    and whose payee is in EUR, is 300 micro-euro for one. Raises BadInput."""
    parse("unit", unit)
    size = quantity("per", per, unit)
    with store.read() as conn:
        payee = _payee(conn, payee_account)
    numerator, denominator = price(text, size, payee.scale)
    return ExactPrice(numerator, denominator, payee.currency, payee.scale)


def _payee(conn: Connection, id_: str) -> Row[Any]:
    try:
        return accounts.get(conn, id_)
    except NotFound as error:
        raise BadInput("payee_account", "there is no such account") from error


def add(store: Store, new: NewTariff) -> Row[Any]:
    """Add a tariff, which devices are offered from now on.

    Raises BadInput, Conflict if an active one has its name or it exists already.
    """
    check_name(new.name)
    parse("unit", new.unit)
    if new.pricing not in PRICINGS:
        raise BadInput("pricing", "must be metered or open-ended")
    for field in ("window_units", "max_capacity"):
        if not 1 <= getattr(new, field) < 2**63:
            raise BadInput(field, "must be 1 to 2^63-1")
    if not 1 <= new.max_lifetime_s <= LONGEST_S:
        # A device adds it to the time now, which must not come to more than the wire can say.
        raise BadInput("max_lifetime_s", "must be 1 second to 100 years")
    if not 0 <= new.fee_fixed < 2**63:
        raise BadInput("fee_fixed", "must be 0 to 2^63-1 atomic units")
    if not 0 <= new.fee_bp <= fees.MOST_BP:
        raise BadInput("fee_bp", "must be 0 to 10000 basis points")
    with store.write() as conn:
        payee = _payee(conn, new.payee_account)
        fee_account = _fee_account(conn, new, payee.currency)
        try:
            tariff = Tariff(
                new.unit,
                new.numerator,
                new.denominator,
                payee.currency,
                payee.scale,
                PRICINGS[new.pricing],
                new.session_fee,
            )
        except ProtocolError as error:
            field = error.field.removeprefix("tariff.")
            raise BadInput(field, str(error).split(": ", 1)[1]) from error
        if not tariff.units_within(new.max_capacity):
            raise BadInput(
                "max_capacity",
                f"must pay for one {new.unit}, session fee and all: no channel would open",
            )
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
                session_fee=tariff.session_fee,
                payee_account=new.payee_account,
                fee_fixed=new.fee_fixed,
                fee_bp=new.fee_bp,
                fee_account=fee_account,
                window_units=new.window_units,
                max_capacity=new.max_capacity,
                max_lifetime_s=new.max_lifetime_s,
                created_at=store.now(conn),
            ),
        )
        audit.record(conn, "tariff.add", tariff.id().hex(), after=_recorded(new))
        notices.decided(conn)
        return tariffs.get(conn, tariff.id())


def _recorded(new: NewTariff) -> dict[str, object]:
    """A tariff as the audit log has it, numbers as digits."""
    return {
        name: str(value) if isinstance(value, int) else value
        for name, value in asdict(new).items()
        if value is not None
    }


def _fee_account(conn: Connection, new: NewTariff, currency: str) -> str | None:
    """Who earns the fee; None if there is none. Raises BadInput."""
    if not new.fee_fixed and not new.fee_bp:
        if new.fee_account is not None:
            raise BadInput("fee_account", "earns nothing without fee_fixed or fee_bp")
        return None
    earns = new.fee_account or accounts.OPERATOR
    try:
        found = accounts.get(conn, earns).currency
    except NotFound as error:
        raise BadInput("fee_account", f"there is no account {earns}") from error
    if found != currency:
        raise BadInput("fee_account", f"must be in {currency} as the payee's is, not in {found}")
    return earns


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
    """Offer a tariff no more; channels opened under it keep it. Raises NotFound, or Conflict if it
    is to follow another."""
    with store.write() as conn:
        if plans.is_to_follow(conn, id_):
            raise Conflict("tariff: it follows another, or will at some time: end that first")
        before = {"status": tariffs.get(conn, id_).status}
        tariffs.retire(conn, id_)
        audit.record(conn, "tariff.retire", id_.hex(), before=before, after={"status": "retired"})
        notices.decided(conn)
        return tariffs.get(conn, id_)

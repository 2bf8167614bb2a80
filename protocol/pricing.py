"""Tariffs, and what units cost.

The price is a fraction of atomic currency units per unit quantum. `amount` rounds down once, on
the cumulative units, so rounding never adds up. A session fee comes to it with the first unit of a
channel, once.
"""

from protocol import MAX_INT, cbor, fields
from protocol.errors import ProtocolError, WireError
from protocol.fields import integer, read_map, text
from protocol.ids import tariff_id

METERED = 0
OPEN_ENDED = 1

_FIELDS = (1, 2, 3, 4, 5, 6)


class Tariff:
    """One immutable price: `numerator/denominator` atomic units of `currency` (ISO 4217, 10^-scale
    of it) per `unit` quantum (a UCUM code such as `W.h`, `By`, `s`), and a `session_fee` of atomic
    units, 0 for none, with the first. An open-ended tariff lets the payer choose the amount."""

    def __init__(
        self,
        unit: str,
        numerator: int,
        denominator: int,
        currency: str,
        scale: int = 6,
        pricing: int = METERED,
        session_fee: int = 0,
    ) -> None:
        # UCUM codes are visible ASCII; that also keeps a tariff's size within known bounds.
        if not 1 <= len(unit) <= 16 or not all("!" <= letter <= "~" for letter in unit):
            raise WireError(
                "tariff.unit", "must be a UCUM code of 1 to 16 visible ASCII characters"
            )
        if not 0 <= numerator <= MAX_INT:
            raise WireError("tariff.numerator", "must be 0..2^63-1")
        if not 1 <= denominator <= MAX_INT:
            raise WireError("tariff.denominator", "must be 1..2^63-1")
        if pricing not in (METERED, OPEN_ENDED):
            raise WireError("tariff.pricing", "must be 0 (metered) or 1 (open-ended)")
        if not 0 <= session_fee <= MAX_INT:
            raise WireError("tariff.session_fee", "must be 0..2^63-1")
        if session_fee and pricing != METERED:
            raise WireError("tariff.session_fee", "is for metered tariffs: must be 0")
        self.unit = unit
        self.numerator = numerator
        self.denominator = denominator
        self.currency = fields.currency(currency, "tariff.currency")
        self.scale = fields.scale(scale, "tariff.scale")
        self.pricing = pricing
        self.session_fee = session_fee

    def to_map(self) -> dict[int, object]:
        """The tariff as it stands in offers and terms."""
        found: dict[int, object] = {
            1: self.unit,
            2: self.numerator,
            3: self.denominator,
            4: self.currency,
            5: self.scale,
            6: self.pricing,
        }
        if self.session_fee:
            found[7] = self.session_fee
        return found

    def encoded(self) -> bytes:
        """The bytes that the tariff's id is the hash of."""
        return cbor.encode(self.to_map())

    def id(self) -> bytes:
        """The tariff's id, 32 bytes."""
        return tariff_id(self.encoded())

    def amount(self, units: int) -> int:
        """What the first `units` (cumulative, 0..2^63-1) of a channel cost, session fee and all, in
        atomic units, rounded down.

        Raises ProtocolError `over_capacity` if no amount on the wire is that large.
        """
        return first_price(self).amount_of(units)

    def units_within(self, amount: int) -> int:
        """The most units of a new channel that cost no more than `amount`; 2^63-1 where they cost
        nothing."""
        return first_price(self).units_within(amount)


class Price:
    """What a channel's units cost from a place on: (`amount`, `units`), cumulative, is where this
    tariff took over, 0 and 0 where it is the channel's first. `session_fee` is what comes to it
    with the first unit beyond: the channel's, where none was paid for before, else 0. `until` is
    the units in all that it is granted for: a bound once another price has followed for long."""

    def __init__(
        self, tariff: Tariff, amount: int = 0, units: int = 0, session_fee: int = 0
    ) -> None:
        self.tariff = tariff
        self.amount = amount
        self.units = units
        self.session_fee = session_fee
        self.until = MAX_INT

    def amount_of(self, units: int) -> int:
        """What `units` in all cost in all, in atomic units: `amount`, and what is beyond it at the
        tariff's price, rounded down once, with the session fee.

        Raises ProtocolError `over_capacity` if no amount on the wire is that large.
        """
        beyond = units - self.units
        if beyond <= 0:
            return self.amount
        tariff = self.tariff
        amount = self.amount + self.session_fee + beyond * tariff.numerator // tariff.denominator
        if amount > MAX_INT:
            raise ProtocolError("over_capacity", "amount", "greater than 2^63-1")
        return amount

    def units_within(self, amount: int) -> int:
        """The most units in all that cost no more than `amount` in all, which is not below this
        price's own; 2^63-1 where they cost nothing."""
        beyond = amount - self.amount - self.session_fee
        if beyond < 0:
            return self.units
        tariff = self.tariff
        if tariff.numerator == 0:
            return MAX_INT
        more = ((beyond + 1) * tariff.denominator - 1) // tariff.numerator
        return min(MAX_INT, self.units + more)


def first_price(tariff: Tariff) -> Price:
    """What a channel's units cost from its first on, by the tariff of its terms."""
    return Price(tariff, 0, 0, tariff.session_fee)


def tariff_from_map(value: object, where: str = "tariff") -> Tariff:
    """The tariff in a decoded map. Raises WireError naming the field that is wrong."""
    parts = read_map(value, _FIELDS, (7,), where)
    session_fee = 0
    if 7 in parts:
        session_fee = integer(parts[7], where + ".session_fee")
        if not session_fee:
            raise WireError(where + ".session_fee", "must be left out if there is none")
    return Tariff(
        text(parts[1], where + ".unit"),
        integer(parts[2], where + ".numerator"),
        integer(parts[3], where + ".denominator"),
        text(parts[4], where + ".currency"),
        integer(parts[5], where + ".scale"),
        integer(parts[6], where + ".pricing"),
        session_fee,
    )

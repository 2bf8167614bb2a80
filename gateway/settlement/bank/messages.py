"""What a bank's file says, as values."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Amount:
    """`digits` / 10^`decimals` of a currency, exactly as the file has it; never below zero."""

    digits: int
    decimals: int
    currency: str

    def atomic(self, scale: int) -> int | None:
        """In atomic units of 10^-`scale`; None if it has more decimals than that."""
        scaled: int = self.digits * 10**scale
        whole, rest = divmod(scaled, 10**self.decimals)
        return None if rest else int(whole)


@dataclass(frozen=True, slots=True)
class Booking:
    """Money that came to the account (`credit`) or left it, once.

    `reference` is what the bank knows it by, or what is made of all that it says of it;
    `end_to_end` and `batch` are what the payment was instructed under, "" if the bank does not say.
    `returned` is true if the bank says that an earlier payment came back; `reason` is its code.
    """

    line: int
    amount: Amount
    credit: bool
    booked_on: str
    reference: str
    end_to_end: str = ""
    batch: str = ""
    returned: bool = False
    reason: str = ""
    party: str = ""
    party_iban: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What happened on one bank account: `bookings` that are booked, and how many `others` are not
    (yet)."""

    line: int
    iban: str
    bookings: tuple[Booking, ...]
    others: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bank's word on a message, a part of one, or one payment: at most one of the names is "".

    `status` is the bank's code; `reason` its code and text for a refusal.
    """

    line: int
    message: str
    part: str
    end_to_end: str
    status: str
    reason: str = ""

    @property
    def rejected(self) -> bool:
        """Whether what it is about will not be carried out."""
        return self.status in ("RJCT", "CANC")


@dataclass(frozen=True, slots=True)
class BankFile:
    """One file: its kind, such as `camt.053.001.08`, the bank's id of it, and what it says."""

    kind: str
    message: str
    reports: tuple[Report, ...] = field(default_factory=tuple)
    verdicts: tuple[Verdict, ...] = field(default_factory=tuple)

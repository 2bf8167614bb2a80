"""Makes up what happens to money beside the devices' payments: who pays in, asks back, decides, and
what goes wrong with it. Drawn apart from the rest of a story, into which it is then woven.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from random import Random

from simulator.world.storage import POINTS
from simulator.world.story import Operation, Options

Sequence = list[Operation]
"""Operations that belong together, in their order."""

_ACCOUNTS = (0, 0, 1, 1, 1, 2, 2, 3)
"""Numbers of the options' accounts, those with most money more often."""


class _Maker:
    """Draws what one seed does with money. `later` is what is still to come of it."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.later: list[Sequence] = []
        self.paid_in: dict[int, tuple[int, int]] = {}

    def account(self) -> int:
        return self.draw.choice(_ACCOUNTS)

    def amount(self) -> int:
        # Mostly little: deposits pay before anything is collected.
        return self.draw.choice((1, 10_000, 10_000, 30_000, 250_000, 10**9))

    def deposit(self) -> Sequence:
        reference = self.draw.randint(1, 6)
        paid = self.paid_in.get(reference, (self.account(), self.amount()))
        if self.draw.random() < 0.4:
            paid = (self.account(), self.amount())
        self.paid_in.setdefault(reference, paid)
        return [["deposit", *paid, reference]]

    def mistake(self) -> Sequence:
        self.later.append([["reverse"]])
        if self.draw.random() < 0.4:
            self.later.append([["approve_reversal", 1]])
        self.later.append([["approve_reversal", 0]])
        return [["deposit_mistaken", self.account(), self.amount()]]

    def payout(self) -> Sequence:
        alone: Sequence = [["approve_payout", 1, 0]] if self.draw.random() < 0.3 else []
        approve: Operation = ["approve_payout", 0, self.draw.choice((0, 0, 1, 60))]
        mandate = int(self.draw.random() < 0.8)
        return [["payout", self.account(), self.rail(), mandate], *alone, approve]

    def at_bank(self, account: int) -> Sequence:
        return [["payout", account, "sepa", 1], ["approve_payout", 0, 0]]

    def rail(self) -> str:
        return self.draw.choice(("manual", "sepa", "sepa"))

    def withdrawal(self) -> Sequence:
        if self.draw.random() < 0.3:
            self.later.append([["approve_withdrawal", 1]])
        decided: Operation = (
            ["refuse_withdrawal"] if self.draw.random() < 0.2 else ["approve_withdrawal", 0]
        )
        self.later.append([decided])
        if self.draw.random() < 0.2:
            self.later.append([["approve_again"]])
        amount = self.draw.choice((0, 0, 1, 10_000, 250_000, 10**15))
        return [["withdraw", self.account(), amount, self.rail()]]

    def retirement(self) -> Sequence:
        if self.draw.random() < 0.3:
            return [["retire_payout", self.account()]]
        if self.draw.random() < 0.3:
            proposed: Operation = ["payout", self.account(), self.rail(), 1]
            return [proposed, ["settle_and_approve", self.draw.randrange(12)]]
        return [["settle_and_retire", self.account(), self.draw.randrange(12)]]

    def killing(self) -> Sequence:
        point = self.draw.choice(POINTS)
        what = self.draw.choice((self.deposit, self.withdrawal, self.payout, self.mistake))
        most = 20 if point == "execute" else 1
        return [["kill_money", point, self.draw.randrange(most)], *what(), *what()]

    def killed_later(self) -> Sequence:
        point = self.draw.choice(POINTS)
        most = 25 if point == "execute" else 4
        return [["kill_money", point, self.draw.randrange(most)]]

    def paying(self) -> Sequence:
        return [["settle"], ["rail_execute"], ["report", 100], self.reading()]

    def reading(self) -> Operation:
        refuse = self.draw.choice(("none", "none", "none", "some", "part", "message"))
        return ["bank_reads", refuse, self.draw.choice(("each", "each", "together", "batch"))]

    def telling(self) -> Sequence:
        kinds = ("statement", "notice", "newest", "nameless", "nameless", "again")
        told: Sequence = [["bank_tells", self.draw.choice(kinds)] for _ in range(2)]
        self.later.append([["bank_tells", "statement"], ["assign"]])
        return [*self.settling(), self.reading(), *told]

    def settling(self) -> Sequence:
        return [["settle"]] if self.draw.random() < 0.6 else []

    def unknown(self) -> Sequence:
        how = self.draw.choice(("named", "unnamed", "foreign", "charge"))
        self.later.append([["assign"]])
        # Who writes the reference and the amount of a payment has made that payment.
        cents = 1_000_003 if how == "foreign" else self.draw.randint(1, 40)
        return [["bank_receives", self.account(), cents, how], *self.telling()]

    def early(self) -> Sequence:
        self.later += [[["bank_tells", "statement"]], [["assign"]], [["assign"]], [["assign"]]]
        cents = self.draw.randint(1, 40)
        return [["told_early", self.account(), cents, self.draw.randrange(2)]]

    def bank_returning(self) -> Sequence:
        self.later.append([["assign"]])
        told: Operation = ["bank_tells", self.draw.choice(("notice", "newest", "statement"))]
        back: Operation = ["bank_returns", self.draw.randrange(4), int(self.draw.random() < 0.3)]
        before: Sequence = [*self.settling(), self.reading()] if self.draw.random() < 0.7 else []
        return [*before, back, told]

    def by_hand(self) -> Sequence:
        self.later.append([["bank_tells", "statement"]])
        return [*self.settling(), self.reading(), ["record_by_hand"]]

    def bank_lying(self) -> Sequence:
        told: Sequence = [self.reading(), ["bank_tells", "statement"]]
        if self.draw.random() < 0.5:
            return [*self.settling(), *told, ["bank_contradicts"]]
        return [*told, ["bank_file_torn", self.draw.randrange(2_000)]]

    def coming_back(self) -> Sequence:
        told = self.draw.choice((0, 1, 100))
        later: Sequence = [["report", 100]] if told < 100 else []
        return [["report", told], ["rail_return", self.draw.randrange(5)], *later]


_KINDS: dict[str, Callable[[_Maker], Sequence]] = {
    "deposit": _Maker.deposit,
    "mistake": _Maker.mistake,
    "payout": _Maker.payout,
    "withdrawal": _Maker.withdrawal,
    "retirement": _Maker.retirement,
    "killing": _Maker.killing,
    "killed_later": _Maker.killed_later,
    "paying": _Maker.paying,
    "coming_back": _Maker.coming_back,
    "telling": _Maker.telling,
    "unknown": _Maker.unknown,
    "early": _Maker.early,
    "bank_returning": _Maker.bank_returning,
    "bank_lying": _Maker.bank_lying,
    "by_hand": _Maker.by_hand,
}
_LIKELY = 0.65


def with_money(options: Options) -> Options:
    """The world of a seed, in which half of the time units cost cents and not parts of them, with
    fees on some of its tariffs and, in some of the worlds, an account that pays in advance and has
    no credit."""
    draw = Random(f"advance {options.seed}")
    if draw.random() < 0.5:
        options = _dearer(options)
    tariffs = list(options.tariffs)
    for number, each in enumerate(tariffs):
        if draw.random() < 0.5:
            fixed, share = draw.choice(((0, 250), (3, 0), (1, 9_999), (20_000, 100)))
            abroad = options.accounts[-1][0]
            earns = abroad if each.payee == abroad else draw.choice(("operator", each.payee))
            tariffs[number] = replace(each, fee_fixed=fixed, fee_bp=share, fee_account=earns)
    if draw.random() < 0.75:
        return replace(options, tariffs=tariffs)
    needed = 3 * sum(
        max(each.capacity, tariffs[each.tariff].capacity)
        for each in options.devices
        if each.account == "fleet"
    )
    accounts = [
        (name, currency, 0 if name == "fleet" else limit)
        for name, currency, limit in options.accounts
    ]
    return replace(
        options, tariffs=tariffs, accounts=accounts, deposits=[("fleet", needed + 1_000_000)]
    )


def _dearer(options: Options) -> Options:
    cheap = [each.denominator == 1 and each.numerator < 1_000 for each in options.tariffs]
    tariffs = [
        replace(each, numerator=each.numerator * 1_000, capacity=each.capacity * 1_000)
        if cheap[number]
        else each
        for number, each in enumerate(options.tariffs)
    ]
    devices = [
        replace(each, capacity=each.capacity * 1_000, topup=each.topup * 1_000)
        if cheap[each.tariff]
        else each
        for each in options.devices
    ]
    return replace(options, tariffs=tariffs, devices=devices)


def weave(seed: int, operations: list[Operation]) -> list[Operation]:
    """A story with what happens to money woven in, in most of the seeds. Operations that belong
    together stay together, and none comes before the story's first."""
    draw = Random(f"money {seed}")
    if draw.random() >= _LIKELY:
        return operations
    maker = _Maker(draw)
    chosen = draw.sample(sorted(_KINDS), draw.randint(5, len(_KINDS)))
    weights = [draw.choice((0.5, 1.0, 3.0)) for _ in chosen]
    first = [maker.at_bank(number) for number in (0, 1, 2) if draw.random() < 0.6]
    first += [maker.payout(), maker.deposit()]
    begun = [*operations[:1], *chain.from_iterable(first)]
    sequences: list[Sequence] = []
    for _ in range(draw.randint(6, 30)):
        (name,) = draw.choices(chosen, weights)
        sequences.append(_KINDS[name](maker))
        if maker.later and draw.random() < 0.5:
            sequences.append(maker.later.pop(0))
    sequences += maker.later
    return begun + woven(draw, operations[1:], sequences)


def woven(draw: Random, operations: list[Operation], sequences: list[Sequence]) -> list[Operation]:
    """A story with sequences of operations at drawn places in it, in their order."""
    places = sorted(draw.randint(0, len(operations)) for _ in sequences)
    found: list[Operation] = []
    for number, operation in enumerate(operations):
        while places and places[0] == number:
            places.pop(0)
            found += sequences.pop(0)
        found.append(operation)
    for sequence in sequences:
        found += sequence
    return found

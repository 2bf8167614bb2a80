"""What each operation with money does, beside those of `perform`: one table, from names to deeds.

Accounts are named by their number among the options' accounts.
"""

from collections.abc import Callable

from simulator.world.bank import NAME as SEPA
from simulator.world.rail import NAME as MANUAL
from simulator.world.story import StoryError
from simulator.world.world import World

EVM = "evm"


def _account(world: World, number: int) -> tuple[str, str]:
    name, currency, _limit = world.options.accounts[number % len(world.options.accounts)]
    return name, currency


def _name(world: World, number: int) -> str:
    return _account(world, number)[0]


def _deposit(world: World, number: int, amount: int, reference: int) -> None:
    account, currency = _account(world, number)
    world.treasury.deposit(account, currency, amount, f"paid in {reference}")


def _payout(world: World, number: int, rail: str, mandate: int) -> None:
    account, _currency = _account(world, number)
    details = {"to": f"the box of {account}"}
    name = _rail(world, number, rail)
    if name == SEPA:
        details = world.bank.details(account, mandate=bool(mandate))
    elif name == EVM and world.waterfront is not None:
        _name, details = world.waterfront.place(account)
    world.treasury.propose_payout(account, name, details)


def _rail(world: World, number: int, rail: str) -> str:
    """The rail of this name, where it is there and has the account's currency."""
    if rail not in (MANUAL, SEPA, EVM):
        raise StoryError(f"rail: must be {MANUAL}, {SEPA} or {EVM}, not {rail}")
    there = rail != EVM or world.waterfront is not None
    return rail if there and _account(world, number)[1] == "EUR" else MANUAL


def _receive(world: World, number: int, cents: int, how: str) -> None:
    account, currency = _account(world, number)
    if currency == "EUR":
        world.bank.receive(account, cents, how)


def _told_early(world: World, number: int, cents: int, booked: int) -> None:
    account, currency = _account(world, number)
    if currency != "EUR":
        return
    end_to_end = world.bank.receive(account, cents, "early")
    if booked:
        _tell(world, "notice")
    world.bookkeeper.record_early(account, cents, end_to_end)


def _tell(world: World, what: str) -> None:
    world.bank.tell(what)
    world.bookkeeper.take_in()


def _take_torn(world: World, kept: int) -> None:
    world.bank.tell("again")
    world.bookkeeper.take_in_torn(kept)


def _contradict(world: World) -> None:
    world.bookkeeper.take_in_contradiction()


def _approve_again(world: World) -> None:
    world.treasury.approve_again()


def _approve(world: World, alone: int) -> None:
    world.treasury.approve_withdrawal(alone=bool(alone))


def _bring_back(world: World, back: int) -> None:
    world.rail.bring_back(back)


def _refuse(world: World) -> None:
    world.treasury.refuse_withdrawal()


def _record(world: World) -> None:
    world.bookkeeper.record_by_hand()


def _assign(world: World) -> None:
    world.bookkeeper.assign()


OPERATIONS: dict[str, tuple[str, Callable[..., object]]] = {
    "kill_money": (
        "the next decision on money is killed at {} number {}+1",
        lambda world, point, after: world.treasury.kill_next(point, after),
    ),
    "deposit": ("account {} pays in {}, with reference {}, and that is recorded", _deposit),
    "deposit_mistaken": (
        "a deposit of account {} over {} is recorded that nobody paid",
        lambda world, number, amount: world.treasury.deposit_by_mistake(
            _name(world, number), amount
        ),
    ),
    "reverse": (
        "somebody proposes to reverse a deposit that nobody paid",
        lambda world: world.treasury.propose_reversal(),
    ),
    "approve_reversal": (
        "the reversal of a deposit is approved (alone: {})",
        lambda world, alone: world.treasury.approve_reversal(alone=bool(alone)),
    ),
    "payout": ("it is proposed that account {} is paid over {} (with a mandate: {})", _payout),
    "approve_payout": (
        "a payout account is approved (alone: {}), it cools for {} s",
        lambda world, alone, cooling: world.treasury.approve_payout(
            alone=bool(alone), cooling_s=cooling
        ),
    ),
    "retire_payout": (
        "account {} is paid no more where it was",
        lambda world, number: world.treasury.retire_payout(_name(world, number)),
    ),
    "settle_and_retire": (
        "the operator settles, and account {}'s payout account is retired before transaction {}+1",
        lambda world, number, after: world.treasury.settle_and_retire(_name(world, number), after),
    ),
    "settle_and_approve": (
        "the operator settles, and a payout account is approved before transaction {}+1",
        lambda world, after: world.treasury.settle_and_approve(after),
    ),
    "approve_again": ("what was approved last is approved again", _approve_again),
    "withdraw": (
        "account {} asks {} of its deposits back (0: all that is free) over {}",
        lambda world, number, amount, rail: world.treasury.withdraw(
            _name(world, number), amount, _rail(world, number, rail)
        ),
    ),
    "approve_withdrawal": ("a withdrawal is approved (alone: {}), and handed over", _approve),
    "refuse_withdrawal": ("another person refuses a withdrawal", _refuse),
    "rail_return": ("the rail brings back its payment {} back", _bring_back),
    # The bank
    "bank_reads": (
        "the bank reads its files; it refuses: {}; it books: {}",
        lambda world, refuse, book: world.bank.read(refuse, book),
    ),
    "bank_returns": (
        "the bank's payment {} back is returned (without a word: {})",
        lambda world, back, unsaid: world.bank.bring_back(back, unsaid=bool(unsaid)),
    ),
    "bank_receives": ("account {} pays {} cents in at the bank: {}", _receive),
    "bank_tells": ("the bank makes a file, and what it has is taken in: {}", _tell),
    "told_early": (
        "account {} pays {} cents in at the bank, and somebody records it (booked before: {})",
        _told_early,
    ),
    "bank_file_torn": ("a file of the bank's arrives torn after byte {}", _take_torn),
    "bank_contradicts": ("the bank refuses what it has paid", _contradict),
    "record_by_hand": ("somebody records what the bank has paid, before it tells", _record),
    "assign": ("somebody says what a booking in suspense was", _assign),
}
"""Each operation, in words with its arguments, and what it does; arguments are integers
and words."""

"""The demo's part on the chain: what is done there in which order, and how it is shown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from simulator import local_chain, scene
from simulator.amounts import decimal
from simulator.demo_checks import Check
from simulator.demo_display import heading
from simulator.local_chain import CONFIRMATIONS, DEPOSIT, PAYERS, Balance, Chain
from tallystick import Api

_EXPLAINED = (
    "Nobody was given credit here. Each owner locked a deposit in a contract on a chain, and that "
    "backed its devices' channels once it was a few blocks deep. The run was one transaction of "
    "that contract, signed by the gateway: it moved what each account owes or is owed, net, and no "
    "more. What is free its owner takes out without asking anybody."
)


class DemoChain:
    """A chain with the gateway's escrow, and whoever watches the demo."""

    def __init__(self, console: Console, chain: Chain) -> None:
        self._console = console
        self._chain = chain

    @classmethod
    @contextmanager
    def started(cls, console: Console, folder: Path, program: str) -> Iterator["DemoChain"]:
        """Start a chain for the gateway of a data folder by the program anvil. Raises AnvilError,
        GatewayFailed, OSError."""
        with local_chain.started(folder, program) as chain:
            console.print(f"Chain         {chain.node.url}, its own: a block each second")
            console.print(f"Token         {chain.escrow.coin}, the demo's own money")
            console.print(f"Escrow        {chain.escrow.contract}, holds all deposits")
            yield cls(console, chain)

    def take_deposits(self, folder: Path, api: Api) -> None:
        """Have owners deposit, and wait until that is credited. Raises AnvilError, ApiError,
        GatewayFailed."""
        heading(self._console, "Deposits on the chain")
        self._console.print(
            "No account has credit. Each names its address, and a second person approves that (the "
            "day that this waits elsewhere is left out here)."
        )
        local_chain.name_addresses(self._chain, folder, api)
        local_chain.deposit(self._chain)
        for account in PAYERS:
            amount, owner = decimal(DEPOSIT, scene.SCALE), self._chain.owners[account]
            self._console.print(f"{account:<16}{amount} {scene.CURRENCY} from {owner}")
        local_chain.until_credited(api, self._crediting())

    def _crediting(self) -> Callable[[int, int], None]:
        last: tuple[int, int] | None = None

        def told(confirmations: int, credited: int) -> None:
            nonlocal last
            if last != (confirmations, credited):
                self._console.print(
                    f"              {confirmations} of {CONFIRMATIONS} confirmations, "
                    f"{credited} of {len(PAYERS)} deposits credited"
                )
            last = confirmations, credited

        return told

    def settle(self, api: Api, run: Mapping[str, Any]) -> list[Check]:
        """Wait until a run is final on the chain, and have the payee take out what it earned; what
        was checked of that. Raises AnvilError, ApiError."""
        number = run["run"]
        heading(self._console, f"Run {number} on the chain")
        sent = local_chain.until_final(api, number)
        self._console.print(
            f"Transaction {sent['hash']}\n  block {sent['block']}, {sent['gas']} gas, "
            f"{decimal(int(sent['fee']), 18)} ETH, final after {CONFIRMATIONS} blocks"
        )
        found = local_chain.balances(self._chain, run)
        self._console.print(_table(found))
        units, transaction = local_chain.withdraw(self._chain, scene.PAYEE)
        self._console.print(
            f"{scene.PAYEE} takes out what it earned, {decimal(units, scene.SCALE)} "
            f"{scene.CURRENCY}, by a transaction of its own:\n  {transaction}"
        )
        return local_chain.checks(self._chain, found, number, units)

    def explain(self) -> None:
        """What was shown, in a few sentences."""
        self._console.print(_EXPLAINED)


def _table(found: Sequence[Balance]) -> Table:
    table = Table("Account", title="In the contract, and by the books", min_width=76)
    for column in ("Deposited", "Settled", "Has now", "Books"):
        table.add_column(column, justify="right")
    for each in found:
        amounts = (each.deposited, each.settled, each.held)
        agrees = "agree" if each.agrees else "DIFFER"
        table.add_row(each.account, *(decimal(units, scene.SCALE) for units in amounts), agrees)
    return table

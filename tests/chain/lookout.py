"""A gateway whose rail is on a real chain, behind its API: what tests of looking there are made
of."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.operations import backing, chain, payout_accounts, settlement
from tests.api.house import House, house_in
from tests.chain.harbour import Harbour, owner_of


class Lookout:
    """The gateway, and the chain's harbour."""

    def __init__(self, house: House, harbour: Harbour) -> None:
        self.house = house
        self.harbour = harbour
        self.store, self.rails = house.office.store, house.office.rails

    def settle_there(self, account: str, at: str = "") -> None:
        """Have an account name its address, or another's."""
        details = {"address": owner_of(at or account)}
        row = payout_accounts.propose(self.store, self.rails, account, "evm", details, "token:one")
        payout_accounts.approve(self.store, account, row.id, "token:two", 0)

    def look(self) -> bool:
        """What the gateway does every few seconds: look, and show."""
        return chain.look(self.store, self.rails)

    def credit(self) -> None:
        """What it does as often: take over what is locked."""
        backing.look_at_all(self.store, self.rails)

    def bring_on(self) -> None:
        """And this: bring its batches on."""
        settlement.hand_over(self.store, self.rails)

    def ask(self, path: str = "", **query: object) -> Any:
        """What the API says of the chain to a viewer."""
        answer = self.house.client("viewer").get("/v1/chain" + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def deposits(self, **query: object) -> list[Any]:
        return list(self.ask("/deposits", **query)["items"])

    def transactions(self, **query: object) -> list[Any]:
        return list(self.ask("/transactions", **query)["items"])

    def states(self) -> list[str]:
        """The states of all transactions, the newest first, as of now."""
        self.look()
        return [each["state"] for each in self.transactions()]


@contextmanager
def lookout(data: Path, harbour: Harbour, **changes: object) -> Iterator[Lookout]:
    """A gateway with an account `fleet` that pays `operator`, both settled on the harbour's
    chain."""
    settings = harbour.settings(data.with_name("evm-files"), **changes)
    with house_in(data, None, rails={"evm": settings}) as house:
        house.fleet()
        built = Lookout(house, harbour)
        built.settle_there("fleet")
        built.settle_there("operator")
        yield built

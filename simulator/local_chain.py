"""A chain on this machine for a gateway's rail `evm`: owners who deposit in its escrow, a run that
is settled there, and an owner who takes out what it earned.

Owners use the chain by themselves, as everybody may; of the gateway only its API is asked.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from simulator import anvil, scene
from simulator.anvil import AnvilError, Node
from simulator.contracts import Escrow, deploy_coin
from simulator.demo_checks import Check
from simulator.gateway_process import tallystick_json
from tallystick import Api

CONFIRMATIONS = 3
DEPOSIT = scene.CREDIT
"""What each owner of devices locks, in units of the contract: millionths, as in the books."""
PAYERS = [account for account, _name in (*scene.FLEETS, scene.SENSORS)]
_GAS_MONEY = 10**18
_PATIENCE_SECONDS = 90.0

Told = Callable[[int, int], None]
"""Told of the fewest confirmations that a deposit has, and how many are credited."""


@dataclass(frozen=True)
class Chain:
    """The chain's node, the escrow on it, and the address of each account."""

    node: Node
    escrow: Escrow
    owners: Mapping[str, str]


@dataclass(frozen=True)
class Balance:
    """An account after a run, in units: what it locked, what the books had it pay (below zero: be
    paid), and what the contract says."""

    account: str
    deposited: int
    instructed: int
    settled: int
    held: int

    @property
    def agrees(self) -> bool:
        """Whether chain and books say the same."""
        expected = self.deposited - self.instructed
        return self.settled == -self.instructed and self.held == expected


@contextmanager
def started(folder: Path, program: str) -> Iterator[Chain]:
    """A chain that makes a block each second, with a token and the gateway's escrow on it, which
    the data folder's settings name; `program` is anvil. Raises AnvilError, GatewayFailed,
    OSError."""
    with anvil.running(program, "--silent", folder=folder) as node:
        bank, *owners = (str(to_checksum_address(each)) for each in node.ask("eth_accounts"))
        coin = deploy_coin(node, bank)
        key = tallystick_json(folder, "chain", "key")["address"]
        node.mined(node.send(bank, key, "0x", _GAS_MONEY))
        where = ("--rpc", node.url, "--chain-id", str(anvil.CHAIN), "--token", coin)
        contract = tallystick_json(folder, "chain", "deploy", *where, "--period", "1h")["contract"]
        _set_up(folder / "tallystick.toml", node.url, contract)
        # Each transaction had a block at once so far.
        node.ask("evm_setAutomine", False)
        node.ask("evm_setIntervalMining", 1)
        accounts = (*PAYERS, scene.PAYEE)
        yield Chain(node, Escrow(node, coin, contract), dict(zip(accounts, owners, strict=False)))


def _set_up(settings: Path, rpc: str, contract: str) -> None:
    rail = f"""
[rails.evm]
rpc = "{rpc}"
chain_id = {anvil.CHAIN}
contract = "{contract}"
currency = "{scene.CURRENCY}"
confirmations = {CONFIRMATIONS}
"""
    # What is of no table stands before all tables.
    settings.write_text('payout_cooling = "off"\n' + settings.read_text() + rail)


def name_addresses(chain: Chain, folder: Path, api: Api) -> None:
    """Have one person propose the address of each account, and another approve it. Raises
    ApiError, GatewayFailed."""
    second = tallystick_json(folder, "token", "add", "second-person", "--role", "finance")
    with Api(api.url, second["token"], api.authority) as other:
        for account, address in chain.owners.items():
            path = f"/v1/accounts/{account}/payout-accounts"
            made = api.post(path, {"rail": "evm", "details": {"address": address}})
            other.post(f"{path}/{made['id']}/approve", {})


def deposit(chain: Chain) -> None:
    """Have each owner of devices lock its deposit. Raises AnvilError."""
    sent = [chain.escrow.deposit(chain.owners[account], DEPOSIT) for account in PAYERS]
    for transaction in sent:
        chain.node.mined(transaction)


def until_credited(api: Api, told: Told) -> None:
    """Wait until the gateway has credited every deposit. Raises ApiError, AnvilError."""
    for _ in _patiently("the deposits are not credited"):
        found = list(api.items("/v1/chain/deposits"))
        credited = sum(each["state"] == "credited" for each in found)
        fewest = min((each["confirmations"] for each in found), default=0)
        told(fewest if len(found) == len(PAYERS) else 0, credited)
        if credited == len(PAYERS):
            return


def until_final(api: Api, run: int) -> dict[str, Any]:
    """Wait until a run is final on the chain, and the books know; its transaction. Raises ApiError,
    AnvilError."""
    for _ in _patiently(f"run {run} is not final"):
        instructions = api.get(f"/v1/settlements/{run}/instructions")["items"]
        sent = api.get("/v1/chain/transactions", run=str(run))["items"]
        final = [each for each in sent if each["state"] == "final"]
        if final and all(each["state"] == "done" for each in instructions):
            found: dict[str, Any] = final[0]
            return found
        # Nothing more is due: this only has the rail asked now, and not in some seconds.
        api.post("/v1/settlements", {})
    raise AssertionError  # _patiently ends by an error


def balances(chain: Chain, run: Mapping[str, Any]) -> list[Balance]:
    """Each account in the contract and in a run as the API gives it. Raises AnvilError."""
    found = []
    for position in run["positions"]:
        account = position["account"]
        held = chain.escrow.held(chain.owners[account])
        found.append(
            Balance(
                account,
                DEPOSIT if account in PAYERS else 0,
                int(position["instructed"]["amount"]),
                held.settled,
                held.locked + held.free,
            )
        )
    return found


def withdraw(chain: Chain, account: str) -> tuple[int, str]:
    """Have an account's owner take all that is free: how much, and the transaction. Raises
    AnvilError."""
    owner = chain.owners[account]
    units = chain.escrow.held(owner).free
    transaction = chain.escrow.withdraw(owner, units)
    chain.node.mined(transaction)
    return units, transaction


def checks(chain: Chain, found: list[Balance], run: int, withdrawn: int) -> list[Check]:
    """Whether the chain and the books agree, after a withdrawal. Raises AnvilError."""
    payee = chain.owners[scene.PAYEE]
    owed = sum(each.held for each in found) - withdrawn
    return [
        (f"each account has in the contract what the books say after run {run}", _agree(found)),
        (
            "the contract holds as much of the token as it owes to all",
            chain.escrow.tokens(chain.escrow.contract) == owed,
        ),
        (
            f"{scene.PAYEE} has what it earned at its own address",
            0 < withdrawn == chain.escrow.tokens(payee),
        ),
    ]


def _agree(found: list[Balance]) -> bool:
    return bool(found) and all(each.agrees for each in found)


def _patiently(otherwise: str) -> Iterator[None]:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(0.5)
    raise AnvilError(f"{otherwise} after {_PATIENCE_SECONDS:.0f} seconds")

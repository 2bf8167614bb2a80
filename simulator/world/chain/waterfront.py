"""Where the gateway's rail meets the chain, and its people: owners who lock, leave and claim, and
the operator, who lends the bond. What is final on the chain is told to whoever judges.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from eth_account import Account

from gateway.settlement.rails.evm.rail import EvmRail
from gateway.settlement.rails.evm.settings import read as rail_settings
from simulator.world.broken import Broken
from simulator.world.chain import word
from simulator.world.chain.blocks import BLOCK_S, GWEI, Block, Chain, Transaction
from simulator.world.chain.contract import Contract, Terms
from simulator.world.chain.node import DECIMALS_OF_TOKEN, Nodes
from simulator.world.clock import Clock
from simulator.world.faults import Faults
from simulator.world.movement import Movement
from simulator.world.rail import orders_in
from simulator.world.story import ChainOptions
from simulator.world.watch import Watch

NAME = "evm"
CHAIN = 31337
PERIOD_S = 3_600
"""How long a notice is."""
_PLENTY = 10**13
_DECIMALS = 6
_UNIT = 10 ** (DECIMALS_OF_TOKEN - _DECIMALS)
_MAX_FEE_GWEI = 100
_FIRST = 100 * _PLENTY * _UNIT
"""Tokens that everybody has at first."""
_COUNTED = {"exit": "escrow_left", "claim": "escrow_claimed", "release": "escrow_released"}


def _address(name: str) -> str:
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


class Waterfront:
    """The chain, its nodes, and the rail that asks them. `owners` are addresses by account."""

    def __init__(
        self,
        options: ChainOptions,
        accounts: Sequence[str],
        folder: Path,
        key: bytes,
        clock: Clock,
        watch: Watch,
        faults: Faults,
    ) -> None:
        self.owners = {name: _address(f"owner {name}") for name in accounts}
        self.plenty = _PLENTY
        """Units that nobody here comes to owe."""
        self._watch = watch
        self._faults = faults
        self._operator = _address("operator")
        self._signer = str(Account.from_key(key).address).lower()
        self._folder = folder / NAME
        self._told = dict.fromkeys(accounts, 0)
        """What of each account's `settled` was told as paid for instructions."""
        self._sent = 0
        terms = Terms(CHAIN, _address("escrow"), _address("token"), _UNIT, PERIOD_S)
        people = (self._operator, *self.owners.values())
        first = Contract(terms, self._operator, self._signer, dict.fromkeys(people, _FIRST))
        self.chain = Chain(first, options.confirmations, lambda: clock.now, watch.trace, faults)
        self.chain.told = self._final
        self.nodes = Nodes(self.chain, _MAX_FEE_GWEI * GWEI, watch.trace, faults)
        key_file = folder / "evm.key"
        key_file.touch(mode=0o600)
        key_file.write_bytes(key)
        given = {
            "rpc": [f"http://node-{number}" for number in range(options.nodes)],
            "chain_id": CHAIN,
            "contract": terms.contract,
            "currency": "EUR",
            "confirmations": options.confirmations,
            "max_fee_gwei": _MAX_FEE_GWEI,
        }
        self.rail = EvmRail(rail_settings(folder, given), self.nodes)
        for account, units in options.locked:
            self.lock(account, units)
        self.lend(options.bond)
        for _ in range(options.confirmations):
            self.chain.mine()

    @property
    def settles_in_s(self) -> int:
        """After so many seconds what was sent is final, if nothing is in its way."""
        return BLOCK_S * (self.chain.depth + 1)

    def place(self, account: str) -> tuple[str, dict[str, str]]:
        """The rail over which an account can be paid, and the details for that."""
        return NAME, {"address": self.owners[account]}

    # People

    def lock(self, account: str, units: int) -> None:
        """An owner locks so much."""
        self._send(self.owners[account], "deposit", self.owners[account], units)

    def take(self, account: str, units: int) -> None:
        """An owner takes so much of what is free, or all of it if that is 0."""
        owner = self.owners[account]
        self.chain.catch_up()
        free = self.chain.head.contract.of(owner).free
        self._send(owner, "withdraw", units or free, owner)

    def decide(self, account: str, what: str) -> None:
        """An owner gives notice (`giveNotice`), takes it back (`stay`), or goes (`exit`)."""
        self._send(self.owners[account], what)

    def claim(self, account: str) -> None:
        """An owner shows the contract the gateway's newest word on what is settled with it, if it
        is in it."""
        paths = sorted(
            self._folder.glob("said.*.json"), key=lambda each: int(each.stem.split(".")[1])
        )
        owner = self.owners[account]
        if not paths:
            return
        _said, sequence, batch = paths[-1].stem.split(".", 2)
        content = json.loads(paths[-1].read_text())
        entries = [(int(each, 16), settled) for each, settled in content["entries"]]
        owners = [f"0x{each:040x}" for each, _settled in entries]
        if owner not in owners:
            return
        words = [each << 96 | settled & 0xFFFF_FFFF_FFFF_FFFF for each, settled in entries]
        index = owners.index(owner)
        leaves = [each.to_bytes(32, "big") for each in words]
        r, s, v = content["signature"]
        self._send(
            owner,
            "claim",
            int(sequence),
            hashlib.sha256(batch.encode()).digest(),
            words[index],
            index,
            len(words),
            word.path_of(leaves, index),
            (bytes.fromhex(r), bytes.fromhex(s), v),
        )

    def lend(self, units: int) -> None:
        """The operator adds to the bond."""
        self._send(self._operator, "addBond", units)

    def ask_bond(self, units: int) -> None:
        """The operator announces that so much of the bond will be taken."""
        self._send(self._operator, "askBond", units)

    def take_bond(self) -> None:
        """The operator takes what was announced."""
        self._send(self._operator, "takeBond", self._operator)

    def release(self, account: str, units: int) -> None:
        """The operator frees so much of what an owner has locked."""
        self._send(self._operator, "release", self.owners[account], units)

    def pause(self, *, on: bool) -> None:
        """The operator stops deposits and settlements, or lets them go on."""
        self._send(self._operator, "pause", on)

    def _send(self, sender: str, name: str, *arguments: object) -> None:
        self.chain.catch_up()
        self._sent += 1
        hash_ = "0x" + hashlib.sha256(f"transaction {self._sent}".encode()).hexdigest()
        nonce = self.chain.next_nonce(sender)
        fee = 1_000 * GWEI
        self.chain.send(Transaction(hash_, sender, nonce, fee, 2 * GWEI, name, arguments))

    # Trouble

    def keep_out(self, blocks: int) -> None:
        """No block takes the gateway's transactions, for so many blocks."""
        self.chain.keep_out(self._signer, blocks)

    def mend(self) -> None:
        """End all trouble; everybody stays and locks plenty, and the bond is large enough."""
        self.chain.mend()
        self.nodes.mend()
        self.pause(on=False)
        self.lend(self.plenty)
        for account in self.owners:
            self.decide(account, "stay")
            self.lock(account, self.plenty)

    # What is told

    def _final(self, block: Block) -> None:
        contract = block.contract
        held = {name: contract.of(owner) for name, owner in self.owners.items()}
        locked = {name: 0 if each.leaving else each.locked for name, each in held.items()}
        self._watch.escrow_final(NAME, block.number, locked)
        for transaction, refused in block.done:
            if not refused:
                if transaction.name == "settle":
                    self._settled(transaction, block)
                elif transaction.name in _COUNTED:
                    self._faults.took_effect(_COUNTED[transaction.name])
                elif transaction.name == "pause" and transaction.arguments == (True,):
                    self._faults.took_effect("escrow_paused")
        for name, each in held.items():
            has = contract.tokens[self.owners[name]] + (each.locked + each.free) * _UNIT
            if has != _FIRST + each.settled * _UNIT:
                raise Broken(4, f"{name} has {has} of the token, which is not what is its own")

    def _settled(self, transaction: Transaction, block: Block) -> None:
        """What a settlement has moved, for which instructions."""
        sequence, batch, entries, _signature = transaction.arguments
        paths = [
            path
            for path in self._folder.glob("*.csv")
            if hashlib.sha256(path.stem.encode()).digest() == batch
        ]
        if not paths:
            raise Broken(16, f"settlement {sequence} is of a batch that nobody handed over")
        orders = orders_in(paths[0])
        left_out = {
            values[1]
            for name, values, _more in block.logs
            if (name, values[0]) == ("Short", sequence)
        }
        settled = dict(word.entry(each) for each in entries)
        for name, order in orders:
            owner = self.owners[order.account]
            if owner not in settled:
                raise Broken(16, f"{name}: settlement {sequence} leaves out its account")
            if int(owner, 16) in left_out:
                self._faults.took_effect("escrow_short")
                continue
            units = settled[owner] - self._told[order.account]
            self._told[order.account] = settled[owner]
            moved = Movement(NAME, order.account, order.currency, -units)
            self._watch.rail_moved(moved, name, instructed=True)

    def check_settled(self) -> None:
        """16: nothing is settled on the chain that was not instructed. Raises Broken."""
        for account, owner in self.owners.items():
            settled = self.chain.head.contract.of(owner).settled
            if settled != self._told[account]:
                raise Broken(
                    16, f"{account}: {settled} settled on the chain, {self._told[account]} told"
                )

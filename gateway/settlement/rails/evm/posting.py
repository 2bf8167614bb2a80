"""Getting batches onto the chain: one settlement at a time, signed once, sent until it is there.

What guards against paying twice is the contract's own count: of one number one settlement is ever
posted, whatever was sent how often, from whom and by which process. So whatever is not known for
certain is sent again.
"""

from collections.abc import Sequence

import structlog
from eth_account import Account

from gateway.settlement.rails import RailError
from gateway.settlement.rails.evm import word
from gateway.settlement.rails.evm.escrow import LOGS_AT_ONCE, Escrow, Heights, encoded
from gateway.settlement.rails.evm.record import Batch, Record, Sent
from gateway.settlement.rails.evm.rpc import Nodes, number
from gateway.settlement.rails.evm.settings import Settings
from gateway.settlement.rails.evm.word import Entry, Settlement, Signature

log = structlog.get_logger(__name__)

MOST_OWNERS = 500
"""Owners in one settlement, so that it fits a transaction on any chain (EIP-7825: 2^24 gas)."""
GAS = 100_000
GAS_OF_OWNER = 32_000
"""What a transaction may use: so much, and so much for each owner, of whom the dearest are new."""
PATIENCE = 10
"""Blocks after which a transaction that is in none of them is replaced by a dearer one."""


class Posting:
    """Brings a record's batches to the escrow."""

    def __init__(self, settings: Settings, record: Record, escrow: Escrow, nodes: Nodes) -> None:
        self._settings = settings
        self._record = record
        self._escrow = escrow
        self._nodes = nodes

    def advance(self) -> None:
        """Do what can be done now: note what is final, and sign, send or send again what is next.

        Raises RailError if that waits for something: a node, cheaper gas, more bond.
        """
        with self._record.alone() as nobody_else, self._nodes.connected():
            if nobody_else:
                key = self._settings.key()
                self._escrow.check(str(Account.from_key(key).address))
                heights = self._escrow.heights()
                while self._step(key, heights):
                    pass

    def _step(self, key: bytes, heights: Heights) -> bool:
        """Whether there may be more to do at once."""
        said = self._record.said()
        final = self._escrow.last(heights.confirmed)
        if final > max(said, default=0):
            raise RailError(
                f"evm: the contract has settlement {final}, of which {self._record.folder} has no "
                "record: put the record back from a backup; nothing is signed until then"
            )
        for sequence, batch in said.items():
            if sequence <= final and self._record.outcome(sequence) is None:
                self._conclude(sequence, batch, heights)
        following = final + 1
        if following in said:
            # Sent, or to be sent; also once more, if the chain has forgotten what was final.
            if self._escrow.last(heights.head) < following:
                self._send(key, *self._record.word(following, said[following]), heights)
            return False
        waiting = self._waiting(list(said.values()))
        if waiting is None:
            return False
        self._sign(key, following, *waiting, heights)
        return True

    def _waiting(self, said: Sequence[str]) -> tuple[Batch, int] | None:
        """The first batch that is not all said, and which part of it is next."""
        for batch in self._record.batches():
            part = said.count(batch.name)
            if part * MOST_OWNERS < len(batch.changes):
                return batch, part
        return None

    def _sign(self, key: bytes, sequence: int, batch: Batch, part: int, heights: Heights) -> None:
        # Who pays comes first, so that the bond need not lend what a later part collects.
        ordered = sorted(batch.changes.items(), key=lambda change: (change[1] > 0, change[0]))
        changes = dict(ordered[part * MOST_OWNERS : (part + 1) * MOST_OWNERS])
        held = self._escrow.held(list(changes), heights.confirmed)
        entries = [Entry(owner, held[owner].settled + change) for owner, change in changes.items()]
        for each in entries:
            if abs(each.settled) > word.MOST_UNITS:
                raise RailError(f"evm: {each.owner}: has settled as much as the contract counts")
        said = Settlement(sequence, batch.name, tuple(entries))
        signature = word.sign(key, self._settings.chain_id, self._settings.contract, said)
        self._record.keep_said(said, signature, heights.confirmed)

    def _conclude(self, sequence: int, batch: str, heights: Heights) -> None:
        said, _signature = self._record.word(sequence, batch)
        if self._escrow.root(sequence, heights.confirmed) != said.root:
            raise RailError(f"evm: settlement {sequence} on the chain is not the one of the record")
        # A little before it was signed too, for a branch that is shorter than the one of then.
        first = max(0, self._record.said_at(sequence, batch) - LOGS_AT_ONCE)
        short = self._escrow.left_out(sequence, first, heights.confirmed)
        self._record.keep_outcome(sequence, heights.confirmed, short)
        log.info("settlement is final", settlement=sequence, batch=batch, left_out=len(short))

    def _send(self, key: bytes, said: Settlement, signature: Signature, heights: Heights) -> None:
        sent = self._record.sent(said.sequence)
        sender = str(Account.from_key(key).address)
        counts = self._nodes.each("eth_getTransactionCount", sender, "latest")
        nonce = max(number(each) for each in counts)
        if sent and sent[-1].nonce == nonce and heights.head - sent[-1].block < PATIENCE:
            self._nodes.broadcast(sent[-1].raw)
            return
        # A nonce that is used up and brought nothing was a refusal, or another branch's: anew.
        data = encoded("settle", said.sequence, said.batch_hash, said.words, signature)
        self._escrow.would(sender, data)
        stuck = sent[-1] if sent and sent[-1].nonce == nonce else None
        fee, tip = self._fees(stuck)
        signed = Account.sign_transaction(
            {
                "type": 2,
                "chainId": self._settings.chain_id,
                "nonce": nonce,
                "to": self._settings.contract,
                "value": 0,
                "data": data,
                "gas": GAS + GAS_OF_OWNER * len(said.entries),
                "maxFeePerGas": fee,
                "maxPriorityFeePerGas": tip,
            },
            key,
        )
        name, raw = signed.hash.to_0x_hex(), signed.raw_transaction.to_0x_hex()
        self._record.keep_sent(
            said.sequence, [*sent, Sent(nonce, name, raw, fee, tip, heights.head)]
        )
        self._nodes.broadcast(raw)
        log.info("settlement sent", settlement=said.sequence, batch=said.batch, transaction=name)

    def _fees(self, stuck: Sent | None) -> tuple[int, int]:
        """What to offer for gas, in wei: in all, and as a tip; more than what is stuck offered.

        Raises RailError if that is more than the settings allow.
        """
        blocks = self._nodes.each("eth_getBlockByNumber", "latest", False)
        base = max(number(each.get("baseFeePerGas", "0x0")) for each in blocks)
        most = self._settings.max_fee
        wished = max(number(each) for each in self._nodes.each("eth_maxPriorityFeePerGas"))
        tip = min(wished, max(0, most - base))
        least = base + tip
        if stuck is not None:
            # Nodes take a replacement from a tenth more on.
            tip = max(tip, stuck.tip * 5 // 4 + 1)
            least = max(base + tip, stuck.fee * 5 // 4 + 1)
        if least > most:
            raise RailError(
                f"evm: gas costs {-(-least // 10**9)} gwei, above rails.evm.max_fee_gwei = "
                f"{most // 10**9}; what waits is sent when it is cheaper"
            )
        return min(most, max(least, 2 * base + tip)), tip

"""Looking at the chain for people: nodes, deposits and what became of transactions.

Reads only, and decides nothing. What may reach a page is said here: nodes by their hosts, and no
word of a node's own, which may hold what it was asked with.
"""

from collections.abc import Collection, Iterable

import structlog
from eth_utils.address import to_checksum_address

from gateway.settlement.rails import RailError
from gateway.settlement.rails.evm import answers
from gateway.settlement.rails.evm.answers import Receipt
from gateway.settlement.rails.evm.escrow import LOGS_AT_ONCE, Escrow, Heights, topic
from gateway.settlement.rails.evm.record import Record, Sent
from gateway.settlement.rails.evm.rpc import Nodes, Refusal, number
from gateway.settlement.rails.evm.settings import Settings
from gateway.settlement.rails.onchain import (
    Deposit,
    Look,
    NodeSeen,
    Sight,
    Transaction,
    TransactionState,
)

log = structlog.get_logger(__name__)

BLOCKS_AT_ONCE = 20 * LOGS_AT_ONCE
"""Blocks that one look searches for deposits, and where the first one begins below the head."""


class Watching:
    """Looks at one contract, and at the record of what was sent to it."""

    def __init__(self, settings: Settings, record: Record, escrow: Escrow, nodes: Nodes) -> None:
        self._settings = settings
        self._record = record
        self._escrow = escrow
        self._nodes = nodes
        self._logged = ""

    def look(self, scanned: int | None, decided: Collection[int]) -> Look:
        """As `onchain.OnChain.look`."""
        with self._nodes.connected():
            seen = tuple(self._each_node())
            wrong = [f"{each.host}: {each.trouble}" for each in seen if each.trouble]
            if wrong:
                return Look(seen, "; ".join(wrong), None)
            try:
                signer = self._settings.signer()
            except RailError as error:  # names a path, which is the log's alone
                self._log(error)
                return Look(seen, "the key can't be read; the gateway's log says more", None)
            try:
                sight = self._sight(signer, scanned, decided)
            except RailError as error:
                self._log(error)
                return Look(seen, _said(error), None)
            self._logged = ""
            return Look(seen, "", sight)

    def _log(self, error: RailError) -> None:
        """Log an error, if it was not the last one."""
        if str(error) != self._logged:
            self._logged = str(error)
            log.warning("the chain can't be seen", error=self._logged)

    def _each_node(self) -> Iterable[NodeSeen]:
        for host, answer in self._nodes.one_by_one("eth_blockNumber"):
            try:
                if isinstance(answer, RailError):
                    self._log(answer)
                    raise answer
                yield NodeSeen(host, answers.count(answer), "")
            except RailError as error:
                yield NodeSeen(host, None, _said(error).removeprefix(f"node {host}: "))

    def _sight(self, signer: str, scanned: int | None, decided: Collection[int]) -> Sight:
        self._escrow.check(signer)
        heights = self._escrow.heights()
        head = hex(answers.fitting(heights.head))
        if scanned is None or scanned > heights.confirmed:  # or the chain went back behind it
            first = max(0, heights.confirmed - BLOCKS_AT_ONCE + self._settings.confirmations)
        else:
            first = scanned + 1
        last = min(heights.head, first + BLOCKS_AT_ONCE - 1)
        balances = self._nodes.each("eth_getBalance", signer, "latest")
        names = ("token", "last", "bond", "held", "paused")
        token, settlements, bond, held, paused = (
            self._escrow.view(name, head)[0] for name in names
        )
        return Sight(
            head=heights.head,
            head_at=self._time_of(heights.head),
            confirmed=heights.confirmed,
            token=str(to_checksum_address(token)),
            signer=signer,
            balance=min(number(each) for each in balances),
            settlements=answers.fitting(settlements),
            recorded=max(self._record.said(), default=0),
            bond=answers.fitting(bond),
            held=answers.fitting(held),
            paused=paused,
            first=first,
            last=last,
            deposits=tuple(self._deposits(first, last)),
            transactions=tuple(self._transactions(signer, heights, decided)),
        )

    def _time_of(self, block: int) -> int:
        return int(
            self._nodes.agreed("eth_getBlockByNumber", hex(block), False, of=answers.timestamp)
        )

    def _deposits(self, first: int, last: int) -> Iterable[Deposit]:
        times: dict[int, int] = {}
        for start in range(first, last + 1, LOGS_AT_ONCE):
            asked = {
                "address": self._settings.contract,
                "topics": [topic("Deposited")],
                "fromBlock": hex(start),
                "toBlock": hex(min(start + LOGS_AT_ONCE - 1, last)),
            }
            for block, position, name, owner, units in self._nodes.agreed(
                "eth_getLogs", asked, of=answers.deposits
            ):
                if block not in times:
                    times[block] = self._time_of(block)
                yield Deposit(block, position, times[block], name, owner, units)

    def _transactions(
        self, signer: str, heights: Heights, decided: Collection[int]
    ) -> Iterable[Transaction]:
        said = self._record.said()
        newest = max(said, default=0)
        sent = {
            # The newest also where all seemed decided: the chain may have forgotten it.
            sequence: self._record.sent(sequence)
            for sequence in said
            if sequence not in decided or sequence == newest
        }
        if not any(sent.values()):
            return
        used, used_finally = (
            max(map(number, self._nodes.each("eth_getTransactionCount", signer, at)))
            for at in ("latest", hex(heights.confirmed))
        )
        for sequence, each in sent.items():
            receipts = [self._receipt_of(one) for one in each]
            for place, (one, receipt) in enumerate(zip(each, receipts, strict=True)):
                newer = any(other.nonce == one.nonce for other in each[place + 1 :])
                gone = receipt is None and (newer or one.nonce < used)
                yield Transaction(
                    settlement=sequence,
                    place=place,
                    batch=said[sequence],
                    hash=one.hash,
                    nonce=one.nonce,
                    state="replaced" if gone else self._state(one, receipt, heights),
                    block=receipt.block if receipt else None,
                    gas=receipt.gas if receipt else None,
                    fee=receipt.fee if receipt else None,
                    decided=one.nonce < used_finally,
                )

    def _state(self, one: Sent, receipt: Receipt | None, heights: Heights) -> TransactionState:
        """Of one whose nonce is not another's."""
        if receipt is None:
            known = self._nodes.each("eth_getTransactionByHash", one.hash)
            return "sent" if any(known) else "dropped"
        if receipt.status != 1:
            return "reverted"
        return "final" if receipt.block <= heights.confirmed else "mined"

    def _receipt_of(self, one: Sent) -> Receipt | None:
        """What came of a transaction, where all nodes say the same."""
        said = self._nodes.each("eth_getTransactionReceipt", one.hash)
        found = [answers.receipt(each) for each in said]
        return found[0] if all(each == found[0] for each in found) else None


def _said(error: RailError) -> str:
    """An error as a page may show it."""
    if isinstance(error, Refusal):
        return "a node refused to answer; the gateway's log says more"
    return str(error).removeprefix("evm: ")

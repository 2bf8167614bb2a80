"""/v1/chain: the chain that the rail `evm` settles on, as it was last seen.

No request asks a node: the gateway looks by itself every few seconds, and this tells what it saw.
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.services import Office
from gateway.api.shapes import MAX, Cursor, Limit, Money, Page, cursor_of, place_of
from gateway.operations import chain
from gateway.operations.chain import DepositShown, DepositState, Shown
from gateway.settlement.rails.onchain import Facts, TransactionState

router = APIRouter(prefix="/chain", tags=["settlements"])

Wei = Annotated[str, Field(pattern="^[0-9]+$", description="Wei, 10^-18 of the chain's own coin.")]
Account = Annotated[
    str | None, Query(pattern="^[a-z0-9-]{1,40}$", description="Only deposits for this account.")
]
RunOf = Annotated[int | None, Query(ge=1, le=MAX, description="Only what was sent for this run.")]


class NodeOut(BaseModel):
    """A node, by its host: the newest block that it has, and what is wrong with it, empty if
    nothing is."""

    host: str
    head: int | None
    trouble: str


class BlockOut(BaseModel):
    """A block, and its time in Unix seconds."""

    number: int
    at: int


class SeenOut(BaseModel):
    """What the nodes agreed on at Unix second `at`: the newest block `head`, the newest that is
    final, the token, the key that signs runs and what it has for gas; how many settlements the
    contract has, and how many the rail has signed; the operator's bond, and all that is held."""

    at: int
    head: BlockOut
    confirmed: int
    token: str
    signer: str
    gas_balance: Wei
    settlements: int
    recorded: int
    bond: Money
    held: Money
    paused: bool


class ChainOut(BaseModel):
    """The chain at Unix second `at`: `confirmations` blocks make something final. `looked_at` is
    when the gateway looked last, null if it has not yet. `trouble` says why it could not see, empty
    if it could; `seen` is then what it saw before that."""

    at: int
    rail: str
    chain_id: int
    contract: str
    currency: str
    confirmations: int
    looked_at: int | None
    trouble: str
    nodes: list[NodeOut]
    seen: SeenOut | None


class Chains(BaseModel):
    """The chain that a rail of this gateway is on; none if no rail is on one."""

    items: list[ChainOut]


class ChainDepositOut(BaseModel):
    """A deposit for `owner` in a block of Unix second `at`. It is `confirming` until it is
    `confirmations_needed` deep and was looked at, and then `credited`: it is part of what its
    account has locked, which backs the account's channels unless notice was given. `unassigned` is
    what no account, or more than one, names by its address."""

    transaction: str
    block: int
    position: int
    at: int
    owner: str
    account_id: str | None
    amount: Money
    confirmations: int
    confirmations_needed: int
    state: DepositState


class TransactionOut(BaseModel):
    """A transaction that the rail sent for settlement number `settlement` of the contract, of a
    batch: a run's, or a withdrawal's instruction. `sent`: in no block yet. `mined`: in one, not
    deep enough. `final`: deep enough. `reverted`: the contract refused it. `replaced`: another of
    its nonce took its place. `dropped`: no node has it any more; the rail sends anew what is still
    needed. What it cost is in `fee`."""

    hash: str
    settlement: int
    batch: str
    run: int | None
    nonce: int
    state: TransactionState
    block: int | None
    gas: int | None
    fee: Wei | None


def chain_out(shown: Shown) -> ChainOut:
    """The chain as the API shows it."""
    facts, seen = shown.facts, shown.seen
    return ChainOut(
        at=shown.at,
        rail=chain.RAIL,
        chain_id=facts.chain_id,
        contract=facts.contract,
        currency=facts.currency,
        confirmations=facts.confirmations,
        looked_at=None if seen is None else seen.looked_at,
        trouble="" if seen is None else seen.trouble,
        nodes=[] if seen is None else [NodeOut(**each) for each in json.loads(seen.nodes)],
        seen=None if seen is None or seen.seen_at is None else seen_out(seen, facts),
    )


def seen_out(row: Row[Any], facts: Facts) -> SeenOut:
    """What was last seen as the API shows it."""
    return SeenOut(
        at=row.seen_at,
        head=BlockOut(number=row.head, at=row.head_at),
        confirmed=row.confirmed,
        token=row.token,
        signer=row.signer,
        gas_balance=row.balance,
        settlements=row.settlements,
        recorded=row.recorded,
        bond=_money(row.bond, facts),
        held=_money(row.held, facts),
        paused=row.paused,
    )


def _money(units: int, facts: Facts) -> Money:
    return Money(amount=units, currency=facts.currency, scale=facts.decimals)


def deposit_out(shown: DepositShown, facts: Facts) -> ChainDepositOut:
    """A deposit as the API shows it."""
    row = shown.row
    return ChainDepositOut(
        transaction=row.transaction,
        block=row.block,
        position=row.position,
        at=row.at,
        owner=row.owner,
        account_id=shown.account_id,
        amount=_money(row.units, facts),
        confirmations=shown.confirmations,
        confirmations_needed=facts.confirmations,
        state=shown.state,
    )


def transaction_out(row: Row[Any]) -> TransactionOut:
    """A transaction as the API shows it."""
    kind, _, number = row.batch.partition("-")
    return TransactionOut(
        hash=row.hash,
        settlement=row.settlement,
        batch=row.batch,
        run=int(number) if kind == "run" and number.isdecimal() else None,
        nonce=row.nonce,
        state=row.state,
        block=row.block,
        gas=row.gas,
        fee=row.fee,
    )


@router.get("", operation_id="getChain")
def get_chain(office: Office) -> Chains:
    """How the chain stood when it was last looked at."""
    shown = chain.show(office.store, office.rails)
    return Chains(items=[] if shown is None else [chain_out(shown)])


@router.get("/deposits", operation_id="listChainDeposits")
def list_chain_deposits(
    office: Office, account: Account = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[ChainDepositOut]:
    """Deposits in the contract, the newest first: those from 40,000 blocks before the gateway
    first looked. Empty if no rail of this gateway is on a chain."""
    before = place_of(cursor)
    found = chain.deposits(office.store, office.rails, before=before, limit=limit, account=account)
    if found is None:
        return Page(items=[], next=None)
    facts, page = found
    last = page.items[-1].row if page.more else None
    return Page(
        items=[deposit_out(each, facts) for each in page.items],
        next=None if last is None else cursor_of(f"{last.block}.{last.position}"),
    )


@router.get("/transactions", operation_id="listChainTransactions")
def list_chain_transactions(
    office: Office, run: RunOf = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[TransactionOut]:
    """Transactions that the rail sent, the newest first. Empty if none is on a chain."""
    before = place_of(cursor)
    found = chain.transactions(office.store, office.rails, before=before, limit=limit, run=run)
    last = found.items[-1] if found.more else None
    return Page(
        items=[transaction_out(row) for row in found.items],
        next=None if last is None else cursor_of(f"{last.settlement}.{last.place}"),
    )

"""`tallystick chain`: setting up the rail `evm`, looking at it, and what owners can show it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel

from gateway.commands import shared
from gateway.config import ConfigError, seconds
from gateway.operations.payout_accounts import check_rail
from gateway.settlement import instructions
from gateway.settlement.rails import RailError

if TYPE_CHECKING:  # they need an extra, which others can do without
    from gateway.settlement.rails.evm.rail import EvmRail

app = typer.Typer(add_completion=False, no_args_is_help=True)


class KeyOut(BaseModel):
    """The address of a signing key."""

    file: str
    address: str


class DeployedOut(BaseModel):
    """A contract that was deployed."""

    contract: str
    operator: str


class EscrowOut(BaseModel):
    """The contract, as the newest block has it; amounts in units."""

    contract: str
    head: int
    confirmed: int
    settlements: int
    recorded: int
    bond: int
    held: int
    paused: bool


class RecoveredOut(BaseModel):
    """What was missing in the rail's record: settlements by their numbers, and batches."""

    settlements: list[int]
    batches: list[str]


def _needs_extra() -> None:
    try:
        import eth_account  # noqa: F401
    except ImportError as error:
        raise RailError(f"the chain: {error}; is tallystick[evm] installed?") from error


def _rail(context: typer.Context) -> "EvmRail":
    _needs_extra()
    from gateway.settlement.rails.evm.rail import EvmRail

    rails = shared.settings(context).all_rails()
    found = check_rail(rails, "evm")
    if not isinstance(found, EvmRail):
        raise RailError("rail evm: is another package's")
    return found


def _key_file(context: typer.Context) -> Path:
    config = shared.settings(context)
    return Path(str(config.rails.get("evm", {}).get("key_file", config.data / "evm.key")))


@app.command()
def key(context: typer.Context) -> None:
    """Make the key that signs runs, unless there is one, and show its address."""
    _needs_extra()
    from gateway.settlement.rails.evm.settings import address_in

    path = _key_file(context)
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
    shared.show(context, KeyOut(file=str(path), address=address_in(path)))


@app.command()
def deploy(
    context: typer.Context,
    rpc: Annotated[str, typer.Option(help="URL of a node.")],
    chain_id: Annotated[int, typer.Option(min=1, help="Of which chain it must be.")],
    token: Annotated[str, typer.Option(help="Address of the ERC-20 token.")],
    decimals: Annotated[int, typer.Option(min=0, max=18, help="Of the currency, in a unit.")] = 6,
    period: Annotated[str, typer.Option(help="What an exit waits, 1h to 30d.")] = "7d",
    max_fee_gwei: Annotated[int, typer.Option(min=1, help="What gas may cost.")] = 50,
) -> None:
    """Put an escrow on a chain; the key of `chain key` pays for it, and signs for it."""
    _needs_extra()
    from gateway.settlement.rails.evm.deploying import Plan, deploy
    from gateway.settlement.rails.evm.rpc import Nodes
    from gateway.settlement.rails.evm.settings import address_in, check_address, key_in

    try:
        waits = seconds(period)
    except ValueError as error:
        raise ConfigError(f"period: {error}") from error
    plan = Plan(chain_id, check_address("token", token), decimals, waits, max_fee_gwei * 10**9)
    path = _key_file(context)
    contract = deploy(Nodes([rpc]), plan, key_in(path))
    note = "write it to [rails.evm], and hand the operator's part to a key of your own"
    shared.show(context, DeployedOut(contract=contract, operator=address_in(path)), note)


@app.command()
def show(context: typer.Context) -> None:
    """How far the chain and the rail's record are, and what the contract holds."""
    rail = _rail(context)
    with rail.nodes.connected():
        rail.escrow.check(rail.settings.signer())
        heights = rail.escrow.heights()
        views = ("last", "bond", "held", "paused")
        last, bond, held, paused = (rail.escrow.view(name, hex(heights.head))[0] for name in views)
    out = EscrowOut(
        contract=rail.settings.contract,
        head=heights.head,
        confirmed=heights.confirmed,
        settlements=last,
        recorded=max(rail.record.said(), default=0),
        bond=bond,
        held=held,
        paused=paused,
    )
    shared.show(context, out)


@app.command()
def recover(context: typer.Context) -> None:
    """Make the rail's record again, from the chain and the books, after it was lost."""
    rail = _rail(context)
    from gateway.settlement.rails.evm import recovery

    with shared.office(context) as office:
        with office.store.read() as conn:
            waiting = instructions.waiting_at(conn, rail.name)
            given = {
                name: recovery.Given(batch, waiting & {each.id for each in batch})
                for name, batch in instructions.given(conn, rail.name).items()
            }
        found = recovery.recover(rail, given)
    out = RecoveredOut(settlements=found.settlements, batches=found.batches)
    shared.show(context, out)


@app.command()
def word(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="An owner's address.")],
) -> None:
    """The gateway's newest word on an owner, as JSON: what the contract's `claim` takes."""
    from gateway.settlement.rails.evm.settings import check_address

    rail = _rail(context)
    owner = check_address("address", address)
    for sequence, batch in sorted(rail.record.said().items(), reverse=True):
        said, (r, s, v) = rail.record.word(sequence, batch)
        for entry in said.entries:
            if entry.owner == owner:
                index, path = said.path(owner)
                proof: dict[str, Any] = {
                    "contract": rail.settings.contract,
                    "chain_id": rail.settings.chain_id,
                    "sequence": sequence,
                    "batch": _hex(said.batch_hash),
                    "entry": _hex(entry.leaf),
                    "index": index,
                    "count": len(said.entries),
                    "path": [_hex(each) for each in path],
                    "signature": {"r": _hex(r), "s": _hex(s), "v": v},
                }
                typer.echo(json.dumps(proof, indent=2))
                return
    raise RailError(f"address: nothing was ever settled with {owner}")


def _hex(value: bytes) -> str:
    return "0x" + value.hex()

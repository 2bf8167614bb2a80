"""`tallystick demo`: everything at once, on this machine, from nothing to settled books.

It starts the real broker and the real gateway as processes of their own and uses them as an
operator would, by command line and API. What is shown is what they answer.
"""

import asyncio
import base64
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from protocol import envelope
from protocol.statements import read_statement
from simulator import scene
from simulator.broker import BrokerError, find_mosquitto, start_broker
from simulator.client import Api, ApiError
from simulator.fleet import Broker, Fleet, Member, accepted_units
from simulator.gateway_process import GatewayFailed, GatewayProcess, tallystick, tallystick_json
from simulator.run import Progress, Unpaid, run

app = typer.Typer(add_completion=False)
_SPEED = 240


@app.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Leave all running until Ctrl-C.")] = False,
    devices: Annotated[int, typer.Option(min=1, max=2000, help="Simulated devices.")] = 50,
    seconds: Annotated[int, typer.Option(min=2, help="How long they consume.")] = 20,
    data: Annotated[
        Path | None, typer.Option(help="Data folder, new; a temporary one if not given.")
    ] = None,
) -> None:
    """Broker, gateway and a fleet on this machine: stream, settle, check the books.

    Exit status 0 if every unit metered was paid for and everything verifies.
    """
    console = Console(highlight=False)
    # A supervisor's SIGTERM ends it as cleanly as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _folder(data) as folder:
            good = _show(console, folder, devices, seconds, keep)
    except KeyboardInterrupt:
        console.print("\nStopped; everything that was started has been ended.")
        raise typer.Exit(130) from None
    except (BrokerError, GatewayFailed, ApiError, Unpaid, OSError) as error:
        typer.echo(f"demo: {error}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if good else 1)


@contextlib.contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        if data.exists() and any(data.iterdir()):
            raise BrokerError(f"--data: {data} is not empty; the demo makes a gateway of its own")
        yield data
        return
    made = Path(tempfile.mkdtemp(prefix="tallystick-demo-"))
    # The broker gives up root, and must still reach its own files below.
    made.chmod(0o711)
    try:
        yield made / "data"
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _show(console: Console, folder: Path, devices: int, seconds: int, keep: bool) -> bool:
    console.rule("Tallystick demo")
    if find_mosquitto() is None:
        console.print(
            "No Mosquitto here: using the embedded broker. It is slower, forgets all when it "
            "ends, and is not for real use. To mend that: apt-get install mosquitto"
        )
    made = tallystick_json(folder, "init")
    token = folder / "admin.token"
    token.touch(mode=0o600)
    token.write_text(made["admin_token"] + "\n")
    console.print(f"Gateway key   {made['gateway_key']}")
    with start_broker(folder) as broker, GatewayProcess(folder, broker.port) as gateway:
        console.print(f"Broker        {broker.host}:{broker.port}, a password for each device")
        console.print(f"Gateway, API  {gateway.url}")
        with Api(gateway.url, made["admin_token"]) as api:
            members = _register(console, api, Broker(broker.host, broker.port), devices)
            _stream(console, api, members, seconds)
            good = _settle(console, api, folder, members)
            if keep:
                _keep(console, gateway.url, folder, token)
    return good


def _register(console: Console, api: Api, broker: Broker, devices: int) -> list[Member]:
    scene.add_accounts(api)
    scene.add_tariffs(api)
    members = list(scene.mixed(api, broker, devices, _SPEED, False, seed=1))
    console.print(
        f"Devices       {devices}: each with a key that it made itself, and its own connection"
    )
    return members


def _stream(console: Console, api: Api, members: list[Member], seconds: int) -> None:
    console.rule(f"{seconds} seconds of charging and measuring, {_SPEED} times as fast as life")

    def tell(progress: Progress) -> None:
        totals = progress.totals
        amount = sum(_acknowledged(member) for member in members)
        console.print(
            f"{progress.elapsed:4.0f} s  {totals.open_channels:4} channels open  "
            f"{progress.rate:5.0f} IOUs/s  {progress.accepted:7} accepted  "
            f"{_decimal(amount, 6)} EUR"
        )

    asyncio.run(run(Fleet(members), api, _until(seconds), tell))


def _acknowledged(member: Member) -> int:
    return sum(channel.acked_amount for channel in member.device.channels)


def _until(seconds: int) -> Callable[[float], bool]:
    return lambda elapsed: elapsed >= seconds


def _settle(console: Console, api: Api, folder: Path, members: list[Member]) -> bool:
    console.rule("Settlement")
    runs = api.post("/v1/settlements", {})["runs"]
    if not runs:
        console.print("FAIL  nothing was paid, so there is nothing to settle")
        return False
    run_ = runs[0]
    detail = api.get(f"/v1/settlements/{run_['run']}")
    table = Table("Account", "Owes", "Is owed", "Net", title=f"Run {run_['run']}: net positions")
    for position in detail["positions"]:
        table.add_row(
            position["account"],
            _money(position["debits"]),
            _money(position["credits"]),
            _money(position["net"]),
        )
    console.print(table)
    _show_statement(console, api, run_["run"], scene.FLEETS[0][0])
    metered = sum(member.device.total for member in members)
    units, _amount = accepted_units(api, members)
    checks = [
        (f"{metered} units metered, {units} accepted and settled", metered == units),
        *_proofs(folder, run_["run"], scene.FLEETS[0][0], api),
    ]
    console.rule("Checks")
    for what, good in checks:
        console.print(f"{'ok  ' if good else 'FAIL'}  {what}")
    return all(good for _, good in checks)


def _show_statement(console: Console, api: Api, run_: int, account: str) -> None:
    """The signed statement of one account, as it reads."""
    message = api.read(f"/v1/settlements/{run_}/statements/{account}")
    said = read_statement(envelope.parse_sign1("statement", message).payload)
    console.print(
        f"Statement of {said.account}, run {said.run}, signed by the gateway:\n"
        f"  {said.line_count} channels, owes {_decimal(said.debits, said.scale)} {said.currency}, "
        f"is owed {_decimal(said.credits, said.scale)} {said.currency}\n"
        f"  Merkle root of its lines  {said.lines_root.hex()[:32]}...\n"
        f"  head of the journal       {said.journal_head.hex()[:32]}..."
    )


def _proofs(folder: Path, run_: int, account: str, api: Api) -> list[tuple[str, bool]]:
    statement, lines, iou, terms = (
        folder / name for name in ("statement.cbor", "lines.cbor", "iou.cbor", "open.cbor")
    )
    base = f"/v1/settlements/{run_}/statements/{account}"
    statement.write_bytes(api.read(base))
    lines.write_bytes(api.read(base + "/lines"))
    books = tallystick(folder, "books")
    proofs = [("the books balance and every IOU verifies (tallystick books)", books == 0)]
    key = tallystick_json(folder, "init")["gateway_key"]
    verified = tallystick(folder, "verify", str(statement), "--lines", str(lines), "--key", key)
    proofs.append((f"the statement of {account} verifies offline", verified == 0))
    channel = next(api.items("/v1/channels", account=account, limit="1"), None)
    if channel is not None:
        proof = api.get(f"/v1/channels/{channel['id']}")
        terms.write_bytes(base64.b64decode(proof["open_message"]))
        if proof["iou_message"]:
            iou.write_bytes(base64.b64decode(proof["iou_message"]))
            checked = tallystick(folder, "verify", str(terms), str(iou))
            proofs.append(("an IOU verifies offline with its channel's terms", checked == 0))
    return proofs


def _decimal(amount: int, scale: int) -> str:
    whole, part = divmod(abs(amount), 10**scale)
    return f"{'-' if amount < 0 else ''}{whole}.{part:0{scale}}"


def _money(value: dict[str, Any]) -> str:
    return f"{_decimal(int(value['amount']), value['scale'])} {value['currency']}"


def _keep(console: Console, url: str, folder: Path, token: Path) -> None:
    console.rule("Still running")
    console.print(f"API            {url}/docs")
    console.print(f"Admin token    {token}")
    console.print(f"Data folder    {folder}")
    console.print(
        f'Try            curl -H "Authorization: Bearer $(cat {token})" {url}/v1/accounts'
    )
    console.print("Ctrl-C ends it all.")
    sys.stdout.flush()
    while True:
        time.sleep(3600)

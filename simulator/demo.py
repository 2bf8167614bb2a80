"""`tallystick demo`: everything at once, on this machine, from nothing to settled books.

It starts the real broker and the real gateway as processes of their own and uses them as an
operator would, by command line and API. This file holds the order of things; what is shown is in
`demo_display`, what is checked in `demo_checks`.
"""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from protocol import envelope
from protocol.statements import read_statement
from simulator import anvil, demo_checks, demo_display, scene
from simulator.anvil import AnvilError
from simulator.broker import Broker as BrokerProcess
from simulator.broker import BrokerError, find_mosquitto, start_broker
from simulator.demo_display import heading
from simulator.fleet import Broker, Fleet, Member
from simulator.gateway_process import GatewayFailed, GatewayProcess, tallystick_json
from simulator.run import Unpaid, run
from tallystick import Api, ApiError

if TYPE_CHECKING:  # needs an extra, which the demo can do without
    from simulator.demo_chain import DemoChain

app = typer.Typer(add_completion=False)
_SPEED = 240
_KEPT_LINE_SECONDS = 60
_LATE_SECONDS = 60
"""How much longer it runs, at most, where a device has paid nothing yet."""


class Rail(StrEnum):
    """By what the demo's run is settled."""

    manual = "manual"
    evm = "evm"


@dataclass
class _Show:
    """What was asked for, and how far it has come, for the moment when it is interrupted."""

    console: Console
    devices: int
    seconds: int
    keep: bool
    tls: bool
    rail: Rail
    kept: bool = False


@app.command()
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave all running, devices too, until Ctrl-C.")
    ] = False,
    devices: Annotated[int, typer.Option(min=1, max=2000, help="Simulated devices.")] = 50,
    seconds: Annotated[
        int, typer.Option(min=2, max=86_400, help="How long they consume, at least.")
    ] = 25,
    data: Annotated[
        Path | None, typer.Option(help="Data folder, new; a temporary one if not given.")
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="TLS everywhere, and a certificate for each device.")
    ] = False,
    rail: Annotated[
        Rail, typer.Option(help="What settles: a file for people, or a contract on a local chain.")
    ] = Rail.manual,
) -> None:
    """Broker, gateway and a fleet on this machine: stream, settle, check the books.

    Exit status 0 if every unit metered was paid for and everything verifies, 130 if it was
    interrupted before that.
    """
    show = _Show(Console(highlight=False), devices, seconds, keep, tls, rail)
    # A supervisor's SIGTERM ends it as cleanly as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _folder(data) as folder:
            good = _run(show, folder)
    except KeyboardInterrupt:
        show.console.print("\nStopped; everything that was started has been ended.")
        raise typer.Exit(0 if show.kept else 130) from None
    except (BrokerError, GatewayFailed, ApiError, AnvilError, Unpaid, OSError) as error:
        typer.echo(f"demo: {error}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if good else 1)


@contextlib.contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        if data.exists() and (not data.is_dir() or any(data.iterdir())):
            raise BrokerError(
                f"--data: {data} is not an empty folder; the demo makes a new gateway"
            )
        yield data
        return
    made = Path(tempfile.mkdtemp(prefix="tallystick-demo-"))
    # The broker gives up root, and must still reach its own files below.
    made.chmod(0o711)
    try:
        yield made / "data"
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _run(show: _Show, folder: Path) -> bool:
    console = show.console
    heading(console, "Tallystick demo")
    # What is missing is said before anything is made.
    node = _anvil(console) if show.rail is Rail.evm else None
    if show.tls and find_mosquitto() is None:
        raise BrokerError("--tls: needs Mosquitto; to have it: apt-get install mosquitto")
    if find_mosquitto() is None:
        console.print(
            "No Mosquitto here, so the embedded broker serves: slower, MQTT 3.1.1 alone, and it "
            "forgets all when it ends. Not for real use; to mend it: apt-get install mosquitto"
        )
    made = tallystick_json(folder, "init")
    token = folder / "admin.token"
    token.touch(mode=0o600)
    token.write_text(made["admin_token"] + "\n")
    console.print(f"Gateway key   {made['gateway_key']}")
    authority = _certified(folder) if show.tls else None
    with (
        _chain(console, folder, node) as chain,
        start_broker(folder) as broker,
        GatewayProcess(folder, _broker_of(broker, folder, authority).port) as gateway,
    ):
        where = _broker_of(broker, folder, authority)
        proof = "TLS, a certificate" if show.tls else "a password"
        console.print(f"Broker        {where.host}:{where.port}, {proof} for each device")
        console.print(f"Gateway, API  {gateway.url}")
        with Api(gateway.url, made["admin_token"], authority) as api:
            members = _register(show, api, where)
            if chain is not None:
                chain.take_deposits(folder, api)
            heading(
                console, f"{show.seconds} s of charging and measuring, {_SPEED} times life's speed"
            )
            with demo_display.progress(console) as tell:
                asyncio.run(run(Fleet(members), api, _enough(members, show.seconds), tell))
            good = _settle(console, api, folder, made["gateway_key"], members, chain)
            demo_display.explain(console)
            if chain is not None:
                chain.explain()
            if show.keep and good:
                show.kept = True
                pid, link = broker.pid, made["welcome"]
                on_chain = chain is not None
                demo_display.where(console, gateway, folder, where, pid, link, token, on_chain)
                _go_on(console, api, members)
    return good


def _anvil(console: Console) -> str:
    """The program of a chain's node, where all else that the chain needs is there too."""
    try:
        import simulator.demo_chain  # noqa: F401
    except ImportError as error:
        raise AnvilError(
            f"--rail evm: {error}; to have it: pip install 'tallystick[evm]'"
        ) from None
    if anvil.here() is None:
        console.print(
            "No anvil on PATH: the one from npm is taken, and installed at the first time."
        )
    return anvil.find()


@contextlib.contextmanager
def _chain(console: Console, folder: Path, node: str | None) -> "Iterator[DemoChain | None]":
    """The chain that is settled on, if any is."""
    if node is None:
        yield None
        return
    from simulator.demo_chain import DemoChain

    with DemoChain.started(console, folder, node) as chain:
        yield chain


def _certified(folder: Path) -> Path:
    """Make certificates for all of it; the authority's."""
    tallystick_json(folder, "pki", "init")
    (folder / "devices").mkdir(mode=0o700)
    return folder / "pki" / "ca.crt"


def _broker_of(broker: BrokerProcess, folder: Path, authority: Path | None) -> Broker:
    """Where gateway and devices find it."""
    if authority is None:
        return Broker(broker.host, broker.port)
    return Broker(broker.host, broker.tls_ports[0], authority, folder / "devices")


def _register(show: _Show, api: Api, broker: Broker) -> list[Member]:
    scene.add_accounts(api, 0 if show.rail is Rail.evm else scene.CREDIT)
    scene.add_tariffs(api)
    members = list(scene.mixed(api, broker, show.devices, _SPEED, False, seed=1))
    show.console.print(
        f"Devices       {show.devices}: each with a key that it made itself, and its own connection"
    )
    return members


def _enough(members: Sequence[Member], seconds: float) -> Callable[[float], bool]:
    """Whether that is long enough: a slow machine has no device connected after `seconds`, and then
    there would be nothing to settle."""

    def enough(elapsed: float) -> bool:
        paid = all(each.device.unpaid() < each.device.total for each in members)
        return elapsed >= seconds + (0 if paid else _LATE_SECONDS)

    return enough


def _settle(
    console: Console,
    api: Api,
    folder: Path,
    gateway_key: str,
    members: list[Member],
    chain: "DemoChain | None",
) -> bool:
    heading(console, "Settlement")
    runs = api.post("/v1/settlements", {})["runs"]
    if not runs:
        return demo_display.checks(console, [("something was paid and can be settled", False)])
    run_, account = runs[0]["run"], members[0].account
    found = api.get(f"/v1/settlements/{run_}")
    demo_display.positions(console, found)
    message = api.read(f"/v1/settlements/{run_}/statements/{account}")
    signed = envelope.parse_sign1("statement", message)
    demo_display.statement(console, read_statement(signed.payload))
    on_chain = [] if chain is None else chain.settle(api, found)
    checked = demo_checks.all_checks(folder, api, gateway_key, run_, account, members)
    return demo_display.checks(console, [*checked, *on_chain])


def _go_on(console: Console, api: Api, members: list[Member]) -> None:
    """The devices consume on, from where they were, until it is interrupted."""
    for member in members:
        member.switch_on_again()
    with demo_display.progress(console, _KEPT_LINE_SECONDS) as tell:
        asyncio.run(run(Fleet(members), api, lambda _elapsed: False, tell))

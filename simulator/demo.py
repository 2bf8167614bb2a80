"""`tallystick demo`: everything at once, on this machine, from nothing to settled books.

It starts the real broker and the real gateway as processes of their own and uses them as an
operator would, by command line and API. This file holds the order of things; what is shown is in
`demo_display`, what is checked in `demo_checks`.
"""

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from protocol import envelope
from protocol.statements import read_statement
from simulator import demo_checks, demo_display, scene
from simulator.broker import Broker as BrokerProcess
from simulator.broker import BrokerError, find_mosquitto, start_broker
from simulator.demo_display import heading
from simulator.fleet import Broker, Fleet, Member
from simulator.gateway_process import GatewayFailed, GatewayProcess, tallystick_json
from simulator.run import Unpaid, run
from tallystick import Api, ApiError

app = typer.Typer(add_completion=False)
_SPEED = 240
_KEPT_LINE_SECONDS = 60
_LATE_SECONDS = 60
"""How much longer it runs, at most, where a device has paid nothing yet."""


@dataclass
class _State:
    """How far the demo has come, for the moment when it is interrupted."""

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
) -> None:
    """Broker, gateway and a fleet on this machine: stream, settle, check the books.

    Exit status 0 if every unit metered was paid for and everything verifies, 130 if it was
    interrupted before that.
    """
    console = Console(highlight=False)
    # A supervisor's SIGTERM ends it as cleanly as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    state = _State()
    try:
        with _folder(data) as folder:
            good = _show(console, folder, devices, seconds, keep, tls, state)
    except KeyboardInterrupt:
        console.print("\nStopped; everything that was started has been ended.")
        raise typer.Exit(0 if state.kept else 130) from None
    except (BrokerError, GatewayFailed, ApiError, Unpaid, OSError) as error:
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


def _show(
    console: Console,
    folder: Path,
    devices: int,
    seconds: int,
    keep: bool,
    tls: bool,
    state: _State,
) -> bool:
    heading(console, "Tallystick demo")
    if tls and find_mosquitto() is None:
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
    authority = _certified(folder) if tls else None
    with (
        start_broker(folder) as broker,
        GatewayProcess(folder, _broker_of(broker, folder, authority).port) as gateway,
    ):
        where = _broker_of(broker, folder, authority)
        proof = "TLS, a certificate" if tls else "a password"
        console.print(f"Broker        {where.host}:{where.port}, {proof} for each device")
        console.print(f"Gateway, API  {gateway.url}")
        with Api(gateway.url, made["admin_token"], authority) as api:
            members = _register(console, api, where, devices)
            heading(console, f"{seconds} s of charging and measuring, {_SPEED} times life's speed")
            with demo_display.progress(console) as tell:
                asyncio.run(run(Fleet(members), api, _enough(members, seconds), tell))
            good = _settle(console, api, folder, made["gateway_key"], members)
            demo_display.explain(console)
            if keep and good:
                state.kept = True
                _where(console, gateway, folder, token, where, broker.pid, made["welcome"])
                _go_on(console, api, members)
    return good


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


def _register(console: Console, api: Api, broker: Broker, devices: int) -> list[Member]:
    scene.add_accounts(api)
    scene.add_tariffs(api)
    members = list(scene.mixed(api, broker, devices, _SPEED, False, seed=1))
    console.print(
        f"Devices       {devices}: each with a key that it made itself, and its own connection"
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
    console: Console, api: Api, folder: Path, gateway_key: str, members: list[Member]
) -> bool:
    heading(console, "Settlement")
    runs = api.post("/v1/settlements", {})["runs"]
    if not runs:
        return demo_display.checks(console, [("something was paid and can be settled", False)])
    run_, account = runs[0]["run"], members[0].account
    demo_display.positions(console, api.get(f"/v1/settlements/{run_}"))
    message = api.read(f"/v1/settlements/{run_}/statements/{account}")
    signed = envelope.parse_sign1("statement", message)
    demo_display.statement(console, read_statement(signed.payload))
    return demo_display.checks(
        console, demo_checks.all_checks(folder, api, gateway_key, run_, account, members)
    )


def _where(
    console: Console,
    gateway: GatewayProcess,
    folder: Path,
    token: Path,
    broker: Broker,
    broker_pid: int,
    welcome: str,
) -> None:
    heading(console, "Still running")
    # As it was called, where that can be called again.
    program = sys.argv[0] if Path(sys.argv[0]).name == "tallystick" else "tallystick"
    trust = "" if broker.authority is None else f"--cacert {broker.authority} "
    lines = (
        f"Dashboard     {gateway.url}/",
        # What `init` told has the address of its settings; this gateway took a free port.
        f"Come in by    {gateway.url}/#{welcome.partition('#')[2]}",
        "              (once, as the first admin; an authenticator on your phone gives the code)",
        f"API           {gateway.url}/v1 (its document: {gateway.url}/openapi.json)",
        f"Admin token   {token}",
        f"Data folder   {folder} (the gateway's log: serve.log)",
        f'Try           curl {trust}-H "Authorization: Bearer $(cat {token})" '
        f"{gateway.url}/v1/accounts",
        f"              {program} --data {folder} books",
        f"Break it      kill -9 {gateway.pid}   (the gateway; the broker is {broker_pid})",
        f"Mend it       {program} --data {folder} serve --broker-port {broker.port} --api-port 0",
        "Stop          Ctrl-C ends it all and removes what it made"
        if folder.parent.name.startswith("tallystick-demo-")
        else "Stop          Ctrl-C ends it all; the data folder stays",
    )
    for line in lines:
        # Whole, so that it can be copied.
        console.print(line, soft_wrap=True)


def _go_on(console: Console, api: Api, members: list[Member]) -> None:
    """The devices consume on, from where they were, until it is interrupted."""
    for member in members:
        member.switch_on_again()
    with demo_display.progress(console, _KEPT_LINE_SECONDS) as tell:
        asyncio.run(run(Fleet(members), api, lambda _elapsed: False, tell))

"""`tallystick simulate`: a fleet, or a recorded day, against any broker and gateway."""

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from simulator import replay, scenario, scene
from simulator.amounts import decimal
from simulator.fleet import Broker, Fleet, Member, accepted_units, claimed_drops, register
from simulator.run import PAY_SECONDS, Progress, Unpaid, run
from simulator.scenario_file import Scenario, ScenarioError, read_scenario
from simulator.sessions import Session, SessionsError, read_sessions
from tallystick import Api, ApiError

app = typer.Typer(add_completion=False)
_TOKEN_MOST = 1_000
_HERE = ("localhost", "127.0.0.1", "::1")
_PORT = re.compile(r"[0-9]{1,5}")


def _fail(message: str, status: int) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(status)


def _broker(text: str, authority: Path | None, certificates: Path | None, insecure: bool) -> Broker:
    secure = text.startswith("mqtts://")
    host, _, port = text.removeprefix("mqtts://").removeprefix("mqtt://").rpartition(":")
    if not host or "/" in host or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise _fail("--broker: must be mqtts://HOST:PORT, or HOST:PORT for plain MQTT", 2)
    if secure and authority is None:
        raise _fail("--tls-ca: is needed with mqtts://", 2)
    if not secure and certificates is not None:
        raise _fail("--certificates: needs --broker mqtts://HOST:PORT", 2)
    if not secure and host not in _HERE and not insecure:
        raise _fail(
            "--broker: without TLS the devices' passwords can be read on the way to another "
            "machine; use mqtts://HOST:PORT, or --insecure where the network itself is trusted",
            2,
        )
    if not secure and insecure:
        typer.echo("warning: plain MQTT, devices' passwords can be read on the way", err=True)
    return Broker(host, int(port), authority if secure else None, certificates, insecure)


def _token(path: Path) -> str:
    try:
        text = path.read_bytes()[:_TOKEN_MOST].decode("ascii").strip()
    except OSError as error:
        raise _fail(f"--token-file: {path} can't be read ({error.strerror})", 2) from None
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        raise _fail(f"--token-file: {path} must hold a token, as `tallystick init` prints it", 2)
    return text


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise _fail("--day: must be YYYY-MM-DD", 2) from None


def _tell(progress: Progress, currency: str = scene.CURRENCY) -> None:
    totals = progress.fleet.totals()
    rate = "no answer from the API" if progress.rate is None else f"{progress.rate:.0f} IOUs/s"
    typer.echo(
        f"{progress.elapsed:5.0f} s  {totals.open_channels} of {totals.devices} channels open, "
        f"{rate}, {totals.metered} units metered, {totals.unpaid} unpaid, "
        f"{decimal(totals.amount, scene.SCALE)} {currency} acknowledged",
        err=True,
    )


@app.command()
def simulate(
    api_url: Annotated[str, typer.Option("--api", help="The gateway's API.")],
    token_file: Annotated[Path, typer.Option(help="Holds an admin token.")],
    broker: Annotated[str, typer.Option(help="The broker: mqtts://HOST:PORT, or HOST:PORT.")],
    tls_ca: Annotated[
        Path | None, typer.Option(help="What API's and broker's certificates are checked against.")
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option(help="A folder: devices get certificates, kept there, and log in by them."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow plain MQTT to another machine.")
    ] = False,
    devices: Annotated[int, typer.Option(min=1, help="How many devices.")] = 50,
    seconds: Annotated[
        int | None, typer.Option(min=1, help="How long they consume (default: 30).")
    ] = None,
    speed: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Seconds of load in one real second."),
    ] = None,
    sessions: Annotated[
        Path | None, typer.Option(help="CSV of recorded charging sessions to replay.")
    ] = None,
    day: Annotated[str | None, typer.Option(help="Which day of it, YYYY-MM-DD.")] = None,
    stations: Annotated[
        int | None, typer.Option(min=1, help="Only so many stations, the busiest.")
    ] = None,
    scenario_: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            help="charging-park, data-market, hotspot, or FILE.toml.",
        ),
    ] = None,
    xrpl_claims: Annotated[
        bool,
        typer.Option(
            "--xrpl-claims",
            help="Pay in XRP, by claims on made-up payment channels of the XRP Ledger.",
        ),
    ] = False,
    native_crypto: Annotated[
        bool, typer.Option(help="Sign with libsodium, for large fleets.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the loads' variety.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON.")] = False,
) -> None:
    """Run simulated devices that run the firmware's code, and check what the gateway made of it.

    With --sessions, replay a recorded day, settle it, and compare energy and money with the file:
    exit status 1 if they differ by one unit. With --scenario, run what the file says, devices that
    pay one another too, settle it and check the books.
    """
    where = _broker(broker, tls_ca, certificates, insecure)
    chosen_day = _day(day)
    if sessions is None and (day is not None or stations is not None):
        raise _fail("--day, --stations: need --sessions", 2)
    if sessions is not None and scenario_ is not None:
        raise _fail("--scenario: can't be given with --sessions", 2)
    if xrpl_claims and (sessions is not None or scenario_ is not None):
        raise _fail("--xrpl-claims: can't be given with --sessions or --scenario", 2)
    try:
        written = None if scenario_ is None else read_scenario(scenario_)
        chosen: list[Session] = []
        if sessions is not None:
            chosen = replay.sessions_of(read_sessions(sessions), chosen_day, stations)
        if certificates is not None:
            certificates.mkdir(mode=0o700, parents=True, exist_ok=True)
        with Api(api_url, _token(token_file), tls_ca) as api:
            if written is not None:
                result, good = _scenario(api, where, written, seconds, speed, native_crypto)
            elif chosen:
                result, good = _replay(api, where, chosen, speed, native_crypto)
            else:
                run_of = _claiming_fleet if xrpl_claims else _fleet
                result, good = run_of(
                    api, where, devices, seconds or 30, speed or 60, native_crypto, seed
                )
    except (SessionsError, ScenarioError, OSError) as error:
        raise _fail(str(error), 2) from None
    except (ApiError, Unpaid) as error:
        raise _fail(str(error), 1) from None
    if as_json:
        typer.echo(json.dumps(result))
    else:
        _print(result)
    if not good:
        raise _fail("the sums differ, or nothing was metered", 1)


def _print(result: dict[str, object]) -> None:
    for name, value in result.items():
        if name == "checks" and isinstance(value, dict):
            for what, so in value.items():
                typer.echo(f"{'yes' if so else 'NO'}: {what}")
        else:
            typer.echo(f"{name.replace('_', ' ')}: {value}")


def _scenario(
    api: Api,
    broker: Broker,
    written: Scenario,
    seconds: int | None,
    speed: int | None,
    native: bool,
) -> tuple[dict[str, object], bool]:
    members = scenario.put_up(api, broker, written, speed or written.speed, native)
    until = seconds or written.seconds
    asyncio.run(run(Fleet(members), api, lambda elapsed: elapsed >= until, _tell))
    settled = scenario.settle(api, written, members)
    result: dict[str, object] = {
        "scenario": written.title,
        "devices": len(members),
        "gross": settled.gross,
        "net": settled.net,
        "checks": dict(settled.checks),
    }
    return result, settled.good


def _fleet(
    api: Api, broker: Broker, devices: int, seconds: int, speed: int, native: bool, seed: int
) -> tuple[dict[str, object], bool]:
    scene.add_accounts(api)
    scene.add_tariffs(api)
    return _consumed(api, list(scene.mixed(api, broker, devices, speed, native, seed)), seconds)


def _claiming_fleet(
    api: Api, broker: Broker, devices: int, seconds: int, speed: int, native: bool, seed: int
) -> tuple[dict[str, object], bool]:
    scene.add_xrp(api)
    members = list(scene.claiming(api, broker, devices, speed, native, seed))
    result, good = _consumed(api, members, seconds, "XRP")
    result["drops_claimed"] = claimed_drops(api, members)
    return result, good and result["drops_claimed"] == result["amount_accepted"]


def _consumed(
    api: Api, members: list[Member], seconds: int, currency: str = scene.CURRENCY
) -> tuple[dict[str, object], bool]:
    """What a fleet came to that has consumed for so long."""
    fleet = Fleet(members)
    tell = partial(_tell, currency=currency)
    asyncio.run(run(fleet, api, lambda elapsed: elapsed >= seconds, tell))
    metered = fleet.totals().metered
    units, amount = accepted_units(api, members)
    result: dict[str, object] = {
        "devices": len(members),
        "units_metered": metered,
        "units_accepted": units,
        "amount_accepted": amount,
        "refusals": fleet.refusals(),
    }
    return result, metered == units > 0


def _replay(
    api: Api, broker: Broker, sessions: Sequence[Session], speed: int | None, native: bool
) -> tuple[dict[str, object], bool]:
    scene.add_accounts(api)
    scene.add_tariffs(api)
    loads = replay.loads_of(sessions)
    length = replay.length_ms(loads)
    speed = speed or max(1, length // 60_000)
    random = Random(0)
    account = scene.FLEETS[0][0]
    members: list[Member] = [
        register(api, broker, account, station, scene.ENERGY, load, speed, native, random)
        for station, load in loads.items()
    ]
    fleet = Fleet(members)
    # Every session is over by then; what is still held back has had time to be served.
    longest = length / 1000 / speed + PAY_SECONDS

    def ended(elapsed: float) -> bool:
        left = sum(load.remaining_wh for load in loads.values())
        if left > 0 and elapsed > longest:
            raise Unpaid(
                f"the day is over, and the chargers still hold back {left} Wh; refused by the "
                f"gateway: {fleet.refusals() or 'nothing'}"
            )
        return left == 0

    asyncio.run(run(fleet, api, ended, _tell))
    api.post("/v1/settlements", {})
    found = replay.sums(api, members, sessions)
    result: dict[str, object] = {
        "day": str(sessions[0].day),
        "sessions": len(sessions),
        "stations": len(loads),
        "energy_in_the_file_wh": found.file_wh,
        "energy_settled_wh": found.settled_wh,
        "money_by_the_tariff": found.priced,
        "money_settled": found.settled,
    }
    return result, found.agree

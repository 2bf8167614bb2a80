"""`tallystick device provision`: from a board with MicroPython on it to a device that is online."""

import json
from pathlib import Path
from typing import Annotated

import typer

from firmware.settings import FIELDS, SettingsError
from provision import image, steps
from provision.claim import ClaimError, check_url, claim
from provision.image import ImageError
from provision.port import PortError, open_port

app = typer.Typer(add_completion=False)

WAIT_SECONDS = 120
_MADE_ELSEWHERE = ("password", "gateway_key", "wifi_password")


def _setting(text: str) -> tuple[str, object]:
    """A NAME=VALUE of --set: as JSON if it is some, else as text. Raises SettingsError."""
    name, separator, value = text.partition("=")
    if not separator or name not in FIELDS:
        raise SettingsError(f"--set {name}: must be NAME=VALUE, of a setting of docs/device.md")
    if name in _MADE_ELSEWHERE:
        raise SettingsError(f"--set {name}: is not set here")
    try:
        return name, int(value) if FIELDS[name] is int else _plain(value, name)
    except ValueError:
        raise SettingsError(f"--set {name}: must be a number") from None


def _plain(value: str, name: str) -> object:
    if FIELDS[name] is not bool:
        return value
    if value not in ("true", "false"):
        raise SettingsError(f"--set {name}: must be true or false")
    return value == "true"


@app.command()
def provision(
    context: typer.Context,
    port: Annotated[str, typer.Option(help="The board's serial port, such as /dev/ttyUSB0.")],
    api: Annotated[str, typer.Option(help="The gateway's API, https://HOST:PORT.")],
    unit: Annotated[str, typer.Option(help="What the meter counts, in UCUM: W.h, L, s.")],
    code: Annotated[
        str,
        typer.Option(
            envvar="TALLYSTICK_CLAIM",
            prompt="Claim code",
            hide_input=True,
            help="From `tallystick device claim`; asked for if it is not given.",
        ),
    ],
    wifi_ssid: Annotated[str, typer.Option(help="The network to join.")] = "",
    wifi_password: Annotated[
        str | None,
        typer.Option(
            envvar="TALLYSTICK_WIFI_PASSWORD", help="Its password; asked for if it is not given."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE, another setting of the device; may be repeated."),
    ] = None,
    name: Annotated[str, typer.Option(help="For people; default: the board's kind.")] = "",
    api_ca: Annotated[
        Path | None, typer.Option(help="The authority of the API's certificate, if it is yours.")
    ] = None,
    certificate: Annotated[
        bool, typer.Option(help="A TLS certificate for the device, for a broker that asks for one.")
    ] = False,
    insecure: Annotated[
        bool, typer.Option(help="Allow the API, and the broker, without TLS on another machine.")
    ] = False,
    wait: Annotated[int, typer.Option(min=0, help="Seconds to wait for it.")] = WAIT_SECONDS,
) -> None:
    """Install the program, have the board make its key, register it, and see it come online.

    Each step may be done again: what is there stays, the key above all. A new code is needed each
    time. Exit status 1 if the board or the gateway did not do its part, 2 for a wrong option.
    """
    if wifi_ssid and wifi_password is None:
        wifi_password = typer.prompt("Wi-Fi password", default="", hide_input=True)
    try:
        check_url(api, insecure)
        given: dict[str, object] = {"unit": unit, "insecure": insecure}
        if wifi_ssid:
            given |= {"wifi_ssid": wifi_ssid, "wifi_password": wifi_password or ""}
        given |= dict(_setting(each) for each in settings or [])
        steps.check_settings(given)
    except (ClaimError, SettingsError) as error:
        raise _fail(str(error), 2) from None
    try:
        done = _provision(port, api, api_ca, code, name, certificate, given, wait)
    except (PortError, ClaimError, ImageError, SettingsError) as error:
        raise _fail(str(error), 1) from None
    # `--json` is an option of `tallystick` itself, whose options this room knows by name alone.
    if getattr(context.find_root().obj, "json", False):
        typer.echo(json.dumps(done))
    else:
        typer.echo(f"device  {done['device']}\nstatus  {done['status'] or 'not heard of'}")
    if wait and not done["online"]:
        raise typer.Exit(1)


def _provision(
    port_name: str,
    api: str,
    api_ca: Path | None,
    code: str,
    name: str,
    certificate: bool,
    given: dict[str, object],
    wait: int,
) -> dict[str, object]:
    with open_port(port_name) as port:
        steps.stop(port)
        kind, calls_itself, mpy = steps.known_board(port)
        _tell(f"board: {calls_itself}")
        program = image.program(kind, image.architecture(mpy))
        main = program.pop(image.MAIN)
        written = steps.install(port, program, _tell)
        _tell(f"program: {written} of {len(program)} files written")
        key = steps.public_key(port)
        _tell(f"public key: {key}")
        claimed = claim(api, api_ca, code, key, name or calls_itself, certificate, kind == "esp32")
        _tell(f"registered: {claimed.device}")
        steps.configure(port, {**claimed.settings, **given}, claimed.files.items())
        port.write(image.MAIN, main)
        port.reset()
        said = steps.watch(port, wait, _tell)
    return {
        "device": claimed.device,
        "public_key": key,
        "status": said,
        "online": steps.is_online(said),
    }


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _fail(message: str, status: int) -> typer.Exit:
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(status)

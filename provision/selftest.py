"""`tallystick device selftest`: a board tests and times itself, and its report is told here.

The tests are the firmware's (`firmware.selftest`); this runs them at a port and shows what they
say.
"""

import json
from typing import Annotated, Any

import typer

from firmware import selftest as tests
from provision.port import PortError, open_port

app = typer.Typer(add_completion=False)


@app.command()
def selftest(
    context: typer.Context,
    port: Annotated[str, typer.Option(help="The board's serial port, such as /dev/ttyUSB0.")],
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON a test.")] = False,
) -> None:
    """Let a board test itself: signatures against known answers, their time, journal, memory.

    The program must be on the board; what ran on it is stopped. Neither its key nor its journal is
    touched. Exit status 1 if a test failed.
    """
    as_json = as_json or bool(getattr(context.obj, "json", False))
    ok = True
    try:
        with open_port(port) as board:
            for name in tests.NAMES:
                found = _found(board.run(f"{_RUN}{name!r})))"), name)
                ok = ok and found["ok"] is True
                typer.echo(json.dumps(found) if as_json else _text(found))
    except PortError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps({"test": "all", "ok": ok}))
    if not ok:
        raise typer.Exit(1)


# One test at a time: each is one answer that the port waits for.
_RUN = """import sys, gc, json
if '/lib' not in sys.path: sys.path.append('/lib')
from firmware import selftest
gc.collect()
print(json.dumps(selftest.report("""


def _found(printed: str, name: str) -> dict[str, Any]:
    """The report in what the board printed. Raises PortError."""
    try:
        found = json.loads(printed.splitlines()[-1])
    except (ValueError, IndexError):
        found = None
    if not isinstance(found, dict) or found.get("test") != name:
        raise PortError(f"the board: printed {printed[:200]!r} for the test {name}")
    return found


def _text(found: dict[str, Any]) -> str:
    what = ", ".join(
        f"{key} {value}" for key, value in sorted(found.items()) if key not in ("test", "ok")
    )
    return f"{'ok  ' if found['ok'] is True else 'FAIL'}  {found['test']:8} {what}".rstrip()

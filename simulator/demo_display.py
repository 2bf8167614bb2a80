"""How the demo shows itself: a live table in a terminal, a line every few seconds elsewhere.

Only what it looks like; what is shown comes from the devices and from the gateway's answers.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from protocol.statements import Statement
from simulator import scene
from simulator.amounts import decimal
from simulator.fleet import Broker
from simulator.gateway_process import GatewayProcess
from simulator.run import Progress, Tell

LINE_SECONDS = 5
"""Between two lines where there is no terminal."""

_EXPLAINED = (
    "Each device made its key itself and opened a payment channel: terms, with the most it may "
    "ever owe, under its signature. As its meter counted it signed IOUs, each for all units so "
    "far, so that a lost or doubled one changes nothing. The gateway acknowledged each only once "
    "it was on disk; a charger with too much unacknowledged is cut off. The settlement run netted "
    "each account over all its channels and signed a statement that its owner can check alone."
)


def heading(console: Console, text: str) -> None:
    """A rule with a title."""
    console.rule(text)


def explain(console: Console) -> None:
    """What the demo has shown, in a few sentences."""
    heading(console, "What you just saw")
    console.print(_EXPLAINED)


@contextlib.contextmanager
def progress(console: Console, line_seconds: int = LINE_SECONDS) -> Iterator[Tell]:
    """What progress is told to: a table in its place, or lines where there is no terminal."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda told: live.update(_table(told), refresh=True)
    else:
        yield _lines(console, line_seconds)


def _lines(console: Console, line_seconds: int) -> Callable[[Progress], None]:
    due = float(line_seconds)

    def tell(told: Progress) -> None:
        nonlocal due
        if told.elapsed >= due:
            due = told.elapsed - told.elapsed % line_seconds + line_seconds
            console.print(_line(told))

    return tell


def _line(told: Progress) -> str:
    totals = told.fleet.totals()
    return (
        f"{told.elapsed:4.0f} s  {totals.open_channels:4} channels open  {_rate(told):>18}  "
        f"{decimal(totals.amount, scene.SCALE):>12} {scene.CURRENCY}"
    )


def _rate(told: Progress) -> str:
    return "API does not answer" if told.rate is None else f"{told.rate:.0f} IOUs/s"


def _table(told: Progress) -> Table:
    table = Table(
        "Account",
        caption=f"{told.elapsed:.0f} s, {_rate(told)}",
        title="Metered and acknowledged so far",
        min_width=76,
    )
    for column in ("Devices", "Channels open", "Units", "Unpaid", scene.CURRENCY):
        table.add_column(column, justify="right")
    for account, totals in sorted(told.fleet.by_account().items()):
        table.add_row(
            account,
            str(totals.devices),
            str(totals.open_channels),
            str(totals.metered),
            str(totals.unpaid),
            decimal(totals.amount, scene.SCALE),
        )
    return table


def positions(console: Console, run_: dict[str, Any]) -> None:
    """Each account's net position in a settlement run, as the API gives it."""
    table = Table("Account", title=f"Run {run_['run']}: net positions", min_width=76)
    for column in ("Owes", "Is owed", "Net"):
        table.add_column(column, justify="right")
    for position in run_["positions"]:
        table.add_row(
            position["account"],
            *(_money(position[side]) for side in ("debits", "credits", "net")),
        )
    console.print(table)


def _money(value: dict[str, Any]) -> str:
    return f"{decimal(int(value['amount']), value['scale'])} {value['currency']}"


def statement(console: Console, said: Statement) -> None:
    """The signed statement of one account, as it reads."""
    console.print(
        f"Statement of {said.account}, run {said.run}, signed by the gateway:\n"
        f"  {said.line_count} channels, owes {decimal(said.debits, said.scale)} {said.currency}, "
        f"is owed {decimal(said.credits, said.scale)} {said.currency}\n"
        f"  Merkle root of its lines  {said.lines_root.hex()[:32]}...\n"
        f"  head of the journal       {said.journal_head.hex()[:32]}..."
    )


def checks(console: Console, found: list[tuple[str, bool]]) -> bool:
    """Each check and how it came out; whether all are good."""
    heading(console, "Checks")
    for what, good in found:
        console.print(f"{'ok  ' if good else 'FAIL'}  {what}")
    return all(good for _, good in found)


def where(
    console: Console,
    gateway: GatewayProcess,
    folder: Path,
    broker: Broker,
    broker_pid: int,
    welcome: str,
    token: Path,
    on_chain: bool,
) -> None:
    """Where all of it is, while it goes on."""
    heading(console, "Still running")
    # As it was called, where that can be called again.
    program = sys.argv[0] if Path(sys.argv[0]).name == "tallystick" else "tallystick"
    trust = "" if broker.authority is None else f"--cacert {broker.authority} "
    lines = (
        f"Dashboard     {gateway.url}/",
        # What `init` told has the address of its settings; this gateway took a free port.
        f"Come in by    {gateway.url}/#{welcome.partition('#')[2]}",
        "              (once, as the first admin; an authenticator on your phone gives the code)",
        *([f"The chain     {gateway.url}/#/chain"] if on_chain else []),
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

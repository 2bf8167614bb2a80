"""`tallystick settle conclude`."""

import os
from enum import StrEnum
from typing import Annotated

import typer

from gateway.api.conclusions import conclusion_out
from gateway.commands import shared
from gateway.operations import conclusions, principal


class Concluded(StrEnum):
    """What people may say came of an instruction."""

    DONE = "done"
    FAILED = "failed"


def conclude(
    context: typer.Context,
    instruction: Annotated[str, typer.Argument(help="Its id, such as run-7-fleet.")],
    outcome: Annotated[Concluded, typer.Argument(help="Whether its money moved.")],
    reason: Annotated[str, typer.Option(help="How that is known.")],
) -> None:
    """Say what came of a pending instruction whose rail is gone: recorded once two persons did."""
    with shared.office(context) as office:
        by = principal.of_shell(office.store, os.environ)
        given = office.store, office.rails, instruction, outcome.value, reason, by
        found = conclusion_out(conclusions.conclude(*given))
    shared.show(context, found)

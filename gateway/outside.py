"""Subcommands that live outside `gateway/`, which never imports them: found by entry-point group.

`tallystick.commands` holds those of `tallystick` itself, `tallystick.commands.<name>` those that
another package adds to the subcommand `<name>`.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

ENTRY_POINTS = "tallystick.commands"
FAILED = 1


def found(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group, by name."""
    return {point.name: point for point in sorted(entry_points(group=group), key=_name)}


def _name(point: EntryPoint) -> str:
    return point.name


def load(name: str, point: EntryPoint) -> Any:
    """The command, or the typer application, of an entry point; one that says why it is not
    available if it can't be imported."""
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        return _unavailable(name, error)


def command(name: str, loaded: Any) -> Any:
    """What was loaded, a typer application or a function, as a command of this name."""
    if not isinstance(loaded, typer.Typer):
        function, loaded = loaded, typer.Typer(add_completion=False)
        loaded.command(name)(function)
    loaded.pretty_exceptions_enable = False
    made = typer.main.get_command(loaded)
    made.name = name
    return made


def _unavailable(name: str, error: Exception) -> typer.Typer:
    app = typer.Typer(add_completion=False)
    why = f"{name}: not available in this installation ({error})"

    @app.command(
        help="Not available in this installation.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def unavailable() -> None:
        typer.echo(why, err=True)
        raise typer.Exit(FAILED)

    return app


class Extended(TyperGroup):
    """A subcommand's group, with what other packages add to it after its own commands."""

    def _added(self) -> dict[str, EntryPoint]:
        added = found(f"{ENTRY_POINTS}.{self.name}")
        return {name: point for name, point in added.items() if name not in self.commands}

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        return [*self.commands, *self._added()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, None if there is none."""
        added = self._added()
        if cmd_name in added:
            return command(cmd_name, load(cmd_name, added[cmd_name]))
        return super().get_command(ctx, cmd_name)

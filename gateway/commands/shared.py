"""What all subcommands share: the root options, opening the installation, and printing.

For people a table or `name  value` lines, for programs (`--json`) one JSON document; never both.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from sqlalchemy import Row

from gateway import config
from gateway.api.shapes import Money
from gateway.operations import principal
from gateway.operations.money import decimal
from gateway.operations.office import Office, opened
from gateway.operations.paging import Page

EVERY_PAGE = 1000


@dataclass(frozen=True)
class Options:
    """The options before the subcommand."""

    data: Path | None = None
    json: bool = False


def options(context: typer.Context) -> Options:
    """The root options of this call."""
    found = context.find_object(Options)
    return Options() if found is None else found


def settings(context: typer.Context, **changes: object) -> config.Config:
    """The settings of this call. Raises ConfigError."""
    return config.load(options(context).data, **changes)


@contextmanager
def office(context: typer.Context) -> Iterator[Office]:
    """The installation that this call is about, in which whoever makes it acts."""
    with opened(settings(context)) as found:
        by = principal.of_shell(found.store, os.environ)
        yield replace(found, store=found.store.acting(by))


def all_pages(
    fetch: Callable[[int | None], Page[Row[Any]]], number: Callable[[Row[Any]], int]
) -> list[Row[Any]]:
    """All rows of a list, the newest first, of which `fetch` gives those with numbers below one."""
    rows: list[Row[Any]] = []
    before = None
    while True:
        page = fetch(before)
        rows += page.items
        if not page.more:
            return rows
        before = number(page.items[-1])


def money(value: Money) -> str:
    """An amount for people, exact: `1.234567 EUR`."""
    return f"{decimal(value.amount, value.scale)} {value.currency}"


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list):
        return [_jsonable(each) for each in value]
    return value


def print_json(value: Any) -> None:
    """One JSON document."""
    typer.echo(json.dumps(_jsonable(value), indent=2, ensure_ascii=False))


def show(context: typer.Context, value: BaseModel, note: str = "") -> None:
    """One thing, field by field; `note` only for people."""
    if options(context).json:
        print_json(value)
        return
    lines(_fields(value))
    if note:
        typer.echo(note)


def _fields(value: BaseModel) -> list[tuple[str, str]]:
    found = []
    for name in type(value).model_fields:
        content = getattr(value, name)
        if isinstance(content, Money):
            found.append((name, money(content)))
        elif isinstance(content, BaseModel):
            found += _fields(content)
        elif isinstance(content, list):
            found.append((name, ", ".join(str(each) for each in content)))
        elif content is not None:
            found.append((name, str(content)))
    return found


def lines(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values, aligned."""
    width = max((len(name) for name, _value in pairs), default=0)
    for name, value in pairs:
        typer.echo(f"{name.ljust(width)}  {value}")


def table(
    context: typer.Context,
    items: Sequence[BaseModel],
    columns: Sequence[tuple[str, str]],
    nothing: str,
) -> None:
    """A list; `columns` are (heading, field) pairs for people, programs get everything."""
    if options(context).json:
        print_json(list(items))
        return
    if not items:
        typer.echo(nothing)
        return
    rows = [[_cell(getattr(item, field)) for _heading, field in columns] for item in items]
    grid([heading for heading, _field in columns], rows)


def grid(headings: Sequence[str], found: Sequence[Sequence[str]]) -> None:
    """Rows under their headings, aligned, for people."""
    widths = [max(len(row[i]) for row in [headings, *found]) for i in range(len(headings))]
    for row in [headings, *found]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, Money):
        return money(value)
    return "-" if value is None else str(value)

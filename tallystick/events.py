"""The stream of what happens, read from server-sent events."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at Unix second `at` to what has the id `subject`; `level` is `info`,
    `warning` or, if it waits for a person, `action`. docs/api.md lists the kinds."""

    id: int
    at: int
    kind: str
    level: str
    subject: str
    account_id: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pulse:
    """The live figures of the whole gateway, once a second; not stored."""

    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """Events after the id `after` and before `kept_from` are deleted: read anew what you keep."""

    after: int
    kept_from: int


@dataclass(slots=True)
class Position:
    """How far a reader has come: the id of the last event that it has seen, None before any."""

    after: int | None = None


def read(lines: Iterable[str], position: Position) -> Iterator[Event | Pulse | Gap]:
    """What the lines of one answer say. `position` is moved past an event when the next is asked
    for: one that its reader did not get done with comes again."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields:
            yield _message(fields.get("event", ""), json.loads(fields["data"]))
        if fields.get("id", "").isdecimal():
            position.after = int(fields["id"])
        fields = {}


def _message(name: str, data: dict[str, Any]) -> Event | Pulse | Gap:
    if name == "pulse":
        return Pulse(data)
    if name == "gap":
        return Gap(data["after"], data["kept_from"])
    return Event(
        data["id"],
        data["at"],
        data["kind"],
        data["level"],
        data["subject"],
        data["account_id"],
        data["data"],
    )

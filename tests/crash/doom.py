"""Points at which a gateway's process ends itself with SIGKILL, set from outside the gateway.

What a point's name says is where the process is: `ingest:` in the thread that takes payments,
`settle:` in the one that settles. The gateway knows nothing of it: its functions are wrapped.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from gateway.ingest.context import Context
from gateway.ingest.inbox import Inbox
from gateway.ingest.mqtt import Link
from gateway.store.engine import Store

INGEST = (
    "ingest:received",
    "ingest:begun",
    "ingest:statement",
    "ingest:verified",
    "ingest:written",
    "ingest:before_commit",
    "ingest:after_commit",
    "ingest:half_said",
    "ingest:said",
    "ingest:acknowledged",
)
SETTLE = (
    "settle:begun",
    "settle:statement",
    "settle:before_commit",
    "settle:after_commit",
    "settle:before_sync",
    "settle:before_rename",
    "settle:after_rename",
)


class Doom:
    """Ends the process when one point is reached for the nth time."""

    def __init__(self, point: str, nth: int) -> None:
        self._point = point
        self._left = nth

    def reached(self, name: str) -> None:
        """This thread is at a point of this name."""
        if f"{threading.current_thread().name}:{name}" == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def install(point: str, nth: int) -> None:
    """Let this process end at a point's nth time."""
    doom = Doom(point, nth)
    reached = doom.reached
    _in_ingest(reached)
    _in_transactions(reached)
    _in_files(reached)


def _in_ingest(reached: Callable[[str], None]) -> None:
    take, verify_all = Inbox.take, Context.verify_all
    publish, acknowledge = Link.publish, Link.acknowledge

    def taken(inbox: Inbox, timeout: float) -> Any:
        batch = take(inbox, timeout)
        if batch:
            reached("received")
        return batch

    def verified(context: Context, checks: Any) -> Any:
        found = verify_all(context, checks)
        reached("verified")
        return found

    def published(link: Link, messages: Any) -> None:
        answers = list(messages)
        if len(answers) > 1:
            publish(link, answers[:1])
            reached("half_said")
        publish(link, answers[1:] if len(answers) > 1 else answers)
        if answers:
            reached("said")

    def acknowledged(link: Link, messages: Any) -> None:
        acknowledge(link, messages)
        reached("acknowledged")

    _replace(Inbox, "take", taken)
    _replace(Context, "verify_all", verified)
    _replace(Link, "publish", published)
    _replace(Link, "acknowledge", acknowledged)


def _in_transactions(reached: Callable[[str], None]) -> None:
    usual = Store.write

    @contextmanager
    def write(store: Store) -> Iterator[Connection]:
        with usual(store) as conn:
            reached("begun")
            yield conn
            reached("before_commit")
        reached("after_commit")

    def before(_conn: object, _cursor: object, _statement: str, *_given: object) -> None:
        reached("statement")

    def after(_conn: object, _cursor: object, statement: str, *_given: object) -> None:
        if statement.startswith(("UPDATE channel", "INSERT INTO channel")):
            reached("written")

    def database(_conn: object, *_given: object) -> None:
        reached("database")

    _replace(Store, "write", write)
    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "before_cursor_execute", database)
    event.listen(Engine, "commit", database)
    event.listen(Engine, "after_cursor_execute", after)


def _in_files(reached: Callable[[str], None]) -> None:
    fsync, rename = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        reached("before_sync")
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        reached("before_rename")
        found = rename(path, target)
        reached("after_rename")
        return found

    _replace(os, "fsync", synced)
    _replace(Path, "replace", renamed)


def _replace(of: object, name: str, function: Callable[..., Any]) -> None:
    setattr(of, name, function)

"""Statements and commits on PostgreSQL that fail: by the server's word, or for a connection that is
cut before or after them. The errors are the server's and the driver's own."""

import os
import socket
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine

ERROR, FULL, BEFORE, AFTER = "error", "full", "cut before", "cut after"
FAULTS = (ERROR, FULL, BEFORE, AFTER)
_SAYS = {ERROR: "58030", FULL: "53100"}  # io_error, disk_full


class Faults:
    """Counts the statements and commits of engines, of which the nth fails; once, or with `lasting`
    all from it on until `mend`. A cut of a connection after a COMMIT is one before its answer."""

    def __init__(self) -> None:
        self.count = 0
        self.happened = 0
        self.nth = 0
        self._fault = ""
        self._lasting = False

    def fail(self, nth: int, fault: str, *, lasting: bool = False) -> None:
        """From now on count anew, and fail."""
        self.count, self.nth, self._fault, self._lasting = 0, nth, fault, lasting

    def mend(self) -> None:
        """Nothing fails any more; counting goes on."""
        self.nth = 0

    def into(self, engine: Engine) -> Engine:
        """The same engine, with these faults."""
        dialect: Any = engine.dialect
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            setattr(dialect, name, self._statement(getattr(dialect, name)))
        commit = dialect.do_commit
        dialect.do_commit = lambda connection: self._around(
            connection.driver_connection, lambda: commit(connection), last=True
        )
        return engine

    def _statement(self, usual: Callable[..., None]) -> Callable[..., None]:
        def execute(cursor: Any, *given: Any) -> None:
            self._around(cursor.connection, lambda: usual(cursor, *given), last=False)

        return execute

    def _around(
        self, connection: "psycopg.Connection[Any]", work: Callable[[], None], *, last: bool
    ) -> None:
        self.count += 1
        due = self.nth and (self.count == self.nth or (self._lasting and self.count > self.nth))
        if not due:
            work()
            return
        self.happened += 1
        if self._fault in _SAYS:
            connection.execute(f"DO $$ BEGIN RAISE SQLSTATE '{_SAYS[self._fault]}'; END $$")
        elif self._fault == BEFORE:
            cut(connection)
            work()
        else:
            work()
            cut(connection)
            if last:
                connection.execute("SELECT 1")  # is not answered, no more than the commit was


def cut(connection: "psycopg.Connection[Any]") -> None:
    """Cut a connection, unknown to whoever uses it."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)

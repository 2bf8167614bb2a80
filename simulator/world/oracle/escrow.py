"""What must hold of the gateway's copy of what accounts have locked with a rail: never more than is
final there, and none of what was collected."""

import sqlite3
from bisect import bisect_right
from collections.abc import Mapping

from simulator.world.oracle import books_money
from simulator.world.oracle.books_money import BackingRow
from simulator.world.oracle.violation import Violation


class Escrow:
    """What one rail showed as final, by height. `locked` are the heights at which it changed."""

    def __init__(self) -> None:
        self._height = 0
        self._changed = [0]
        self._locked: list[Mapping[str, int]] = [{}]
        self._collected: dict[str, tuple[str, int]] = {}

    def final(self, height: int, locked: Mapping[str, int]) -> None:
        """Told what is final at the next height. Raises Violation."""
        if height != self._height + 1:
            raise Violation(16, f"height {height} is final after {self._height}")
        self._height = height
        if locked != self._locked[-1]:
            self._changed.append(height)
            self._locked.append(dict(locked))

    def collected(self, reference: str, account: str) -> None:
        """An instruction has taken from what an account has locked, at the newest height."""
        self._collected[reference] = account, self._height

    def check(self, conn: sqlite3.Connection, rows: list[BackingRow]) -> None:
        """4: what backs an account was final, and was not collected. Raises Violation."""
        if not rows:
            return
        heights = {}
        for row in rows:
            if row.height > self._height or row.amount > self._at(row.height, row.account):
                raise Violation(4, f"{row} is not final, at height {self._height}")
            heights[row.account] = row.height if row.amount else self._height
        for name, (account, height) in self._collected.items():
            if heights.get(account, height) < height and books_money.is_done(conn, name):
                raise Violation(4, f"account {account}: {name} has collected what backs it")

    def check_settled(self, rows: list[BackingRow]) -> None:
        """16: what backs accounts is what is locked. Raises Violation."""
        for row in rows:
            there = self._at(self._height, row.account)
            if row.amount != there:
                raise Violation(16, f"{row}, and {there} is locked")

    def _at(self, height: int, account: str) -> int:
        return self._locked[bisect_right(self._changed, height) - 1].get(account, 0)

"""Locks of files on a simulated disk, as SQLite asks for them: between connections of one process.

Two kinds: the five states of a database file, and the slots and shared memory of its WAL index.
They end with the process, so nothing of them survives a crash.
"""

from typing import Any

NONE, SHARED, RESERVED, PENDING, EXCLUSIVE = range(5)


class FileLocks:
    """Who holds which state of one database file."""

    def __init__(self) -> None:
        self._held: dict[int, int] = {}

    def lock(self, holder: int, wanted: int) -> bool:
        """Raise a holder's state; false if another's stands in the way."""
        own = self._held.get(holder, NONE)
        if own >= wanted:
            return True
        others = [state for other, state in self._held.items() if other != holder]
        highest = max(others, default=NONE)
        if wanted == SHARED:
            if highest >= PENDING:
                return False
        elif highest >= RESERVED:
            return False
        if wanted == EXCLUSIVE and highest >= SHARED:
            # Lets no new readers in while the old ones end.
            self._held[holder] = PENDING
            return False
        self._held[holder] = wanted
        return True

    def unlock(self, holder: int, wanted: int) -> None:
        """Lower a holder's state."""
        if wanted == NONE:
            self._held.pop(holder, None)
        elif self._held.get(holder, NONE) > wanted:
            self._held[holder] = wanted

    def reserved(self) -> bool:
        """Whether anybody is about to write."""
        return any(state >= RESERVED for state in self._held.values())


class SharedMemory:
    """The WAL index of one database: regions of memory, and eight slots that are locked."""

    def __init__(self) -> None:
        self.regions: list[Any] = []
        self._users: set[int] = set()
        self._shared: dict[int, set[int]] = {}
        self._exclusive: dict[int, int] = {}

    def use(self, user: int) -> None:
        """A connection begins to use it."""
        self._users.add(user)

    def leave(self, user: int) -> bool:
        """A connection ends; true if it was the last, and the memory is to be forgotten."""
        self._users.discard(user)
        for slot in list(self._exclusive):
            if self._exclusive[slot] == user:
                del self._exclusive[slot]
        for users in self._shared.values():
            users.discard(user)
        return not self._users

    def lock(self, user: int, slots: range, *, exclusive: bool) -> bool:
        """Lock slots for one connection; false if another's lock stands in the way."""
        for slot in slots:
            if self._exclusive.get(slot, user) != user:
                return False
            if exclusive and self._shared.get(slot, set()) - {user}:
                return False
        for slot in slots:
            if exclusive:
                self._exclusive[slot] = user
            else:
                self._shared.setdefault(slot, set()).add(user)
        return True

    def unlock(self, user: int, slots: range) -> None:
        """Give slots back."""
        for slot in slots:
            if self._exclusive.get(slot) == user:
                del self._exclusive[slot]
            self._shared.get(slot, set()).discard(user)

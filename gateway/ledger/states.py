"""Which state may follow which, for everything that has a state.

Tables and the one function that reads them. What a change of state does is decided elsewhere.
"""

from collections.abc import Mapping

Machine = Mapping[str, frozenset[str]]

DEVICE: Machine = {
    "active": frozenset({"suspended", "revoked"}),
    "suspended": frozenset({"active", "revoked"}),
    "revoked": frozenset(),
}
CHANNEL: Machine = {
    "open": frozenset({"frozen", "closed"}),
    "frozen": frozenset({"open", "closed"}),
    "closed": frozenset(),
}
RUN: Machine = {
    "posted": frozenset({"instructed"}),
    "instructed": frozenset({"completed"}),
    "completed": frozenset(),
}
INSTRUCTION: Machine = {
    "pending": frozenset({"submitted"}),
    "submitted": frozenset({"done", "failed"}),
    "done": frozenset(),
    "failed": frozenset(),
}
FENCE: Machine = {
    "fenced": frozenset({"lifted", "superseded"}),
    "lifted": frozenset(),
    "superseded": frozenset(),
}
AWAITED: Machine = {
    "waiting": frozenset({"presented", "lost"}),
    # A device that was declared lost and comes back all the same.
    "lost": frozenset({"presented"}),
    "presented": frozenset(),
}


class IllegalMove(ValueError):
    """A state may not follow another; the text names both and what may follow."""


def move(machine: Machine, now: str, then: str) -> str:
    """Return `then`, the state that follows `now`.

    Raises IllegalMove if the machine has no such step (staying is not a step), or does not know
    one of the states.
    """
    if now not in machine or then not in machine:
        raise IllegalMove(f"unknown state {now if now not in machine else then!r}")
    if then not in machine[now]:
        allowed = ", ".join(sorted(machine[now])) or "nothing"
        raise IllegalMove(f"{now} can't become {then}; what may follow is {allowed}")
    return then

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
    "posting": frozenset({"posted"}),
    "posted": frozenset({"instructed", "approved", "rejected"}),
    "approved": frozenset({"instructed"}),
    # Its instructions are written all the same, each as failed.
    "rejected": frozenset({"completed"}),
    "instructed": frozenset({"completed"}),
    "completed": frozenset(),
}
INSTRUCTION: Machine = {
    # Failed at once where no rail serves what an account has to be paid to by now.
    "pending": frozenset({"submitted", "failed"}),
    "submitted": frozenset({"done", "failed"}),
    "done": frozenset({"returned"}),
    "failed": frozenset(),
    "returned": frozenset(),
}
PENDING: Machine = {
    "pending": frozenset({"posted", "voided"}),
    "posted": frozenset(),
    "voided": frozenset(),
}
PAYOUT_ACCOUNT: Machine = {
    "proposed": frozenset({"active", "rejected"}),
    "active": frozenset({"retired"}),
    "retired": frozenset(),
    "rejected": frozenset(),
}
WITHDRAWAL: Machine = {
    "requested": frozenset({"approved", "rejected"}),
    "approved": frozenset(),
    "rejected": frozenset(),
}
REVERSAL: Machine = {
    "proposed": frozenset({"posted", "rejected"}),
    "posted": frozenset(),
    "rejected": frozenset(),
}
LISTING: Machine = {
    "listed": frozenset({"ended"}),
    # The device that signed it sells so again.
    "ended": frozenset({"listed"}),
}
BOOKING: Machine = {
    "matched": frozenset(),
    "suspense": frozenset({"assigned"}),
    "assigned": frozenset(),
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

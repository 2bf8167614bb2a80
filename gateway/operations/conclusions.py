"""The use case of instructions whose rail is gone before it said that it took them.

Nobody but people can say then whether the money moved: the rail may have taken them and whoever
handed them over died before that was recorded. So it takes two, who say the same.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from gateway.operations.errors import BadInput
from gateway.operations.principal import check_other
from gateway.operations.text import check_note
from gateway.settlement import instructions
from gateway.settlement.rails import Rail, RailError
from gateway.store import audit, conclusions, fence, journal, notices
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables_conclusions import Conclusion

CONCLUSIONS = ("done", "failed")


def conclude(
    store: Store,
    rails: Mapping[str, Rail],
    instruction_id: str,
    outcome: str,
    reason: str,
    by: str,
) -> Row[Any]:
    """Say what came of a pending instruction of a rail that is gone, `done` or `failed`: recorded
    once another person says the same. Returns what was proposed, with who agreed.

    Another outcome is proposed in place of the first. One that is concluded so stays as it is.
    Raises NotFound, BadInput, SamePerson, Conflict while its rail can be asked or if it was handed
    over, RestoreFenced while restored books are not reconciled.
    """
    if outcome not in CONCLUSIONS:
        raise BadInput("outcome", "must be done or failed")
    check_note("reason", reason)
    if not reason:
        raise BadInput("reason", "must say how that is known")
    with store.write() as conn:
        fence.check(conn)
        journal.lock(conn)
        at = store.now(conn)
        row = instructions.get(conn, instruction_id)
        before = conclusions.find(conn, instruction_id)
        if before is not None and before.agreed_by is not None and before.outcome == outcome:
            return before
        if row.state != "pending":
            raise Conflict(f"instruction {row.id}: is {row.state}; its outcome is told as others'")
        _check_gone(rails, row.rail)
        proposed = before is None or before.outcome != outcome
        if before is None or proposed:
            conclusions.propose(
                conn,
                Conclusion(
                    instruction_id=row.id,
                    outcome=outcome,
                    reason=reason,
                    proposed_by=by,
                    proposed_at=at,
                ),
            )
        else:
            check_other(before.proposed_by, by, f"conclusion of {row.id}")
            conclusions.agree(conn, row.id, by, at)
            note = f"{before.proposed_by} and {by}: {before.reason}"
            instructions.conclude(conn, row, outcome, note, at)
            notices.decided(conn)
        action = "instruction.propose" if proposed else "instruction.conclude"
        audit.record(conn, action, row.id, after={"outcome": outcome}, why=reason)
        return conclusions.get(conn, row.id)


def _check_gone(rails: Mapping[str, Rail], name: str) -> None:
    """Raise Conflict if there is such a rail: it takes what waits for it, or may have done so."""
    try:
        rails[name]
    except RailError:
        return
    raise Conflict(f"rail {name}: is there, so what waits for it is handed over, not concluded")

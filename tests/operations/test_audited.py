"""Whatever changes something records it: found by reading the code, so that none is forgotten."""

import ast
from pathlib import Path

import gateway

ROOM = Path(gateway.__file__).parent
UNRECORDED = {
    ("operations/accounts", "show"): "changes nothing: holds an account while it adds up",
    ("operations/backing", "look"): "no person did it: a copy of what a rail shows",
    ("operations/chain", "look"): "no person did it: a copy of what a chain shows",
    ("operations/events", "note_rail"): "no person did it: a rail failed, or serves again",
    ("operations/events", "prune"): "no person did it: events that are old enough",
    ("operations/retention", "_forget"): "no person did it: what is old enough",
    ("operations/plans", "end_due"): "no person did it: a stated grace is over",
    ("operations/plans", "follow_due"): "no person did it: a time of use has come",
    ("operations/schedules", "_due"): "no person did it: notes what a schedule has fallen due for",
    ("operations/schedules", "_settle_due"): "no person did it: its run is recorded as begun",
    ("operations/restore", "_into_sqlite"): "records in `_begin`",
    ("operations/restore", "_into_postgres"): "records in `_begin`",
    ("operations/certificates", "begin"): "records in `_record`",
    ("operations/certificates", "renew"): "records in `_record`",
    ("operations/devices", "register"): "records in `register_in`",
    ("operations/devices", "_written"): "records in the step that it is given",
    ("operations/people", "first"): "records in `_invite`",
    ("operations/people", "invite"): "records in `_invite`",
    ("operations/sessions", "check"): "changes nothing but when a session was last seen",
    ("operations/webhooks", "seal_plain"): "no person did it: secrets of an older database",
    ("operations/tokens", "add_for"): "records in `add_in`",
    ("operations/tokens", "revoke"): "records in `_revoke_in`",
    ("operations/tokens", "add"): "records in `add_in`",
    ("operations/bank", "to_several"): "records in `_assign`",
    ("operations/bank", "as_duplicate"): "records in `_assign`",
    ("api/idempotency", "once"): "changes nothing but whether a request is repeated",
}
"""Functions that write and do not themselves call `audit.record`, and why that is right."""


def _calls(function: ast.FunctionDef, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func).endswith(name)
        for node in ast.walk(function)
    )


def _writers() -> dict[tuple[str, str], ast.FunctionDef]:
    found = {}
    for room in ("operations", "api", "commands"):
        for path in sorted((ROOM / room).glob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef) and _calls(node, "store.write"):
                    found[f"{room}/{path.stem}", node.name] = node
    return found


def test_every_operation_that_writes_records_it() -> None:
    forgotten = {
        where for where, node in _writers().items() if not _calls(node, "audit.record")
    } - set(UNRECORDED)
    assert forgotten == set()


def test_no_exception_is_kept_that_is_none() -> None:
    writers = _writers()
    assert {where for where in UNRECORDED if where not in writers} == set()
    assert {where for where in UNRECORDED if _calls(writers[where], "audit.record")} == set()
    for (module, name), why in UNRECORDED.items():
        if why.startswith("records in `"):
            helper = why.split("`")[1]
            tree = ast.parse((ROOM / f"{module}.py").read_text())
            (node,) = (
                each
                for each in tree.body
                if isinstance(each, ast.FunctionDef) and each.name == helper
            )
            assert _calls(node, "audit.record"), (name, helper)

"""Use cases on an account's data as a person's: handing all of them over, as one JSON document.

Written page by page: memory is that of one page, however much there is.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select, tuple_

from gateway.store import accounts, personal
from gateway.store.engine import Store
from gateway.store.personal import Part

FORMAT = "tallystick account 1"
_AT_ONCE = 500
_JSON = frozenset({"data", "details", "destination", "before", "after"})


def check(store: Store, account_id: str) -> None:
    """Raises NotFound unless there is this account."""
    with store.read() as conn:
        accounts.get(conn, account_id)


def document(store: Store, account_id: str) -> Iterator[str]:
    """All that is stored of an account, as the text of one JSON document, in pieces: each table's
    rows under its name, in order of their keys. Amounts are integers in atomic units, times Unix
    seconds, what is no text (signed messages, hashes) is in hex. What happens meanwhile may be in
    it or not. Raises NotFound.
    """
    with store.read() as conn:
        accounts.get(conn, account_id)
        at = store.now(conn)
        parts = personal.parts(conn, account_id)
    head = {"format": FORMAT, "account_id": account_id, "exported_at": at}
    yield json.dumps(head)[:-1]
    for part in parts:
        yield f',\n"{part.name}": ['
        between = "\n"
        for row in _rows(store, part):
            yield between + json.dumps(row, ensure_ascii=False)
            between = ",\n"
        yield "]"
    yield "}\n"


def _rows(store: Store, part: Part) -> Iterator[dict[str, object]]:
    keys = list(part.table.primary_key.columns)
    query = select(part.table).where(part.which).order_by(*keys).limit(_AT_ONCE)
    after = query
    while True:
        # A transaction of its own for each page: whoever reads slowly holds nothing up.
        with store.read() as conn:
            found = conn.execute(after).mappings().all()
        for row in found:
            yield _shown(row)
        if len(found) < _AT_ONCE:
            return
        last = [found[-1][key.name] for key in keys]
        after = query.where(tuple_(*keys) > tuple_(*last))


def _shown(row: Mapping[Any, Any]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, value in row.items():
        if name in personal.SECRET:
            continue
        if isinstance(value, bytes | memoryview):
            value = bytes(value).hex()
        elif name in _JSON and value:
            value = json.loads(value)
        shown[name] = value
    return shown


def write(store: Store, account_id: str, path: Path) -> int:
    """Write the document to a file that only its owner may read, whole or not at all; its bytes.

    Raises NotFound, OSError.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(made, "w", encoding="utf-8") as file:
            file.writelines(document(store, account_id))
            file.flush()
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return size

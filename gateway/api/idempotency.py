"""`Idempotency-Key`: a repeated request has one effect, and gets the first answer again."""

import hashlib
from collections.abc import Callable
from typing import Annotated

from fastapi import Header

from gateway.operations.bearer import Bearer
from gateway.store import idempotency
from gateway.store.engine import Store

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern="^[ -~]+$",
        description="A text that the client makes up for each request it means once.",
    ),
]


def once(
    store: Store, bearer: Bearer, key: str | None, request: str, act: Callable[[], str]
) -> str:
    """The answer of `act`, or the one it gave before to the same sender's request under this key.

    Raises InProgress or OtherRequest; a failed request may be tried again under its key.
    """
    if key is None:
        return act()
    owner = bearer.principal
    digest = hashlib.sha256(request.encode()).digest()
    with store.write() as conn:
        answer = idempotency.begin(conn, owner, key, digest, store.now(conn))
    if answer is not None:
        return answer
    try:
        answer = act()
    except BaseException:
        with store.write() as conn:
            idempotency.forget(conn, owner, key)
        raise
    with store.write() as conn:
        idempotency.finish(conn, owner, key, answer)
    return answer

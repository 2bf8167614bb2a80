"""Who acts, as the books name them, and that nobody approves what they proposed.

`person:<name>` for whoever is logged in, `shell:<user>` for whoever runs a command on the gateway's
own machine, `token:<id>` for a program with an API token. A token that a person, or another token,
has made is `<who made it>/token:<id>`: whoever stands first answers for it, and the two are one
where two are asked for. A name says who it was, not what they may do: that is decided by roles, and
by who may read the data folder.
"""

import os
import pwd
from collections.abc import Mapping

from gateway.operations import tokens
from gateway.operations.bearer import Bearer, answers_for
from gateway.operations.errors import BadInput
from gateway.store.engine import Store
from gateway.store.errors import Conflict

TOKEN_VARIABLE = "TALLYSTICK_TOKEN"  # noqa: S105  (where one is found, not one)


class SamePerson(Conflict):
    """What takes two persons was asked for by one."""


def of_bearer(bearer: Bearer) -> str:
    """Whoever sends this token, or is logged in."""
    return bearer.principal


def of_shell(store: Store, environ: Mapping[str, str]) -> str:
    """Whoever runs this process: by the token in TALLYSTICK_TOKEN if that is set, else by user.

    Raises BadInput if that token is not valid.
    """
    token = environ.get(TOKEN_VARIABLE)
    if token:
        bearer = tokens.check(store, token)
        if bearer is None:
            raise BadInput(TOKEN_VARIABLE, "must hold a valid token, or not be set")
        return of_bearer(bearer)
    return of_user()


def of_user() -> str:
    """The user who runs this process."""
    user = os.getuid()
    try:
        return f"shell:{pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"shell:{user}"


def check_other(proposed_by: str, by: str, what: str) -> None:
    """Raise SamePerson unless another than who proposed `what` answers for `by`."""
    if answers_for(by) == answers_for(proposed_by):
        raise SamePerson(f"{what}: {proposed_by} proposed it, so another person must approve it")

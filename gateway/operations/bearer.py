"""Whom a token or a session stands for, and what they may do.

The roles of those who work here are steps: a viewer looks, an operator also decides on devices and
channels and settles, finance also lets money move that another asked for, an admin also sets who
there is, what it costs, and who may do what. An owner is on no step: they see their own accounts.
"""

from dataclasses import dataclass

ROLES = ("viewer", "operator", "finance", "admin")
OWNER = "owner"
EVERY_ROLE = (*ROLES, OWNER)
SECOND_FACTOR = frozenset({"finance", "admin"})
"""The roles that nobody has without a second factor."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever sends a request.

    `principal` is how the books name them, `name` how people do. `accounts` are those that an owner
    sees; whoever has another role sees all. `scopes` are what a token is for, None for everything
    that its role may. `expires_at` is in Unix seconds, None for no end; `token_id` is
    None for a session.
    """

    principal: str
    name: str
    role: str
    accounts: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    expires_at: int | None = None
    token_id: str | None = None

    @property
    def sees(self) -> frozenset[str] | None:
        """The only accounts that this sees, None for all."""
        return self.accounts if self.role == OWNER else None

    def may(self, role: str) -> bool:
        """Whether this is `role` or above it."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)


def of_person(name: str) -> str:
    """How the books name a person."""
    return f"person:{name}"


def of_token(made_by: str, id_: str) -> str:
    """How the books name a token that `made_by`, as they name them, has made."""
    maker = answers_for(made_by)
    if maker.startswith(("person:", "token:")):
        return f"{maker}/token:{id_}"
    return f"token:{id_}"


def answers_for(principal: str) -> str:
    """Who answers for what a principal does: itself, or who made the token that it is."""
    return principal.partition("/")[0]

"""Use cases on what accounts have locked with a rail, which backs their channels.

It is the owners' money and stays on the rail, so it is in no books: what is kept here is a copy of
what the rail shows. A run collects from it, over the rail.
"""

from gateway.settlement import destinations
from gateway.settlement.rails import Escrow, Rail
from gateway.settlement.rails.registry import Rails
from gateway.store import accounts, backing, notices
from gateway.store.engine import Store


def look_at_all(store: Store, rails: Rails) -> None:
    """Look at every rail that is in use. Raises RailError or OSError."""
    for rail in rails.in_use():
        look(store, rail)


def look(store: Store, rail: Rail) -> None:
    """Take over what accounts have locked with a rail, if anything can be; devices whose accounts
    have more or less to reserve are told. Raises RailError or OSError."""
    if not isinstance(rail, Escrow):
        return
    with store.read() as conn:
        scale = accounts.scale_of(conn, rail.currency)
        chosen = {
            name: where.details
            for name, where in destinations.in_force(conn, store.now(conn)).items()
            if where.rail == rail.name and accounts.get(conn, name).currency == rail.currency
        }
        known = backing.has_any(conn, rail.name)
    if scale is None or not (chosen or known):
        return
    found = rail.locked(chosen, scale)
    with store.write() as conn:
        for account in backing.keep(conn, rail.name, found.height, found.amounts):
            notices.tell_account(conn, account)

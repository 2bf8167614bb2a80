"""Use cases on the gateway's keys: looking at them, letting another follow, retiring one.

A key that was followed is needed while a channel of its lives and while a device still believes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway import key_files
from gateway.keys import GatewayKeys, named_at
from gateway.operations.errors import BadInput
from gateway.operations.office import Office
from gateway.store import audit, beliefs, channels
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from protocol import envelope
from protocol.messages import read_terms

NEWEST, FOLLOWED, RETIRED = "newest", "followed", "retired"


@dataclass(frozen=True, slots=True)
class Standing:
    """One of the gateway's keys. `followed_at` is when another followed it (Unix seconds),
    `channels` how many of its channels are not closed, `devices` how many that are not revoked
    have last shown to believe it."""

    public: bytes
    state: str
    followed_at: int | None
    channels: int
    devices: int


def listed(store: Store, keys: GatewayKeys) -> list[Standing]:
    """All keys, the oldest first."""
    with store.read() as conn:
        return standings(conn, keys)


def standings(conn: Connection, keys: GatewayKeys) -> list[Standing]:
    """As `listed`, in a transaction that does more."""
    live, believed = _live(conn), _believed(conn, keys)
    found = [
        Standing(
            each.public,
            RETIRED if each.key is None else FOLLOWED,
            named_at(each),
            live.get(each.public, 0),
            believed[age],
        )
        for age, each in enumerate(keys.older)
    ]
    newest = Standing(keys.public, NEWEST, None, live.get(keys.public, 0), believed[-1])
    return [*found, newest]


def rotate(office: Office) -> GatewayKeys:
    """Let a new key follow the newest. Gateways use it from their next start on.

    Raises KeyFileError, OSError.
    """
    with office.store.write() as conn:
        # The file first: a record of what did not happen would be there for good.
        keys = key_files.rotate(office.config.data, office.store.now(conn))
        audit.record(conn, "key.rotate", keys.public.hex(), before={"key": keys.publics[-2].hex()})
        return keys


def retire(office: Office, public: bytes, *, all_the_same: bool = False) -> GatewayKeys:
    """Delete the secret of a key that was followed; gateways forget it at their next start.

    Raises NotFound if it is none of this gateway's, BadInput if it is the newest, Conflict if it is
    retired already, or, unless `all_the_same`, if it is still needed; KeyFileError, OSError.
    """
    keys = office.keys
    if keys.age(public) < 0:
        raise NotFound(f"key {public.hex()}: is none of this gateway's; see `tallystick key list`")
    if public == keys.public:
        raise BadInput("key", "must be one that was followed, not the newest: rotate first")
    if public not in {each.public for each in keys.held}:
        raise Conflict(f"key {public.hex()}: is retired already")
    needed = still_needed(office.store, keys, public)
    if needed and not all_the_same:
        raise Conflict(f"key {public.hex()}: is still needed: {'; '.join(needed)}")
    with office.store.write() as conn:
        kept = key_files.retire(office.config.data, public)
        audit.record(conn, "key.retire", public.hex(), after={"all_the_same": all_the_same})
        return kept


def still_needed(store: Store, keys: GatewayKeys, public: bytes) -> Sequence[str]:
    """What a key that was followed is still needed for; nothing if it can be retired."""
    with store.read() as conn:
        live = _live(conn).get(public, 0)
        behind = sum(_believed(conn, keys)[: keys.age(public) + 1])
    found = []
    if live:
        found.append(f"{live} of its channels are not closed (`tallystick channel close`, or wait)")
    if behind:
        found.append(
            f"{behind} devices have not shown to believe a newer one (wait until they connect, "
            "or `tallystick device revoke`)"
        )
    return found


def _live(conn: Connection) -> dict[bytes, int]:
    """How many channels that are not closed each key has."""
    found: dict[bytes, int] = {}
    for message in channels.live_terms(conn):
        key = read_terms(envelope.parse_sign1("open", message).payload).gateway_key
        found[key] = found.get(key, 0) + 1
    return found


def _believed(conn: Connection, keys: GatewayKeys) -> list[int]:
    """How many devices believe each key, the oldest first. Of whom nothing better is known, it is
    the oldest."""
    found = [0] * len(keys.publics)
    for key, count in beliefs.counts(conn).items():
        found[0 if key is None else max(0, keys.age(key))] += count
    return found

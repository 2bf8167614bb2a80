"""Use cases on claims on the XRP Ledger."""

from gateway.store import channels
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.xrpl_claim import XrplClaim, claim_of


def claim(store: Store, id_: bytes) -> XrplClaim:
    """The newest claim of a channel.

    Also of one behind the fence of restored books: a later claim contains it, and to redeem an
    older one first takes nothing away. Raises NotFound, Conflict if its terms name no XRPL channel,
    ProtocolError if what is stored does not hold.
    """
    with store.read() as conn:
        row = channels.get(conn, id_)
        iou = None if row.iou is None else bytes(row.iou)
        found = claim_of(bytes(row.open_message), iou, row.capacity)
    if found is None:
        raise Conflict(f"channel {id_.hex()}: its terms name no XRPL channel")
    return found

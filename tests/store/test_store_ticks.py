"""A tick raises a mark only on the chain that it is of."""

from gateway.store import channels
from gateway.store.engine import Store
from protocol.hashchain import Chain
from tests.settlement.fleet import PRICE, Fleet


def test_a_tick_of_another_iou_than_the_last_raises_nothing(store: Store) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    old, new = Chain(b"o" * 32, 9), Chain(b"n" * 32, 9)
    fleet.mark_by_tick(channel, 5, old, 1)
    fleet.mark_by_tick(channel, 7, new, 1)
    late = {
        "b_id": channel,
        "b_iou": fleet.iou(channel, 5, old),
        "new_amount": 14 * PRICE,
        "new_units": 14,
        "new_index": 9,
        "new_preimage": old.value(9),
        "now": 10,
    }
    with store.write() as conn:
        assert channels.raise_by_ticks(conn, [late]) == 0
    with store.read() as conn:
        assert channels.get(conn, channel).units == 8

"""MQTT topics: `tally/1/<shard>/<device_id>/<direction>/<kind>`.

The shard is the first two hex digits of the device id: workers divide devices by subscribing to
shards, and no channel is ever split over two workers.
"""

from protocol.errors import WireError

UP_KINDS = ("hello", "open", "iou", "tick", "close", "sell", "find", "topup", "leg")
DOWN_KINDS = (
    "offer",
    "opened",
    "ack",
    "grant",
    "credit",
    "receipt",
    "statement",
    "resume",
    "refused",
    "successor",
    "listed",
    "mirror",
)

QOS = {
    "hello": 1,
    "open": 1,
    "iou": 0,
    "tick": 0,
    "close": 1,
    "offer": 1,
    "opened": 1,
    "ack": 0,
    "grant": 1,
    "credit": 1,
    "receipt": 1,
    "statement": 1,
    "resume": 1,
    "refused": 0,
    "successor": 1,
    "sell": 1,
    "find": 1,
    "listed": 1,
    "mirror": 1,
    "topup": 1,
    "leg": 1,
}
"""IOUs, ticks and what answers them travel at QoS 0: the next one contains them."""

_HEX = "0123456789abcdef"


def is_device_id(text: str) -> bool:
    """Whether `text` is 32 lower-case hex digits."""
    if len(text) != 32:
        return False
    for digit in text:
        if digit not in _HEX:
            return False
    return True


def up(device_id: str, kind: str) -> str:
    """The topic on which this device publishes this kind."""
    return "tally/1/" + device_id[:2] + "/" + device_id + "/up/" + kind


def down(device_id: str, kind: str) -> str:
    """The topic on which the gateway publishes this kind to this device."""
    return "tally/1/" + device_id[:2] + "/" + device_id + "/down/" + kind


def down_filter(device_id: str) -> str:
    """What a device subscribes to: everything for it, nothing for others."""
    return "tally/1/" + device_id[:2] + "/" + device_id + "/down/+"


def up_filter(shard: str = "+") -> str:
    """What a gateway's worker subscribes to: a shard of two hex digits, or `+` for all."""
    return "tally/1/" + shard + "/+/up/+"


def parse(topic: str, direction: str) -> tuple[str, str]:
    """The device id and the kind that a topic of this direction (`up` or `down`) names.

    Raises WireError for every other topic.
    """
    parts = topic.split("/")
    if len(parts) != 6 or parts[0] != "tally" or parts[1] != "1" or parts[4] != direction:
        raise WireError("topic", "must be tally/1/<shard>/<device_id>/" + direction + "/<kind>")
    if not is_device_id(parts[3]) or parts[2] != parts[3][:2]:
        raise WireError("topic", "the shard must be the first two digits of a device id")
    if parts[5] not in (UP_KINDS if direction == "up" else DOWN_KINDS):
        raise WireError("topic", "no such kind of message")
    return parts[3], parts[5]

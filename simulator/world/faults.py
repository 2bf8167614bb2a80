"""The kinds of fault that the world can bring about. Each is counted when it really took effect:
a fault that was only planned proves nothing."""

from collections import Counter

KINDS: dict[str, str] = {
    "message_dropped": "the network loses a message",
    "message_duplicated": "the network delivers a message twice",
    "message_reordered": "a message is overtaken by a later one on the same way",
    "message_delayed": "a message arrives minutes to hours late",
    "message_corrupted": "a byte of a message is changed on the way",
    "device_partitioned": "a device can't reach the broker, and what is under way is lost",
    "gateway_partitioned": "the gateway can't reach the broker, and what is under way is lost",
    "broker_killed": "the broker dies with all sessions, queues and retained messages",
    "broker_overflow": "the broker drops a message, since too many wait for the gateway",
    "acl_dropped": "the broker acknowledges a publish that its access list forbids, and drops it",
    "taken_over": "a second connection with the same client id ends the first",
    "gateway_killed": "kill -9 of the gateway between two of its steps",
    "gateway_killed_in_step": "kill -9 of the gateway inside a statement or before a commit",
    "gateway_killed_after_commit": "kill -9 after a commit, before anything was said of it",
    "gateway_killed_speaking": "kill -9 between the answers to one batch",
    "gateway_stalled": "the gateway stands still for a while and goes on (SIGSTOP, SIGCONT)",
    "second_gateway": "a second gateway is started on the same database",
    "gateway_fenced": "a gateway that was replaced is refused at its next write",
    "decision_between": "an operator decides between two transactions of one batch",
    "power_loss": "the gateway's machine loses power and all that was not synced",
    "write_failed": "a write to the gateway's disk fails",
    "sync_failed": "a sync of the gateway's disk fails",
    "settlement_killed": "a settlement is killed between or inside its transactions",
    "settlement_raced": "two operators settle at the same moment",
    "device_reset": "a device starts again from its journal",
    "device_power_cut": "a device loses power within a write of its journal: a torn slot",
    "flash_wiped": "a device's journal is erased",
    "flash_put_back": "an old image of a device's journal is put back",
    "device_copied": "two devices are at work with one key",
    "device_clock": "a device's clock jumps ahead or runs at another rate",
    "gateway_clock": "the gateway's clock jumps forward or back",
    "forged": "a message that nobody's key made",
    "replayed": "a message is recorded and sent again, also as another kind or from another device",
    "equivocated": "a device's own key signs what contradicts an accepted IOU",
    "retained": "a message that carries money is delivered as a retained one",
    "will": "the broker publishes a message that carries money as a device's will",
    "double_click": "an operator does the same thing twice",
    "suspended": "an operator suspends a device, for a while",
    "closed_by_operator": "an operator closes a channel under a device",
    "thawed": "an operator thaws a channel that was frozen",
    "revoked": "an operator revokes a device",
    "rail_rejected": "the rail refuses an instruction",
    "rail_read_twice": "the rail reads a file of instructions again",
    "rail_recorded_twice": "an outcome is recorded twice",
    "rail_contradicted": "an outcome is recorded as its opposite",
    "expired": "a channel expires while it is in use",
}
"""Each kind, and what it is."""


class Faults:
    """How often each kind took effect."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def took_effect(self, kind: str) -> None:
        """Count one. Raises KeyError for a kind that is not in the table."""
        if kind not in KINDS:
            raise KeyError(kind)
        self.counts[kind] += 1

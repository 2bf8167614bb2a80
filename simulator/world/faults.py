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
    "disk_full": "the gateway's disk is full: each write fails until it is freed",
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
    "misclaimed": "a device signs an IOU whose claim on the XRP Ledger is not worth it",
    "overran": "a device's own key signs for more units than it was granted",
    "retained": "a message that carries money is delivered as a retained one",
    "will": "the broker publishes a message that carries money as a device's will",
    "double_click": "an operator does the same thing twice",
    "suspended": "an operator suspends a device, for a while",
    "closed_by_operator": "an operator closes a channel under a device",
    "thawed": "an operator thaws a channel that was frozen",
    "revoked": "an operator revokes a device",
    "price_changed": "another price follows on channels that are open",
    "price_fell_due": "another price follows at a time of use",
    "price_ended": "nothing more is granted at a price that another has followed for long",
    "rail_rejected": "the rail refuses an instruction",
    "rail_read_twice": "the rail reads a file of instructions again",
    "rail_recorded_twice": "an outcome is recorded twice",
    "rail_contradicted": "an outcome is recorded as its opposite",
    "rail_returned": "the rail brings back what it had moved",
    "deposit_repeated": "a deposit is recorded again under its reference",
    "deposit_contradicted": "a deposit's reference is recorded for another account or amount",
    "deposit_reversed": "a deposit that nobody paid is reversed, used or not",
    "approved_alone": "somebody approves what they proposed or asked for themselves",
    "money_killed": "a decision on money is killed between or inside its transactions",
    "withdrawal_too_large": "more deposits are asked back than are free",
    "withdrawal_refused": "another person refuses a withdrawal",
    "payout_retired": "where an account is paid is ended",
    "payout_retired_in_run": "it is ended after a run was posted, before its instructions",
    "payout_agreed_in_run": "where an account is paid changes after a run was posted",
    "settled_by_schedule": "the time of a schedule has come, and the gateway settles by itself",
    "settled_by_debt": "an account owes too much, and the gateway settles it by itself",
    "run_approved": "another person lets the money of a run move",
    "run_rejected": "a person lets no money of a run move",
    "decided_late": "a run is decided the other way after it was decided",
    "approval_ended": "two people end the approval of runs",
    "approval_ended_alone": "one person tries to end the approval of runs alone",
    "suspense_assigned": "somebody says what money was that nobody knew",
    "deposit_told_early": "somebody records a deposit that the bank's file then tells of too",
    "deposit_booked": "somebody records a deposit that a bank's file has told of",
    "recorded_by_hand": "somebody records what the bank has paid before its file tells",
    "bank_refused": "the bank refuses all payments of a file, or of a part",
    "bank_refused_some": "the bank refuses some payments of a file",
    "bank_booked_together": "the bank books payments of a file at once, named or not",
    "bank_returned": "a payment of the bank's comes back",
    "bank_returned_unsaid": "a payment comes back, and the bank does not call it a return",
    "bank_unknown": "money comes or goes at the bank that no file asked for",
    "bank_told_twice": "the bank tells again what it has told",
    "bank_told_otherwise": "the bank tells of a booking under two names",
    "bank_told_out_of_order": "the bank tells of a later booking before an earlier one",
    "bank_file_torn": "a file of the bank's arrives torn",
    "bank_contradicted": "the bank refuses what it has paid and told of",
    "key_rotated": "another key follows the gateway's, under running channels",
    "key_retired": "a gateway key that was followed is retired, needed or not",
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

"""What may befall a chain, its nodes and those who ask them, by the words of operations."""

BACK = ("at_once", "later", "never")
"""How the transactions of blocks that are replaced get into blocks again."""
DECISIONS = ("giveNotice", "stay", "exit")
"""What an owner may decide about what is locked."""
TROUBLE = {
    "stall": "node_stalled",
    "lose": "node_answer_lost",
    "fail": "node_failed",
    "fail_after": "node_failed_after",
    "forget": "node_forgot",
    "behind": "node_behind",
    "kill_before": "chain_killed",
    "kill_after": "chain_killed",
}
"""What may befall one request, and the kind of fault that it is. `forget`: the node takes a
transaction, and drops it."""

"""The money core, and the tests that must notice any fault in it: fast ones, without services."""

_PROTOCOL = ("tests/protocol/test_money_rules.py", "tests/protocol/test_vectors.py")
_LEDGER = ("tests/ledger",)

CORE: dict[str, tuple[str, ...]] = {
    "protocol/payee.py": (*_PROTOCOL, "tests/protocol/test_accepting.py"),
    "protocol/pricing.py": (*_PROTOCOL, "tests/protocol/test_accepting.py"),
    "protocol/statements.py": (*_PROTOCOL, "tests/protocol/test_merkle.py"),
    "protocol/merkle.py": (*_PROTOCOL, "tests/protocol/test_merkle.py"),
    "gateway/ledger/chain.py": _LEDGER,
    "gateway/ledger/chart.py": _LEDGER,
    "gateway/ledger/entry.py": _LEDGER,
    "gateway/ledger/states.py": _LEDGER,
    "gateway/settlement/netting.py": _LEDGER,
    "gateway/settlement/intervals.py": (
        "tests/settlement/test_intervals.py",
        "tests/settlement/test_settlement_run.py",
    ),
}
"""Each file with its tests, those first that fail soonest."""

WITHOUT_SERVICES = "not postgres"
"""Which of them need no server."""

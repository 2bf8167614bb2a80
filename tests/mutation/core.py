"""The money core, and the tests that must notice any fault in it: fast ones, without services."""

_RULES = "tests/protocol/test_money_rules.py"
_LEDGER = "tests/ledger"
_INTERVALS = "tests/settlement/test_intervals.py"

UNIT = (_RULES, _LEDGER, _INTERVALS)
"""The tests that reach every line and branch of it."""

CORE: dict[str, tuple[str, ...]] = {
    "protocol/payee.py": (_RULES, "tests/protocol/test_accepting.py"),
    "protocol/pricing.py": (_RULES, "tests/protocol/test_accepting.py"),
    "protocol/statements.py": (_RULES, "tests/protocol/test_merkle.py"),
    "protocol/merkle.py": (_RULES, "tests/protocol/test_merkle.py"),
    "gateway/ledger/chain.py": (_LEDGER,),
    "gateway/ledger/chart.py": (_LEDGER,),
    "gateway/ledger/entry.py": (_LEDGER,),
    "gateway/ledger/states.py": (_LEDGER,),
    "gateway/settlement/netting.py": (_LEDGER,),
    "gateway/settlement/intervals.py": (_INTERVALS, "tests/settlement/test_settlement_run.py"),
}
"""Each file with the tests that are tried on its mutants, those first that fail soonest."""

WITHOUT_SERVICES = "not postgres"
"""Which of them need no server."""

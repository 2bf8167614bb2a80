"""The money core, and the tests that must notice any fault in it: fast ones, without services."""

_RULES = "tests/protocol/test_money_rules.py"
_TICKS = "tests/protocol/test_tick_rules.py"
_LEGS = "tests/protocol/test_leg_rules.py"
_FEES = "tests/protocol/test_fee_rules.py"
_RUN_PROOFS = "tests/protocol/test_run_proofs.py"
_TOTALS = "tests/protocol/test_statement_totals.py"
_LEDGER = "tests/ledger"
_INTERVALS = "tests/settlement/test_intervals.py"
_LIMITS = "tests/settlement/test_balance_limits.py"

UNIT = (_RULES, _TICKS, _LEGS, _FEES, _RUN_PROOFS, _TOTALS, _LEDGER, _INTERVALS, _LIMITS)
"""The tests that reach every line and branch of it."""

CORE: dict[str, tuple[str, ...]] = {
    "protocol/payee.py": (_RULES, _TICKS, _LEGS, _FEES, "tests/protocol/test_accepting.py"),
    "protocol/xrpl.py": (_RULES,),
    "protocol/pricing.py": (_RULES, _LEGS, _FEES, "tests/protocol/test_accepting.py"),
    "protocol/statements.py": (_RULES, _TOTALS, "tests/protocol/test_merkle.py"),
    "protocol/runs.py": (_RUN_PROOFS,),
    "protocol/merkle.py": (_RULES, _RUN_PROOFS, "tests/protocol/test_merkle.py"),
    "gateway/ledger/chain.py": (_LEDGER,),
    "gateway/ledger/chart.py": (_LEDGER,),
    "gateway/ledger/entry.py": (_LEDGER,),
    "gateway/ledger/states.py": (_LEDGER,),
    "gateway/settlement/fees.py": (_LEDGER,),
    "gateway/settlement/netting.py": (_LEDGER,),
    "gateway/settlement/intervals.py": (
        _INTERVALS,
        _LIMITS,
        "tests/settlement/test_settlement_run.py",
    ),
}
"""Each file with the tests that are tried on its mutants, those first that fail soonest."""

WITHOUT_SERVICES = "not postgres"
"""Which of them need no server."""

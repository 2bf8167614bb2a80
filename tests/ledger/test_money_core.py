"""The ledger's and netting's arithmetic in single figures, each at its edge."""

import hashlib
import sqlite3

import pytest

from gateway.ledger import chain, chart, states
from gateway.ledger.entry import LIMIT, Entry, EntryError, Posting, trial_balance
from gateway.settlement.fees import SQL, fee_of
from gateway.settlement.netting import Position, Turnover, netting_entry, positions
from protocol import cbor


def test_ledger_accounts_have_these_names() -> None:
    """They stand in stored entries: another name is another account."""
    assert chart.payer("ant") == "payer:ant"
    assert chart.payee("ant") == "payee:ant"
    assert chart.settling("ant") == "settling:ant"
    assert chart.funds("ant") == "funds:ant"
    assert chart.fees("ant") == "fees:ant"
    assert chart.rail("manual") == "rail:manual"
    assert chart.suspense("sepa") == "suspense:sepa"


@pytest.mark.threat("D4")
def test_amounts_of_postings_go_to_their_edges_and_not_beyond() -> None:
    for amount in (1, -1, 2**63 - 1, -(2**63) + 1):
        assert Posting("a", "EUR", amount).amount == amount
    for bad in (0, 2**63, -(2**63), 2**64, True, 1.0, "1", None):
        with pytest.raises(EntryError, match="posting amount"):
            Posting("a", "EUR", bad)  # type: ignore[arg-type]
    for account, currency in (("", "EUR"), ("a", ""), ("", "")):
        with pytest.raises(EntryError, match="account and currency"):
            Posting(account, currency, 1)
    assert LIMIT == 2**63


GOOD = (Posting("payer:a", "EUR", 5), Posting("payee:b", "EUR", -5))


def test_entries_have_a_name_a_time_and_postings_that_balance() -> None:
    entry = Entry("x", "r", 2**63 - 1, GOOD)
    assert (entry.kind, entry.reference, entry.at, entry.memo) == ("x", "r", 2**63 - 1, "")
    assert Entry("x", "r", 0, GOOD).at == 0
    for kind, reference in (("", "r"), ("x", ""), ("", "")):
        with pytest.raises(EntryError, match="kind and reference"):
            Entry(kind, reference, 0, GOOD)
    for at in (-1, 2**63, True, 1.5):
        with pytest.raises(EntryError, match="entry at"):
            Entry("x", "r", at, GOOD)  # type: ignore[arg-type]
    with pytest.raises(EntryError, match="must have postings"):
        Entry("x", "r", 0, ())
    for lacking in (GOOD[:1], GOOD[1:], (*GOOD, Posting("c", "EUR", 1))):
        with pytest.raises(EntryError, match="debits exceed credits by"):
            Entry("x", "r", 0, lacking)
    mixed = (Posting("a", "EUR", 5), Posting("b", "USD", -5))
    with pytest.raises(EntryError, match="EUR debits exceed credits by 5"):
        Entry("x", "r", 0, mixed)


def test_an_entrys_debits_stay_below_what_a_balance_can_hold() -> None:
    most = 2**63 - 1
    Entry("x", "r", 0, (Posting("a", "EUR", most), Posting("b", "EUR", -most)))
    debits = (Posting("a", "EUR", most), Posting("b", "EUR", 1))
    credits = (Posting("c", "EUR", -most), Posting("d", "EUR", -1))
    with pytest.raises(EntryError, match="2\\^63"):
        Entry("x", "r", 0, debits + credits)


def test_a_trial_balance_has_a_sum_for_each_currency() -> None:
    postings = [Posting("a", "EUR", 7), Posting("b", "USD", -2), Posting("c", "EUR", -3)]
    assert trial_balance(postings) == {"EUR": 4, "USD": -2}
    assert trial_balance([]) == {}


@pytest.mark.threat("O9")
def test_an_entrys_bytes_and_hash_are_these() -> None:
    """Whoever holds the journal can recompute them from this description."""
    lines = (Posting("payer:a", "EUR", 1), Posting("payee:b", "EUR", -1))
    entry = Entry("interval", "close:01", 9, lines, "memo")
    encoded = cbor.encode(
        {
            1: "interval",
            2: "close:01",
            3: 9,
            4: [{1: "payer:a", 2: "EUR", 3: {1: 1}}, {1: "payee:b", 2: "EUR", 3: {2: 1}}],
            5: "memo",
        }
    )
    assert chain.encode(entry) == encoded
    assert bytes(32) == chain.START
    first = hashlib.sha256(bytes(32) + encoded).digest()
    assert chain.link(chain.START, entry) == first
    assert chain.link(first, entry) == hashlib.sha256(first + encoded).digest()


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        ("open", "ajar", "unknown state 'ajar'"),
        ("ajar", "open", "unknown state 'ajar'"),
        ("closed", "open", "closed can't become open; what may follow is nothing"),
        ("open", "open", "open can't become open; what may follow is closed, frozen"),
    ],
)
def test_an_illegal_move_says_what_may_follow(now: str, then: str, said: str) -> None:
    with pytest.raises(states.IllegalMove) as raised:
        states.move(states.CHANNEL, now, then)
    assert str(raised.value) == said


def test_terminal_states_and_the_names_of_all() -> None:
    assert {name for name, then in states.CHANNEL.items() if not then} == {"closed"}
    assert {name for name, then in states.DEVICE.items() if not then} == {"revoked"}
    assert {name for name, then in states.RUN.items() if not then} == {"completed"}
    assert {name for name, then in states.INSTRUCTION.items() if not then} == {
        "failed",
        "returned",
    }


def test_the_turnover_of_two_parts_of_a_run_is_their_sum() -> None:
    assert Turnover(1, 2, -4) + Turnover(8, 16, 32) == Turnover(9, 18, 28)


def test_positions_come_from_turnover_and_what_was_carried() -> None:
    found = positions(
        {
            "bee": Turnover(10, 3),
            "ant": Turnover(0, 7, 2),
            "dog": Turnover(4, 4),
            "eel": Turnover(),
            "gnu": Turnover(0, 0, -2),
            "hen": Turnover(0, 5, 5),
        },
        {
            # Each balance holds the run's own turnover and what an earlier run reopened.
            "bee": {"payer:bee": 12, "payee:bee": -3},
            "ant": {"payee:ant": -5},
            "cat": {"payee:cat": -5},
            "dog": {"payer:dog": 4, "payee:dog": -4},
            "fox": {"payer:fox": 6, "payee:fox": -6},
            "gnu": {"fees:gnu": -2, "payer:gnu": 1},
        },
    )
    assert found == [
        Position("ant", Turnover(0, 7, 2), 0),
        Position("bee", Turnover(10, 3), 2),
        Position("cat", Turnover(), -5),
        Position("dog", Turnover(4, 4), 0),
        Position("gnu", Turnover(0, 0, -2), 1),
        Position("hen", Turnover(0, 5, 5), 0),
    ]
    assert [each.net for each in found] == [-5, 9, -5, 0, -1, 0]
    assert positions({}, {}) == []
    assert positions({"ant": Turnover(0, 3)}, {}) == [Position("ant", Turnover(0, 3), 3)]
    assert positions({"ant": Turnover(3)}, {}) == [Position("ant", Turnover(3), -3)]


@pytest.mark.parametrize(
    ("balances", "left", "postings"),
    [
        ({}, 0, None),
        ({"payer:ant": 0}, 0, None),
        ({"payer:ant": 9}, 0, {"payer:ant": -9, "settling:ant": 9}),
        ({"payee:ant": -4}, 0, {"payee:ant": 4, "settling:ant": -4}),
        (
            {"payer:ant": 9, "payee:ant": -4, "fees:ant": -2},
            0,
            {"payer:ant": -9, "payee:ant": 4, "fees:ant": 2, "settling:ant": 3},
        ),
        ({"payer:ant": 4, "payee:ant": -4}, 0, {"payer:ant": -4, "payee:ant": 4}),
        # What a rail can't move stays owed, on the side on which it is.
        ({"payer:ant": 9}, 1, {"payer:ant": -8, "settling:ant": 8}),
        ({"payer:ant": 9}, 9, None),
        ({"payee:ant": -9}, -2, {"payee:ant": 7, "settling:ant": -7}),
        (
            {"payer:ant": 9, "payee:ant": -4},
            2,
            {"payer:ant": -7, "payee:ant": 4, "settling:ant": 3},
        ),
        ({"fees:ant": -5}, -5, {"fees:ant": 5, "payee:ant": -5}),
    ],
)
def test_netting_empties_what_is_moved_into_one_account(
    balances: dict[str, int], left: int, postings: dict[str, int] | None
) -> None:
    entry = netting_entry(3, "ant", "EUR", balances, left, 9)
    if postings is None:
        assert entry is None
        return
    assert entry is not None
    assert {each.account: each.amount for each in entry.postings} == postings
    assert {each.currency for each in entry.postings} == {"EUR"}
    assert (entry.kind, entry.reference, entry.at) == ("net", "run:3:net:ant", 9)


@pytest.mark.parametrize(
    ("amount", "fixed", "bp", "fee"),
    [
        (1, 0, 0, 0),
        (9_999, 0, 1, 0),
        (10_000, 0, 1, 1),
        (19_999, 0, 1, 1),
        (10_000, 3, 250, 253),
        (100, 99, 0, 99),
        (100, 100, 0, 100),
        (100, 101, 0, 100),
        (100, 1, 10_000, 100),
        (2**63 - 1, 2**63 - 1, 10_000, 2**63 - 1),
        (2**63 - 1, 0, 9_999, (2**63 - 1) * 9_999 // 10_000),
    ],
)
def test_a_fee_is_fixed_and_a_part_and_never_more_than_the_interval(
    amount: int, fixed: int, bp: int, fee: int
) -> None:
    assert fee_of(amount, fixed, bp) == fee
    # The database reckons the same, without ever reaching 2^63.
    sql = SQL.format(amount=amount, bp=bp, fixed=fixed)
    found = sqlite3.connect(":memory:").execute(f"SELECT {sql}").fetchone()[0]
    assert (type(found), found) == (int, fee)

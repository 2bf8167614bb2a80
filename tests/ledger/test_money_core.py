"""The ledger's and netting's arithmetic in single figures, each at its edge."""

import hashlib

import pytest

from gateway.ledger import chain, chart, states
from gateway.ledger.entry import LIMIT, Entry, EntryError, Posting, trial_balance
from gateway.settlement.netting import Position, netting_entry, positions
from protocol import cbor


def test_ledger_accounts_have_these_names() -> None:
    """They stand in stored entries: another name is another account."""
    assert chart.payer("ant") == "payer:ant"
    assert chart.payee("ant") == "payee:ant"
    assert chart.settling("ant") == "settling:ant"
    assert chart.rail("manual") == "rail:manual"


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


def test_a_trial_balance_has_a_sum_for_each_currency() -> None:
    postings = [Posting("a", "EUR", 7), Posting("b", "USD", -2), Posting("c", "EUR", -3)]
    assert trial_balance(postings) == {"EUR": 4, "USD": -2}
    assert trial_balance([]) == {}


@pytest.mark.threat("O9")
def test_an_entrys_bytes_and_hash_are_these() -> None:
    """Whoever holds the journal can recompute them from this description."""
    entry = Entry("interval", "close:01", 9, GOOD, "memo")
    encoded = cbor.encode(
        {
            1: "interval",
            2: "close:01",
            3: 9,
            4: [{1: "payer:a", 2: "EUR", 3: {1: 5}}, {1: "payee:b", 2: "EUR", 3: {2: 5}}],
            5: "memo",
        }
    )
    assert chain.encode(entry) == encoded
    assert bytes(32) == chain.START
    first = hashlib.sha256(bytes(32) + encoded).digest()
    assert chain.link(chain.START, entry) == first
    second = hashlib.sha256(first + encoded).digest()
    assert chain.verify_chain([]) is None
    assert chain.verify_chain([(entry, first), (entry, second)]) is None
    assert chain.verify_chain([(entry, first), (entry, first)]) == 1
    assert chain.verify_chain([(entry, second), (entry, first)]) == 0


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
    assert {name for name, then in states.INSTRUCTION.items() if not then} == {"done", "failed"}


def test_positions_come_from_turnover_and_what_was_carried() -> None:
    found = positions(
        {"bee": (10, 3), "ant": (0, 7), "dog": (4, 4), "eel": (0, 0)},
        {
            # Each balance holds the run's own turnover and what an earlier run reopened.
            "bee": (12, -3),
            "ant": (0, -7),
            "cat": (0, -5),
            "dog": (4, -4),
            "fox": (6, -6),
        },
    )
    assert found == [
        Position("ant", 0, 7, 0),
        Position("bee", 10, 3, 2),
        Position("cat", 0, 0, -5),
        Position("dog", 4, 4, 0),
    ]
    assert [each.net for each in found] == [-7, 9, -5, 0]
    assert positions({}, {}) == []
    assert positions({"ant": (0, 3)}, {}) == [Position("ant", 0, 3, 3)]
    assert positions({"ant": (3, 0)}, {}) == [Position("ant", 3, 0, -3)]


@pytest.mark.parametrize(
    ("payer", "payee", "postings"),
    [
        (0, 0, None),
        (9, 0, {"payer:ant": -9, "settling:ant": 9}),
        (0, -4, {"payee:ant": 4, "settling:ant": -4}),
        (9, -4, {"payer:ant": -9, "payee:ant": 4, "settling:ant": 5}),
        (4, -4, {"payer:ant": -4, "payee:ant": 4}),
    ],
)
def test_netting_empties_both_sides_into_one(
    payer: int, payee: int, postings: dict[str, int] | None
) -> None:
    entry = netting_entry(3, "ant", "EUR", payer, payee, 9)
    if postings is None:
        assert entry is None
        return
    assert entry is not None
    assert {each.account: each.amount for each in entry.postings} == postings
    assert {each.currency for each in entry.postings} == {"EUR"}
    assert (entry.kind, entry.reference, entry.at) == ("net", "run:3:net:ant", 9)

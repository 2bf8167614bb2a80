"""Of what a run is: an account, a currency without those with times of their own; least amounts,
dry runs, and runs that wait for a person."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.ledger.states import IllegalMove
from gateway.operations import schedules, settlement
from gateway.operations.principal import SamePerson
from gateway.operations.schedules import NewSchedule
from gateway.settlement import run as runs
from gateway.settlement.rails.registry import Rails
from gateway.settlement.run import RunResult, run_settlement
from gateway.settlement.scope import ACCOUNTS, CURRENCY, EVERYTHING, Scope
from gateway.settlement.verify_books import verify_books
from gateway.store import accounts
from gateway.store.engine import Store
from gateway.store.errors import Conflict
from gateway.store.tables import Base
from tests.machines.setting import Folder
from tests.settlement.fleet import ACCOUNTS as NAMES
from tests.settlement.fleet import GATEWAY, PRICE, Fleet

ANN, BOB = "token:ann", "token:bob"


@pytest.fixture
def fleet(store: Store) -> Fleet:
    """Ant owes bee and cat, and cat owes bee."""
    made = Fleet(store)
    made.mark(made.open("ant", "bee"), 10)
    made.mark(made.open("ant", "cat"), 4)
    made.mark(made.open("cat", "bee"), 1)
    return made


def settle(store: Store, scope: Scope = EVERYTHING, by: str = ANN) -> RunResult | None:
    return run_settlement(store, "EUR", GATEWAY.sign, "manual", None, scope, by)


def instructed(store: Store, run: int) -> dict[str, int]:
    """What a run moves, in units of the tariffs; above zero it is collected."""
    position = Base.metadata.tables["position"]
    with store.read() as conn:
        rows = conn.execute(select(position).where(position.c.run == run)).all()
    return {row.account: row.instructed // PRICE for row in rows if row.instructed}


def owed(store: Store) -> dict[str, int]:
    """What each account owes by the books and was not handed to a rail, in units."""
    with store.read() as conn:
        return {name: accounts.owed(conn, name) // PRICE for name in NAMES}


def assert_books(store: Store) -> None:
    assert verify_books(store, GATEWAY.public).discrepancies == []


def test_a_run_of_an_account_moves_its_money_and_no_others(store: Store, fleet: Fleet) -> None:
    result = settle(store, Scope(ACCOUNTS, ("cat",)))
    assert result is not None and (result.channels, result.accounts) == (2, 3)
    assert instructed(store, 1) == {"cat": -3}
    assert_books(store)
    # The other ends of its channels have it stated, and carry it.
    assert settle(store) is not None
    assert instructed(store, 2) == {"ant": 14, "bee": -11}
    assert_books(store)


def test_an_account_with_times_of_its_own_is_not_paid_with_its_currency(
    store: Store, fleet: Fleet
) -> None:
    schedules.put(store, NewSchedule("bee", "0 0 1 * *"))
    assert settle(store, Scope(CURRENCY)) is not None
    assert instructed(store, 1) == {"ant": 14, "cat": -3}
    assert owed(store)["bee"] == -11
    assert settle(store, Scope(CURRENCY, ("bee",))) is not None
    assert instructed(store, 2) == {"bee": -11}
    assert_books(store)


def test_less_than_the_least_amount_is_carried_until_it_is_enough(
    store: Store, fleet: Fleet
) -> None:
    schedules.put(store, NewSchedule("EUR", least_amount=4 * PRICE))
    schedules.put(store, NewSchedule("ant", least_amount=15 * PRICE))
    assert settle(store) is not None
    assert instructed(store, 1) == {"bee": -11}
    assert owed(store)["ant"] == 14
    fleet.mark(fleet.open("ant", "cat", 1), 1)
    assert settle(store) is not None
    assert instructed(store, 2) == {"ant": 15, "cat": -4}
    assert settle(store) is None
    assert_books(store)


def test_gross_and_net_tell_how_much_netting_saved(store: Store, fleet: Fleet) -> None:
    result = settle(store)
    assert result is not None
    assert (result.gross, result.net, result.collect) == (15 * PRICE, 14 * PRICE, 14 * PRICE)


def rails(store: Store) -> Rails:
    """None that moves anything: what they are asked is looked at in the books."""
    return Rails("manual", Folder().path, {"manual": {"folder": Folder().path}})


def waiting(store: Store, by: str = ANN) -> int:
    schedules.put(store, NewSchedule("EUR", approval=True))
    result = settle(store, by=by)
    assert result is not None and result.state == "posted"
    return result.run


@pytest.mark.parametrize("by", [ANN, ""])
def test_money_waits_until_another_person_has_approved_the_run(
    store: Store, fleet: Fleet, by: str
) -> None:
    run = waiting(store, by)
    assert settlement.instructions_of(store, run) == []
    if by:
        with pytest.raises(SamePerson):
            settlement.approve(store, GATEWAY, rails(store), run, ANN)
    settlement.approve(store, GATEWAY, rails(store), run, BOB)
    moved = {row.account_id: row.state for row in settlement.instructions_of(store, run)}
    assert moved == {"ant": "submitted", "bee": "submitted", "cat": "submitted"}
    settlement.approve(store, GATEWAY, rails(store), run, BOB)
    with pytest.raises(Conflict, match="has decided otherwise"):
        settlement.reject(store, GATEWAY, rails(store), run, ANN)
    assert_books(store)


def test_what_a_rejected_run_would_have_moved_is_owed_as_before(store: Store, fleet: Fleet) -> None:
    run = waiting(store)
    settlement.reject(store, GATEWAY, rails(store), run, ANN)
    rows = settlement.instructions_of(store, run)
    assert {(row.state, row.note) for row in rows} == {("failed", f"rejected by {ANN}")}
    assert owed(store) == {"ant": 14, "bee": -11, "cat": -3}
    with pytest.raises(Conflict, match="has decided otherwise"):
        settlement.approve(store, GATEWAY, rails(store), run, BOB)
    assert_books(store)
    again = waiting(store)
    settlement.approve(store, GATEWAY, rails(store), again, BOB)
    assert instructed(store, again) == {"ant": 14, "bee": -11, "cat": -3}
    assert_books(store)


def test_a_run_that_waits_holds_up_no_other(store: Store, fleet: Fleet) -> None:
    first = waiting(store)
    fleet.mark(fleet.open("cat", "ant", 1), 2)
    second = waiting(store)
    assert instructed(store, second) == {"ant": -2, "cat": 2}
    settlement.approve(store, GATEWAY, rails(store), first, BOB)
    assert instructed(store, first) == {"ant": 14, "bee": -11, "cat": -3}
    assert_books(store)


def test_a_run_that_nobody_has_to_approve_can_not_be_decided_on(store: Store, fleet: Fleet) -> None:
    assert settle(store) is not None
    with pytest.raises(Conflict, match="nobody has to approve it"):
        settlement.approve(store, GATEWAY, rails(store), 1, BOB)


@pytest.mark.threat("C2")
@pytest.mark.parametrize("decide", [settlement.approve, settlement.reject])
def test_a_decision_cut_off_before_its_instructions_is_carried_out_by_the_next_run(
    store: Store, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, decide: Callable[..., None]
) -> None:
    class CutOff(Exception):
        """The process has ended here."""

    def die(*_arguments: object) -> None:
        raise CutOff

    run = waiting(store)
    monkeypatch.setattr(runs, "_instruct", die)
    with pytest.raises(CutOff):
        decide(store, GATEWAY, rails(store), run, BOB)
    monkeypatch.undo()
    with store.read() as conn:
        assert runs.get(conn, run).state in ("approved", "rejected")
    result = settle(store)
    assert result is not None and result.run == run
    states = {row.state for row in settlement.instructions_of(store, run)}
    assert states == {"pending" if decide is settlement.approve else "failed"}
    assert_books(store)


def test_a_run_is_not_decided_on_while_it_is_posting(
    store: Store, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules.put(store, NewSchedule("EUR", approval=True))
    given = runs._post_part

    def once(*arguments: object) -> int:
        monkeypatch.setattr(runs, "_post_part", None)
        return given(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "_post_part", once)
    with pytest.raises(TypeError):
        run_settlement(store, "EUR", GATEWAY.sign, "manual", part=1)
    monkeypatch.setattr(runs, "_post_part", given)
    with pytest.raises(IllegalMove, match="posting"):
        settlement.approve(store, GATEWAY, rails(store), 1, BOB)
    assert_books(store)
    result = settle(store)
    assert result is not None and (result.run, result.channels) == (1, 3)
    assert_books(store)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.integers(1, 9),
        st.sampled_from(["pay", "pay", "close", "settle", "settle one"]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.sampled_from(["", "ant", "bee"]), st.integers(0, 12), st.booleans())
def test_a_dry_run_says_what_the_run_then_does(
    steps: list[tuple[str, str, int, str]], account: str, least: int, fees: bool
) -> None:
    from gateway.settlement import intervals

    folder = Folder()
    store = folder.store()
    try:
        fleet = Fleet(store)
        if fees:
            fleet.charge("bee", "cat", 1, 1500)
        opened: list[bytes] = []
        schedules.put(store, NewSchedule("EUR", least_amount=least * PRICE))
        for payer, payee, units, what in steps:
            if what == "pay":
                opened.append(fleet.open(payer, payee, len(opened)))
                fleet.mark(opened[-1], units)
            elif what == "close" and opened:
                with store.write() as conn:
                    intervals.close(conn, opened[units % len(opened)], "test", 9)
            else:
                settle(store, Scope(ACCOUNTS, (payer,)) if what == "settle one" else EVERYTHING)
        found = settlement.ahead(store, rails(store), "EUR", account or None)
        result = settle(store, Scope(ACCOUNTS, (account,)) if account else EVERYTHING)
        said = {each.position.account: each.values() for each in found[0].planned if each.stated}
        if result is None:
            assert said == {}
            return
        _result, _row, rows = settlement.show(store, result.run)
        done = {row.account: {key: row._asdict()[key] for key in said_keys(row)} for row in rows}
        assert said == done
        assert_books(store)
    finally:
        store.close()
        folder.remove()


def said_keys(row: object) -> list[str]:
    """The columns of a position but for the run's number."""
    return [name for name in row._asdict() if name != "run"]  # type: ignore[attr-defined]

"""What falls due by its schedule is settled, once; and who owes too much is settled at once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.operations import schedules, settlement
from gateway.operations.errors import BadInput
from gateway.operations.principal import SamePerson
from gateway.operations.schedules import NewSchedule
from gateway.settlement import run as runs
from gateway.settlement.rails import RailError
from gateway.settlement.rails.registry import Rails
from gateway.settlement.verify_books import verify_books
from gateway.store.engine import Store, open_store
from gateway.store.errors import Conflict, NotFound
from tests.settlement.fleet import GATEWAY, PRICE, Fleet
from tests.settlement.test_destinations import payout

DAY = 86_400


class Clocked:
    """A fleet whose gateway's clock is set by hand."""

    def __init__(self, url: str, folder: Path) -> None:
        self.now = 1_000 * DAY
        self.store: Store = open_store(url, clock=lambda: self.now)
        self.fleet = Fleet(self.store)
        self.rails = Rails("manual", folder, {"manual": {"folder": folder}})
        self.channel = self.fleet.open("ant", "bee")
        self.units = 0

    def use(self, units: int) -> None:
        """Let ant owe bee so many units more."""
        self.units += units
        self.fleet.mark(self.channel, self.units)

    def settled(self) -> list[tuple[int, str, int]]:
        """What the gateway settles now: number, state and what is collected, of each run."""
        found = schedules.settle_due(self.store, GATEWAY, self.rails)
        assert verify_books(self.store, GATEWAY.public).discrepancies == []
        return [(each.run, each.state, each.collect // PRICE) for each in found]

    def collected(self) -> list[int]:
        """How many units' worth each run collects that the gateway makes now."""
        return [units for _, _, units in self.settled()]


@pytest.fixture
def clocked(migrated_url: str, tmp_path: Path) -> Iterator[Clocked]:
    made = Clocked(migrated_url, tmp_path)
    yield made
    made.store.close()


def test_a_currency_is_settled_when_it_is_due_and_not_again(clocked: Clocked) -> None:
    clocked.use(5)
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    clocked.now += 7_199
    assert clocked.settled() == []
    clocked.now += 1
    assert clocked.settled() == [(1, "instructed", 5)]
    clocked.use(1)
    assert clocked.settled() == []
    clocked.now += DAY
    assert clocked.settled() == [(2, "instructed", 1)]


def test_what_fell_due_while_nobody_looked_is_settled_once(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    clocked.use(5)
    clocked.now += 10 * DAY + 7_200
    assert clocked.settled() == [(1, "instructed", 5)]
    clocked.use(1)
    assert clocked.settled() == []


def test_a_time_that_finds_nothing_to_settle_is_over(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    clocked.now += 7_200
    assert clocked.settled() == []
    clocked.use(5)
    assert clocked.settled() == []


def test_a_new_schedule_does_not_fall_due_for_what_has_passed(clocked: Clocked) -> None:
    clocked.now += 7_300
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    clocked.use(5)
    assert clocked.settled() == []


def test_an_account_is_paid_at_its_own_times(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    schedules.put(clocked.store, NewSchedule("bee", "0 4 * * *"))
    clocked.use(5)
    clocked.now += 7_200
    assert clocked.settled() == [(1, "instructed", 5)]
    with clocked.store.read() as conn:
        assert runs.result(conn, 1).pay == 0
    clocked.now += 7_200
    assert clocked.settled() == [(2, "instructed", 0)]
    with clocked.store.read() as conn:
        assert runs.result(conn, 2).pay == 5 * PRICE


def test_an_account_and_its_currency_that_are_due_together_make_one_run(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    schedules.put(clocked.store, NewSchedule("bee", "0 0 * * *"))
    clocked.use(5)
    clocked.now += DAY + 7_200
    assert clocked.settled() == [(1, "instructed", 5)]
    with clocked.store.read() as conn:
        assert runs.result(conn, 1).pay == 5 * PRICE
    assert clocked.settled() == []


def test_who_owes_too_much_is_settled_at_once(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", most_owed=10 * PRICE))
    clocked.use(9)
    assert clocked.settled() == []
    clocked.use(1)
    assert clocked.settled() == [(1, "instructed", 10)]
    assert clocked.settled() == []
    clocked.use(1)
    assert clocked.settled() == []


def test_an_account_that_may_owe_more_than_others_is_settled_later(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", most_owed=10 * PRICE))
    schedules.put(clocked.store, NewSchedule("ant", most_owed=20 * PRICE))
    clocked.use(15)
    assert clocked.settled() == []
    clocked.use(5)
    assert clocked.settled() == [(1, "instructed", 20)]


def test_a_debt_that_can_not_be_moved_makes_no_run_after_another(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", least_amount=50 * PRICE, most_owed=10 * PRICE))
    for _ in range(3):
        clocked.use(10)
        assert clocked.settled() == []
    clocked.use(20)
    assert clocked.settled() == [(1, "instructed", 50)]


def test_a_run_that_was_cut_off_is_finished_and_what_is_due_is_still_settled(
    clocked: Clocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CutOff(Exception):
        """The process has ended here."""

    def die(*_arguments: object) -> None:
        raise CutOff

    clocked.use(5)
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    monkeypatch.setattr(runs, "_instruct", die)
    with pytest.raises(CutOff):
        settlement.settle(clocked.store, GATEWAY, clocked.rails, "EUR", "token:ann")
    monkeypatch.undo()
    clocked.use(2)
    clocked.now += 7_200
    assert clocked.settled() == [(1, "instructed", 5), (2, "instructed", 2)]
    assert clocked.settled() == []


@pytest.mark.threat("T3")
@pytest.mark.parametrize("ahead", [3_600, 9 * DAY, 4_000 * DAY])
def test_a_clock_that_was_ahead_keeps_nothing_from_falling_due(
    clocked: Clocked, ahead: int
) -> None:
    """Each night's use is in the run of the night that ends it, once the clock is right again."""
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    clocked.use(5)
    clocked.now += 5_400 + ahead
    assert clocked.settled() == [(1, "instructed", 5)]
    clocked.now -= ahead
    clocked.use(1)
    assert clocked.settled() == []
    clocked.now += 1_800
    # A night that was served half an hour too early was served, and is not again.
    first_night = [] if ahead == 3_600 else [1]
    assert clocked.collected() == first_night
    assert clocked.collected() == []
    clocked.use(1)
    clocked.now += DAY
    assert sum(first_night + clocked.collected()) == 2
    clocked.use(1)
    clocked.now += DAY
    assert clocked.collected() == [1]
    assert clocked.collected() == []


def test_a_schedule_that_was_set_by_a_clock_ahead_falls_due(clocked: Clocked) -> None:
    clocked.now += DAY
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    clocked.now -= DAY
    clocked.use(5)
    assert schedules.listed(clocked.store)[0].next_due == clocked.now + 7_200
    assert clocked.settled() == []
    clocked.now += 7_200
    assert clocked.settled() == [(1, "instructed", 5)]


@pytest.mark.threat("T3")
def test_a_night_with_two_hours_of_one_name_is_settled_once_though_late(clocked: Clocked) -> None:
    """02:30 in Berlin was at 00:30; the gateway was down then, and looks often since."""
    schedules.put(clocked.store, NewSchedule("EUR", "30 2 * * *", "Europe/Berlin"))
    clocked.use(5)
    clocked.now = int(datetime(2026, 10, 25, 1, 1, tzinfo=UTC).timestamp())
    assert clocked.settled() == [(1, "instructed", 5)]
    for _ in range(10):
        clocked.use(1)
        clocked.now += 360
        assert clocked.settled() == []
    clocked.now += DAY
    assert clocked.settled() == [(2, "instructed", 10)]


def test_a_currency_whose_rail_fails_keeps_no_other_waiting(
    clocked: Clocked, tmp_path: Path
) -> None:
    """Francs are before euros by name, and go by a rail that nobody has set up."""
    francs = Fleet(clocked.store, "CHF", ("dan", "eve"))
    payout(clocked.store, "dan", {}, rail="sepa")
    francs.mark(francs.open("dan", "eve"), 5)
    schedules.put(clocked.store, NewSchedule("CHF", "0 2 * * *"))
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    clocked.use(5)
    clocked.now += 7_200
    for _ in range(2):
        with capture_logs() as logs, pytest.raises(RailError, match=r"rails\.sepa\.name"):
            clocked.settled()
        assert [each["what"] for each in logs] == ["settling CHF"]
    with clocked.store.read() as conn:
        assert runs.result(conn, 1).collect == 5 * PRICE
        assert runs.unfinished(conn, "CHF") is None
    with pytest.raises(RailError, match=r"rails\.sepa\.name"):
        settlement.settle(clocked.store, GATEWAY, clocked.rails, None, "token:ann")
    assert (tmp_path / "run-1.csv").exists()


def test_a_scheduled_run_waits_for_any_person(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *", approval=True))
    clocked.use(5)
    clocked.now += 7_200
    assert clocked.settled() == [(1, "posted", 0)]
    assert clocked.settled() == []
    settlement.approve(clocked.store, GATEWAY, clocked.rails, 1, "token:ann")
    with clocked.store.read() as conn:
        assert runs.result(conn, 1).collect == 5 * PRICE


@pytest.mark.threat("O6")
def test_one_person_alone_ends_no_approval(clocked: Clocked) -> None:
    """Neither by a schedule without it, nor by removing the schedule, nor by asking twice."""
    asking = NewSchedule("EUR", "0 2 * * *", approval=True)
    schedules.put(clocked.store, asking)
    with pytest.raises(BadInput, match="approval: must be set, as it was"):
        schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    with pytest.raises(Conflict, match="schedule EUR: asks for approval"):
        schedules.remove(clocked.store, "EUR")
    asked = schedules.end_approval(clocked.store, "EUR", "token:ann").schedule
    assert (asked.approval, asked.approval_end_by) == (True, "token:ann")
    with pytest.raises(SamePerson):
        schedules.end_approval(clocked.store, "EUR", "token:ann")
    clocked.use(5)
    (run,) = settlement.settle(clocked.store, GATEWAY, clocked.rails, "EUR", "token:ann")
    assert (run.state, run.collect) == ("posted", 0)
    schedules.put(clocked.store, asking)
    asked = schedules.end_approval(clocked.store, "EUR", "token:bob").schedule
    assert (asked.approval, asked.approval_end_by) == (True, "token:bob")


@pytest.mark.threat("O6")
def test_two_persons_end_approval_for_runs_to_come(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *", approval=True))
    clocked.use(5)
    settlement.settle(clocked.store, GATEWAY, clocked.rails, "EUR", "token:ann")
    schedules.end_approval(clocked.store, "EUR", "token:ann")
    ended = schedules.end_approval(clocked.store, "EUR", "token:bob").schedule
    assert (ended.approval, ended.approval_end_by) == (False, None)
    with pytest.raises(Conflict, match="nobody has to approve its runs"):
        schedules.end_approval(clocked.store, "EUR", "token:bob")
    with clocked.store.read() as conn:
        assert runs.result(conn, 1).state == "posted"
    clocked.use(1)
    (run,) = settlement.settle(clocked.store, GATEWAY, clocked.rails, "EUR", "token:ann")
    assert run.state == "instructed"
    schedules.remove(clocked.store, "EUR")


def test_a_schedule_that_is_removed_is_due_no_more(clocked: Clocked) -> None:
    schedules.put(clocked.store, NewSchedule("EUR", "0 2 * * *"))
    schedules.remove(clocked.store, "EUR")
    clocked.use(5)
    clocked.now += DAY
    assert clocked.settled() == []
    with pytest.raises(NotFound, match="schedule EUR"):
        schedules.remove(clocked.store, "EUR")


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewSchedule("XXX"), "subject"),
        (NewSchedule("nobody"), "subject"),
        (NewSchedule("EUR", "0 2 * *"), "cron"),
        (NewSchedule("EUR", "0 2 * * *", "Berlin"), "time_zone"),
        (NewSchedule("EUR", least_amount=-1), "least_amount"),
        (NewSchedule("EUR", least_amount=2**63), "least_amount"),
        (NewSchedule("EUR", most_owed=0), "most_owed"),
        (NewSchedule("ant", approval=True), "approval"),
    ],
)
def test_a_wrong_schedule_is_refused_by_its_field(
    clocked: Clocked, new: NewSchedule, field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        schedules.put(clocked.store, new)
    assert refused.value.field == field
    assert schedules.listed(clocked.store) == []

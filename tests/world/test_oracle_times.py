"""The oracle can fail where runs wait for approval and amounts for their least: whatever is done to
what people decided, it names the invariant. As `test_oracle_money`."""

from collections.abc import Iterator

import pytest

from simulator.world.broken import Broken
from simulator.world.oracle import Oracle
from simulator.world.perform import perform
from simulator.world.story import Operation
from simulator.world.world import World
from tests.world.test_oracle import OPTIONS, Town

LEAST = 25
BEFORE: list[Operation] = [
    ["schedule", -1, "0 2 * * *", "Europe/Berlin", LEAST, 0, 1],
    ["consume", 0, 40],
    ["wait", 60_000],
    ["settle"],
    ["approve_run", 0],
    ["consume", 0, 40],
    ["wait", 60_000],
    ["settle"],
]


@pytest.fixture
def town() -> Iterator[Town]:
    """Two runs: the first was approved, the second waits."""
    with World(OPTIONS, Oracle) as world:
        world.advance(60)
        for operation in BEFORE:
            perform(world, operation)
        assert world.drain() == []
        yield Town(world)


def test_books_that_are_right_are_found_right(town: Town) -> None:
    rows = town.world.treasury.rows("run", "number")
    assert [(row.state, row.decision) for row in rows.values()] == [
        ("instructed", "approved"),
        ("posted", None),
    ]
    for operation in (["end_approval", -1, 0], ["end_approval", -1, 0]):
        perform(town.world, list[str | int](operation))
    town.world.timetable.put_right()
    town.world.treasury.put_right()
    town.world.settle()
    town.oracle.check_settled()


def test_17_money_moves_that_nobody_has_approved(town: Town) -> None:
    town.change("UPDATE run SET decision = NULL, decided_by = NULL WHERE number = 1")
    town.finds(17)


def test_17_who_asked_for_a_run_has_approved_it(town: Town) -> None:
    town.change("UPDATE run SET decided_by = started_by WHERE number = 1")
    town.finds(17)


def test_12_a_decision_is_turned_round(town: Town) -> None:
    town.change(
        "UPDATE instruction SET state = 'failed' WHERE run = 1",
        "UPDATE run SET decision = 'rejected' WHERE number = 1",
    )
    town.finds(12)


@pytest.mark.parametrize(
    "how", ["UPDATE schedule SET approval = 0", "DELETE FROM schedule WHERE subject = 'EUR'"]
)
def test_17_one_person_has_ended_approval(town: Town, how: str) -> None:
    perform(town.world, ["end_approval", -1, 0])
    town.change(how)
    town.finds(17)


def test_17_a_run_begins_that_waits_for_nobody(town: Town) -> None:
    town.change(
        "INSERT INTO run (number, currency, scale, state, period_start, period_end, journal_head)"
        " SELECT 9, currency, scale, 'posting', period_end, period_end, journal_head FROM run"
        " WHERE number = 2"
    )
    town.finds(17)


def test_16_less_than_the_least_is_moved(town: Town) -> None:
    town.change("UPDATE run SET state = 'posting' WHERE number = 2")
    town.oracle.check()
    town.change(
        "UPDATE run SET state = 'posted' WHERE number = 2",
        f"UPDATE position SET instructed = {LEAST - 1} WHERE run = 2 AND instructed > 0",
    )
    town.finds(16)


def test_9_what_was_served_is_due_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the gateway made by itself once it makes again at once."""
    world = town.world
    world.sleep(24)
    perform(world, ["consume", 0, 40])
    world.advance(60)
    settle_due = world.timetable._settle_due

    def and_more(store: object) -> None:
        settle_due(store)  # type: ignore[arg-type]
        town.change(
            "INSERT INTO run (number, currency, scale, state, period_start, period_end,"
            " journal_head, approval) SELECT max(number) + 1, currency, scale, 'posted',"
            " period_end, period_end, journal_head, 1 FROM run"
        )

    monkeypatch.setattr(world.timetable, "_settle_due", and_more)
    with pytest.raises(Broken, match="was due again"):
        world.timetable.serve(again=True)

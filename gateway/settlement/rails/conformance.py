"""What every rail must pass: a test-suite for whoever writes one, to be run by pytest.

Subclass `RailConformance` in a test module, give it the three hooks, and pytest finds the rest:

    class TestGoldRail(RailConformance):
        def make_rail(self, folder):
            return GoldRail(folder)

        def moved(self, folder):
            return {reference: amount for reference, amount in the_gold_book(folder)}

        def tell(self, store, folder, outcomes):
            ...

Nothing here is simulated but the money: books, runs and instructions are the gateway's own, on a
SQLite database of the test's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from gateway.settlement import instructions as books
from gateway.settlement.rails import (
    COLLECT,
    PAY,
    DestinationError,
    Instruction,
    Rail,
    RailError,
    reference_of,
)
from gateway.settlement.rails.conformance_town import AT, Died, Town, need
from gateway.store.engine import Store, open_store
from gateway.store.errors import Conflict


@contextmanager
def refused(*kinds: type[BaseException], what: str) -> Iterator[None]:
    """Raise AssertionError unless the block raises one of these."""
    try:
        yield
    except kinds:
        return
    raise AssertionError(f"{what}: must be refused")


class RailConformance:
    """The suite. Every test has a folder of its own, which a rail may keep whatever it likes in."""

    currency = "EUR"
    scale = 6

    # What a rail's own tests give.

    def make_rail(self, folder: Path) -> Rail:
        """The rail, as a process that starts makes it; a second one shares what is in `folder`."""
        raise NotImplementedError

    def moved(self, folder: Path) -> Mapping[str, int]:
        """What would be moved by all that was handed over, as the receiving end reads it: signed
        atomic units by `Instruction.reference`, above zero for what is collected."""
        raise NotImplementedError

    def tell(self, store: Store, folder: Path, outcomes: Mapping[str, str]) -> None:
        """Let the gateway learn these outcomes, by instruction id, the rail's own way: by a file of
        its making, or by bringing about what `status` will say, which is asked afterwards. Raises
        what the gateway raises."""
        with store.write() as conn:
            for name, outcome in outcomes.items():
                books.record_outcome(conn, name, outcome, "told", AT)

    def destination(self, direction: str, account: str) -> Mapping[str, str]:
        """Details with which this rail serves this direction."""
        return {}

    def bad_details(self) -> Sequence[tuple[str, Mapping[str, object]]]:
        """Details that must be refused, each with the field that the refusal must name."""
        return [("note", {"note": 7}), ("note", {"note": "two\nlines"})]

    # The rail alone

    def test_it_takes_a_batch_and_moves_each_amount_once(self, tmp_path: Path) -> None:
        """Exactly what was asked for, however often it is handed over and by whom."""
        batch = self.batch(self.make_rail(tmp_path))
        for _ in range(3):
            self.make_rail(tmp_path).submit("run-1", batch)
        self.agrees(tmp_path, batch)

    def test_an_order_makes_no_difference(self, tmp_path: Path) -> None:
        """The same instructions in another order are the same."""
        batch = self.batch(self.make_rail(tmp_path))
        self.make_rail(tmp_path).submit("run-1", batch)
        self.make_rail(tmp_path).submit("run-1", batch[::-1])
        self.agrees(tmp_path, batch)

    def test_what_comes_back_changed_is_refused(self, tmp_path: Path) -> None:
        """An id may mean one thing only: it may have been carried out already."""
        rail = self.make_rail(tmp_path)
        batch = self.batch(rail)
        rail.submit("run-1", batch)
        quantum = rail.quantum(self.currency, self.scale)
        other = [replace(batch[0], amount=batch[0].amount + quantum), *batch[1:]]
        with refused(RailError, what="another amount under a known id"):
            rail.submit("run-1", other)
        self.agrees(tmp_path, batch)

    def test_batches_do_not_touch_each_other(self, tmp_path: Path) -> None:
        """A second run adds to what the first one moved."""
        rail = self.make_rail(tmp_path)
        first, second = self.batch(rail, 1), self.batch(rail, 2)
        rail.submit("run-1", first)
        rail.submit("run-2", second)
        rail.submit("run-1", first)
        self.agrees(tmp_path, [*first, *second])

    def test_it_remembers_what_it_was_given(self, tmp_path: Path) -> None:
        """Restored books are compared with it: ids, accounts, directions, amounts."""
        batch = self.batch(self.make_rail(tmp_path))
        need(not self.make_rail(tmp_path).handed_over(), "nothing was handed over yet")
        self.make_rail(tmp_path).submit("run-1", batch)
        need(
            _told(self.make_rail(tmp_path).handed_over()) == _told(batch),
            "handed_over must have every instruction that was submitted",
        )

    def test_amounts_that_it_can_not_move_are_refused_not_rounded(self, tmp_path: Path) -> None:
        """The quantum is 1 or more; what is no multiple of it does not go through."""
        rail = self.make_rail(tmp_path)
        quantum = rail.quantum(self.currency, self.scale)
        need(type(quantum) is int and quantum >= 1, "the quantum must be an int, 1 or more")
        if quantum == 1:
            return
        batch = self.batch(rail)
        odd = [replace(batch[0], amount=batch[0].amount + 1), *batch[1:]]
        with refused(RailError, what="an amount beside the quantum"):
            rail.submit("run-1", odd)
        need(not self.moved(tmp_path), "a batch that is refused moves nothing of it")

    def test_the_most_that_it_moves_goes_and_more_is_refused(self, tmp_path: Path) -> None:
        """`most` is what it says: None, or a multiple of the quantum that it moves exactly."""
        rail = self.make_rail(tmp_path)
        quantum = rail.quantum(self.currency, self.scale)
        most = rail.most(self.currency, self.scale)
        if most is None:
            return
        need(type(most) is int and most >= quantum, "most must be an int, the quantum or more")
        need(most % quantum == 0, "most must be a multiple of the quantum")
        first, *others = self.batch(rail)
        with refused(RailError, what="more than the most"):
            rail.submit("run-1", [replace(first, amount=most + quantum), *others])
        need(not self.moved(tmp_path), "a batch that is refused moves nothing of it")
        batch = [replace(first, amount=most), *others]
        rail.submit("run-1", batch)
        self.agrees(tmp_path, batch)

    def test_a_destination_is_checked_the_same_twice(self, tmp_path: Path) -> None:
        """What was checked is checked: text by text, and stable."""
        rail = self.make_rail(tmp_path)
        for direction in sorted(rail.capabilities):
            given = self.destination(direction, "ant")
            once = rail.check_destination(given)
            need(rail.check_destination(once) == once, "checking again must change nothing")
            need(
                all(isinstance(part, str) for pair in once.items() for part in pair),
                "names and values must be text",
            )
            need(rail.serves(direction, once), f"these details must serve to {direction}")

    def test_a_bad_destination_is_refused_by_field(self, tmp_path: Path) -> None:
        """Nobody finds out from a bank what was typed wrong."""
        rail = self.make_rail(tmp_path)
        for field, details in self.bad_details():
            try:
                rail.check_destination(details)
            except DestinationError as error:
                need(error.field == field, f"{details}: must name {field}, named {error.field}")
            else:
                raise AssertionError(f"{details}: must be refused")

    def test_it_can_do_something(self, tmp_path: Path) -> None:
        """Its name and capabilities are what the books and the settings will say."""
        rail = self.make_rail(tmp_path)
        need(rail.name and rail.name.isascii() and rail.name.islower(), "a name in small letters")
        need(rail.capabilities and rail.capabilities <= {COLLECT, PAY}, "collect, pay, or both")

    # The rail and the gateway's books

    def test_a_crash_between_submit_and_record_moves_nothing_twice(self, tmp_path: Path) -> None:
        """C2: the rail has them and the books do not know; they are handed over again."""
        with self.town(tmp_path) as town:
            town.settle()
            with refused(Died, what="the planted crash"):
                town.submit(dies=True)
            need(set(town.states().values()) == {"pending"}, "nothing was recorded")
            town.submit()
            town.submit()
            need(set(town.states().values()) == {"submitted"}, "all was handed over")
            town.rail_agrees()

    def test_what_fails_is_owed_again_and_what_is_done_is_not(self, tmp_path: Path) -> None:
        """G7: a batch of which a part is refused; the next run takes up that part alone."""
        with self.town(tmp_path) as town:
            town.settle()
            town.submit()
            failed, *others = sorted(town.states())
            town.learn({failed: "failed", **dict.fromkeys(others, "done")})
            need(town.states() == {failed: "failed", **dict.fromkeys(others, "done")}, "outcomes")
            owner = failed.removeprefix("run-1-")
            need(town.owed() == {owner: town.amounts[owner]}, f"owed is {town.owed()}")
            town.settle()
            town.submit()
            again = f"run-2-{owner}"
            need(town.states()[again] == "submitted", "the next run takes it up")
            need(set(town.states()) == {failed, *others, again}, "and nothing else")
            town.learn({again: "done"})
            need(town.owed() == {}, f"still owed: {town.owed()}")

    def test_what_it_can_not_move_is_carried_to_the_unit(self, tmp_path: Path) -> None:
        """G7: the rest of a sum below the quantum stays owed, and joins the next run's."""
        with self.town(tmp_path) as town:
            rail = self.make_rail(tmp_path)
            rest = rail.quantum(self.currency, self.scale) - 1
            owner, amount = next(iter(town.amounts.items()))
            town.owe_more(owner, rest)
            town.settle()
            town.submit()
            town.learn(dict.fromkeys(town.states(), "done"))
            signed = rest if amount > 0 else -rest
            need(town.owed() == ({owner: signed} if rest else {}), f"owed is {town.owed()}")
            town.settle()
            need(len(town.states()) == len(town.amounts), "a rest alone makes no instruction")

    def test_what_is_more_than_it_moves_at_once_goes_by_several_runs(self, tmp_path: Path) -> None:
        """G7: each run moves the most, and the rest is owed until it has gone too."""
        rail = self.make_rail(tmp_path)
        most = rail.most(self.currency, self.scale)
        if most is None or most >= 2**60:
            return
        with self.town(tmp_path) as town:
            owner, amount = next(iter(town.amounts.items()))
            town.owe_more(owner, 2 * most)
            gone = 0
            for run, share in ((1, most), (2, most), (3, abs(amount))):
                town.settle()
                town.submit()
                rows = [name for name in town.states() if name.startswith(f"run-{run}-")]
                town.learn(dict.fromkeys(rows, "done"))
                gone += share
                left = (abs(amount) + 2 * most - gone) * (1 if amount > 0 else -1)
                need(town.owed() == ({owner: left} if left else {}), f"owed is {town.owed()}")

    def test_what_comes_back_is_owed_again(self, tmp_path: Path) -> None:
        """G7: a return reopens the debt by new entries, and edits none."""
        with self.town(tmp_path) as town:
            town.settle()
            town.submit()
            town.learn(dict.fromkeys(town.states(), "done"))
            before = town.entries()
            back = sorted(town.states())[0]
            town.learn({back: "returned"})
            need(town.states()[back] == "returned", "it is returned")
            need(town.entries()[: len(before)] == before, "no entry was changed")
            owner = back.removeprefix("run-1-")
            need(town.owed() == {owner: town.amounts[owner]}, f"owed is {town.owed()}")

    def test_answers_may_come_twice_and_late_but_not_against_each_other(
        self, tmp_path: Path
    ) -> None:
        """Told again is no news; told otherwise is refused; a return may overtake its payment."""
        with self.town(tmp_path) as town:
            town.settle()
            town.submit()
            first, second, *_ = sorted(town.states())
            town.learn({first: "failed", second: "returned"})
            entries = town.entries()
            town.learn({first: "failed", second: "returned"})
            town.learn({second: "done"})
            need(town.entries() == entries, "an answer that is no news adds no entry")
            # A rail's word against its earlier one: refused, or money without an owner.
            with suppress(Conflict):
                town.learn({first: "done"})
            need(town.states()[first] == "failed", "what was recorded stands")
            need(town.states()[second] == "returned", "what came back did not go again")

    # What the tests are made of

    def batch(self, rail: Rail, run: int = 1) -> list[Instruction]:
        """Instructions of one run, as many as the rail has capabilities."""
        quantum = rail.quantum(self.currency, self.scale)
        return [
            Instruction(
                f"run-{run}-{account}",
                run,
                account,
                account.title(),
                direction,
                quantum * (number + 1) * 1_234,
                self.currency,
                self.scale,
                reference_of(f"run-{run}-{account}"),
                rail.check_destination(self.destination(direction, account)),
                AT,
            )
            for number, (account, direction) in enumerate(self.parties(rail))
        ]

    def parties(self, rail: Rail) -> list[tuple[str, str]]:
        """Accounts and which way their money goes: two for each capability."""
        names = iter(("ant", "bee", "cat", "dog-with-a-name-as-long-as-it-may-be"))
        return [(next(names), way) for way in sorted(rail.capabilities) for _ in range(2)]

    def agrees(self, folder: Path, batch: Sequence[Instruction]) -> None:
        """The receiving end would move exactly these."""
        expected = {each.reference: _signed(each) for each in batch}
        moved = dict(self.moved(folder))
        need(moved == expected, f"moved {moved}, asked for {expected}")

    @contextmanager
    def town(self, folder: Path) -> Iterator[Town]:
        """Books in which each party has a debt for the rail to move."""
        store = open_store(f"sqlite:///{folder / 'books.db'}", upgrade=True)
        try:
            yield Town(self, store, folder / "rail")
        finally:
            store.close()


def _signed(each: Instruction) -> int:
    return each.amount if each.direction == COLLECT else -each.amount


def _told(batch: Iterable[Instruction]) -> set[tuple[str, int, str, int, str, int]]:
    """What a record must have of instructions, whatever decimal places it counts in."""
    return {
        (
            each.id,
            each.run,
            each.account_id,
            _signed(each) * 10 ** (18 - each.scale),
            each.currency,
            18,
        )
        for each in batch
    }

"""The manual rail: what every rail must pass, and what is its own."""

import csv
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.operations import settlement
from gateway.settlement.rails import Instruction, RailError, reference_of
from gateway.settlement.rails.conformance import RailConformance
from gateway.settlement.rails.manual import ManualRail, read_outcomes
from gateway.store.engine import Store


@pytest.mark.threat("C2", "G7", "O4")
class TestManualRail(RailConformance):
    """The suite, on CSV files."""

    def make_rail(self, folder: Path) -> ManualRail:
        return ManualRail(folder)

    def moved(self, folder: Path) -> dict[str, int]:
        found: dict[str, int] = {}
        for path in folder.glob("*.csv"):
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    sign = 1 if row["direction"] == "collect" else -1
                    amount = sign * int(Decimal(row["amount"]).scaleb(self.scale))
                    assert found.setdefault(reference_of(row["instruction"]), amount) == amount
        return found

    def tell(self, store: Store, folder: Path, outcomes: Mapping[str, str]) -> None:
        rows = "".join(f"{name},{what},told\n" for name, what in outcomes.items())
        settlement.record(store, list(read_outcomes("instruction,outcome,note\n" + rows)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1 must be instruction,run"),
        ("a,b\n", "line 1 must be instruction,run"),
        ("HEADrun-1-a,1,a,A,collect,1.5\n", "line 2 is no instruction"),
        ("HEADrun-1-a,one,a,A,collect,1.5,EUR\n", "line 2 is no instruction"),
        ("HEADrun-1-a,1,a,A,give,1.5,EUR\n", "line 2 is no instruction"),
        ("HEADrun-1-a,1,a,A,pay,-1.5,EUR\n", "line 2 is no instruction"),
        ('HEADrun-1-a,1,a,"A,pay,1.5,EUR\n', "line 2"),
    ],
)
def test_a_file_of_instructions_that_is_none_is_refused_with_its_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    head = "instruction,run,account,name,direction,amount,currency\n"
    (tmp_path / "run-1.csv").write_text(text.replace("HEAD", head))
    with pytest.raises(RailError, match=complaint):
        ManualRail(tmp_path).handed_over()


@pytest.mark.threat("D15")
def test_names_come_back_as_they_were_given(tmp_path: Path) -> None:
    names = ("=1+1", "'quoted", 'a "b", c', "Käse")
    batch = [
        Instruction(f"run-1-{n}", 1, f"a{n}", name, "pay", 5, "EUR", 6)
        for n, name in enumerate(names)
    ]
    rail = ManualRail(tmp_path)
    rail.submit("run-1", batch)
    assert [each.account_name for each in rail.handed_over()] == list(names)

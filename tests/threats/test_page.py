"""docs/threats.md says what is tested, and nothing else."""

from tests.threats.cases import CASES, GROUPS
from tests.threats.page import PAGE, markers, page


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text() == page(), "docs/threats.md is out of date; mend it with: make threats"


def test_every_case_is_tested_or_says_what_it_waits_for() -> None:
    tested = markers()
    assert [case.id for case in CASES if case.id not in tested and not case.waits_for] == []


def test_markers_name_cases_that_there_are() -> None:
    assert sorted(markers().keys() - {case.id for case in CASES}) == []


def test_there_are_sixty_three_cases_each_once() -> None:
    numbers = {"D": 17, "N": 11, "O": 10, "C": 14, "T": 4, "G": 7}
    assert numbers.keys() == GROUPS.keys()
    assert [case.id for case in CASES] == [
        f"{letter}{number}" for letter, count in numbers.items() for number in range(1, count + 1)
    ]

"""What a judge finds."""


class Violation(Exception):
    """An invariant that does not hold: its number, and what was seen."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"invariant {number}: {text}")
        self.number = number
        self.text = text

"""What flows from one device to another: the buyer's meter counts it, and the seller's as well."""

from collections.abc import Callable

from simulator.loads import Load


class Line:
    """What connects a seller to its buyer. `open_at_seller` says whether the seller's relay lets
    anything through."""

    def __init__(self, open_at_seller: Callable[[], bool]) -> None:
        self.open_at_seller = open_at_seller
        self.flowed = 0


class Drawn:
    """The buyer's side: as much as `wanted` draws, while both relays are closed."""

    def __init__(self, line: Line, wanted: Load) -> None:
        self._line = line
        self.wanted = wanted

    def advance(self, milliseconds: int, served: bool) -> int:
        """Units that came through."""
        units = self.wanted.advance(milliseconds, served and self._line.open_at_seller())
        self._line.flowed += units
        return units


class Delivered:
    """The seller's side: counts what its buyer drew."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._counted = 0

    def advance(self, milliseconds: int, served: bool) -> int:
        """Units that went out since the last look, whether its relay is closed now or not."""
        units = self._line.flowed - self._counted
        self._counted = self._line.flowed
        return units

"""What idle meters may have counted: the model's own sum of what was seen of each place."""

from dataclasses import dataclass

from simulator.world.oracle.violation import Violation


@dataclass
class _Place:
    at: int
    moved: int
    taken: bool
    stood: int = 0
    """Milliseconds for which nothing has moved there while it was taken."""
    idle: int = 0
    """Of all of these, those beyond what is free."""


class Places:
    """Each idle meter's place, as the world saw it."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def seen(
        self, device: str, at: int, moved: int, taken: bool, after_ms: int, counted: int
    ) -> None:
        """6: a second that is charged is one for which somebody stood there longer than is free.
        Raises Violation."""
        place = self._places.setdefault(device, _Place(at, moved, taken))
        stands = place.taken and taken and place.moved == moved
        stood = place.stood + at - place.at if stands else 0
        if stands:
            place.idle += max(0, stood - after_ms) - max(0, place.stood - after_ms)
        place.at, place.moved, place.taken, place.stood = at, moved, taken, stood
        if counted * 1_000 > place.idle:
            raise Violation(6, f"device {device} counted {counted} s, {place.idle} ms were idle")

"""Virtual time: what happens next, and when. Nothing else tells the world's parts apart in time.

No wall clock and no thread may live here: two runs of one story must be the same run.
"""

import heapq
from collections.abc import Callable

Event = Callable[[], None]


class Clock:
    """Events by (time, order of planning). `now` is in milliseconds since the world began.

    `after_step` is called after each event, for whoever checks what it came to.
    """

    def __init__(self, after_step: Event) -> None:
        self.now = 0
        self.steps = 0
        self._after_step = after_step
        self._heap: list[tuple[int, int, Event]] = []
        self._planned = 0

    def after(self, milliseconds: int, event: Event) -> None:
        """Plan `event` so many milliseconds from now, after those planned earlier for then."""
        self._planned += 1
        heapq.heappush(self._heap, (self.now + max(0, milliseconds), self._planned, event))

    def run_until(self, when: int) -> None:
        """Let everything happen that is due up to `when`, and make it that time."""
        while self._heap and self._heap[0][0] <= when:
            self.now, _, event = heapq.heappop(self._heap)
            event()
            self.steps += 1
            self._after_step()
        self.now = max(self.now, when)

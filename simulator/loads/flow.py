"""What flows evenly while it is on: a download, a pump, a battery being filled."""

_HOUR_MS = 3_600_000


class Flow:
    """`per_hour` units an hour for `on_s` seconds, then nothing for `off_s`, and so on."""

    def __init__(self, per_hour: int, on_s: int, off_s: int) -> None:
        self._per_hour = per_hour
        self._on_ms = on_s * 1_000
        self._cycle_ms = (on_s + off_s) * 1_000
        self._at_ms = 0
        self._rest = 0

    def advance(self, milliseconds: int, served: bool) -> int:
        """Units counted; time that is not served passes all the same."""
        before, self._at_ms = self._flowing_ms(), self._at_ms + milliseconds
        flowing = self._flowing_ms() - before if served else 0
        whole, self._rest = divmod(self._rest + flowing * self._per_hour, _HOUR_MS)
        return whole

    def _flowing_ms(self) -> int:
        """For how long it has been on since it began."""
        cycles, rest = divmod(self._at_ms, self._cycle_ms)
        return cycles * self._on_ms + min(rest, self._on_ms)

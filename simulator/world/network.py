"""The ways between devices, broker and gateway, and what befalls messages on them.

A way is a place (a device's number, or GATEWAY) and a direction, "up" towards the broker's
far side or "down" from it. Nothing here is random: each fault is armed by an operation and takes
the next message that fits it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.world.clock import Clock
from simulator.world.faults import Faults
from simulator.world.trace import Trace

GATEWAY = -1
ANY = -2
"""Every place."""

EFFECTS = ("drop", "duplicate", "reorder", "delay", "corrupt")
_LATENCY_MS = 10
_HELD_MS = 30_000
"""How long a message waits to be overtaken."""

Deliver = Callable[[bytes], None]


@dataclass
class _Armed:
    effect: str
    place: int
    direction: str
    kind: str
    left: int
    argument: int

    def fits(self, place: int, direction: str, kind: str) -> bool:
        return (
            self.place in (ANY, place)
            and self.direction in ("", direction)
            and self.kind in ("", kind)
        )


class Network:
    """Carries messages, in order and after a moment unless something was armed."""

    def __init__(self, clock: Clock, faults: Faults, trace: Trace) -> None:
        self._clock = clock
        self._faults = faults
        self._trace = trace
        self._armed: list[_Armed] = []
        self._held: dict[tuple[int, str], list[Callable[[], None]]] = {}
        self._late: list[Callable[[], None]] = []
        self._cut: set[int] = set()
        self.under_way = 0
        self.on_partition: Callable[[int], None] = lambda _place: None
        """Told of each place that is cut off, to let its connection time out."""

    def arm(
        self,
        effect: str,
        place: int = ANY,
        direction: str = "",
        kind: str = "",
        count: int = 1,
        argument: int = 0,
    ) -> None:
        """Let `effect` befall the next `count` messages that fit; `argument` is milliseconds for
        `delay`, which byte for `corrupt`."""
        if effect not in EFFECTS:
            raise ValueError(f"effect: must be one of {', '.join(EFFECTS)}, not {effect}")
        self._armed.append(_Armed(effect, place, direction, kind, count, argument))

    def drop_next(self, kind: str = "", count: int = 1, place: int = ANY) -> None:
        """Lose the next `count` messages of a kind (any, if empty)."""
        self.arm("drop", place, "", kind, count)

    def duplicate_next(self, kind: str = "", count: int = 1, place: int = ANY) -> None:
        """Deliver the next `count` messages of a kind twice."""
        self.arm("duplicate", place, "", kind, count)

    def delay_next(self, seconds: int, kind: str = "", count: int = 1, place: int = ANY) -> None:
        """Deliver the next `count` messages of a kind so many seconds late."""
        self.arm("delay", place, "", kind, count, seconds * 1000)

    def partition(self, place: int) -> None:
        """Cut a device, or GATEWAY, off from the broker."""
        if place not in self._cut:
            self._cut.add(place)
            self.on_partition(place)

    def heal(self, place: int = ANY) -> None:
        """Mend a place's connection, or all of them; then nothing is armed any more, and
        what was delayed arrives."""
        if place == ANY:
            self._cut.clear()
            self._armed.clear()
            for arrive in list(self._late):
                arrive()
        self._cut.discard(place)

    def is_cut(self, place: int) -> bool:
        """Whether a place can't reach the broker."""
        return place in self._cut

    def send(self, place: int, direction: str, kind: str, payload: bytes, deliver: Deliver) -> None:
        """Carry a message, if it gets through; `deliver` is called with what arrives."""
        way = (place, direction)
        armed = self._take(place, direction, kind)
        effect = "" if armed is None else armed.effect
        argument = 0 if armed is None else armed.argument
        if effect:
            self._trace.note(self._clock.now, f"network {effect} {place} {direction} {kind}")
        if effect == "drop":
            self._faults.took_effect("message_dropped")
            return
        if effect == "corrupt" and payload:
            at = argument % len(payload)
            payload = (
                payload[:at] + bytes((payload[at] ^ (1 + argument % 255),)) + payload[at + 1 :]
            )
            self._faults.took_effect("message_corrupted")
        if effect == "reorder":
            self._hold(way, payload, deliver)
            return
        if effect == "delay":
            self._delay(place, argument, payload, deliver)
            return
        self._carry(place, _LATENCY_MS, payload, deliver)
        if effect == "duplicate":
            self._faults.took_effect("message_duplicated")
            self._carry(place, _LATENCY_MS + 5 + argument, payload, deliver)
        for held in self._held.pop(way, []):
            held()
            self._faults.took_effect("message_reordered")

    def _take(self, place: int, direction: str, kind: str) -> _Armed | None:
        for armed in self._armed:
            if armed.fits(place, direction, kind):
                armed.left -= 1
                if armed.left == 0:
                    self._armed.remove(armed)
                return armed
        return None

    def _delay(self, place: int, milliseconds: int, payload: bytes, deliver: Deliver) -> None:
        """Deliver so late, or when everything is mended, if that is sooner."""

        def arrive() -> None:
            if arrive in self._late:
                self._late.remove(arrive)
                self._faults.took_effect("message_delayed")
                self._carry(place, _LATENCY_MS, payload, deliver)

        self._late.append(arrive)
        self._clock.after(milliseconds, arrive)

    def _hold(self, way: tuple[int, str], payload: bytes, deliver: Deliver) -> None:
        """Keep a message until one that comes later has gone before it."""

        def release() -> None:
            self._carry(way[0], _LATENCY_MS + 5, payload, deliver)

        self._held.setdefault(way, []).append(release)

        def give_up() -> None:
            waiting = self._held.get(way, [])
            if release in waiting:
                waiting.remove(release)
                release()

        self._clock.after(_HELD_MS, give_up)

    def _carry(self, place: int, latency: int, payload: bytes, deliver: Deliver) -> None:
        self.under_way += 1

        def arrive() -> None:
            self.under_way -= 1
            if place in self._cut:
                self._lost(place)
            else:
                deliver(payload)

        if place in self._cut:
            self.under_way -= 1
            self._lost(place)
        else:
            self._clock.after(latency, arrive)

    def _lost(self, place: int) -> None:
        kind = "gateway_partitioned" if place == GATEWAY else "device_partitioned"
        self._faults.took_effect(kind)
        self._trace.note(self._clock.now, f"network cut {place}")

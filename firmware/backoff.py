"""How long to wait before the next attempt to connect. Nothing but that number may live here."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def full_jitter(attempt: int, base: int, longest: int, below: "Callable[[int], int]") -> int:
    """The wait before attempt number `attempt` (0 is the first after a failure), in the unit of
    `base` and `longest`: uniform over 0..min(longest, base * 2**attempt), so that a fleet that lost
    its broker at one moment does not come back at one moment. `below(n)` is a random integer of
    0..n-1."""
    # 2**30 times any base is beyond every `longest`; a larger power would only cost memory.
    return below(min(longest, base << min(attempt, 30)) + 1)

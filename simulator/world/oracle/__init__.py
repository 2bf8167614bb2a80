"""The judge of a world: it knows what was said, reads what is stored, and decides whether both can
be true.

Written apart from everything that it judges: it imports nothing of the gateway, the firmware or the
protocol, decodes with `cbor2`, verifies with `cryptography` and adds up by itself. Invariants bear
the numbers of docs/reliability.md.
"""

from simulator.world.oracle.oracle import Oracle
from simulator.world.oracle.violation import Violation

__all__ = ["Oracle", "Violation"]

"""Doing several things, of which one that fails keeps no other from being done."""

from collections.abc import Callable, Mapping

import structlog

from gateway.settlement.rails import RailError
from gateway.store.errors import Conflict

log = structlog.get_logger(__name__)


def in_turn(steps: Mapping[str, Callable[[], object]]) -> None:
    """Do each, by its name. Raises the first RailError, OSError or Conflict once all were tried.

    Each of these is logged with the name; whatever else is raised ends this at once.
    """
    failures = []
    for name, step in steps.items():
        try:
            step()
        except (RailError, OSError, Conflict) as error:
            log.error("failed", what=name, error=repr(error))
            failures.append(error)
    if failures:
        raise failures[0]

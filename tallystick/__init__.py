"""A client of a gateway's REST API, for programs: docs/client.md shows how it is used."""

from tallystick.api import Api
from tallystick.errors import ApiError, FieldError, Problem, Unreachable
from tallystick.events import Event, Gap, Pulse

__all__ = ["Api", "ApiError", "Event", "FieldError", "Gap", "Problem", "Pulse", "Unreachable"]

"""The times that use cases are given: five fields of cron, in a time zone."""

from collections.abc import Callable

from gateway.operations.errors import BadInput
from gateway.settlement import cron


def check(fields: str, time_zone: str) -> None:
    """Raises BadInput unless these are five fields of cron, or none, and a time zone."""
    if fields:
        _checked("cron", cron.check, fields)
    _checked("time_zone", cron.check_zone, time_zone)


def _checked(field: str, check_: Callable[[str], None], value: str) -> None:
    try:
        check_(value)
    except ValueError as error:
        raise BadInput(field, str(error)) from None

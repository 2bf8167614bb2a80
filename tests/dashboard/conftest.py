"""The API's house, for what needs no browser."""

from tests.api.conftest import house

__all__ = ["house"]

"""The API on a real database, as the tests of the API have it; logs as the gateway writes them."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway import logs
from tests.api.conftest import admin, house, house_on_each

__all__ = ["admin", "house", "house_on_each"]


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    logs.to_stderr()
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)

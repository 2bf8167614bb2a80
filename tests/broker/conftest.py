"""Both brokers: what Mosquitto refuses, the one in Python must refuse too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.broker import start_embedded_broker
from tests.services import Served, prepare


@pytest.fixture(params=["mosquitto", "embedded"])
def either_broker(request: pytest.FixtureRequest, data_folder: Path) -> Iterator[Served]:
    """A broker that knows only the gateway so far."""
    if request.param == "mosquitto":
        yield request.getfixturevalue("broker")
        return
    password = prepare(data_folder)
    with start_embedded_broker(data_folder) as started:
        yield Served(started.host, started.port, data_folder, password, started.reload, started)

"""What `/metrics` tells of the machine, and of what waits for a person."""

import shutil
import sys
import time
from pathlib import Path

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from gateway import machine
from gateway.store import channels
from tests.api.house import House


def _told(client: TestClient) -> dict[tuple[str, str], float]:
    """Each figure by its name and the value of its one label."""
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def test_the_room_that_is_left_and_the_clock_are_told(house_on_each: House) -> None:
    told = _told(house_on_each.client("viewer"))
    folder = house_on_each.office.config.data
    free, size = (told[f"tallystick_disk_{name}_bytes", "data"] for name in ("free", "size"))
    assert 0 < free <= size == shutil.disk_usage(folder).total
    # Only a database that is a file has a folder here.
    is_file = house_on_each.office.config.sqlite_path is not None
    assert (("tallystick_disk_free_bytes", "database") in told) == is_file
    # Both are this machine's.
    assert abs(told["tallystick_clock_offset_seconds", ""]) <= 2
    if machine.clock() is not None:
        assert told["tallystick_clock_synchronised", ""] in (0, 1)
        assert told["tallystick_clock_error_seconds", ""] >= 0


def test_a_database_whose_clock_is_another_is_told_of(house: House) -> None:
    house.office.store._clock = lambda: int(time.time()) - 90
    told = _told(house.client("viewer"))
    assert 89 <= told["tallystick_clock_offset_seconds", ""] <= 92


def test_the_kernel_is_asked_where_there_is_one_to_ask() -> None:
    kept = machine.clock()
    assert kept is None or kept.error_s >= 0
    if not sys.platform.startswith("linux"):
        assert kept is None


def test_a_folder_that_can_not_be_asked_is_left_out(tmp_path: Path) -> None:
    found = machine.room({"here": tmp_path, "nowhere": tmp_path / "x"})
    assert list(found) == ["here"]


def test_what_waits_for_a_person_is_counted_by_kind(house: House) -> None:
    house.fleet()
    frozen = house.paid(house.device(), 7)
    before = _told(house.client("viewer"))
    assert before["tallystick_waiting", "channel.frozen"] == 0
    assert before["tallystick_waiting", "booking.unmatched"] == 0
    with house.office.store.write() as conn:
        channels.set_state(conn, frozen, "frozen")
    assert _told(house.client("viewer"))["tallystick_waiting", "channel.frozen"] == 1

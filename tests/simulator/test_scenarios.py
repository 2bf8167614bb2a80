"""Scenario files: each one that is packed in runs on the real gateway and broker and settles to the
atomic unit, and what is wrong with a file is named before anything is registered."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import scenario
from simulator.fleet import Broker, Fleet
from simulator.loads.flow import Flow
from simulator.run import run
from simulator.scenario_file import PACKED, ScenarioError, read_scenario
from tests.e2e.stage import Stage, stage

NAMES = sorted(each.stem for each in PACKED.glob("*.toml"))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("town") / "data") as built:
        yield built


@pytest.mark.parametrize("name", NAMES)
def test_each_scenario_ends_with_books_that_are_right(town: Stage, name: str) -> None:
    written = read_scenario(name)
    with town.api() as api:
        where = Broker(town.broker.host, town.broker.port)
        members = scenario.put_up(api, where, written, written.speed, True)
        buyers = [each for each in members if each.device.wants_channel]

        def all_have_paid(elapsed: float) -> bool:
            paid = all(0 < each.device.total > each.device.unpaid() for each in buyers)
            return (paid and elapsed >= 3) or elapsed > 100

        asyncio.run(run(Fleet(members), api, all_have_paid, lambda _told: None))
        settled = scenario.settle(api, written, members)
    assert [what for what, so in settled.checks if not so] == []
    assert settled.gross >= settled.net > 0


def test_what_is_owed_both_ways_is_set_off() -> None:
    """The market's accounts buy and sell: its file would show little otherwise."""
    written = read_scenario("data-market")
    sell = {each.account for each in written.devices if each.sells is not None}
    buy = {each.account for each in written.devices if each.buys_from is not None}
    assert len(sell & buy) >= 2


DEVICE = """
[[devices]]
name = "tap"
account = "town"
unit = "L"
capacity = 1000
load = { kind = "flow", per_hour = 60, on_s = 1, off_s = 0 }
"""
HEAD = """
title = "Water"
currency = "EUR"
seconds = 1
speed = 1
[[accounts]]
id = "town"
name = "Town"
credit_limit = 1000
"""


@pytest.mark.threat("D15")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = ", "must be TOML"),
        (HEAD, "devices: Field required"),
        (HEAD + DEVICE.replace('"L"', "1"), "devices.0.unit: Input should be a valid string"),
        (HEAD + DEVICE.replace("1000", "0.5"), "devices.0.capacity: Input should be"),
        (HEAD + DEVICE.replace("1000", "0"), "devices.0.capacity: Input should be greater"),
        (HEAD + DEVICE.replace('"flow"', '"river"'), "devices.0.load: Input tag 'river'"),
        (HEAD + DEVICE.replace('"town"', '"city"'), "account: there is no account city"),
        (HEAD + DEVICE + DEVICE, "devices: two kinds have the same name"),
        (HEAD + DEVICE + 'buys_from = "well"\n', "buys_from: no devices well sell"),
        (
            HEAD + DEVICE + "sells = { numerator = 1, window_units = 1 }\n",
            "either sells, or a load",
        ),
        (HEAD + DEVICE + "colour = 1\n", "devices.0.colour: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "water.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        read_scenario(str(path))
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="can't be read"):
        read_scenario(str(tmp_path / "none.toml"))
    with pytest.raises(ScenarioError, match="charging-park, data-market, hotspot"):
        read_scenario("moon-base")
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match="must be TOML"):
        read_scenario(str(path))


def test_a_flow_is_whole_however_often_it_is_looked_at() -> None:
    often, seldom = Flow(7_200, 10, 5), Flow(7_200, 10, 5)
    looked = sum(often.advance(77, True) for _ in range(1_000))
    assert looked == seldom.advance(77_000, True) == 5 * 20 + 4


def test_what_flows_while_it_is_not_served_is_not_counted() -> None:
    flow = Flow(3_600, 1, 0)
    assert (flow.advance(5_000, False), flow.advance(5_000, True)) == (0, 5)

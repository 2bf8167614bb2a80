"""Rails are found by entry point, made from their settings, and asked for by name."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gateway import config
from gateway.config import ConfigError
from gateway.operations.settlement import hand_over
from gateway.settlement.rails import RailError, registry
from gateway.settlement.rails.manual import ManualRail, make
from gateway.settlement.rails.registry import Rails
from gateway.settlement.run import run_settlement
from gateway.store.engine import Store
from tests.settlement.fleet import GATEWAY, Fleet


class Gold(ManualRail):
    """A rail that another package brings."""

    name = "gold"


def make_gold(data: Path, settings: registry.Settings) -> Gold:
    return Gold(data / str(settings["vault"]))


def make_liar(data: Path, _settings: registry.Settings) -> Gold:
    return Gold(data)


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that bring rails."""
    found = [
        EntryPoint("manual", "gateway.settlement.rails.manual:make", registry.GROUP),
        EntryPoint("gold", f"{__name__}:make_gold", registry.GROUP),
        EntryPoint("liar", f"{__name__}:make_liar", registry.GROUP),
        EntryPoint("broken", f"{__name__}:make_nothing", registry.GROUP),
        EntryPoint("twice", f"{__name__}:make_gold", registry.GROUP),
        EntryPoint("twice", f"{__name__}:make_liar", registry.GROUP),
    ]

    def entry_points(*, group: str, name: str = "") -> list[EntryPoint]:
        assert group == "tallystick.rails"
        return [each for each in found if name in ("", each.name)]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    monkeypatch.setattr(EntryPoint, "load", _load)


def _load(point: EntryPoint) -> object:
    if point.attr == "make_nothing":
        raise ImportError("no module named gold")
    return {"make_gold": make_gold, "make_liar": make_liar, "make": make}[point.attr]


def test_this_project_brings_its_own() -> None:
    assert "manual" in registry.names()


@pytest.mark.usefixtures("brought")
def test_a_rail_of_another_package_is_made_from_its_own_settings(tmp_path: Path) -> None:
    (tmp_path / config.FILE_NAME).write_text('rail = "gold"\n[rails.gold]\nvault = "fort"\n')
    rails = config.load(tmp_path).all_rails()
    rail = rails[rails.default]
    assert isinstance(rail, Gold)
    assert rail.path("run-1") == tmp_path / "fort" / "run-1.csv"
    assert rails["gold"] is rail
    assert [each.name for each in rails.in_use()] == ["gold", "manual"]


@pytest.mark.usefixtures("brought")
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("silver", "rail: there is no 'silver'; there are broken, gold"),
        ("twice", "more than one package brings 'twice'"),
        ("broken", "rail broken: can't be loaded .no module named gold"),
        ("liar", "rail liar: calls itself 'gold'"),
    ],
)
def test_a_rail_that_can_not_be_made_says_why(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(RailError, match=complaint):
        Rails("manual", tmp_path, {})[name]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('rail = "silver"\n', "rail: there is no such rail; there are evm, manual"),
        ("[rails.silver]\nvault = 1\n", "rails.silver: there is no such rail"),
        ('[rails.manual]\nfolder = "x"\n', "rails.manual: its setting is manual_folder"),
    ],
)
def test_settings_of_no_rail_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / config.FILE_NAME).write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        config.load(tmp_path)


class Closed(ManualRail):
    """A rail that does not answer."""

    name = "closed"

    def submit(self, _batch: str, _instructions: object) -> None:
        raise RailError("closed: it is Sunday")


def test_a_rail_that_fails_keeps_no_other_from_being_served(store: Store, tmp_path: Path) -> None:
    fleet = Fleet(store)
    channel = fleet.open("ant", "bee")
    for units, rail in ((5, "closed"), (9, "manual")):
        fleet.mark(channel, units)
        run_settlement(store, "EUR", GATEWAY.sign, rail)
    manual = ManualRail(tmp_path)
    with pytest.raises(RailError, match="it is Sunday"):
        hand_over(store, {"closed": Closed(tmp_path / "closed"), "manual": manual})
    assert [path.name for path in tmp_path.rglob("run-*")] == ["run-2.csv"]

"""`tallystick tariff follow` and `tariff band`, called as programs."""

from pathlib import Path

from gateway.operations import tariffs
from tests.api.house import house_in
from tests.cli.tallystick import Cli

TIMES = ("--cron", "0 22 * * *", "--time-zone", "Europe/Berlin")


def _two_prices(data: Path) -> Cli:
    """An installation with the tariffs `energy` and `night`."""
    with house_in(data, None) as house:
        house.fleet()
        new = tariffs.NewTariff("night", "W.h", 2, 1, "operator", 100, 10_000, 86_400)
        tariffs.add(house.office.store, new)
    return Cli(data)


def test_a_tariff_follows_another_by_command(data_folder: Path) -> None:
    cli = _two_prices(data_folder)
    said = cli.ok("tariff", "follow", "energy", "night")
    assert (said["tariff"]["name"], said["follower"]["name"]) == ("energy", "night")
    assert cli.ok("tariff", "unfollow", "energy")["follower"] is None


def test_times_of_use_are_set_by_command(data_folder: Path) -> None:
    cli = _two_prices(data_folder)
    assert cli.ok("tariff", "band", "add", "energy", "night", *TIMES)["next_due"] > 0
    shown = cli("tariff", "band", "list").out
    assert "Europe/Berlin" in shown
    assert "night" in shown
    refused = cli("tariff", "band", "add", "energy", "energy", *TIMES)
    assert refused.status == 2
    assert "follower_id: must be another tariff" in refused.err
    assert cli.ok("tariff", "band", "remove", "energy", "night", *TIMES)["removed"]

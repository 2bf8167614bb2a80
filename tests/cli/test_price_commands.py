"""`tallystick tariff follow` and `tariff band`, called as programs."""

import time
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
    before = cli.ok("tariff", "follow", "energy", "night", "--grace", "15m")
    assert 890 < before["ends_at"] - time.time() <= 900
    refused = cli("tariff", "follow", "energy", "night", "--grace", "soon")
    assert refused.status == 2
    assert "grace" in refused.err


def test_a_session_fee_is_set_by_command(data_folder: Path) -> None:
    cli = _two_prices(data_folder)
    price = ("--price", "0.30", "--per", "kW.h", "--unit", "W.h", "--session-fee", "0.50")
    said = cli.ok("tariff", "add", "parked", *price)
    assert said["session_fee"] == {"amount": "500000", "currency": "EUR", "scale": 6}
    words = cli("tariff", "add", "parked-too", *price[:-1], "0.6").out
    assert "0.600000 EUR once for each channel" in words
    refused = cli(
        "tariff", "add", "tips", "--price", "0", "--unit", "s", *price[-2:], "--open-ended"
    )
    assert refused.status == 2
    assert "session_fee: is for metered tariffs" in refused.err


def test_times_of_use_are_set_by_command(data_folder: Path) -> None:
    cli = _two_prices(data_folder)
    added = cli.ok("tariff", "band", "add", "energy", "night", *TIMES, "--grace", "2h")
    assert (added["next_due"] > 0, added["grace_s"]) == (True, 7_200)
    shown = cli("tariff", "band", "list").out
    assert "Europe/Berlin" in shown
    assert "night" in shown
    refused = cli("tariff", "band", "add", "energy", "energy", *TIMES)
    assert refused.status == 2
    assert "follower_id: must be another tariff" in refused.err
    assert cli.ok("tariff", "band", "remove", "energy", "night", *TIMES)["removed"]

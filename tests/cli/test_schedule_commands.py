"""`tallystick settle`: schedules, dry runs, accounts and approvals, called as programs."""

from pathlib import Path

from tests.api.house import house_in
from tests.cli.tallystick import Cli


def owing(data: Path) -> Cli:
    """An installation where `fleet` owes `operator` 300 atomic units."""
    with house_in(data, None) as house:
        house.fleet()
        house.paid(house.device(), 100)
    return Cli(data)


def test_a_schedule_is_set_listed_and_removed(data_folder: Path) -> None:
    cli = owing(data_folder)
    said = cli.ok(
        *("settle", "schedule", "set", "EUR", "--cron", "0 2 * * *"),
        *("--time-zone", "Europe/Berlin", "--least", "5.00", "--most-owed", "90"),
    )
    assert (said["least_amount"]["amount"], said["most_owed"]["amount"]) == ("5000000", "90000000")
    shown = cli("settle", "schedule", "list").out
    assert "Europe/Berlin" in shown
    assert "5.000000 EUR" in shown
    cli.ok("settle", "schedule", "remove", "EUR")
    assert cli.ok("settle", "schedule", "list") == []


def test_what_is_wrong_with_a_schedule_is_named(data_folder: Path) -> None:
    cli = owing(data_folder)
    for call, said in (
        (("set", "EUR", "--cron", "never"), "cron: must be five fields"),
        (("set", "nobody"), "subject: must be the currency of an account, or an account"),
        (("set", "EUR", "--least", "0.0000001"), "least: has more than 6 decimals"),
    ):
        refused = cli("settle", "schedule", *call)
        assert refused.status == 2
        assert said in refused.err


def test_a_dry_run_changes_nothing(data_folder: Path) -> None:
    cli = owing(data_folder)
    shown = cli("settle", "--dry-run").out
    assert "dry run: nothing is done" in shown
    assert "0.000300 EUR" in shown
    assert cli.ok("settle", "list") == []


def test_a_run_is_approved_by_another_person(data_folder: Path) -> None:
    cli = owing(data_folder)
    cli.ok("settle", "schedule", "set", "EUR", "--approval")
    refused = cli("settle", "schedule", "set", "EUR")
    assert refused.status == 2
    assert "approval: must be set, as it was" in refused.err
    asked = cli.ok("settle", "schedule", "end-approval", "EUR")
    assert (asked["approval"], asked["approval_end_by"].split(":")[0]) == (True, "shell")
    shown = cli("settle", "--account", "fleet").out
    assert "gross 0.000300 EUR, net 0.000300 EUR (1.0 to 1)" in shown
    assert "its money waits for another person: tallystick settle approve 1 (or reject)" in shown
    refused = cli("settle", "approve", "1")
    assert refused.status == 2
    assert "another person must approve it" in refused.err
    rejected = cli("settle", "reject", "1").out
    assert "rejected by shell:" in rejected

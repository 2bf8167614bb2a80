"""`tallystick settle` with a bank: files for it, and files from it, called as programs."""

import hashlib
from pathlib import Path

from tests.api.house import house_in
from tests.cli.tallystick import Cli
from tests.settlement.bank_files import Entry, Part, camt053
from tests.settlement.test_destinations import payout
from tests.settlement.test_rail_sepa import OPERATOR, PAYEE, PAYER


def with_sepa(data: Path) -> Cli:
    """An installation whose accounts are paid and pay by SEPA, and owe 3 cents."""
    with house_in(data, None) as house:
        house.fleet()
        house.paid(house.device(), 10_000)
        for account, details in (("fleet", PAYER), ("operator", PAYEE)):
            payout(house.office.store, account, details)
    return Cli(data)


def set_up(data: Path) -> None:
    """Write the rail's settings."""
    settings = "".join(f'{name} = "{value}"\n' for name, value in OPERATOR.items())
    with (data / "tallystick.toml").open("a") as file:
        file.write("[rails.sepa]\n" + settings)


def test_files_for_the_bank_are_listed_with_what_it_shows_of_them(data_folder: Path) -> None:
    cli = with_sepa(data_folder)
    refused = cli("settle")
    assert refused.status == 2
    assert "rails.sepa.name: is needed" in refused.err
    set_up(data_folder)
    shown = cli("settle").out
    assert "run-1-pay.xml (1 x credit transfer, 0.03 EUR)" in shown
    (pay, collect) = cli.ok("settle", "files", "1")
    assert pay["says"] == "1 x credit transfer, 0.03 EUR"
    assert collect["path"] == str(data_folder / "sepa" / "run-1-collect.xml")
    content = Path(collect["path"]).read_bytes()
    assert collect["sha256"] == hashlib.sha256(content).hexdigest()
    assert (data_folder / "sepa").stat().st_mode & 0o077 == 0


def test_what_the_bank_says_is_taken_in_and_what_nobody_knows_is_assigned(
    tmp_path: Path, data_folder: Path
) -> None:
    cli = with_sepa(data_folder)
    set_up(data_folder)
    cli.ok("settle")
    file = tmp_path / "statement.xml"
    file.write_bytes(
        camt053(
            Entry("0.03", [Part("run-1-fleet")], ref="B-1"),
            Entry("-0.03", [Part("run-1-operator")], ref="B-2"),
            Entry("7.00", [Part(text="=who?", party="Somebody")], ref="B-3"),
        )
    )
    done = cli("settle", "bank", file)
    assert done.status == 0
    assert done.out.splitlines() == [
        "camt.053.001.08 M-1",
        "payment   2",
        "suspense  1",
        "see: tallystick settle unmatched",
    ]
    assert "taken in before: nothing is changed" in cli("settle", "bank", file).out
    assert cli.ok("settle", "bank", file)["known"] is True
    assert {each["state"] for each in cli.ok("settle", "show", "1")["instructions"]} == {"done"}
    (left,) = cli.ok("settle", "unmatched")
    assert (left["direction"], left["amount"]["amount"], left["party"]) == (
        "in",
        "7000000",
        "Somebody",
    )
    assert cli("settle", "assign", left["id"]).status == 2
    assigned = cli.ok("settle", "assign", left["id"][:10], "--account", "fleet")
    assert (assigned["state"], assigned["note"]) == ("assigned", "account fleet")
    assert assigned["assigned_by"].startswith("shell:")
    assert cli("settle", "unmatched").out == "nothing is unmatched\n"
    assert [each["reference"] for each in cli.ok("account", "deposits", "fleet")] == [left["id"]]
    assert cli("books").status == 0
    for content, said in (
        (b"<!DOCTYPE a><a/>", "DOCTYPE: must not be there"),
        (camt053(iban="NL91ABNA0417164300"), "Acct/Id/IBAN: must be DE89370400440532013000"),
    ):
        file.write_bytes(content)
        refused = cli("settle", "bank", file)
        assert refused.status == 2
        assert refused.err.startswith("error: line ")
        assert said in refused.err
    assert "manual has no account at a bank" in cli("settle", "bank", file, "--rail", "manual").err


def test_a_file_that_is_far_too_long_is_refused_without_being_read(
    tmp_path: Path, data_folder: Path
) -> None:
    cli = with_sepa(data_folder)
    set_up(data_folder)
    file = tmp_path / "long.xml"
    with file.open("wb") as long:
        long.truncate(4 * 1024**4)  # more than any machine has memory; sparse, so no disk either
    refused = cli("settle", "bank", file)
    assert refused.status == 2
    assert "must have at most 16777216 bytes" in refused.err


def test_a_rail_records_and_pays_back_no_currency_that_it_does_not_have(data_folder: Path) -> None:
    cli = with_sepa(data_folder)
    set_up(data_folder)
    cli.ok("account", "add", "usd", "--currency", "USD")
    for call in (
        ("account", "deposit", "usd", "1.00", "--reference", "a", "--rail", "sepa"),
        ("account", "withdraw", "usd", "1.00", "--rail", "sepa"),
    ):
        refused = cli(*call)
        assert refused.status == 2
        assert "rail: sepa: moves EUR only, not USD" in refused.err
    assert cli.ok("account", "deposits", "usd") == []

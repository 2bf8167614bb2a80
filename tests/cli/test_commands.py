"""The subcommands, called as programs."""

import stat
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from gateway.operations.errors import BadInput
from gateway.operations.money import atomic, decimal, price
from protocol.ids import device_id
from tests.api.house import house_in
from tests.cli.tallystick import Cli

KEY = SigningKey(b"\x07" * 32).verify_key.encode()


def test_init_makes_everything_once_and_keeps_it(data_folder: Path) -> None:
    cli = Cli(data_folder)
    made = cli.ok("init")
    assert made["admin_token"].startswith("tally_")
    for name in ("gateway.key", "broker/gateway.password", "broker/passwords", "broker/acl"):
        assert stat.S_IMODE((data_folder / name).stat().st_mode) == 0o600, name
    again = cli.ok("init")
    assert again["admin_token"] is None
    assert again["gateway_key"] == made["gateway_key"]
    assert [each["id"] for each in cli.ok("account", "list")] == ["operator"]


def test_a_gateway_is_set_up_and_settled_from_the_command_line(cli: Cli) -> None:
    cli.ok("account", "add", "fleet", "--credit", "100.50")
    assert cli.ok("account", "limit", "fleet", "200")["credit_limit"]["amount"] == "200000000"
    tariff = cli.ok(
        *("tariff", "add", "energy", "--price", "0.30", "--per", "1000"),
        *("--unit", "W.h", "--currency", "EUR"),
    )
    assert (tariff["numerator"], tariff["denominator"]) == ("300", "1")
    device = cli.ok("device", "add", "--key", KEY.hex(), "--account", "fleet", "--name", "meter")
    id_ = device_id(KEY)
    assert device["device"]["id"] == id_
    assert cli.ok("device", "password", id_)["password"] != device["mqtt"]["password"]
    for word, status in (("suspend", "suspended"), ("resume", "active"), ("revoke", "revoked")):
        assert cli.ok("device", word, id_)["status"] == status
    assert cli("device", "resume", id_).status == 2
    assert cli.ok("tariff", "retire", "energy")["status"] == "retired"
    assert cli.ok("tariff", "list") == []
    assert cli.ok("settle") == {"runs": []}
    assert cli("settle").out == "nothing to settle\n"
    token = cli.ok("token", "add", "dashboard", "--role", "viewer", "--expires", "90d")
    assert cli.ok("token", "revoke", token["id"])["revoked_at"]
    books, log = cli("books").out.splitlines()
    assert books == "0 entries, 0 channels, 0 statements: all right"
    # Each decision above, with the making of the gateway, its token and its first person.
    assert log.startswith("audit log: 14 records, head ")


def test_settling_writes_a_file_takes_outcomes_and_proves_statements(
    tmp_path: Path, data_folder: Path
) -> None:
    with house_in(data_folder, None) as house:
        house.fleet()
        channel = house.paid(house.device(), 10)
    cli = Cli(data_folder)
    shown = cli("settle").out
    assert "0.000030 EUR" in shown
    assert "run-1.csv" in shown
    rows = (data_folder / "settlements" / "run-1.csv").read_text().splitlines()
    assert rows[1] == "run-1-fleet,1,fleet,Fleet,collect,0.000030,EUR"
    outcomes = tmp_path / "outcomes.csv"
    outcomes.write_text("instruction,outcome,note\nrun-1-fleet,perhaps,\n")
    wrong = cli("settle", "outcomes", outcomes)
    assert wrong.status == 2
    assert "line 2: outcome must be done, failed or returned" in wrong.err
    outcomes.write_text("instruction,outcome,note\nrun-1-fleet,done,\nrun-1-operator,done,x\n")
    assert cli.ok("settle", "outcomes", outcomes) == {"recorded": 2}
    assert cli.ok("settle", "show", "1")["state"] == "completed"
    written = cli.ok("settle", "statement", "1", "fleet", "--out", tmp_path / "fleet.cbor")
    files = (written["statement"], "--lines", written["lines"], "--key", written["key"])
    assert cli("verify", *files).status == 0
    proven = cli("verify", *files, "--proof", written["proof"])
    assert "It is one of the 2 statements of run 1" in proven.out
    assert cli("verify", *files, "--proof", written["lines"]).status == 1
    endless = cli("verify", *files, "--proof", "/dev/zero")
    assert endless.status == 1
    assert "proof: longer than 8 KiB" in endless.out
    for form, start in (("pdf", b"%PDF-"), ("csv", b"row,run,account")):
        paper = tmp_path / f"fleet.{form}"
        cli.ok("settle", "statement", "1", "fleet", "--format", form, "--out", paper)
        assert paper.read_bytes().startswith(start)
    bundle = cli.ok("channel", "evidence", channel.hex(), "--out", tmp_path / "bundle.cbor")
    said = cli("verify", bundle["bundle"], "--key", bundle["key"])
    assert said.status == 0
    assert "0 to 30, each interval in a statement of fleet, which pays" in said.out
    saved = tmp_path / "proof"
    cli.ok("channel", "show", channel.hex(), "--save", saved)
    verdicts = cli.ok("verify", saved / "open.cbor", saved / "iou.cbor")
    assert [(each["kind"], each["ok"]) for each in verdicts] == [("open", True), ("iou", True)]
    assert cli.ok("channel", "close", channel.hex())["state"] == "closed"
    assert cli("channel", "close", channel.hex()).status == 2
    assert cli("books").status == 0


@pytest.mark.threat("O9")
def test_books_end_with_1_when_a_mark_was_altered(data_folder: Path) -> None:
    with house_in(data_folder, None) as house:
        house.fleet()
        house.paid(house.device(), 10)
        with house.office.store.write() as conn:
            conn.exec_driver_sql("UPDATE channel SET amount = amount + 1")
    done = Cli(data_folder)("books")
    assert done.status == 1
    assert "mark 31" in done.out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("account", "add", "Fleet!"), "account id"),
        (("account", "add", "fleet", "--credit", "1.0000001"), "credit"),
        (("account", "add", "fleet", "--credit", "1e3"), "credit"),
        (("account", "show", "nobody"), "account nobody"),
        (("account", "add", "fleet", "--scale", "19"), "--scale"),
        (
            ("device", "add", "--key", "00" * 32, "--account", "operator", "--name", "x"),
            "public_key",
        ),
        (("device", "add", "--key", "zz", "--account", "operator", "--name", "x"), "public_key"),
        (("device", "list", "--status", "ajar"), "status"),
        (("tariff", "add", "e", "--price", "0,30", "--unit", "s"), "price"),
        (("tariff", "add", "e", "--price", "1", "--unit", "s", "--per", "0"), "per"),
        (("tariff", "add", "e", "--price", "1", "--unit", "s", "--currency", "USD"), "currency"),
        (("tariff", "add", "e", "--price", "1", "--unit", "s", "--lifetime", "1w"), "lifetime"),
        (("channel", "show", "00"), "channel"),
        (("token", "add", "x", "--role", "root"), "role"),
        (("settle", "--currency", "USD"), "currency"),
        (("settle", "show", "7"), "run 7"),
        (("nonsense",), "nonsense"),
    ],
)
def test_bad_usage_ends_with_2_and_names_what_is_wrong(
    cli: Cli, arguments: tuple[str, ...], named: str
) -> None:
    done = cli(*arguments)
    assert done.status == 2
    assert named in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "http"),
        ("DATABASE_URL", "mysql://x"),
        ("PAYOUT_COOLING", "daily"),
        ("RAIL", "gold"),
        ("API_HOST", "0.0.0.0"),
    ],
)
def test_a_wrong_setting_is_named(cli: Cli, name: str, value: str) -> None:
    done = Cli(cli.data, **{f"TALLYSTICK_{name}": value})("account", "list")
    assert done.status == 2
    assert name.lower() in done.err


def test_an_unknown_setting_in_the_file_is_named(cli: Cli) -> None:
    (cli.data / "tallystick.toml").write_text('colour = "red"\n')
    done = cli("account", "list")
    assert done.status == 2
    assert "colour: there is no such setting" in done.err


def test_the_environment_counts_before_the_file(cli: Cli) -> None:
    (cli.data / "tallystick.toml").write_text('rail = "gold"\n')
    assert Cli(cli.data, TALLYSTICK_RAIL="manual")("account", "list").status == 0
    assert cli("account", "list").status == 2


def test_a_database_password_is_never_shown(data_folder: Path) -> None:
    url = "postgresql://tally:geheim@127.0.0.1:1/none"
    cli = Cli(data_folder, TALLYSTICK_DATABASE_URL=url)
    for arguments in (("init",), ("doctor",)):
        done = cli(*arguments)
        assert done.status == 1
        assert "geheim" not in done.out + done.err


def test_json_may_stand_before_or_after_the_subcommand(cli: Cli) -> None:
    assert cli("account", "list", "--json").json == cli("--json", "account", "list").json


def test_doctor_says_what_to_do(cli: Cli) -> None:
    done = cli("doctor")
    assert done.status == 1
    assert "fail  broker" in done.out
    assert "mosquitto -c mosquitto.conf" in done.out
    (cli.data / "gateway.key").chmod(0o644)
    assert "chmod 600" in cli("doctor").out


@pytest.mark.parametrize(
    ("text", "per", "scale", "fraction"),
    [
        ("0.30", 1000, 6, (300, 1)),
        ("0.30", 1000, 2, (3, 100)),
        ("1", 3, 0, (1, 3)),
        ("0", 7, 6, (0, 1)),
        ("0.0000001", 1, 6, (1, 10)),
    ],
)
def test_prices_are_exact(text: str, per: int, scale: int, fraction: tuple[int, int]) -> None:
    assert price(text, per, scale) == fraction


def test_amounts_are_exact_or_refused() -> None:
    assert atomic("x", "12.345678", 6) == 12345678
    assert decimal(atomic("x", "9223372036854.775807", 6), 6) == "9223372036854.775807"
    for text in ("0.0000001", "9223372036854.775808", "-1", "1e2", "NaN", "", "1.", "\u0661"):
        with pytest.raises(BadInput, match="x: "):
            atomic("x", text, 6)

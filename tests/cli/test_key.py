"""`tallystick key`: another key follows, and one is retired."""

from pathlib import Path

import pytest
from sqlalchemy import update

from gateway import config
from gateway.operations.office import opened
from gateway.store.tables import Base
from tests.cli.tallystick import Cli

DEVICE = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """An installation with one device, that has been told the first key."""
    cli = Cli(tmp_path / "data")
    cli.ok("init")
    cli.ok("account", "add", "fleet")
    cli.ok("device", "add", "--key", DEVICE, "--account", "fleet", "--name", "meter")
    return cli


def test_a_key_is_followed_and_retired_once_nothing_needs_it(cli: Cli) -> None:
    first = cli.ok("key", "list")[0]["public_key"]
    made = cli.ok("key", "rotate")
    assert made["followed"] == [first]
    listed = cli.ok("key", "list")
    assert [(each["state"], each["devices"]) for each in listed] == [("followed", 1), ("newest", 0)]
    assert listed[1]["public_key"] == made["newest"]
    refused = cli("key", "retire", first)
    assert refused.status == 2
    assert "1 devices have not shown to believe a newer one" in refused.err
    with opened(config.load(cli.data)) as office, office.store.write() as conn:
        table = Base.metadata.tables["belief"]
        conn.execute(update(table).values(gateway_key=bytes.fromhex(made["newest"])))
    assert cli.ok("key", "retire", first) == {
        "newest": made["newest"],
        "followed": [],
        "retired": [first],
    }
    assert [each["state"] for each in cli.ok("key", "list")] == ["retired", "newest"]
    assert cli("books").status == 0


def test_a_key_that_is_needed_is_retired_if_that_is_asked_by_name(cli: Cli) -> None:
    first = cli.ok("key", "list")[0]["public_key"]
    cli.ok("key", "rotate")
    assert cli.ok("key", "retire", first, "--all-the-same")["retired"] == [first]


def test_a_new_device_is_told_the_newest_key(cli: Cli) -> None:
    newest = cli.ok("key", "rotate")["newest"]
    key = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    told = cli.ok("device", "add", "--key", key, "--account", "fleet", "--name", "second")
    assert told["gateway_key"] == newest
    assert [each["devices"] for each in cli.ok("key", "list")] == [1, 1]


def test_what_can_not_be_retired_is_named(cli: Cli) -> None:
    first = cli.ok("key", "list")[0]["public_key"]
    for key, says in (
        (first, "not the newest: rotate first"),
        ("00" * 32, "none of this gateway's"),
        ("00", "64 hex digits"),
        ("x", "64 hex digits"),
    ):
        refused = cli("key", "retire", key)
        assert (refused.status, says in refused.err) == (2, True), refused
    cli.ok("key", "rotate")
    cli.ok("key", "retire", first, "--all-the-same")
    assert "retired already" in cli("key", "retire", first).err


def test_people_are_told_what_to_do_next(cli: Cli) -> None:
    said = cli("key", "rotate").out
    assert "Start `tallystick serve` anew" in said
    assert "Copy gateway.key and keys/" in said
    lines = cli("key", "list").out.splitlines()
    assert lines[0].split() == ["KEY", "STATE", "FOLLOWED", "CHANNELS", "DEVICES"]
    assert len(lines) == 3

"""`tallystick account export` and `erase`, as a program."""

import json
from pathlib import Path

from tests.cli.tallystick import Cli


def test_the_commands_write_the_file_and_erase(cli: Cli, tmp_path: Path) -> None:
    cli.ok("account", "add", "brief", "--name", "Dora Meier")
    path = tmp_path / "brief.json"
    told = cli.ok("account", "export", "brief", "--out", path)
    assert told == {"path": str(path), "bytes": path.stat().st_size}
    assert json.loads(path.read_text())["account"][0]["name"] == "Dora Meier"
    refused = cli("account", "erase", "brief", "--reason", " ")
    assert refused.status != 0
    asked = cli.ok("account", "erase", "brief", "--reason", "asked to")
    assert (asked["approved_by"], asked["reason"]) == (None, "asked to")
    alone = cli("account", "erasure", "approve", "brief")
    assert alone.status != 0 and "another person" in alone.err
    token = cli.ok("token", "add", "second", "--role", "admin")["token"]
    second = Cli(cli.data, TALLYSTICK_TOKEN=token)
    erased = second.ok("account", "erasure", "approve", "brief")
    assert (erased["status"], erased["name"][:7]) == ("closed", "erased ")
    checked = cli.ok("audit", "verify")
    assert (checked["ok"], checked["erased"]) == (True, 2)
    assert cli.ok("books")["ok"]

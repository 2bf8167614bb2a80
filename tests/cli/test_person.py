"""`tallystick person`, and the link of the first person."""

import select

import pytest
from sqlalchemy import create_engine, text

from tests.cli.tallystick import Cli
from tests.cli.test_serve import SECONDS, initialised, serving
from tests.services import Served


def test_people_are_invited_and_kept_out_from_the_command_line(cli: Cli) -> None:
    cli.ok("account", "add", "fleet")
    made = cli.ok("person", "invite", "ann", "--role", "owner", "--account", "fleet")
    start, _, link = made["link"].rpartition("/")
    assert (start, len(link)) == ("http://127.0.0.1:8080/#/welcome", 64)
    anew = cli.ok("person", "reset", "ann", "--expires", "1h")
    assert anew["link"] != made["link"] and anew["expires_at"] < made["expires_at"]
    assert cli.ok("person", "role", "ann", "viewer")["role"] == "viewer"
    assert cli.ok("person", "disable", "ann")["state"] == "disabled"
    refused = cli("person", "enable", "ann")
    assert refused.status == 2 and "reset them instead" in refused.err
    names = [each["name"] for each in cli.ok("person", "list")]
    assert names == ["admin", "ann"]
    assert "INVITED BY" in cli("person", "list").out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("invite", "Ann"), "name"),
        (("invite", "ann", "--role", "root"), "role"),
        (("invite", "ann", "--role", "owner"), "accounts"),
        (("invite", "ann", "--account", "operator"), "accounts"),
        (("invite", "ann", "--expires", "1y"), "expires"),
        (("invite", "ann", "--expires", "off"), "lifetime_s"),
        (("reset", "nobody"), "person nobody: unknown"),
    ],
)
def test_what_is_wrong_is_named(cli: Cli, arguments: tuple[str, ...], named: str) -> None:
    done = cli("person", *arguments)
    assert done.status == 2
    assert done.err.startswith("error: ") and named in done.err


def test_a_token_made_with_a_token_is_one_with_it(cli: Cli) -> None:
    first = cli.ok("token", "add", "first", "--role", "admin")
    by_token = Cli(cli.data, TALLYSTICK_TOKEN=first["token"])
    by_token.ok("token", "add", "second", "--scope", "devices", "--expires", "1d")
    made = {each["name"]: each for each in cli.ok("token", "list")}
    assert made["second"]["made_by"] == f"token:{first['id']}"
    assert made["second"]["scopes"] == ["devices"]
    assert made["first"]["made_by"].startswith("shell:")


def test_serve_prints_a_link_where_nobody_could_log_in(broker: Served) -> None:
    """As after an upgrade from a version that had no people."""
    cli = initialised(broker)
    engine = create_engine(f"sqlite:///{cli.data / 'gateway.db'}")
    with engine.begin() as conn:
        conn.execute(text("DELETE FROM welcome"))
        conn.execute(text("DELETE FROM person"))
    engine.dispose()
    with serving(cli, broker) as (process, url):
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], SECONDS)[0]
        word, link = process.stdout.readline().split()
    assert word == "welcome" and link.startswith(f"{url}/#/welcome/")
    log = (cli.data / "serve.log").read_text()
    assert link.rpartition("/")[2] not in log

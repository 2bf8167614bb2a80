"""Webhooks' secrets over an upgrade, a backup and a restore: sealed, and readable where their key
is."""

from pathlib import Path

import pytest
from sqlalchemy import text

from gateway import config, doctor
from gateway.findings import WARN
from gateway.operations import webhooks
from gateway.operations.backup import backup
from gateway.operations.office import Office, init, opened
from gateway.operations.restore import restore
from gateway.store import migrations
from gateway.store.engine import open_engine
from gateway.webhooks import secret, signature

URL = "http://127.0.0.1:9/"


def _told(office: Office) -> list[str]:
    """The secrets of the one webhook, as it is signed with them."""
    with office.store.read() as conn:
        (row,) = webhooks.webhooks.listed(conn)
    kept = [row.sealed, *filter(None, [row.old_sealed])]
    return [secret.told(office.webhooks_key, row.id, each) for each in kept]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_an_upgrade_seals_what_stood_there_plain(
    data_folder: Path, request: pytest.FixtureRequest, database: str
) -> None:
    changes = {}
    if database == "postgres":
        changes["database_url"] = request.getfixturevalue("fresh_postgres_url")
    settings = config.load(data_folder, **changes)
    engine = open_engine(settings.database_url)
    old, new = signature.new_secret(), signature.new_secret()
    with engine.execution_options(tally_write=True).begin() as conn:
        migrations.upgrade_in(conn, "0027")
        conn.execute(
            text(
                "INSERT INTO webhook (id, url, kinds, loopback, secret, old_secret, old_until,"
                " state, position, made_by, created_at)"
                " VALUES ('00000000000a', :url, '', :here, :new, :old, 9, 'enabled', 0, 'x', 1)"
            ),
            {"url": URL, "new": new, "old": old, "here": True},
        )
    engine.dispose()
    init(settings)
    with opened(settings) as office:
        assert _told(office) == [new, old]
        with office.store.read() as conn:
            (row,) = webhooks.webhooks.listed(conn)
    assert new not in str(row) and old not in str(row)


@pytest.mark.parametrize("with_key", [True, False])
def test_a_restored_webhook_is_signed_as_before_if_the_key_came_back(
    data_folder: Path, tmp_path: Path, with_key: bool
) -> None:
    init(config.load(data_folder))
    with opened(config.load(data_folder)) as office:
        _row, made = webhooks.add(office.store, office.webhooks_key, URL, loopback=True)
        kept = backup(office, tmp_path / "backup.tar", with_key=with_key)
    new = tmp_path / "new"
    new.mkdir(mode=0o700)
    if not with_key:
        (new / "gateway.key").write_bytes((data_folder / "gateway.key").read_bytes())
        (new / "gateway.key").chmod(0o600)
    restore(config.load(new), kept.path)
    found = {each.check: each for each in doctor.examine(config.load(new))}
    if with_key:
        with opened(config.load(new)) as office:
            assert _told(office) == [made]
        assert "webhooks" not in found
        return
    assert found["webhooks"].level == WARN
    with opened(config.load(new)) as office:
        (row,) = webhooks.listed(office.store)
        _row, another = webhooks.rotate(office.store, office.webhooks_key, row.id)
        assert _told(office) == [another]

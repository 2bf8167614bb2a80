"""An installation that is open: its settings, database, key and broker's files.

Also how one comes to be. Nothing listens or connects to a broker here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway import key_files, witness
from gateway.broker.acl import write_acl
from gateway.broker.conf import mosquitto_conf
from gateway.broker.credentials import GATEWAY, new_password, set_password
from gateway.broker.files import broker_folder
from gateway.config import FILE_NAME, Config, ConfigError
from gateway.keys import GatewayKeys
from gateway.operations import people, principal, tokens, webhooks
from gateway.operations.broker import BrokerCredentials
from gateway.operations.people import Link
from gateway.operations.text import check_name
from gateway.settlement.rails.registry import Rails
from gateway.store import accounts, audit, meta, notices
from gateway.store.engine import Store, open_store
from gateway.store.tables import Account

MADE = "initialised"
"""The key in `meta` that holds the public key of the gateway whose database it is: the one that it
had then, which others may have followed."""

CONFIG_TEXT = """\
# Settings of this gateway. Each can also be given as an environment variable, TALLYSTICK_<NAME>.
# What is commented out shows the default.

# database_url = "sqlite:///<data>/gateway.db"    # or postgresql://user:password@host/name

# broker_host = "127.0.0.1"
# broker_port = 1883
# broker_ca_file = "/etc/ssl/certs/ca-certificates.crt"    # TLS to the broker, if set

# api_host = "127.0.0.1"
# api_port = 8080
# api_public = false    # needed for a host that others can reach: put a TLS proxy before it

# payout_cooling = "24h"    # between approving where an account is paid, and paying there
# rail = "manual"    # see docs/rails.md for others
# manual_folder = "<data>/settlements"
"""


@dataclass(frozen=True)
class Office:
    """What use cases work with."""

    config: Config
    store: Store
    keys: GatewayKeys
    credentials: BrokerCredentials
    rails: Rails
    people_key: bytes = field(repr=False)
    webhooks_key: bytes = field(repr=False)


@contextmanager
def opened(config: Config) -> Iterator[Office]:
    """The installation of these settings, closed at the end.

    Raises ConfigError if there is none, OlderThanSeen if its database is an older copy of what it
    was, KeyFileError, or StoreError.
    """
    path = config.sqlite_path
    if path is not None and not path.exists():
        raise ConfigError(f"data: {config.data} holds no gateway yet; run `tallystick init`")
    gateway_keys = key_files.load(config.data)
    people_key = key_files.people_key(config.data)
    webhooks_key = key_files.webhooks_key(config.data)
    store = open_store(config.database_url)
    try:
        with store.read() as conn:
            witness.check(config.data, conn)
        # Of a database from before they were sealed, just upgraded or put back from a backup.
        webhooks.seal_plain(store, webhooks_key)
        credentials = BrokerCredentials(config.data, config.broker_pid_file)
        rails = config.all_rails()
        yield Office(config, store, gateway_keys, credentials, rails, people_key, webhooks_key)
    finally:
        store.close()


@dataclass(frozen=True)
class Made:
    """What `init` made; `admin_token` and `welcome` are None if there was a database already."""

    data: Path
    public_key: bytes
    database: str
    admin_token: str | None = field(repr=False)
    welcome: Link | None


def init(config: Config, currency: str = "EUR", name: str = "Operator") -> Made:
    """Make a data folder, or complete one, and bring its database to this program's version.

    What is there is kept: the key, passwords, tokens and settings. `currency` is the operator's
    account's. Raises KeyFileError, StoreError, BadInput or OSError.
    """
    check_name(name)
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.data.chmod(config.data.stat().st_mode & 0o770)
    if (config.data / key_files.KEY_FILE).exists():
        gateway_keys = key_files.load(config.data)
    else:
        gateway_keys = key_files.create(config.data)
    complete(config)
    if config.sqlite_path is not None:
        # Who owes what is nobody else's to read; SQLite gives its other files the same mode.
        config.sqlite_path.touch(mode=0o600)
        config.sqlite_path.chmod(config.sqlite_path.stat().st_mode & 0o770)
    store = open_store(config.database_url, upgrade=True)
    try:
        acting = store.acting(principal.of_user())
        webhooks.seal_plain(store, key_files.webhooks_key(config.data))
        token, welcome = _first_rows(acting, gateway_keys, currency, name)
    finally:
        store.close()
    return Made(config.data, gateway_keys.public, config.database_shown, token, welcome)


def complete(config: Config) -> None:
    """Make what is missing of a data folder: settings, keys that secrets are kept under, and the
    broker's files.

    Raises OSError.
    """
    key_files.complete(config.data)
    _broker_files(config)
    settings = config.data / FILE_NAME
    if not settings.exists():
        settings.write_text(CONFIG_TEXT.replace("<data>", str(config.data)))
        settings.chmod(0o600)


def _broker_files(config: Config) -> None:
    broker_folder(config.data)
    password_file = config.broker_password_file
    if not password_file.exists():
        password = new_password()
        password_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(password + "\n")
        set_password(config.data, GATEWAY, password)
    write_acl(config.data)
    conf = config.data / "mosquitto.conf"
    if not conf.exists():
        conf.write_text(mosquitto_conf(config.broker_port))


def _first_rows(
    store: Store, gateway_keys: GatewayKeys, currency: str, name: str
) -> tuple[str | None, Link | None]:
    """The first admin's token and link; neither if the database is an older one."""
    with store.write() as conn:
        made_by = meta.get(conn, MADE)
        key = gateway_keys.public.hex()
        if made_by is not None:
            if bytes.fromhex(made_by) not in gateway_keys.publics:
                raise ConfigError(
                    f"database_url: this database is of the gateway with key {made_by}, "
                    f"the data folder's is {key}"
                )
            return None, None
        accounts.add(
            conn,
            Account(
                id=accounts.OPERATOR,
                name=name,
                currency=currency,
                scale=6,
                credit_limit=0,
                created_at=store.now(conn),
            ),
        )
        _id, token = tokens.add_in(store, conn, "first admin", "admin")
        meta.put(conn, MADE, key)
        audit.record(conn, "gateway.init", key, after={"currency": currency, "name": name})
        notices.decided(conn)
        return token, people.first_in(store, conn, store.by)

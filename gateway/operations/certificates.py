"""Use cases on certificates: an authority and everything that goes with it by one call, renewing,
listing, revoking.

What certificates say is in `gateway.pki`. Here: that broker, gateway and API are told of them.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from gateway import key_files
from gateway.broker.conf import mosquitto_conf, with_tls
from gateway.config import FILE_NAME, Config
from gateway.operations.broker import reread
from gateway.operations.errors import BadInput
from gateway.operations.office import Office
from gateway.pki import folder
from gateway.pki.authority import Issued, serial_of
from gateway.pki.folder import SERVER_DAYS, Known, Pki
from gateway.store import audit

LOCAL = ("localhost", "127.0.0.1")
"""Hosts that broker's and API's certificates are always for: the gateway is often beside them."""


@dataclass(frozen=True)
class Begun:
    """What `begin` did. `differing` are settings that stand in tallystick.toml with another value
    than the one that is needed; they were left alone."""

    authority: Path
    hosts: list[str]
    differing: list[str]


def begin(office: Office, hosts: Sequence[str], port: int, password_port: int | None) -> Begun:
    """Make an authority, the broker's, the API's and the gateway's certificates; add TLS listeners
    to the data folder's mosquitto.conf, and the settings to its tallystick.toml.

    hosts: names and addresses under which others reach the broker and the API. Nothing takes effect
    before broker and gateway are started anew. Raises BadInput, PkiError, KeyFileError, OSError.
    """
    config = office.config
    data = config.data
    label = key_files.load(data).public.hex()[:16]
    conf = data / "mosquitto.conf"
    standing = conf.read_text() if conf.exists() else mosquitto_conf(config.broker_port)
    try:
        secured = with_tls(standing, port, password_port)
    except ValueError as error:
        raise BadInput("port", str(error)) from None
    wanted = list(dict.fromkeys([*hosts, *LOCAL]))
    now = datetime.now(UTC)
    with office.store.write() as conn:
        pki = folder.create(data, label, now, wanted)
        made = pki.servers(wanted, SERVER_DAYS, now)
        _record(conn, "pki.init", pki, made, wanted)
    conf.write_text(secured)
    return Begun(pki.folder / "ca.crt", wanted, _settle(config, pki.folder, port))


def _record(
    conn: Connection, action: str, pki: Pki, made: Sequence[Issued], hosts: Sequence[str]
) -> None:
    """Record which certificates the authority has made, and for which hosts."""
    after = {"hosts": list(hosts), "serials": [each.serial for each in made]}
    audit.record(conn, action, serial_of(pki.authority), after=after)


def _settle(config: Config, pki: Path, port: int) -> list[str]:
    """Add the settings that are not there; the names of those that are, with another value."""
    needed: dict[str, object] = {
        "broker_port": port,
        "broker_ca_file": str(pki / "ca.crt"),
        "broker_certificate_file": str(pki / "gateway.crt"),
        "broker_key_file": str(pki / "gateway.key"),
        "api_certificate_file": str(pki / "api.crt"),
        "api_key_file": str(pki / "api.key"),
    }
    path = config.data / FILE_NAME
    text = path.read_text() if path.exists() else ""
    standing = tomllib.loads(text)
    # A string in JSON is one in TOML.
    lines = [f"{name} = {json.dumps(needed[name])}" for name in needed if name not in standing]
    if lines:
        path.write_text(
            "\n".join([text.rstrip("\n"), "", "# TLS, by `tallystick pki`", *lines, ""])
        )
        path.chmod(0o600)
    return [name for name in needed if standing.get(name, needed[name]) != needed[name]]


def renew(office: Office, hosts: Sequence[str]) -> list[str]:
    """New certificates for broker, API and gateway; the hosts they are for: those given, or as
    before. The broker rereads its own; the gateway uses its when it is started anew.

    Raises PkiError, OSError.
    """
    pki = folder.load(office.config.data)
    wanted = list(dict.fromkeys([*hosts, *LOCAL])) if hosts else pki.hosts()
    with office.store.write() as conn:
        made = pki.servers(wanted, SERVER_DAYS, datetime.now(UTC))
        _record(conn, "pki.renew", pki, made, wanted)
    reread(office.config.broker_pid_file, "certificates")
    return wanted


def listed(config: Config) -> list[Known]:
    """All certificates that were issued. Raises PkiError."""
    return folder.load(config.data).issued()


def revoke(office: Office, serial: str) -> Known:
    """Revoke a certificate, and have the broker reread the list. Raises PkiError, OSError."""
    pki = folder.load(office.config.data)
    with office.store.write() as conn:
        news = pki.revoke([serial], datetime.now(UTC))
        (found,) = (each for each in pki.issued() if each.serial == serial)
        if news:
            after = {"role": found.role, "name": found.name}
            audit.record(conn, "certificate.revoke", serial, after=after)
    reread(office.config.broker_pid_file, "revocations")
    return found

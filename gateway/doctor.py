"""What is wrong with an installation: each check says ok, warn or fail, and what to do.

It changes nothing. A check that can't be made says so instead of passing.
"""

import fcntl
import shutil
import ssl
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from gateway import doctor_tls, key_files, witness
from gateway.broker.acl import ACL
from gateway.config import Config, ConfigError, is_loopback, read_password
from gateway.findings import FAIL, OK, WARN, Finding
from gateway.folder_lock import LOCK_FILE
from gateway.ingest.mqtt import Broker, tls_context
from gateway.key_files import KeyFileError
from gateway.operations import rotation, webhooks
from gateway.settlement.verify_books import verify_books
from gateway.store import fence
from gateway.store.engine import open_store
from gateway.store.errors import StoreError
from protocol import topics

_GIB = 1024**3
_LITTLE_SPACE = _GIB
_BOOKS_AT_ONCE = 20_000
_CLOCK_SECONDS = 2
_SECONDS = 5.0


def examine(config: Config) -> Iterator[Finding]:
    """All findings, in the order in which they should be mended."""
    checks: tuple[Callable[[Config], Iterator[Finding]], ...] = (
        _python,
        _folder,
        _key,
        _disk,
        _payouts,
        _database,
        _api,
        doctor_tls.examine,
        _broker,
    )
    for check in checks:
        yield from check(config)


def _python(_config: Config) -> Iterator[Finding]:
    yield Finding("python", OK, ".".join(str(part) for part in sys.version_info[:3]))


def _folder(config: Config) -> Iterator[Finding]:
    data = config.data
    if not data.is_dir():
        yield Finding("data folder", FAIL, f"{data} is not there", "run `tallystick init`")
        return
    mode = stat.S_IMODE(data.stat().st_mode)
    if mode & 0o007:
        yield Finding(
            "data folder", FAIL, f"{data} is open to all (mode {mode:o})", f"chmod o= {data}"
        )
    else:
        yield Finding("data folder", OK, f"{data}, mode {mode:o}")


def _key(config: Config) -> Iterator[Finding]:
    try:
        public = key_files.load(config.data).public
    except KeyFileError as error:
        yield Finding("gateway key", FAIL, str(error), "mend it, or run `tallystick init`")
    else:
        yield Finding("gateway key", OK, f"readable by its owner alone, public key {public.hex()}")


def _disk(config: Config) -> Iterator[Finding]:
    if not config.data.is_dir():
        return
    free = shutil.disk_usage(config.data).free
    shown = f"{free / _GIB:.1f} GiB free"
    if free < _LITTLE_SPACE:
        yield Finding("disk", WARN, shown, "make room: a full disk stops all payments")
    else:
        yield Finding("disk", OK, shown)


def _payouts(config: Config) -> Iterator[Finding]:
    if config.payout_cooling:
        yield Finding("payouts", OK, f"go elsewhere {config.payout_cooling} s after approval")
    else:
        yield Finding(
            "payouts", WARN, "go elsewhere at once when that is approved", "set payout_cooling"
        )


def _database(config: Config) -> Iterator[Finding]:
    path = config.sqlite_path
    if path is not None and not path.exists():
        yield Finding("database", FAIL, f"{path} is not there", "run `tallystick init`")
        return
    try:
        store = open_store(config.database_url)
    except StoreError as error:
        yield Finding("database", FAIL, str(error), "run `tallystick init`, which upgrades it")
        return
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", error)).splitlines()[0]
        yield Finding(
            "database", FAIL, f"{config.database_shown}: {said}", "start it, or set database_url"
        )
        return
    try:
        # Opening has read back the settings that durability needs, and the schema.
        yield Finding("database", OK, f"{config.database_shown}, schema and durability as needed")
        with store.read() as conn:
            apart = abs(store.now(conn) - int(time.time()))
            channels = int(conn.execute(text("SELECT count(*) FROM channel")).scalar_one())
            if conn.dialect.name == "postgresql":
                yield _postgres(str(conn.execute(text("SHOW synchronous_commit")).scalar_one()))
            yield from _fence(conn)
            yield from _older_keys(config, conn)
            yield from _webhooks(config, conn)
            try:
                witness.check(config.data, conn)
            except ConfigError as error:
                yield Finding("history", FAIL, str(error), "see docs/backup.md")
        if apart > _CLOCK_SECONDS:
            yield Finding(
                "clock", WARN, f"{apart} s from the database's", "synchronise both (chrony, NTP)"
            )
        else:
            yield Finding("clock", OK, "as the database's")
        yield from _books(config, channels)
    finally:
        store.close()


def _fence(conn: Connection) -> Iterator[Finding]:
    if fence.is_up(conn):
        waiting = fence.counts(conn)["waiting"]
        yield Finding(
            "fence",
            WARN,
            f"the books were restored and are not reconciled; {waiting} channels are waited for",
            "see `tallystick restore --status`: nothing is granted or settled meanwhile",
        )


def _older_keys(config: Config, conn: Connection) -> Iterator[Finding]:
    try:
        found = rotation.standings(conn, key_files.load(config.data))
    except KeyFileError:
        return
    older = found[:-1]
    lacking = sum(each.channels for each in older if each.state == rotation.RETIRED)
    if lacking:
        yield Finding(
            "older keys",
            WARN,
            f"{lacking} channels are open whose gateway key is not here",
            f"put {key_files.FOLDER}/ back from where you keep its copy, or close them",
        )
    elif older:
        idle = [each for each in older if each.state == rotation.FOLLOWED and not each.channels]
        yield Finding(
            "older keys", OK, f"{len(older)}, of which {len(idle)} are held and have no channels"
        )


def _webhooks(config: Config, conn: Connection) -> Iterator[Finding]:
    try:
        lost = webhooks.unreadable(conn, key_files.webhooks_key(config.data))
    except KeyFileError as error:
        yield Finding("webhooks", FAIL, str(error), "mend it, or run `tallystick init`")
        return
    if lost:
        yield Finding(
            "webhooks",
            WARN,
            f"secrets were kept under another key: {', '.join(lost)}",
            f"put {key_files.WEBHOOKS_FILE} back, or `tallystick webhook rotate` each",
        )


def _postgres(synchronous_commit: str) -> Finding:
    if synchronous_commit == "off":
        return Finding(
            "durability",
            FAIL,
            "synchronous_commit is off: what was acknowledged can be lost",
            "ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf();",
        )
    return Finding("durability", OK, f"synchronous_commit is {synchronous_commit}")


def _books(config: Config, channels: int) -> Iterator[Finding]:
    if channels > _BOOKS_AT_ONCE:
        yield Finding("books", WARN, f"{channels} channels, not checked", "run `tallystick books`")
        return
    try:
        own = key_files.load(config.data).publics
    except KeyFileError:
        return
    store = open_store(config.database_url)
    try:
        report = verify_books(store, *own)
    finally:
        store.close()
    if report.ok:
        yield Finding("books", OK, f"{report.entries} entries, {report.channels} channels")
    else:
        first = report.discrepancies[0]
        yield Finding(
            "books",
            FAIL,
            f"{len(report.discrepancies)} discrepancies, first {first.where}: {first.what}",
            "stop settling, run `tallystick books`, compare with a backup",
        )


def _api(config: Config) -> Iterator[Finding]:
    where = f"{config.api_host} port {config.api_port}"
    if is_loopback(config.api_host):
        yield Finding("api", OK, f"{where}, for this machine alone")
    elif config.api_certificate_file is not None:
        yield Finding("api", OK, f"{where}, by TLS")
    else:
        yield Finding(
            "api", WARN, f"{where}, in reach of others", "see that a TLS proxy is before it"
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the broker said to one connection; `refused` is None if it never answered."""

    refused: bool | None
    retain: bool = True
    foreign_refused: bool | None = None
    error: str = ""


def _broker(config: Config) -> Iterator[Finding]:
    where = f"{config.broker_host} port {config.broker_port}"
    try:
        password = read_password(config)
    except ConfigError as error:
        yield Finding("broker", FAIL, str(error), "run `tallystick init`")
        return
    # Another name than the gateway's would show its password wrong, but the broker makes the
    # client id of it: logging in would end the session of a gateway that is serving.
    if _serving(config):
        yield Finding("broker login", OK, "not tried: a gateway is serving with it (see /readyz)")
    else:
        answer = _connect(config, config.broker_username, password)
        if answer.refused is None:
            yield Finding(
                "broker",
                FAIL,
                f"{where}: {answer.error}",
                f"start it: cd {config.data} && mosquitto -c mosquitto.conf",
            )
            return
        if answer.refused:
            yield Finding(
                "broker login",
                FAIL,
                f"{config.broker_username} is refused",
                "reload the broker, which reads broker/passwords at its start",
            )
        else:
            yield Finding("broker login", OK, f"{where}, as {config.broker_username}")
            yield _retain(answer.retain)
            yield _acl(config, answer.foreign_refused)
    yield _anonymous(_connect(config, None, None), where)


def _serving(config: Config) -> bool:

    path = config.data / LOCK_FILE
    if not path.exists():
        return False
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _retain(available: bool) -> Finding:
    if available:
        return Finding(
            "broker retain",
            WARN,
            "retained messages are taken (the gateway ignores them)",
            "set retain_available false",
        )
    return Finding("broker retain", OK, "retained messages are refused")


def _acl(config: Config, refused: bool | None) -> Finding:
    if refused is False:
        return Finding(
            "broker topics",
            FAIL,
            "one name may write another's topics",
            "set acl_file, as in the mosquitto.conf of the data folder",
        )
    try:
        stands = (config.data / "broker" / "acl").read_text() == ACL
    except OSError:
        stands = False
    if not stands or refused is None:
        return Finding(
            "broker topics",
            WARN,
            "broker/acl is not this version's, or the broker did not tell",
            "run `tallystick init`, then reload the broker",
        )
    return Finding("broker topics", OK, "a foreign topic is refused")


def _anonymous(answer: _Answer, where: str) -> Finding:
    if answer.refused is None:
        return Finding("broker anonymous", FAIL, f"{where}: {answer.error}", "start the broker")
    if answer.refused:
        return Finding("broker anonymous", OK, "refused without a password")
    return Finding(
        "broker anonymous",
        FAIL,
        "anybody may connect without a password",
        "set allow_anonymous false, as in the mosquitto.conf of the data folder",
    )


def _connect(config: Config, username: str | None, password: str | None) -> _Answer:
    """Connect once and disconnect. MQTT 5, whose answer tells whether messages can be retained."""
    answers: list[_Answer] = []

    def connected(
        _client: object, _data: object, _flags: object, code: object, got: object
    ) -> None:
        retain = getattr(got, "RetainAvailable", 1)
        answers.append(_Answer(bool(getattr(code, "is_failure", True)), bool(retain)))

    published: list[bool] = []

    def publish_answered(
        _client: object, _data: object, _mid: int, code: object, _got: object
    ) -> None:
        published.append(bool(getattr(code, "is_failure", False)))

    client = paho.Client(
        CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, reconnect_on_failure=False
    )
    client.on_connect = connected
    client.on_publish = publish_answered
    if username is not None:
        client.username_pw_set(username, password)
    client.connect_timeout = _SECONDS
    try:
        # Without a name without a certificate too: it would be one.
        proof = (config.broker_certificate_file, config.broker_key_file) if username else ()
        where = Broker(
            config.broker_host, config.broker_port, "", "", config.broker_ca_file, *proof
        )
        tls = tls_context(where)
        if tls is not None:
            client.tls_set_context(tls)
        client.connect(config.broker_host, config.broker_port, keepalive=10)
        until = time.monotonic() + _SECONDS
        while not answers and time.monotonic() < until:
            if client.loop(timeout=0.2) != paho.MQTT_ERR_SUCCESS and not answers:
                # Closed without an answer is a refusal too.
                answers.append(_Answer(True))
    except ssl.SSLCertVerificationError as error:
        return _Answer(None, error=f"its certificate: {error.verify_message}")
    except ssl.SSLError:
        return _Answer(True)
    except OSError as error:
        return _Answer(None, error=error.strerror or str(error))
    if not answers:
        return _Answer(None, error="it does not answer")
    if answers[0].refused:
        return answers[0]
    # The gateway may not speak as a device; of a device that is not registered nothing is taken.
    client.publish(topics.up("f" * 32, "hello"), b"", qos=1)
    while not published and time.monotonic() < until:
        if client.loop(timeout=0.2) != paho.MQTT_ERR_SUCCESS:
            break
    client.disconnect()
    return replace(answers[0], foreign_refused=published[0] if published else None)

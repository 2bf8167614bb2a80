"""`tallystick serve` as a process, with a real broker."""

import json
import select
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from nacl.signing import SigningKey
from paho.mqtt.enums import CallbackAPIVersion

from gateway.keys import GatewayKeys, verify
from protocol import envelope, messages, topics
from protocol.ids import device_id
from protocol.messages import Hello, Iou, Terms
from tests.cli.tallystick import Cli, command, environment
from tests.services import Served

DEVICE = SigningKey(b"\x09" * 32)
SECONDS = 30


@pytest.fixture
def cli(broker: Served) -> Cli:
    """An initialised gateway whose broker runs."""
    return initialised(broker)


def initialised(broker: Served) -> Cli:
    """A gateway that `init` made for this broker."""
    secret = broker.data_folder / "broker" / "gateway.password"
    secret.write_text(broker.gateway_password)
    secret.chmod(0o600)
    made = Cli(broker.data_folder)
    made.ok("init", "--broker-port", str(broker.port))
    return made


@contextmanager
def serving(
    cli: Cli, broker: Served, **changes: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The gateway's process and its URL, once it is ready."""
    arguments = ("--data", cli.data, "serve", "--api-port", "0", "--broker-port", str(broker.port))
    log = (cli.data / "serve.log").open("w")
    process = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=environment(**changes),
        cwd=cli.data.parent,
    )
    try:
        yield process, _ready(process, cli.data / "serve.log")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=SECONDS)
        log.close()


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    if process.stdout is None or not select.select([process.stdout], [], [], SECONDS)[0]:
        raise AssertionError(log.read_text())
    word, _space, url = process.stdout.readline().strip().partition(" ")
    assert word == "ready", log.read_text()
    return url


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def _until(url: str, status: int) -> None:
    for _ in range(500):
        if _status(url) == status:
            return
    pytest.fail(f"{url} never answered {status}")


class Device:
    """A device on the broker that signs with its key, and waits for answers."""

    def __init__(self, broker: Served, password: str, gateway: bytes) -> None:
        self.public = bytes(DEVICE.verify_key)
        self.id = device_id(self.public)
        seed = GatewayKeys(bytes(DEVICE))
        self.mac = _mac_key(seed, gateway, self.public)
        self.gateway = gateway
        self.heard: list[tuple[str, bytes]] = []
        subscribed: list[int] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.id)
        self.client.username_pw_set(self.id, password)
        self.client.on_connect = lambda client, *_: client.subscribe(topics.down_filter(self.id), 1)
        self.client.on_subscribe = lambda *_: subscribed.append(1)
        self.client.on_message = lambda _c, _u, message: self.heard.append(
            (topics.parse(message.topic, "down")[1], message.payload)
        )
        self.client.connect(broker.host, broker.port)
        self._until(lambda: bool(subscribed))

    def _until(self, met: object) -> None:
        for _ in range(SECONDS * 10):
            if met():  # type: ignore[operator]
                return
            self.client.loop(0.1)
        raise AssertionError(self.heard)

    def say(self, kind: str, message: bytes) -> None:
        self.client.publish(topics.up(self.id, kind), message, topics.QOS[kind])

    def hear(self, kind: str) -> bytes:
        """The next message of this kind."""
        self._until(lambda: any(name == kind for name, _message in self.heard))
        found = next(each for each in self.heard if each[0] == kind)
        self.heard.remove(found)
        return found[1]

    def sign(self, message: bytes) -> bytes:
        return DEVICE.sign(message).signature

    def opened(self) -> Terms:
        """Say hello, and open a channel on what is offered."""
        self.say("hello", envelope.mac0("hello", Hello(b"n" * 16).payload(), self.mac))
        offer = messages.read_offer(
            envelope.open_sign1("offer", self.hear("offer"), self.gateway, verify)
        )
        terms = Terms(
            self.public,
            self.gateway,
            self.gateway,
            offer.tariff,
            1_000_000,
            offer.time + 3600,
            b"k" * 16,
        )
        self.say("open", envelope.sign1("open", terms.payload(), self.sign))
        self.hear("opened")
        return terms

    def paid(self, terms: Terms, units: int) -> messages.Ack:
        """Sign for so many units in all, and wait for the ack."""
        iou = Iou(terms.channel_id(), terms.tariff.amount(units), units)
        self.say("iou", envelope.sign1("iou", iou.payload(), self.sign))
        return messages.read_ack(envelope.open_mac0("ack", self.hear("ack"), self.mac))


def added(cli: Cli) -> dict[str, Any]:
    """What whoever registered the device is told, with an account that pays and a tariff."""
    cli.ok("account", "add", "fleet", "--credit", "100")
    cli.ok("tariff", "add", "energy", "--price", "0.30", "--per", "1000", "--unit", "W.h")
    key = bytes(DEVICE.verify_key).hex()
    made: dict[str, Any] = cli.ok(
        "device", "add", "--key", key, "--account", "fleet", "--name", "m"
    )
    return made


def _mac_key(device: GatewayKeys, gateway: bytes, public: bytes) -> bytes:
    from nacl import bindings

    from protocol import mac

    secret = bindings.crypto_sign_ed25519_sk_to_curve25519(bytes(DEVICE) + device.public)
    peer = bindings.crypto_sign_ed25519_pk_to_curve25519(gateway)
    return mac.channel_mac_key(bindings.crypto_scalarmult(secret, peer), public, gateway)


def test_a_device_opens_pays_and_is_settled_through_a_served_gateway(
    cli: Cli, broker: Served
) -> None:
    with serving(cli, broker) as (process, url):
        assert _status(url + "/readyz") == 200
        made = added(cli)
        device = Device(broker, made["mqtt"]["password"], bytes.fromhex(made["gateway_key"]))
        terms = device.opened()
        channel = terms.channel_id()
        ack = device.paid(terms, 100)
        assert (ack.amount, ack.units) == (30_000, 100)
        (run,) = cli.ok("settle")["runs"]
        assert run["collect"]["amount"] == "30000"
        device.hear("receipt")
        cli.ok("device", "suspend", device.id)
        grant = messages.read_grant(envelope.open_mac0("grant", device.hear("grant"), device.mac))
        assert grant.limit == 100
        cli.ok("channel", "close", channel.hex())
        closed = messages.read_receipt(
            envelope.open_sign1("receipt", device.hear("receipt"), device.gateway, verify)
        )
        assert closed.event == messages.CLOSE
        device.client.disconnect()
        assert cli("books").status == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SECONDS) == 0
    log = (cli.data / "serve.log").read_text()
    assert [json.loads(line) for line in log.splitlines()][-1]["event"] == "stopped"
    assert made["mqtt"]["password"] not in log


@pytest.mark.threat("C8")
def test_a_second_gateway_on_one_sqlite_is_refused_and_told_who_holds_it(
    cli: Cli, broker: Served
) -> None:
    with serving(cli, broker) as (process, url):
        second = cli("serve", "--api-port", "0")
        assert second.status == 2
        assert f"pid {process.pid}" in second.err
        assert _status(url + "/readyz") == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=SECONDS) == 0


def test_readiness_follows_the_broker(cli: Cli, broker: Served) -> None:
    if broker.process is None:
        pytest.skip("the broker is not ours to kill")
    with serving(cli, broker) as (process, url):
        broker.process.kill()
        _until(url + "/readyz", 503)
        assert _status(url + "/healthz") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SECONDS) == 0


@pytest.mark.threat("C7")
def test_a_worker_that_lost_its_lease_ends_the_process(cli: Cli, broker: Served) -> None:
    from gateway.ingest.context import LEASE
    from gateway.store import lease, notices
    from gateway.store.engine import open_store

    with serving(cli, broker) as (process, _url):
        cli.ok("account", "add", "fleet")
        store = open_store(f"sqlite:///{cli.data / 'gateway.db'}")
        with store.write() as conn:
            lease.take(conn, LEASE, "another")
            notices.tell_channels(conn, "grant", [])
            conn.exec_driver_sql("INSERT INTO notice (kind) VALUES ('grant')")
        store.close()
        assert process.wait(timeout=SECONDS) == 1


def test_scheduled_settlement_runs_by_itself(cli: Cli, broker: Served) -> None:
    from tests.api.house import house_in

    with house_in(cli.data, None) as house:
        house.tokens.clear()
        house.fleet()
        house.paid(house.device(), 10)
    cli.ok("settle", "schedule", "set", "EUR", "--most-owed", "0.00001")
    with serving(cli, broker):
        for _ in range(50):
            if cli.ok("settle", "list"):
                break
    assert [each["run"] for each in cli.ok("settle", "list")] == [1]


def test_doctor_is_content_with_a_whole_installation(cli: Cli, broker: Served) -> None:
    doctor = Cli(cli.data, TALLYSTICK_BROKER_PORT=str(broker.port))
    findings = doctor.ok("doctor")
    # How new the machine's mosquitto is, is not the installation's doing.
    assert [
        each for each in findings if each["level"] != "ok" and each["check"] != "mosquitto"
    ] == []
    assert {"broker login", "broker anonymous", "broker retain", "broker topics"} <= {
        each["check"] for each in findings
    }

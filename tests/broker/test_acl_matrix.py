"""N8: every role, every kind of topic, writing and reading, with and without wildcards: exactly
what one table allows, on a real Mosquitto with the files that are shipped.

An observer, whom only this test admits, reads and writes everything, so that what a role's write
comes to, and what its subscriptions bring, is seen from outside.
"""

import base64
import hashlib
import queue
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.broker.credentials import new_password, reload_broker
from gateway.pki import authority
from protocol.topics import DOWN_KINDS, UP_KINDS, down, up
from tests.tls.client import lets_in
from tests.tls.conftest import ALICE, MALLORY, Secured, now, secured_broker

pytestmark = pytest.mark.threat("N8")

PATIENCE = 10.0
OBSERVER = "observer"
END = "test/end"

UPS = {up(name, kind): (name, "up") for name in (ALICE, MALLORY) for kind in UP_KINDS}
DOWNS = {down(name, kind): (name, "down") for name in (ALICE, MALLORY) for kind in DOWN_KINDS}
STRANGE = {
    "tally": ("", ""),
    "tally/1": ("", ""),
    f"tally/1/{ALICE[:2]}/{ALICE}": (ALICE, ""),
    f"tally/1/{ALICE[:2]}/{ALICE}/up": (ALICE, ""),
    f"tally/1/{ALICE[:2]}/{ALICE}/up/iou/more": (ALICE, ""),
    f"tally/1/{ALICE[:2]}/{ALICE}/sideways/iou": (ALICE, ""),
    f"tally/2/{ALICE[:2]}/{ALICE}/up/iou": (ALICE, ""),
    f"/tally/1/{ALICE[:2]}/{ALICE}/up/iou": (ALICE, ""),
    "gateway": ("", ""),
    "elsewhere/1": ("", ""),
}
TOPICS = {**UPS, **DOWNS, **STRANGE}
"""Every topic that is tried: whose it is, and its direction ('' for what is none of ours)."""

ALLOWED = {
    # role: (may write, may read); own is its own device's
    "gateway": (("any", "down"), ("any", "up")),
    "device": (("own", "up"), ("own", "down")),
    "other device": (("own", "up"), ("own", "down")),
    "device by certificate": (("own", "up"), ("own", "down")),
    "gateway by certificate": (("any", "down"), ("any", "up")),
    "wildcard +": (None, None),
    "wildcard #": (None, None),
    "name with /": (None, None),
}
"""The whole policy. Who is unknown, or has no name, is not let in at all."""

NAMES = {
    "gateway": "gateway",
    "device": ALICE,
    "other device": MALLORY,
    "device by certificate": ALICE,
    "gateway by certificate": "gateway",
    "wildcard +": "+",
    "wildcard #": "#",
    "name with /": f"{ALICE}/up",
}

FILTERS = (
    "#",
    "+/#",
    "tally/#",
    "tally/1/+/+/+/+",
    "tally/1/+/+/up/+",
    "tally/1/+/+/down/+",
    f"tally/1/+/{ALICE}/+/+",
    f"tally/1/{ALICE[:2]}/{ALICE}/#",
    f"tally/1/{ALICE[:2]}/{ALICE}/down/+",
    f"tally/1/{MALLORY[:2]}/{MALLORY}/down/+",
    f"tally/1/{MALLORY[:2]}/{MALLORY}/+/ack",
    "$share/all/tally/1/+/+/up/+",
    "$share/all/tally/1/+/+/down/+",
    "$share/all/#",
    "$SYS/#",
    "$SYS/broker/clients/connected",
    *UPS,
    *DOWNS,
)


def expected(role: str, writing: bool) -> set[str]:
    """The topics that the table lets this role write, or read."""
    rule = ALLOWED[role][0 if writing else 1]
    if rule is None:
        return set()
    whose, direction = rule
    return {
        topic
        for topic, (owner, found) in TOPICS.items()
        if found == direction and (whose == "any" or owner == NAMES[role])
    }


@dataclass
class Line:
    """A connection, and what it hears."""

    paho: paho.Client
    heard: queue.Queue[tuple[str, bytes]]
    granted: queue.Queue[int]

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish and wait for the broker's answer, which is the same if it is not allowed."""
        self.paho.publish(topic, payload, qos=1).wait_for_publish(PATIENCE)

    def subscribe(self, topic: str) -> None:
        """Subscribe and wait for the broker's answer, whatever it is."""
        self.paho.subscribe(topic, 1)
        self.granted.get(timeout=PATIENCE)

    def until_end(self) -> list[tuple[str, bytes]]:
        """Everything heard up to the end that the observer marks."""
        found = []
        while (item := self.heard.get(timeout=PATIENCE))[0] != END:
            found.append(item)
        return found


@contextmanager
def line(
    port: int, name: str | None, password: str | None, context: ssl.SSLContext | None = None
) -> Iterator[Line]:
    """A connection that the broker has accepted."""
    heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
    granted: queue.Queue[int] = queue.Queue()
    ready: queue.Queue[bool] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
    if name is not None:
        client.username_pw_set(name, password)
    if context is not None:
        client.tls_set_context(context)
    client.on_connect = lambda _c, _u, _f, code, _p: ready.put(not code.is_failure)
    client.on_message = lambda _c, _u, m: heard.put((m.topic, m.payload))
    client.on_subscribe = lambda _c, _u, mid, _r, _p: granted.put(mid)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert ready.get(timeout=PATIENCE)
        yield Line(client, heard, granted)
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One broker for the whole matrix, which also knows the observer."""
    data = tmp_path_factory.mktemp("matrix") / "data"
    data.mkdir()
    with secured_broker(data) as made:
        _admit_observer(made)
        yield made


def _admit_observer(secured: Secured) -> None:
    broker = secured.data / "broker"
    password, salt = new_password(), secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    hashed = f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
    with (broker / "passwords").open("a") as file:
        file.write(f"{OBSERVER}:{hashed}\n")
    acl = (broker / "acl").read_text()
    # Rules for one user stand before those for all.
    (broker / "acl").write_text(f"user {OBSERVER}\ntopic readwrite #\n\n{acl}")
    reload_broker(broker / "persistence" / "mosquitto.pid")
    secured.passwords[OBSERVER] = password
    for _ in range(100):
        try:
            with line(secured.broker.port, OBSERVER, password):
                return
        except AssertionError:
            continue
    pytest.fail("the observer is not let in")


@contextmanager
def as_role(secured: Secured, role: str) -> Iterator[Line]:
    """A connection of this role."""
    name = NAMES[role]
    if role in ("gateway", "device", "other device"):
        password = secured.gateway_password if role == "gateway" else secured.passwords[name]
        with line(secured.broker.port, name, password) as made:
            yield made
        return
    kind = authority.GATEWAY if name == "gateway" else authority.DEVICE
    issued = authority.issue(secured.pki._ca, kind, name, (), 30, now())
    with line(secured.port, None, None, secured.context(issued)) as made:
        yield made


@pytest.mark.parametrize("role", ALLOWED)
def test_each_role_writes_exactly_what_the_table_says(secured: Secured, role: str) -> None:
    with (
        line(secured.broker.port, OBSERVER, secured.passwords[OBSERVER]) as observer,
        as_role(secured, role) as writer,
    ):
        observer.subscribe("#")
        for topic in TOPICS:
            writer.publish(topic, role.encode())
        observer.publish(END, b"")
        heard = {topic for topic, payload in observer.until_end() if payload == role.encode()}
    assert heard == expected(role, writing=True)


@pytest.mark.parametrize("role", ALLOWED)
def test_each_role_reads_exactly_what_the_table_says_whatever_it_subscribes_to(
    secured: Secured, role: str
) -> None:
    with (
        line(secured.broker.port, OBSERVER, secured.passwords[OBSERVER]) as observer,
        as_role(secured, role) as reader,
    ):
        for each in FILTERS:
            reader.subscribe(each)
        for topic in TOPICS:
            observer.publish(topic, b"secret")
        # What the broker answers now comes after all that it has sent this reader.
        reader.subscribe(END)
        heard = {topic for topic, _ in reader.heard.queue}
    assert heard == expected(role, writing=False)


def test_who_is_unknown_or_has_no_name_is_not_let_in(secured: Secured) -> None:
    refused = (
        (None, None),
        ("", ""),
        ("f0" * 16, new_password()),
        ("f0" * 16, None),
        (ALICE, secured.passwords[MALLORY]),
        (ALICE.upper(), secured.passwords[ALICE]),
        (ALICE + "\n", secured.passwords[ALICE]),
        ("+", secured.passwords[ALICE]),
        ("#", secured.passwords[ALICE]),
        ("gateway", secured.passwords[ALICE]),
    )
    tls = secured.context()
    for name, password in refused:
        for port, context in ((secured.broker.port, None), (secured.password_port, tls)):
            assert not lets_in(port, context, name, password), name

"""A client that says and hears what a test tells it to, on a broker that runs."""

import queue
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.services import Served

PATIENCE = 10.0
"""Seconds until what should happen is taken not to."""


class Client:
    """One connection. What it hears is kept in the order in which it came."""

    def __init__(
        self,
        served: Served,
        username: str | None,
        password: str | None,
        client_id: str = "",
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.heard: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.answers: queue.Queue[bool] = queue.Queue()
        self.ended: queue.Queue[ReasonCode] = queue.Queue()
        self.subscribed: queue.Queue[int] = queue.Queue()
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or uuid.uuid4().hex,
            reconnect_on_failure=False,
        )
        if username is not None:
            self.paho.username_pw_set(username, password)
        if will is not None:
            self.paho.will_set(*will)
        self.paho.on_connect = lambda _c, _u, _f, code, _p: self.answers.put(not code.is_failure)
        self.paho.on_disconnect = lambda _c, _u, _f, code, _p: self.ended.put(code)
        self.paho.on_subscribe = lambda _c, _u, mid, _r, _p: self.subscribed.put(mid)
        self.paho.on_message = lambda _c, _u, message: self.heard.put(message)
        self.paho.connect(served.host, served.port)
        self.paho.loop_start()

    def accepted(self) -> bool:
        """Whether the broker let this client in."""
        return self.answers.get(timeout=PATIENCE)

    def subscribe(self, topic: str) -> None:
        """Subscribe and wait for the broker's answer, whatever it is."""
        self.paho.subscribe(topic, qos=1)
        self.subscribed.get(timeout=PATIENCE)

    def say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish at QoS 1 and wait for the broker's answer."""
        self.paho.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE)

    def hears(self) -> bytes:
        """The next message's payload."""
        return self.heard.get(timeout=PATIENCE).payload

    def disconnected(self) -> bool:
        """Wait until the broker has ended the connection."""
        return self.ended.get(timeout=PATIENCE) is not None


@contextmanager
def connected(
    served: Served, username: str, password: str, client_id: str = ""
) -> Iterator[Client]:
    """A client that the broker let in."""
    client = Client(served, username, password, client_id)
    try:
        assert client.accepted()
        yield client
    finally:
        close(client)


def close(client: Client) -> None:
    """End the connection and the client's thread."""
    client.paho.disconnect()
    client.paho.loop_stop()

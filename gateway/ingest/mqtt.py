"""The gateway's connection to the broker: bytes between paho-mqtt and the inbox, no decisions.

MQTT 3.1.1 and a clean session: nothing depends on what the broker remembers. It subscribes anew at
each connect, and the PUBACK of a QoS 1 message goes out only when `acknowledge` is called, after
the commit.
"""

import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from gateway.ingest.alerts import Alerts
from gateway.ingest.buffered import BufferedClient
from gateway.ingest.inbox import Inbox, Received
from gateway.ingest.replies import Outgoing
from gateway.metrics import Metrics
from protocol import topics

log = structlog.get_logger(__name__)

CLIENT_ID = "gateway"

KEEPALIVE = 30
"""Seconds. A broker that says nothing for one and a half of these is taken for gone."""


@dataclass(frozen=True)
class Broker:
    """Where the broker is and how the gateway proves itself to it."""

    host: str
    port: int
    username: str
    password: str
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


def tls_context(broker: Broker) -> ssl.SSLContext | None:
    """How TLS to this broker is to be: its certificate checked against `ca_file` alone, and its
    name against the host; None if it is plain MQTT. Raises OSError for a file that is no use."""
    if broker.ca_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(broker.ca_file)
    if broker.certificate_file is not None:
        context.load_cert_chain(broker.certificate_file, broker.key_file)
    return context


class Link:
    """One connection that comes back by itself."""

    def __init__(self, broker: Broker, inbox: Inbox, metrics: Metrics, alerts: Alerts) -> None:
        self._broker = broker
        self._alerts = alerts
        self._inbox = inbox
        self._metrics = metrics
        self._epoch = 0
        self.connected = threading.Event()
        client = BufferedClient(
            self._on_burst,
            CallbackAPIVersion.VERSION2,
            client_id=CLIENT_ID,
            clean_session=True,
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        client.username_pw_set(broker.username, broker.password)
        context = tls_context(broker)
        if context is not None:
            client.tls_set_context(context)
        client.reconnect_delay_set(1, 30)
        # What waits while the broker is away is repeated by the devices anyway.
        client.max_queued_messages_set(10_000)
        client.max_inflight_messages_set(1_000)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        self._client = client

    def start(self) -> None:
        """Connect in the background, and again whenever the connection is lost."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=KEEPALIVE)
        self._client.loop_start()

    def quiet(self) -> None:
        """Receive nothing more; what has arrived can still be answered."""
        self._client.unsubscribe(topics.up_filter())

    def stop(self) -> None:
        """Disconnect and end the background thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, messages: Iterable[Outgoing]) -> None:
        """Send these messages; QoS 1 ones are repeated until the broker has them."""
        burst = []
        for message in messages:
            if message.qos == 0:
                burst.append((message.topic, message.payload))
            else:
                self._client.publish(message.topic, message.payload, message.qos)
        if burst and not self._client.publish_burst(burst):
            self._metrics.unsent.inc(len(burst))

    def acknowledge(self, messages: Iterable[Received]) -> None:
        """Send the PUBACKs of messages that are on disk, on the connection that brought them."""
        for message in messages:
            if message.mid and message.epoch == self._epoch:
                self._client.ack(message.mid, 1)

    def _on_connect(
        self,
        client: paho.Client,
        _userdata: Any,
        _flags: Any,
        reason: ReasonCode,
        _properties: Any,
    ) -> None:
        if reason.is_failure:
            log.error("broker refused the gateway", reason=str(reason))
            return
        self._epoch += 1
        self._metrics.broker_connections.inc()
        self._alerts.sign("gateway_takeover", self._broker.username)
        client.subscribe([(topics.up_filter(), 1)])

    def _on_subscribe(
        self, _client: paho.Client, _userdata: Any, _mid: int, reasons: Any, _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("broker refused the gateway's subscription", topics=topics.up_filter())
            return
        self.connected.set()
        self._metrics.broker_connected.set(1)
        log.info("connected to broker", host=self._broker.host, port=self._broker.port)

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: Any,
        _flags: Any,
        reason: ReasonCode,
        _properties: Any,
    ) -> None:
        self.connected.clear()
        self._metrics.broker_connected.set(0)
        log.warning("disconnected from broker", reason=str(reason))

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        mid = message.mid if message.qos else 0
        self._put(
            [Received(message.topic, bytes(message.payload), message.retain, mid, self._epoch)]
        )

    def _on_burst(self, burst: list[tuple[str, bytes]]) -> None:
        self._put([Received(topic, payload) for topic, payload in burst])

    def _put(self, arrived: list[Received]) -> None:
        dropped = self._inbox.put(arrived)
        if dropped:
            self._metrics.dropped.inc(len(dropped))
            # Dropped for good: without a PUBACK the broker would stop sending to us altogether.
            self.acknowledge(dropped)

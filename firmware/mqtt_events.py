"""What an MQTT client tells its owner: the events of a connection, and the errors that end it.

Plain values only; when they come about is decided in `firmware.mqtt`.
"""

from firmware.mqtt_packets import MqttError

UNACCEPTABLE_PROTOCOL = 1
IDENTIFIER_REJECTED = 2
SERVER_UNAVAILABLE = 3
BAD_CREDENTIALS = 4
NOT_AUTHORIZED = 5
_REFUSALS = (
    "",
    "unacceptable protocol version",
    "identifier rejected",
    "server unavailable",
    "bad user name or password",
    "not authorized",
)


class ConnectionRefused(MqttError):
    """The broker does not let this client in. `code` is one of the five above."""

    def __init__(self, code: int) -> None:
        super().__init__("CONNACK: " + _REFUSALS[code])
        self.code = code


class SubscriptionRefused(MqttError):
    """The broker does not let this client listen, or only at a lower QoS. `filters` are those."""

    def __init__(self, filters: list[str]) -> None:
        super().__init__("SUBACK: refused or at a lower QoS: " + ", ".join(filters))
        self.filters = filters


class Late(MqttError):
    """The broker did not answer in time. `packet` names what was waited for."""

    def __init__(self, packet: str) -> None:
        super().__init__(packet + ": did not come in time")
        self.packet = packet


class Connected:
    """The broker has accepted. `send`: what must be sent first: all that was in flight, again.
    `session`: whether the broker still knows this client's subscriptions."""

    def __init__(self, session: bool, send: bytes) -> None:
        self.session = session
        self.send = send


class Subscribed:
    """The broker has granted every filter of `subscribe` call `packet_id` as wished."""

    def __init__(self, packet_id: int) -> None:
        self.packet_id = packet_id


class Message:
    """A message has come. With a `packet_id` other than 0 it is of QoS 1, and comes again until
    `Client.ack` is called with that id and its bytes are sent. `again`: it was sent before."""

    def __init__(
        self, topic: str, payload: bytes, packet_id: int, retained: bool, again: bool
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.packet_id = packet_id
        self.retained = retained
        self.again = again


class Acknowledged:
    """The broker has taken over the message of this packet id: no proof that anyone got it."""

    def __init__(self, packet_id: int) -> None:
        self.packet_id = packet_id

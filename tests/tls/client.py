"""An MQTT client that does as little as it can: connect, and say whether it was let in."""

import socket
import ssl

from firmware import mqtt_packets

PATIENCE = 10.0
_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"


def said_to(
    port: int,
    sent: bytes,
    context: ssl.SSLContext | None = None,
    name: str = "127.0.0.1",
) -> bytes:
    """What the broker answers to these bytes until it closes, or to a CONNECT; `name` is what its
    certificate must be for.

    Raises ssl.SSLCertVerificationError if it is this side that refuses the broker.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        try:
            stream = plain if context is None else context.wrap_socket(plain, server_hostname=name)
        except ssl.SSLCertVerificationError:
            raise
        except (ssl.SSLError, ConnectionError):
            return b""
        heard = b""
        with stream:
            try:
                stream.sendall(sent)
                while len(heard) < len(_CONNACK_ACCEPTED) and (piece := stream.recv(64)):
                    heard += piece
            except (ssl.SSLError, ConnectionError):
                pass
        return heard


def lets_in(
    port: int,
    context: ssl.SSLContext | None,
    username: str | None = None,
    password: str | None = None,
    name: str = "127.0.0.1",
) -> bool:
    """Whether the broker takes an MQTT connection, as `said_to` raises."""
    secret = None if password is None else password.encode()
    connect = mqtt_packets.connect("probe", 60, True, username, secret, None)
    return said_to(port, connect, context, name) == _CONNACK_ACCEPTED

"""An MQTT 3.1.1 broker in Python, for a machine without Mosquitto.

Started in the data folder, as `python -m simulator.embedded_broker PORT`.

amqtt does the protocol; this file makes it as strict as mosquitto.conf makes Mosquitto. For demos
and tests: nothing is kept when it ends, there is no MQTT 5, and a packet is read before it is found
too large. Who may do what is decided in broker_access.py.
"""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from secrets import token_hex
from typing import Any

import amqtt.broker
from amqtt.broker import Broker as AmqttBroker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from protocol import MAX_MESSAGE
from simulator.broker_access import Access, read_access

log = logging.getLogger("tallystick.embedded_broker")

_FOLDER = Path("broker")


class _Current:
    """The rules in force; the broker makes its parts itself, so they share these here."""

    access: Access


class PasswordPlugin(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in those whose password is right."""

    async def authenticate(self, *, session: Session) -> bool:
        """Whether this session has proved its name."""
        return _proves(session)


class RulePlugin(BaseTopicPlugin):  # type: ignore[misc]
    """Keeps everyone to their own topics. As with Mosquitto a subscription may name anything; what
    counts is what is delivered."""

    async def topic_filtering(
        self,
        *,
        session: Session | None = None,
        topic: str | None = None,
        action: Action | None = None,
    ) -> bool:
        """Whether this session may publish to this topic or be given it."""
        if action == Action.SUBSCRIBE:
            return True
        access = "write" if action == Action.PUBLISH else "read"
        return session is not None and _allows(session, access, topic)


class _Handler(BrokerProtocolHandler):  # type: ignore[misc]
    """Makes the name that was proved the client id. amqtt ends the session of a client id before it
    has checked a password, so a stranger must not get to name one."""

    @classmethod
    async def init_from_connect(cls, *args: Any, **named: Any) -> Any:
        handler, session = await super().init_from_connect(*args, **named)
        session.client_id = session.username if _proves(session) else "stranger-" + token_hex(16)
        return handler, session


class _StrictBroker(AmqttBroker):  # type: ignore[misc]
    async def retain_message(self, *_args: Any, **_named: Any) -> None:
        """Retains nothing; the message was delivered to those who are there."""

    async def _broadcast_message(
        self, session: Session | None, topic: str | None, data: Any, force_qos: int | None = None
    ) -> None:
        # A will comes here without having been checked, and so does a message of any length.
        if session is None or not _allows(session, "write", topic):
            log.warning("refused a message to a topic of another")
        elif len(data or b"") > MAX_MESSAGE:
            log.warning("refused a message of %d bytes; the most is %d", len(data), MAX_MESSAGE)
        else:
            await super()._broadcast_message(session, topic, data, force_qos)


def _proves(session: Session) -> bool:
    return _Current.access.proves(session.username, session.password)


def _allows(session: Session, access: str, topic: str | None) -> bool:
    return topic is not None and _Current.access.allows(session.username, access, topic)


def _reload() -> None:
    try:
        _Current.access = read_access(_FOLDER)
    except Exception:
        log.exception("the old rules stay in force")


async def _serve(port: int) -> None:
    _Current.access = read_access(_FOLDER)
    amqtt.broker.BrokerProtocolHandler = _Handler
    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"127.0.0.1:{port}")},
        plugins={
            "simulator.embedded_broker.PasswordPlugin": {},
            "simulator.embedded_broker.RulePlugin": {},
        },
    )
    broker = _StrictBroker(config)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, _reload)
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, end.set)
    # Where Mosquitto's would be, so that whoever registers a device finds whom to tell.
    pid_file = _FOLDER / "persistence" / "mosquitto.pid"
    pid_file.parent.mkdir(exist_ok=True)
    pid_file.write_text(f"{os.getpid()}\n")
    await broker.start()
    await end.wait()
    await broker.shutdown()


def main() -> None:
    """Serve until SIGTERM or SIGINT. SIGHUP rereads the passwords and the rules."""
    if len(sys.argv) != 2 or not sys.argv[1].isdecimal():
        sys.exit("usage: python -m simulator.embedded_broker PORT")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    # The plugins are found by their module's name; run under that name too, so that all of it
    # shares one set of rules.
    from simulator import embedded_broker

    embedded_broker.main()

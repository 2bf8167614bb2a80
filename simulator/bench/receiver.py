"""What paho-mqtt can receive at all: it counts messages and does nothing else. Run as a process of
its own: `python -m simulator.bench.receiver HOST PORT PASSWORD`.

It says `ready`, and after a line on its standard input how many messages came and in how many
seconds from the first to the last.
"""

import sys
import time
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


class Counted:
    """How many messages, and when the first and the last of them came."""

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = 0.0

    def on_message(self, _client: paho.Client, _userdata: Any, _message: Any) -> None:
        """Count it."""
        self.last = time.perf_counter()
        if not self.count:
            self.first = self.last
        self.count += 1


def receive(host: str, port: int, password: str) -> None:
    """Count until told to stop."""
    counted = Counted()

    def on_connect(client: paho.Client, *_: Any) -> None:
        client.subscribe("tally/1/+/+/up/tick", qos=0)

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="gateway")
    client.username_pw_set("gateway", password)
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: print("ready", flush=True)  # noqa: T201
    client.on_message = counted.on_message
    client.connect(host, port)
    client.loop_start()
    sys.stdin.readline()
    print(counted.count, counted.last - counted.first, flush=True)  # noqa: T201
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    receive(sys.argv[1], int(sys.argv[2]), sys.argv[3])

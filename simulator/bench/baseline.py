"""The baseline: what an engineer would write in an afternoon. Run as a process of its own:
`python -m simulator.bench.baseline HOST PORT PASSWORD DATABASE`.

A paho callback, JSON, one Ed25519 verification, one SQLite commit a message, an ack at QoS 1. It
keeps the same promise as the gateway (what is acked is on disk, `synchronous=FULL`), and nothing
else of it.
"""

import base64
import json
import sqlite3
import sys
from typing import Any

import paho.mqtt.client as paho
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from paho.mqtt.enums import CallbackAPIVersion


def open_database(path: str) -> sqlite3.Connection:
    """The baseline's own store: one row a device."""
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(
        "CREATE TABLE iou (device TEXT PRIMARY KEY, amount INTEGER, units INTEGER, message BLOB)"
    )
    return database


def serve(host: str, port: int, password: str, database: sqlite3.Connection) -> None:
    """Take payments until the process is ended."""
    keys: dict[str, VerifyKey] = {}

    def on_connect(client: paho.Client, *_: Any) -> None:
        client.subscribe("tally/1/+/+/up/iou", qos=1)

    def on_subscribe(*_: Any) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    def on_message(client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        device = message.topic.split("/")[3]
        body = json.loads(message.payload)
        if device not in keys:
            keys[device] = VerifyKey(base64.b64decode(body["key"]))
        signed = f"{device}:{body['amount']}:{body['units']}".encode()
        try:
            keys[device].verify(signed, base64.b64decode(body["signature"]))
        except BadSignatureError:
            return
        database.execute("BEGIN IMMEDIATE")
        row = database.execute("SELECT amount FROM iou WHERE device = ?", (device,)).fetchone()
        if row is None or body["amount"] > row[0]:
            database.execute(
                "INSERT INTO iou VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET"
                " amount = excluded.amount, units = excluded.units, message = excluded.message",
                (device, body["amount"], body["units"], message.payload),
            )
        database.execute("COMMIT")
        answer = json.dumps({"amount": body["amount"], "units": body["units"]})
        client.publish(message.topic.replace("/up/iou", "/down/ack"), answer, qos=1)

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="gateway")
    client.username_pw_set("gateway", password)
    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    client.connect(host, port)
    client.loop_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], open_database(sys.argv[4]))

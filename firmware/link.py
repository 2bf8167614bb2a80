"""The device's connection to the broker: one stream after another, for ever.

What may live here: moving bytes between the board's stream and the sans-IO MQTT client, and waiting
between attempts. The application's loop never waits for the network: what it publishes is written
by a task of the link's own, for a broker that reads nothing must not keep the relay closed. Every
wait is bounded: the client's deadlines are looked at by `on_time`, which the application calls from
its loop, and which gives up a connection that has gone quiet.
"""

import asyncio

from firmware.backoff import full_jitter
from firmware.boards import NoNetwork
from firmware.mqtt import Client, InFlightFull, NotConnected
from firmware.mqtt_events import Connected, ConnectionRefused, Message, Subscribed
from firmware.mqtt_packets import MqttError
from protocol import topics
from protocol.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine

    from firmware.boards import Board, Stream
    from firmware.device import Device
    from firmware.trader import Trader

NO_NETWORK = 1
NO_BROKER = 2
REFUSED = 3
"""What keeps a link from the broker; numbers of `firmware.status`."""

KEEPALIVE_S = 30
BACKOFF_MS = 500
BACKOFF_LONGEST_MS = 60_000
_READ_SIZE = 1024
_WAITING_MOST = 4096
"""Bytes that may wait to be written before nothing more is published."""
STUCK_MS = 300_000
"""Longer than any wait here: whoever has not moved for so long never will."""


class Link:
    """The connection of one device. It never gives up and never raises for what the network does;
    what the device raises (a journal that fails) ends it."""

    def __init__(self, board: "Board", device: "Device | Trader") -> None:
        self._board = board
        self._device = device
        self._id = device.identity.id
        self._client = Client(
            self._id, self._id, board.settings.password.encode(), keepalive=KEEPALIVE_S
        )
        self._attempt = 0
        self._waiting = b""
        self._to_write = asyncio.Event()
        self._over: asyncio.Event | None = None
        self._moved = board.now_ms()
        self.last_error = ""
        self.trouble = NO_NETWORK
        """What keeps it from the broker, 0 if nothing does."""

    def is_alive(self, now: int) -> bool:
        """Whether it still tries, or hears something."""
        return now - self._moved < STUCK_MS

    def _failed(self, error: Exception) -> None:
        self.last_error = str(error)
        if isinstance(error, NoNetwork):
            self.trouble = NO_NETWORK
        else:
            self.trouble = REFUSED if isinstance(error, ConnectionRefused) else NO_BROKER

    async def run(self) -> None:
        """Connect, serve, and connect again. Raises JournalError."""
        while True:
            self._moved = self._board.now_ms()
            try:
                await self._serve(await self._board.open_stream())
            except OSError as error:
                self._failed(error)
            self._moved = self._board.now_ms()
            wait = full_jitter(
                self._attempt, BACKOFF_MS, BACKOFF_LONGEST_MS, self._board.random_below
            )
            self._attempt += 1
            await self._board.sleep_ms(wait)

    async def _serve(self, stream: "Stream") -> None:
        """One connection, until it is over."""
        self._waiting = b""
        self._write(self._client.connect(self._board.now_ms()))
        over = self._over = asyncio.Event()
        tasks = [
            asyncio.create_task(self._until_over(self._read_all(stream), over)),
            asyncio.create_task(self._until_over(self._write_all(stream), over)),
        ]
        try:
            # Not until the stream ends: on MicroPython closing a stream wakes nobody.
            await over.wait()
            for task in tasks:
                if task.done():
                    await task
        finally:
            self._over = None
            self._client.disconnected()
            self._device.on_disconnected()
            for task in tasks:
                task.cancel()
            stream.close()

    async def _until_over(
        self, work: "Coroutine[object, object, None]", over: asyncio.Event
    ) -> None:
        """One direction of a connection; when one ends, so does the connection."""
        try:
            await work
        except (OSError, MqttError) as error:
            self._failed(error)
        finally:
            over.set()

    async def _read_all(self, stream: "Stream") -> None:
        while True:
            data = await stream.read(_READ_SIZE)
            if not data:
                raise OSError("the broker closed the connection")
            self._moved = self._board.now_ms()
            # All of it first: what is answered changes the client that is being read from.
            for event in list(self._client.receive(data, self._board.now_ms())):
                self._take(event)

    async def _write_all(self, stream: "Stream") -> None:
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            while self._waiting:
                data = self._waiting
                self._waiting = b""
                await stream.write(data)

    def _write(self, data: bytes) -> None:
        self._waiting += data
        self._to_write.set()

    def _take(self, event: object) -> None:
        now = self._board.now_ms()
        if isinstance(event, Connected):
            packet, _ = self._client.subscribe([(topics.down_filter(self._id), 1)], now)
            self._write(event.send + packet)
        elif isinstance(event, Subscribed):
            self._attempt = 0
            self.trouble = 0
            self.publish(self._device.on_connected(now))
        elif isinstance(event, Message):
            self._take_message(event, now)

    def _take_message(self, event: Message, now: int) -> None:
        answers = []
        try:
            device_id, kind = topics.parse(event.topic, "down")
        except WireError:
            device_id, kind = "", ""
        if device_id == self._id and not event.retained:
            answers = self._device.on_message(kind, event.payload, now)
        if event.packet_id:
            self._write(self._client.ack(event.packet_id, now))
        self.publish(answers)

    def publish(self, sending: "list[tuple[str, bytes]]") -> None:
        """Send these (kind, message) pairs, or none while there is no connection or it takes
        nothing more: the device repeats what gets no answer. Never waits."""
        for kind, message in sending:
            if len(self._waiting) > _WAITING_MOST:
                break
            try:
                packet, _ = self._client.publish(
                    topics.up(self._id, kind), message, topics.QOS[kind], self._board.now_ms()
                )
            except (NotConnected, InFlightFull):
                break
            self._write(packet)

    def on_time(self, now: int) -> None:
        """Keep the connection alive, or give it up if an answer of the broker is late."""
        if self._over is None:
            return
        try:
            self._write(self._client.on_time(now))
        except MqttError as error:
            self._failed(error)
            self._over.set()

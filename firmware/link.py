"""The device's connection to the broker: one stream after another, for ever.

What may live here: moving bytes between the board's stream and the sans-IO MQTT client, and waiting
between attempts. Every wait is bounded: the client's deadlines are looked at by `on_time`, which
the application calls from its own loop, and which drops a connection that has gone quiet.
"""

from firmware.backoff import full_jitter
from firmware.mqtt import Client, InFlightFull, NotConnected
from firmware.mqtt_events import Connected, Message, MqttError, Subscribed
from protocol import topics
from protocol.errors import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.boards import Board, Stream
    from firmware.device import Device

KEEPALIVE_S = 30
BACKOFF_MS = 500
BACKOFF_LONGEST_MS = 60_000
_READ_SIZE = 1024


class Link:
    """The connection of one device. It never gives up and never raises for what the network does;
    what the device raises (a journal that fails) ends it."""

    def __init__(self, board: "Board", device: "Device") -> None:
        self._board = board
        self._device = device
        self._id = device.identity.id
        self._client = Client(
            self._id, self._id, board.settings.password.encode(), keepalive=KEEPALIVE_S
        )
        self._stream: Stream | None = None
        self._attempt = 0
        self.last_error = ""

    async def run(self) -> None:
        """Connect, serve, and connect again."""
        while True:
            try:
                await self._serve()
            except (OSError, MqttError) as error:
                self.last_error = str(error)
            await self._drop()
            wait = full_jitter(
                self._attempt, BACKOFF_MS, BACKOFF_LONGEST_MS, self._board.random_below
            )
            self._attempt += 1
            await self._board.sleep_ms(wait)

    async def _serve(self) -> None:
        board = self._board
        self._stream = await board.open_stream()
        await self._stream.write(self._client.connect(board.now_ms()))
        while True:
            data = await self._stream.read(_READ_SIZE)
            if not data:
                raise OSError("the broker closed the connection")
            # All of it first: what is answered changes the client that is being read from.
            for event in list(self._client.receive(data, board.now_ms())):
                await self._take(event)

    async def _take(self, event: object) -> None:
        now = self._board.now_ms()
        if isinstance(event, Connected):
            packet, _ = self._client.subscribe([(topics.down_filter(self._id), 1)], now)
            await self._write(event.send + packet)
        elif isinstance(event, Subscribed):
            self._attempt = 0
            await self.publish(self._device.on_connected(now))
        elif isinstance(event, Message):
            await self._take_message(event, now)

    async def _take_message(self, event: Message, now: int) -> None:
        answers = []
        try:
            device_id, kind = topics.parse(event.topic, "down")
        except WireError:
            device_id, kind = "", ""
        if device_id == self._id and not event.retained:
            answers = self._device.on_message(kind, event.payload, now)
        if event.packet_id:
            await self._write(self._client.ack(event.packet_id, now))
        await self.publish(answers)

    async def publish(self, sending: "list[tuple[str, bytes]]") -> None:
        """Send these (kind, message) pairs, or none while there is no connection: the device
        repeats what gets no answer."""
        packets = b""
        for kind, message in sending:
            try:
                packet, _ = self._client.publish(
                    topics.up(self._id, kind), message, topics.QOS[kind], self._board.now_ms()
                )
            except (NotConnected, InFlightFull):
                break
            packets += packet
        await self._write(packets)

    async def on_time(self, now: int) -> None:
        """Keep the connection alive, or drop it if an answer of the broker is late."""
        if self._stream is None:
            return
        try:
            await self._write(self._client.on_time(now))
        except MqttError as error:
            self.last_error = str(error)
            self._stream.close()

    async def _write(self, data: bytes) -> None:
        if data and self._stream is not None:
            try:
                await self._stream.write(data)
            except OSError as error:
                # The reader sees the same and connects anew.
                self.last_error = str(error)
                self._stream.close()

    async def _drop(self) -> None:
        self._client.disconnected()
        self._device.on_disconnected()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

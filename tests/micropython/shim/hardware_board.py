# A board whose hardware is the host's (see ../device.mjs), and the firmware's application on it.
import gc
import json
from binascii import hexlify, unhexlify

import hardware

from firmware import app
from firmware.once import settings_of


class Stream:
    # The host's socket.
    def __init__(self, socket):
        self.socket = socket

    async def read(self, size):
        return unhexlify(await self.socket.read())

    async def write(self, data):
        self.socket.write(hexlify(data).decode())

    def close(self):
        self.socket.close()


class Slots:
    # Files of the host's.
    def read(self, slot):
        return unhexlify(hardware.read_slot(slot))

    def write(self, slot, data):
        hardware.write_slot(slot, hexlify(data).decode())


class Board:
    # What `firmware.boards` asks of a board.
    def __init__(self):
        self.settings = settings_of(hardware.settings())

    def seed(self):
        return unhexlify(hardware.seed())

    def native(self):
        return None

    def slots(self):
        return Slots()

    def random_bytes(self, size):
        return unhexlify(hardware.random(size))

    def random_below(self, bound):
        return int.from_bytes(self.random_bytes(4), "big") % bound

    def now_ms(self):
        return hardware.now()

    async def sleep_ms(self, duration):
        tell()
        await hardware.sleep(duration)

    def meter(self):
        return hardware.meter()

    def relay(self, on):
        hardware.relay(on)

    def show(self, status):
        pass

    def rest(self, paid):
        pass

    def learn_time(self, seconds):
        pass

    async def open_stream(self):
        settings = self.settings
        try:
            return Stream(await hardware.connect(settings.broker_host, settings.broker_port))
        except Exception as error:
            raise OSError(str(error)) from None

    def alive(self):
        pass

    def stopping(self):
        # Not before all is paid.
        return hardware.stopping() and device.unpaid() == 0


told = None


def tell():
    # Total, and what is unpaid of it; once for each change.
    global told
    now = (device.total, device.unpaid(), device.may_deliver())
    if now != told:
        told = now
        line = {"total": now[0], "unpaid": now[1], "delivers": now[2], "heap": gc.mem_alloc()}
        hardware.tell(json.dumps(line))
    gc.collect()


board = Board()
device = app.start(board)
await app.run(board, device)  # noqa: F704, PLE1142  the WebAssembly build is inside an event loop

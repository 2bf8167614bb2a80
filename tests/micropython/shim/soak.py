# The application in virtual time, for as long as is asked: a unit a second, connections that break,
# channels that fill up. Tells, as lines of JSON, what is alive of the heap now and then.
import asyncio
import gc
import json
import sys

from gateway_side import PRICE, Board, Payee, Slots

from firmware import app

QUARTER_MS = 900_000
LOOKS = 48
BREAKS = 8
CHANNELS = 12
# In the whole time: of the connection one a quarter of an hour, if that is more. Each channel is
# topped up four times.


async def turn():
    await asyncio.sleep(0)


sweep = turn


def tell_pieces():
    pass


if sys.implementation.name == "micropython":
    import micropython

    # Tells, as text, the largest piece that is free.
    tell_pieces = micropython.mem_info
    try:
        # Where memory is swept between the host's calls alone.
        from host import sweep, turn
    except ImportError:
        pass


class Soaked(Board):
    stream = None
    breaks_ms = QUARTER_MS

    async def sleep_ms(self, duration):
        self.clock += duration
        if self.clock % self.breaks_ms == 0:
            self.stream.send(b"")
        await turn()

    async def open_stream(self):
        self.stream = await super().open_stream()
        return self.stream


def heap():
    # Bytes; on CPython, which tells none, how many blocks are in use.
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else sys.getallocatedblocks()


async def soak(seconds, step, tell, native=None):
    capacity = PRICE * seconds // CHANNELS
    slots = Slots()
    board = Soaked(
        slots, Payee(), seconds, step=step, poll_ms=1_000, capacity=capacity, topup=capacity // 5
    )
    board.breaks_ms = min(QUARTER_MS, seconds * 1_000 // BREAKS)
    if native is not None:
        board.native = lambda: native
    device = app.start(board)
    running = asyncio.create_task(app.run(board, device))
    for look in range(1, LOOKS + 1):
        while board.clock < seconds * 1_000 * look // LOOKS:
            if running.done():
                await running
                raise RuntimeError("the application has ended")
            await turn()
        # The least of some looks: between two the application may have signed.
        alive = heap()
        for _ in range(6):
            gc.collect()
            await sweep()
            alive = min(alive, heap())
        found = {"hours": board.clock / 3_600_000, "heap": alive, "total": device.total}
        found["unpaid"] = device.unpaid()
        found["record"] = max([len(slot) for slot in slots.slots])
        found["channels_ended"] = len(device.receipts)
        found["connections"] = board.connections
        tell(json.dumps(found))
        tell_pieces()
    running.cancel()
    try:  # noqa: SIM105  MicroPython has no contextlib
        await running
    except asyncio.CancelledError:
        pass


def print_line(line):
    print(line)


if sys.implementation.name == "micropython":
    with open("soak.json") as file:
        given = json.load(file)
    soaking = soak(given["seconds"], given["step"], print_line)
    if sys.platform == "webassembly":
        asyncio.create_task(soaking)
    else:
        asyncio.run(soaking)

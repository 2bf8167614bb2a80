# The application of a device that pays by claims on the XRP Ledger, over a reset: its channels name
# one of the ledger's after the other, and what is owed on each is claimed on it.
import asyncio
from binascii import hexlify

from gateway_side import PRICE, Board, Payee, Slots

from firmware import app

NAMED = [bytes((number,)) * 32 for number in range(1, 5)]
UNITS = 10
# What one channel pays for.
MORE = {
    "xrpl_channels": ", ".join([hexlify(each).decode() for each in NAMED]),
    "capacity": UNITS * PRICE,
}


async def paid(device, units):
    while device.total != units or device.unpaid():
        await asyncio.sleep(0)


async def stopped(running):
    running.cancel()
    try:  # noqa: SIM105  MicroPython has no contextlib
        await running
    except asyncio.CancelledError:
        pass


async def main():
    gateway = Payee("XRP")
    slots = Slots()
    board = Board(slots, gateway, 14, **MORE)
    device = app.start(board)
    running = asyncio.create_task(app.run(board, device))
    await paid(device, 14)
    await stopped(running)
    board = Board(slots, gateway, 9, **MORE)
    device = app.start(board)
    running = asyncio.create_task(app.run(board, device))
    await paid(device, 23)
    await stopped(running)
    full = UNITS * PRICE
    assert gateway.claimed == {NAMED[0]: full, NAMED[1]: full, NAMED[2]: 3 * PRICE}
    print("OK")


if hasattr(asyncio, "run"):
    asyncio.run(main())
else:
    # The WebAssembly build is inside an event loop.
    asyncio.create_task(main())

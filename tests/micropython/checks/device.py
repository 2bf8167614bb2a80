# The whole application on MicroPython: device, journal, MQTT link. Broker and gateway are at the
# other end of a stream (see ../shim/gateway_side.py).
import asyncio
import sys

from gateway_side import PRICE, WINDOW, Board, Payee, Slots

from firmware import app
from firmware.journal import JournalError

PORTION = 25 * PRICE
# Each channel opens with so much, and is topped up by so much.


async def paid(device, units):
    while device.total != units or device.unpaid():
        await asyncio.sleep(0)


async def main():
    gateway = Payee()
    slots = Slots()

    board = Board(slots, gateway, 30, topup=PORTION)
    device = app.start(board)
    running = asyncio.create_task(app.run(board, device))
    await paid(device, 30)
    # What has done its work takes no memory.
    for name in ("firmware.settings", "firmware.crypto.native", "firmware.crypto.x25519"):
        assert name not in sys.modules, name

    # A broker that takes nothing more: delivery stops at the window, the link tries again.
    board.deaf = True
    board.available = 1_000_000
    connections = board.connections
    while board.connections < connections + 2:
        await asyncio.sleep(0)
    assert device.total == 30 + WINDOW, device.total
    assert not board.on

    # The power goes. What was delivered unpaid is in the journal, and is paid by the next boot.
    running.cancel()
    try:  # noqa: SIM105  MicroPython has no contextlib
        await running
    except asyncio.CancelledError:
        pass
    board = Board(slots, gateway, 5, topup=PORTION)
    device = app.start(board)
    assert device.total == 30 + WINDOW, device.total
    running = asyncio.create_task(app.run(board, device))
    await paid(device, 35 + WINDOW)
    (channel,) = gateway.channels.values()
    assert (channel.units, channel.amount) == (35 + WINDOW, PRICE * (35 + WINDOW))
    (own,) = device.channels
    assert own.capacity == channel.terms.capacity > 2 * PORTION, own.capacity

    # A journal that can't be written ends the application, with the relay open.
    slots.full = True
    board.available = 10
    try:
        await running
        raise AssertionError("it went on")
    except JournalError:
        pass
    assert not board.on
    print("OK")


if hasattr(asyncio, "run"):
    asyncio.run(main())
else:
    # The WebAssembly build is inside an event loop.
    asyncio.create_task(main())

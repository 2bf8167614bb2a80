"""The application: the board's meter and relay, the device's rules and the link, tied together.

No decisions here. A failing journal ends it, with the relay open: what can't be remembered must
not be delivered.
"""

import asyncio

from firmware.device import Device
from firmware.identity import identity_of, native_identity
from firmware.journal import Journal
from firmware.link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.boards import Board


def start(board: "Board") -> Device:
    """The device of this board, its state taken up from the journal."""
    settings = board.settings
    native = board.native()
    identity = (
        identity_of(board.seed(), settings.gateway_key)
        if native is None
        else native_identity(native, settings.gateway_key)
    )
    return Device(
        identity,
        Journal(board.slots()),
        board.random_bytes,
        settings.unit,
        settings.step,
        settings.capacity,
        settings.flush_ms,
    )


async def run(board: "Board", device: "Device | None" = None) -> None:
    """Run the device until the board says to stop (a real one never does).

    Raises JournalError if the journal fails; the relay is open then.
    """
    device = device or start(board)
    link = Link(board, device)
    connection = asyncio.create_task(link.run())
    # The board counts from its own start; what it counted before is in the journal.
    before = device.total
    told = 0
    try:
        while not board.stopping():
            if connection.done():
                break
            now = board.now_ms()
            link.publish(device.on_meter(before + board.meter(), now))
            link.publish(device.on_time(now))
            link.on_time(now)
            board.relay(device.may_deliver())
            if device.gateway_time != told:
                told = device.gateway_time
                board.learn_time(told)
            board.alive()
            await board.sleep_ms(board.settings.poll_ms)
    finally:
        board.relay(False)
        connection.cancel()
    try:
        await connection
    except asyncio.CancelledError:
        pass

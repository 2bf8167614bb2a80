"""The application: the board's meter and relay, the device's rules and the link, tied together.

No decisions here. A failing journal ends it, with the relay open: what can't be remembered must
not be delivered. So does a signature that went wrong, if they are checked.
"""

import asyncio

from firmware.boards import MeterSilent
from firmware.device import Device
from firmware.identity import identity_of, native_identity
from firmware.journal import Journal
from firmware.link import STUCK_MS, Link
from firmware.status import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.boards import Board
    from firmware.earner import Earner
    from firmware.trader import Trader


def start(board: "Board") -> Device:
    """The device of this board, its state taken up from the journal."""
    settings = board.settings
    native = board.native()
    key, checked = settings.gateway_key, settings.check_signatures
    identity = (
        identity_of(board.seed(), key, board.random_bytes, checked)
        if native is None
        else native_identity(native, key, checked)
    )
    device = Device(
        identity,
        Journal(board.slots()),
        board.random_bytes,
        settings.unit,
        settings.step,
        settings.capacity,
        settings.flush_ms,
        settings.chain_length,
        settings.payee,
        settings.topup,
    )
    device.highest_price = settings.highest_price
    if settings.xrpl_channels:
        device.pay_by_claims(settings.xrpl_channels)
    # Who sells delivers what its meter counts, and buys nothing by it.
    device.wants_channel = settings.sale is None
    return device


def start_earning(board: "Board", device: Device) -> "Earner | None":
    """What this board's device is paid, if it sells."""
    settings = board.settings
    if settings.sale is None:
        return None
    # Loaded by those that sell: a board's memory is scarce.
    from firmware.earner import Earner

    return Earner(
        device.identity, device.belief, Journal(board.slots("earned")), settings.sale, settings.step
    )


def trader(device: Device, earner: "Earner") -> "Trader":
    """Both halves of a device that sells, as one for the link."""
    from firmware.trader import Trader

    return Trader(device, earner)


async def run(board: "Board", device: "Device | None" = None) -> None:
    """Run the device until the board says to stop (a real one never does).

    Raises JournalError if the journal fails, SignatureFault if a signature does not verify; the
    relay is open then. While the meter is silent the relay is open too, for what it does not tell
    would never be paid.
    """
    # First of all: whatever fails from here on, a watchdog that runs starts the board anew.
    board.alive()
    device = device or start(board)
    earner = start_earning(board, device)
    party = device if earner is None else trader(device, earner)
    link = Link(board, party)
    connection = asyncio.create_task(link.run())
    # The board counts from its own start; what it counted before is in the journal.
    before = device.total if earner is None else earner.total
    told = 0
    metered = board.now_ms()
    try:
        while not board.stopping():
            if connection.done():
                break
            now = board.now_ms()
            try:
                units = before + board.meter()
                if earner is None:
                    link.publish(device.on_meter(units, now))
                else:
                    earner.on_meter(units)
                metered, metering = now, True
            except MeterSilent:
                metering = False
            link.publish(party.on_time(now))
            link.on_time(now)
            delivers = device.may_deliver() if earner is None else earner.may_deliver()
            board.relay(delivers and metering)
            board.show(status(delivers, metering, link, device))
            if device.gateway_time != told:
                told = device.gateway_time
                board.learn_time(told)
                if earner is not None:
                    earner.on_gateway_time(told)
            if now - metered < STUCK_MS and link.is_alive(now):
                board.alive()
            if earner is None and device.is_saved():
                board.rest(device.unpaid() == 0)
            await board.sleep_ms(board.settings.poll_ms)
    finally:
        board.relay(False)
        connection.cancel()
    try:
        await connection
    except asyncio.CancelledError:
        pass

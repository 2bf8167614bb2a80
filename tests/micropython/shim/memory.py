# What the firmware takes of the heap, step by step. Each step is a call of the host's, between
# which memory is swept; `sweep` is one that leaves nothing behind.
import gc
import json
import sys

import micropython

found = {}


def sweep():
    gc.collect()


def image():
    # What a board's image holds in flash is not the firmware's.
    import asyncio
    import binascii
    import hashlib
    import os
    import struct
    import time

    gc.collect()
    return (asyncio, binascii, hashlib, os, struct, time)


def before():
    found["before"] = gc.mem_alloc()
    micropython.qstr_info()


def load_crypto():
    from firmware.crypto import ed25519, x25519

    gc.collect()
    return ed25519, x25519


def crypto_loaded():
    found["crypto"] = gc.mem_alloc() - found["before"]
    # What an application loads when it needs it, and lets go of.
    from firmware.once import let_go

    let_go("firmware.crypto.x25519")


def load():
    from firmware import app
    from firmware.boards import unix

    gc.collect()
    return app, unix


def loaded():
    found["loaded"] = gc.mem_alloc() - found["before"]
    # Told as text, and read by the test.
    print("modules:", *[name for name in sys.modules if name.startswith(("firmware", "protocol"))])
    micropython.qstr_info()


def load_gateway():
    # The other side, in the same memory.
    import gateway_side

    gc.collect()
    return gateway_side


def before_start():
    found["before_start"] = gc.mem_alloc()


def start(**settings):
    # A device with an open channel on which something is paid.
    import gateway_side

    from firmware import app

    global device, payee
    payee = gateway_side.Payee()
    device = app.start(gateway_side.Board(gateway_side.Slots(), payee, 0, **settings))
    pass_on(device.on_connected(0))
    pay()
    gc.collect()


def start_metering():
    start()


def start_ticking():
    start(chain_length=200)


def start_topping_up():
    start(topup=3_000)
    pass_on(device.on_time(0))
    assert device.channels[0].capacity > 3_000


def start_selling():
    import gateway_side

    from firmware import app

    global device, trader
    board = gateway_side.Board(gateway_side.Slots(), gateway_side.Payee(), 0, sell_numerator=3)
    device = app.start(board)
    trader = app.trader(device, app.start_earning(board, device))
    trader.on_connected(0)
    gc.collect()


def pay():
    pass_on(device.on_meter(device.total + 1, 0))


def pass_on(sending):
    while sending:
        kind, message = sending.pop(0)
        for answer, reply in payee.take(kind, message):
            sending += device.on_message(answer, reply, 0)


def pay_and_sweep():
    pay()
    gc.collect()


def at_work():
    # Less what the other side keeps of the channel: its terms and one IOU. The least of several
    # looks: MicroPython takes any number in memory that looks like an address for one, so a look
    # may count what nobody holds any more, and never less than what is held.
    held = gc.mem_alloc() - found["before_start"]
    found["at_work"] = min(held, found.get("at_work", held))


def pay_measured():
    # The device's part of one IOU: metered, signed, journaled; then the ack is believed.
    gc.collect()
    start = gc.mem_alloc()
    ((kind, message),) = device.on_meter(device.total + 1, 0)
    said = gc.mem_alloc()
    (answer,) = payee.take(kind, message)
    heard = gc.mem_alloc()
    device.on_message(answer[0], answer[1], 0)
    found["iou"] = said - start
    found["ack"] = gc.mem_alloc() - heard


def report():
    assert device.unpaid() == 0
    print(json.dumps(found))

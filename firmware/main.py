"""What an ESP32 runs at power-on; copied to the board's root as `main.py`."""

import asyncio

from firmware import app
from firmware.boards.esp32 import Esp32

board = Esp32()
if board.settings.insecure and not board.settings.tls_ca:
    print("warning: insecure: the password and every sum can be read on the way")
asyncio.run(app.run(board))

"""What an ESP32 runs at power-on; copied to the board's root as `main.py`."""

import asyncio

from firmware import app
from firmware.boards.esp32 import Esp32

asyncio.run(app.run(Esp32()))

"""What a board runs at power-on; copied to its root as `main.py`."""

import asyncio
import sys
import time

from firmware import app, status
from firmware.boards import here

board = here.module().BOARD()
if board.settings.insecure and not board.settings.tls_ca:
    print("warning: insecure: the password and every sum can be read on the way")
try:
    asyncio.run(app.run(board))
except Exception as error:  # noqa: BLE001  whatever it is, people must see it
    # The relay is open. The watchdog, no longer fed, starts the board anew within a minute.
    sys.print_exception(error)
    while True:
        board.show(status.FAILED)
        time.sleep_ms(100)

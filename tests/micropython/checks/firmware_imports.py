"""Every module that a board loads compiles and imports under MicroPython, but for what only an
ESP32 has."""

import firmware.app
import firmware.boards.unix
import firmware.device
import firmware.identity
import firmware.known_time
import firmware.link
import firmware.record
import firmware.settings
import firmware.tls
import protocol.hashchain
import protocol.merkle
import protocol.payee
import protocol.payer
import protocol.statements

for module in (firmware.app, firmware.device, firmware.link, protocol.payer):
    assert module
print("OK")

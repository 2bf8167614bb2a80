"""Every module that a board loads compiles and imports under MicroPython, but for what only an
ESP32 has."""

import os

ONLY_A_CHIP = ("esp32.py", "esp32_network.py", "esp32_pulses.py", "main.py", "sha512_viper.py")


def modules(folder):
    for name in sorted(os.listdir(folder)):
        if name.endswith(".py") and name not in ONLY_A_CHIP:
            yield (folder + "/" + name[:-3]).replace("/", ".").replace(".__init__", "")
        elif "." not in name:
            yield from modules(folder + "/" + name)


count = 0
for room in ("protocol", "firmware"):
    for module in modules(room):
        __import__(module)
        count += 1
assert count > 40, count
print("OK")

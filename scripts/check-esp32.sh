#!/bin/sh
# Check the types of what only an ESP32 runs, against MicroPython's own stubs. A run by itself: the
# stubs' `time` is not CPython's, so that the two can't be seen by one run.
set -eu
cd "$(dirname "$0")/.."
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
stubs=build/esp32-stubs
rm -rf "$stubs"
mkdir -p "$stubs"
# These alone: the stubs' `asyncio` and `os` would hide what a board shares with CPython.
for name in _mpy_shed esp32.pyi machine.pyi network.pyi ntptime.pyi time.pyi vfs.pyi; do
    ln -s "$packages/$name" "$stubs/$name"
done
MYPYPATH=$stubs exec .venv/bin/python -m mypy --config-file firmware/mypy-esp32.ini \
    --no-site-packages firmware/boards/esp32.py firmware/main.py

#!/bin/sh
# Check the types of everything that a board runs against MicroPython's own stubs for the ESP32, the
# standard library's too: what a stock image lacks is an error. A run by itself, since CPython's
# modules of the same names can't be seen beside them.
set -eu
cd "$(dirname "$0")/.."
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mypy=$(.venv/bin/python -c 'import mypy; print(mypy.__path__[0])')
stubs=build/esp32-stubs
rm -rf "$stubs"
mkdir -p "$stubs/modules"
ln -s "$packages/stdlib" "$stubs/stdlib"
ln -s "$mypy/typeshed/stubs" "$stubs/stubs"
ln -s "$packages/_mpy_shed" "$packages"/*.pyi "$stubs/modules/"
MYPYPATH=$stubs/modules exec .venv/bin/python -m mypy --config-file firmware/mypy-esp32.ini \
    --custom-typeshed-dir "$stubs" --no-site-packages firmware protocol

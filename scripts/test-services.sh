#!/bin/sh
# Makes sure that the tests find a PostgreSQL server to start, a browser, a MicroPython to run and a
# chain's node, or says what then happens.
set -eu
cd "$(dirname "$0")/.."

log=.venv/test-services.log
otherwise="otherwise they are skipped, or fail if CI is set"

postgres_is_there() {
    if [ -n "${TALLYSTICK_TEST_POSTGRES_URL:-}" ] || command -v initdb >/dev/null 2>&1; then
        return 0
    fi
    for found in /usr/lib/postgresql/*/bin/initdb; do
        if [ -x "$found" ]; then
            return 0
        fi
    done
    return 1
}

if ! postgres_is_there; then
    if scripts/install-debian.sh postgresql >"$log" 2>&1; then
        echo "test: PostgreSQL: installed, for the tests alone; no service runs"
    else
        echo "test: PostgreSQL: not installed ($(tail -n 1 "$log")); its tests need it, or Docker," \
            "or TALLYSTICK_TEST_POSTGRES_URL; $otherwise"
    fi
fi

chromium_is_there() {
    for found in ${TALLYSTICK_CHROMIUM:-} chromium chromium-browser google-chrome \
        google-chrome-stable; do
        if command -v "$found" >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

if ! chromium_is_there; then
    log=.venv/test-chromium.log
    if scripts/install-debian.sh chromium >"$log" 2>&1; then
        echo "test: Chromium: installed, for the tests of the dashboard alone"
    else
        echo "test: Chromium: not installed ($(tail -n 1 "$log")); the dashboard's tests need it, or" \
            "TALLYSTICK_CHROMIUM; $otherwise"
    fi
fi

# Here, because a download may take longer than the test that finds it missing.
log=.venv/test-micropython.log
if ! .venv/bin/python -c 'from tests.micropython.install import installed; installed()' \
    >"$log" 2>&1; then
    echo "test: MicroPython: not installed (why: $log); its tests try again; $otherwise" >&2
fi

log=.venv/test-chain.log
if ! .venv/bin/python -c 'from simulator import anvil
from tests.chain.solc import HERE, node_packages
node_packages.installed(HERE)
anvil.find()' >"$log" 2>&1; then
    echo "test: solc and anvil: not installed (why: $log); their tests try again; $otherwise" >&2
fi

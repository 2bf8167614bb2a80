#!/bin/sh
# Makes sure that the tests find a PostgreSQL server to start, or says what then happens.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${TALLYSTICK_TEST_POSTGRES_URL:-}" ] || command -v initdb >/dev/null 2>&1; then
    exit 0
fi
for found in /usr/lib/postgresql/*/bin/initdb; do
    if [ -x "$found" ]; then
        exit 0
    fi
done

log=.venv/test-services.log
if scripts/install-debian.sh postgresql >"$log" 2>&1; then
    echo "test: PostgreSQL: installed, for the tests alone; no service runs"
else
    echo "test: PostgreSQL: not installed ($(tail -n 1 "$log")); its tests need it, or Docker, or" \
        "TALLYSTICK_TEST_POSTGRES_URL; otherwise they are skipped, or fail if CI is set"
fi

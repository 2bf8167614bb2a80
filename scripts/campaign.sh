#!/bin/sh
# The tests' campaigns at their large sizes: the code of `make test`, larger numbers, hours.
# Arguments are names of campaigns (default: all, the shortest first). Each leaves its output in
# build/campaign/NAME.log and a result in build/campaign/NAME.xml, so one that was cut off can be
# run again by itself. CAMPAIGN_SEEDS=2000 and the like set one size by its name (tests/sizes.py).
set -u
cd "$(dirname "$0")/.."
BIN=.venv/bin
OUT=build/campaign
mkdir -p "$OUT"

paths() {
    case $1 in
    world) echo tests/world ;;
    crash) echo tests/crash ;;
    fuzz) echo tests/fuzz ;;
    flash) echo tests/firmware/test_journal_flash.py ;;
    machines) echo tests/machines ;;
    escrow) echo tests/chain ;;
    restore) echo tests/restore ;;
    planted) echo tests/planted ;;
    mutation) echo tests/mutation ;;
    secrets) echo tests/access/test_no_secret_is_told.py ;;
    rest) echo tests/access/test_schema.py ;;
    soak) echo tests/micropython/test_soak.py ;;
    flood) echo tests/broker/test_flood.py ;;
    *) return 1 ;;
    esac
}

failed=0
ALL="flash planted rest secrets flood soak machines escrow restore crash mutation fuzz world"
for name in ${*:-$ALL}; do
    where=$(paths "$name") || {
        echo "campaign: $name: must be one of $ALL" >&2
        exit 2
    }
    echo "campaign: $name (see $OUT/$name.log)"
    # No time limit for a test: they are long on purpose.
    if CAMPAIGN=${CAMPAIGN-1} $BIN/pytest -n 2 -o timeout=0 --junit-xml="$OUT/$name.xml" "$where" \
        >"$OUT/$name.log" 2>&1; then
        tail -n 1 "$OUT/$name.log"
    else
        failed=1
        echo "campaign: $name FAILED; the end of its output:" >&2
        tail -n 20 "$OUT/$name.log" >&2
    fi
done
exit $failed

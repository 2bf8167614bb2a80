"""Measures which lines and branches of the money core its own tests reach: python -m
tests.coverage.measure. Status 1 if it is not all of them.

The tests are the first of those that mutation testing uses (`tests.mutation.core`), here with both
databases.
"""

import io
import os
import sys
from pathlib import Path

import coverage
import pytest

from tests.mutation.core import CORE, UNIT

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run the tests under measurement; the exit status."""
    os.chdir(ROOT)
    measured = coverage.Coverage(branch=True, include=list(CORE), config_file=False, data_file=None)
    measured.start()
    status = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *UNIT])
    measured.stop()
    if status != 0:
        return int(status)
    said = io.StringIO()
    total = measured.report(show_missing=True, file=said)
    print(said.getvalue())
    if total < 100:
        print(f"{total:.2f} % of the money core's lines and branches are reached; must be all")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`package.json`, by which `mip` installs the program: `python -m provision.package` writes it."""

import json
import re
from pathlib import Path

from provision.image import MAIN, program

ROOT = Path(__file__).parents[1]


def contents() -> str:
    """What the file holds: each file of the program, from where it lies beside it."""
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    names = [path.removeprefix("/lib/") for path in sorted(program("esp32")) if path != MAIN]
    package = {
        "urls": [[name, name] for name in names],
        "deps": [],
        "version": version[1] if version else "",
    }
    return json.dumps(package, indent=2) + "\n"


if __name__ == "__main__":
    (ROOT / "package.json").write_text(contents())

"""`tallystick` with everything logged that any library can log, and with crashes to order.

LOUD_CRASH names kinds of messages, with commas, at whose signing the process fails as a bug would
make it: with the gateway's key in the frames above.
"""

import faulthandler
import json
import logging
import os
import sys

from gateway import cli, logs, serve
from gateway.keys import GatewayKeys

faulthandler.enable()
_quiet = logs.to_stderr
_sign = GatewayKeys.sign
_crash = os.environ.get("LOUD_CRASH", "").split(",")


def _loud(*, for_people: bool = False) -> None:
    _quiet(for_people=for_people)
    logging.root.setLevel(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)
    for name in ("uvicorn", "uvicorn.error", "asyncio", "alembic", "sqlalchemy.engine", "paho"):
        logging.getLogger(name).setLevel(logging.DEBUG)


def _signed(keys: GatewayKeys, message: bytes) -> bytes:
    for kind in filter(None, _crash):
        if b"tallystick/v1/" + kind.encode() in message:
            raise RuntimeError(f"on purpose, at {kind}, with {keys!r} and {vars(keys).keys()!r}")
    return _sign(keys, message)


logs.to_stderr = _loud
serve.logs.to_stderr = _loud
GatewayKeys.sign = _signed  # type: ignore[method-assign]


def _one_after_another() -> None:
    """Run the commands that stdin tells, each a JSON list of the database's URL and its words."""
    for line in sys.stdin:
        url, *words = json.loads(line)
        if url:
            os.environ["TALLYSTICK_DATABASE_URL"] = url
        try:
            cli.main(words)
        except SystemExit as ended:
            print(f"status {ended.code}: {words}", flush=True)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            print(f"status 1: {words}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--many"]:
        _one_after_another()
    else:
        cli.main()

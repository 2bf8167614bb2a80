"""The firmware's application soaks on CPython: `python -m tests.micropython.soaked SECONDS` tells,
as lines of JSON, what is alive of the heap now and then."""

import asyncio
import importlib.util
import sys
from types import ModuleType

from nacl.signing import SigningKey

from simulator.crypto import native
from tests.micropython import interpreter


def _shim(name: str) -> ModuleType:
    """A module of the shim's by itself, for others there stand in for CPython's own."""
    spec = importlib.util.spec_from_file_location(name, interpreter.HERE / "shim" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(seconds: int) -> None:
    """An IOU a second, by native cryptography."""
    gateway = _shim("gateway_side")
    keys = native(SigningKey(gateway.DEVICE_SEED))
    gateway.verify = keys.verify
    gateway.GATEWAY.sign = native(SigningKey(gateway.GATEWAY_SEED)).sign
    asyncio.run(_shim("soak").soak(seconds, 1, print, keys))


if __name__ == "__main__":
    main(int(sys.argv[1]))

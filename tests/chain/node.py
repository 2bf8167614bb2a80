"""A real node of a chain of its own: from the environment, here, or from the npm package."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests import node_packages
from tests.services import unavailable

CHAIN = 31337
BLOCK_GAS = 36_000_000
HERE = Path(__file__).parent


class Node:
    """A node by its URL, asked in JSON-RPC."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(timeout=30)

    def ask(self, method: str, *parameters: object) -> Any:
        """The result of a call. Raises RuntimeError with the node's complaint."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer = self._http.post(self.url, json=body).json()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def drain(self) -> None:
        """Wait until every transaction that can be is in a block: it mines beside what it answers.
        Raises AssertionError after half a minute."""
        end = time.monotonic() + 30
        while self.ask("txpool_status")["pending"] != "0x0":
            assert time.monotonic() < end, "transactions are not mined"

    def mine(self, blocks: int = 1) -> None:
        """Add blocks."""
        self.ask("anvil_mine", hex(blocks))

    def pass_time(self, seconds: int) -> None:
        """Let the next block be so much later, and mine it."""
        self.ask("evm_increaseTime", hex(seconds))
        self.mine()

    def close(self) -> None:
        """Close its connection."""
        self._http.close()


def _program() -> list[str]:
    found = shutil.which("anvil")
    if found is None:
        _node, modules = node_packages.installed(HERE)
        found = next(map(str, modules.glob("@foundry-rs/anvil-*/bin/anvil")), None)
    if found is None:
        unavailable(f"no anvil for {sys.platform} among the npm packages")
    return [found]


@contextmanager
def node(*, steps: bool = False, chain: int = CHAIN) -> Iterator[Node]:
    """An anvil with a new chain, which mines a block for each transaction.

    TALLYSTICK_TEST_ANVIL_URL names one that runs, which is reset; else one is started. `steps` lets
    it tell every step of a transaction.
    """
    url = os.environ.get("TALLYSTICK_TEST_ANVIL_URL")
    if url and chain == CHAIN and not steps:
        there = Node(url)
        there.ask("anvil_reset")
        yield there
        there.close()
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*_program(), "--host", "127.0.0.1", "--port", str(port), "--silent"]
    command += ["--chain-id", str(chain), "--hardfork", "prague", "--accounts", "12"]
    command += ["--gas-limit", str(BLOCK_GAS), *(["--steps-tracing"] if steps else [])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    there = Node(f"http://127.0.0.1:{port}")
    try:
        _wait(there, process)
        yield there
    finally:
        there.close()
        process.kill()
        process.wait()


def _wait(there: Node, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            there.ask("eth_chainId")
        except httpx2.TransportError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return

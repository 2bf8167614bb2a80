"""A node of a chain of its own on this machine (Foundry's anvil), for demos and tests.

`package-lock.json` beside this pins the one that is installed where this machine has none.
"""

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

from simulator.node_packages import PackagesError, installed

CHAIN = 31337
HOST = "127.0.0.1"
NAMED = "TALLYSTICK_ANVIL"
_HERE = Path(__file__).parent
_READY_SECONDS = 30.0
_GAS = 3_000_000


class AnvilError(Exception):
    """The node can't be had or does not start, or refused something; the text says why."""


class Node:
    """A node by its URL, asked in JSON-RPC."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(timeout=30)

    def ask(self, method: str, *parameters: object) -> Any:
        """The result of a call. Raises AnvilError with the node's complaint, or if it is away."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            answer = self._http.post(self.url, json=body).json()
        except httpx2.TransportError as error:
            raise AnvilError(f"{method}: {error}") from error
        if "error" in answer:
            raise AnvilError(f"{method}: {answer['error']}")
        return answer["result"]

    def send(self, sender: str, to: str | None, data: str, value: int = 0) -> str:
        """Send a transaction of one of the node's own accounts; its hash. Raises AnvilError."""
        # Enough for each that is sent here: it may rest on one that is in no block yet.
        asked = {"from": sender, "data": data, "value": hex(value), "gas": hex(_GAS)}
        return str(self.ask("eth_sendTransaction", asked if to is None else {**asked, "to": to}))

    def mined(self, transaction: str) -> dict[str, Any]:
        """The receipt of a transaction, once a block has it. Raises AnvilError if it was refused,
        or is in no block after half a minute."""
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            receipt: dict[str, Any] | None = self.ask("eth_getTransactionReceipt", transaction)
            if receipt is not None:
                if receipt["status"] != "0x1":
                    raise AnvilError(f"transaction {transaction}: the contract refused it")
                return receipt
            time.sleep(0.1)
        raise AnvilError(f"transaction {transaction}: is in no block")

    def close(self) -> None:
        """Close its connection."""
        self._http.close()


def here() -> str | None:
    """The anvil that TALLYSTICK_ANVIL names, else the one on PATH, if there is one. Raises
    AnvilError."""
    named = os.environ.get(NAMED)
    found = shutil.which(named or "anvil")
    if named and found is None:
        raise AnvilError(f"{NAMED}: {named} is not a program that can be run")
    return None if found is None else str(Path(found).absolute())


def find() -> str:
    """Where anvil is: the one that is here, or else one that is installed from the npm registry.
    Raises AnvilError, of which the first line says what is missing and how to mend it; OSError."""
    found = here()
    if found is not None:
        return found
    mend = f"install Foundry's anvil or npm, or name an anvil in {NAMED}"
    try:
        _node, modules = installed(_HERE)
    except PackagesError as error:
        short, _, more = str(error).partition("\n")
        text = f"no anvil, a chain's node, and {short}; {mend}\n{more}"
        raise AnvilError(text.strip()) from error
    found = next(map(str, modules.glob("@foundry-rs/anvil-*/bin/anvil")), None)
    if found is None:
        raise AnvilError(f"no anvil for {sys.platform} among the npm packages; {mend}")
    return found


@contextmanager
def running(
    program: str, *options: str, chain: int = CHAIN, folder: Path | None = None
) -> Iterator[Node]:
    """An anvil with a new chain on a free port, which runs in `folder`, where its log is then.
    Raises AnvilError."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = [program, "--host", HOST, "--port", str(port), "--chain-id", str(chain)]
    node = Node(f"http://{HOST}:{port}")
    log = Path(os.devnull) if folder is None else folder / "anvil.log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*command, *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            # A session of its own, so that Ctrl-C reaches it through us, in order.
            start_new_session=True,
        )
        try:
            _wait(node, process)
            yield node
        finally:
            node.close()
            process.kill()
            process.wait()


def _wait(node: Node, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _READY_SECONDS
    while True:
        try:
            node.ask("eth_chainId")
        except AnvilError:
            if process.poll() is not None:
                raise AnvilError(f"anvil ended with status {process.returncode}") from None
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return

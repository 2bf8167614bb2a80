"""A node's stand-in that lies, stalls, or goes away: all else it passes on to the real one."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

import httpx2

from tests.chain.node import Node


class Liar:
    """What is made of the real node's answers: `twist` takes a method and its result. While `mute`
    it never answers, while `gone` it closes the connection; `lose_answers_to` is a method that it
    passes on, and then does."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._http = httpx2.Client()
        self.twist: Callable[[str, Any], Any] = lambda _method, result: result
        self.gone = False
        self.mute = threading.Event()
        self.mute.set()
        self.lose_answers_to = ""

    def close(self) -> None:
        """Close its connection."""
        self._http.close()

    def answer(self, body: bytes) -> bytes:
        said = json.loads(body)
        asked = said if isinstance(said, list) else [said]
        answers = self._http.post(
            self.node.url, content=body, headers={"content-type": "application/json"}
        ).json()
        for question, each in zip(
            asked, answers if isinstance(said, list) else [answers], strict=True
        ):
            if "result" in each:
                each["result"] = self.twist(question["method"], each["result"])
        return json.dumps(answers).encode()


class Server(ThreadingHTTPServer):
    """Without asking the network what this machine is called, which may take seconds."""

    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


@contextmanager
def lying(node: Node) -> Iterator[tuple[Liar, str]]:
    """A liar and its URL."""
    liar = Liar(node)

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1  # one packet for each answer

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            liar.mute.wait(30)
            if liar.gone:
                self.close_connection = True
                return
            content = liar.answer(body)
            if liar.lose_answers_to and liar.lose_answers_to.encode() in body:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield liar, f"http://127.0.0.1:{server.server_port}"
    finally:
        liar.mute.set()
        liar.close()
        server.shutdown()
        thread.join()
        server.server_close()

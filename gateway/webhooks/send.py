"""One POST to an address that was looked at: bounded in time and size, and never led elsewhere."""

import socket
import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from gateway.webhooks.address import Target

TOTAL_SECONDS = 15.0
"""How long all of it may take."""
_CONNECT_SECONDS = 10.0
_MOST_READ = 65_536


class SendError(Exception):
    """Nothing that counts as an answer came back."""


class _Pinned(HTTPConnection):
    """A connection to this address, whatever the host's name says by now; with TLS the certificate
    is checked for the name."""

    def __init__(self, target: Target, address: str, context: ssl.SSLContext) -> None:
        super().__init__(target.host, target.port, timeout=_CONNECT_SECONDS)
        self.default_port = 443 if target.secure else 80
        self._pinned = address
        self._context = context if target.secure else None

    def connect(self) -> None:
        """Connect to that address."""
        self.sock = socket.create_connection((self._pinned, self.port), _CONNECT_SECONDS)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)


def post(
    target: Target,
    address: str,
    headers: Mapping[str, str],
    body: bytes,
    context: ssl.SSLContext,
    total: float = TOTAL_SECONDS,
) -> int:
    """Send it, and return the answer's status; 3xx are not followed. Raises SendError."""
    connection = _Pinned(target, address, context)
    late = threading.Event()

    def end() -> None:
        late.set()
        sock = connection.sock
        if sock is not None:
            # Whoever waits for it wakes up: a timeout of the socket's is only for each piece.
            _shut(sock)

    timer = threading.Timer(total, end)
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", target.path, body, dict(headers))
        answer = connection.getresponse()
        answer.read(_MOST_READ)
        if late.is_set():
            raise SendError(f"took longer than {total:g} s")
        return answer.status
    except (OSError, HTTPException, ValueError) as error:
        if late.is_set():
            raise SendError(f"took longer than {total:g} s") from None
        raise SendError(_said(error)) from None
    finally:
        timer.cancel()
        connection.close()


def _shut(sock: socket.socket) -> None:
    """End both directions of a socket that may be gone already."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return type(error).__name__

"""A device's registration at the gateway, by a claim code.

What may live here: the one request, and what of its answer a board must be given.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tallystick import Api, ApiError, Problem

_HERE = ("localhost", "127.0.0.1", "::1")


class ClaimError(Exception):
    """The gateway did not register the device; the text is what it said."""


@dataclass(frozen=True)
class Claimed:
    """What a registered device needs. `files` go on the board, by name, in DER or PEM."""

    device: str
    settings: dict[str, object]
    files: dict[str, bytes]


def check_url(url: str, insecure: bool) -> None:
    """Raise ClaimError for an API that can't be spoken to, or only in the open."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ClaimError("--api: must be https://HOST:PORT")
    if parts.scheme == "http" and parts.hostname not in _HERE and not insecure:
        raise ClaimError(
            "--api: without TLS the claim code and the device's password can be read on the way; "
            "use https://HOST:PORT, or --insecure where the network itself is trusted"
        )


def claim(
    url: str,
    authority: Path | None,
    code: str,
    public_key: str,
    name: str,
    with_certificate: bool,
    der: bool,
) -> Claimed:
    """Register the device of this public key (64 hex digits).

    `authority` is the file that the API's certificate is checked against, the system's own
    authorities if None; `der` whether the board reads DER, not PEM. Raises ClaimError.
    """
    body = {"code": code, "public_key": public_key, "name": name, "certificate": with_certificate}
    try:
        with Api(url, None, authority) as api:
            return _claimed(api.post("/v1/claim", body), der)
    except Problem as error:
        raise ClaimError(f"the gateway: {error.detail}") from error
    except (ApiError, OSError) as error:
        raise ClaimError(f"the gateway does not answer at {url}: {error}") from error


def _claimed(told: dict[str, Any], der: bool) -> Claimed:
    broker = urlsplit(told["broker"])
    settings: dict[str, object] = {
        "broker_host": broker.hostname,
        "broker_port": broker.port,
        "password": told["mqtt"]["password"],
        "gateway_key": told["gateway_key"],
    }
    end = "der" if der else "pem"
    pems: dict[str, tuple[str, str]] = {}
    if broker.scheme == "mqtts" and told["authority"]:
        pems["tls_ca"] = (f"/ca.{end}", told["authority"])
    if told["certificate"]:
        pems["tls_certificate"] = (f"/device.crt.{end}", told["certificate"]["certificate"])
        pems["tls_key"] = (f"/device.key.{end}", told["certificate"]["private_key"])
    files = {}
    for setting, (path, pem) in pems.items():
        settings[setting] = path
        files[path] = _der(pem) if der else pem.encode()
    return Claimed(told["device"]["id"], settings, files)


def _der(pem: str) -> bytes:
    """The first object of a PEM text, as DER."""
    lines = pem.strip().splitlines()
    end = next(at for at, line in enumerate(lines) if line.startswith("-----END"))
    return base64.b64decode("".join(lines[1:end]))

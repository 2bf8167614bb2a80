"""The AsyncAPI document of the wire, as tests hold it against messages."""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from protocol import cbor, envelope

PATH = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"


@cache
def document() -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = yaml.safe_load(PATH.read_text("utf-8"))
    return found


@cache
def _validator(kind: str) -> jsonschema_rs.Draft7Validator:
    schema = {"$ref": f"#/components/schemas/{kind}", "components": document()["components"]}
    return jsonschema_rs.Draft7Validator(schema)


def wrong(kind: str, payload: bytes) -> list[str]:
    """What is wrong with a payload of that kind, by the document alone. Raises WireError if it is
    not encoded as it must be."""
    shown = _as_json(cbor.decode(payload))
    return [f"{kind}: {error}" for error in _validator(kind).iter_errors(shown)]


def payload_of(kind: str, message: bytes) -> bytes:
    """What stands in the envelope that the document says this kind has. Raises WireError."""
    content = document()["components"]["messages"][kind]["contentType"]
    if content == 'application/cose; cose-type="cose-sign1"':
        return envelope.parse_sign1(kind, message).payload
    if content == 'application/cose; cose-type="cose-mac0"':
        assert message[:1] == b"\xd1", f"{kind}: no COSE_Mac0"
        return envelope.unverified(message)
    assert content == "application/cbor"
    return message


def _as_json(value: Any) -> Any:
    """As the document writes it: keys as text, byte strings in hexadecimal."""
    if isinstance(value, dict):
        return {str(key): _as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value

"""Which keys a device may be registered with, through the API and the command line (D6)."""

import pytest
from fastapi.testclient import TestClient
from nacl.signing import SigningKey

from gateway.operations import devices
from gateway.operations.errors import BadInput
from tests.api.house import House
from tests.protocol.small_order import NON_CANONICAL, SMALL_ORDER, mixed

GOOD = bytes(SigningKey(b"\x09" * 32).verify_key)
P = 2**255 - 19


def _no_point() -> bytes:
    """A canonical y that no point of the curve has."""
    for y in range(2, 50):
        key = y.to_bytes(32, "little")
        try:
            devices.public_key(key.hex())
        except BadInput:
            return key
    raise AssertionError("every other y is of no point")


BAD = [
    *((f"small order {key.hex()[:4]}{key.hex()[-2:]}", key.hex()) for key in SMALL_ORDER),
    *((f"not canonical {key.hex()[:2]}{key.hex()[-2:]}", key.hex()) for key in NON_CANONICAL),
    *((f"mixed {number}", key.hex()) for number, key in enumerate(mixed(GOOD))),
    ("no point of the curve", _no_point().hex()),
    ("all ones", "ff" * 32),
    ("short", GOOD.hex()[:62]),
    ("long", GOOD.hex() + "00"),
    ("odd", GOOD.hex()[:63]),
    ("empty", ""),
    ("no hex", "zz" * 32),
    ("hex with spaces", GOOD.hex()[:62] + "  "),
    ("other digits", "\u0661" * 64),
]


@pytest.mark.threat("D6")
def test_no_key_that_nobody_can_hold_is_registered(house: House) -> None:
    client = house.client("admin")
    house.fleet()
    for name, key in BAD:
        body = {"public_key": key, "account_id": "fleet", "name": "meter"}
        answer = client.post("/v1/devices", json=body)
        assert answer.status_code == 422, (name, answer.text)
        assert [each["field"] for each in answer.json()["errors"]] == ["public_key"], name
        # The command line reads keys by the same function.
        with pytest.raises(BadInput, match="public_key"):
            devices.public_key(key)
    assert client.get("/v1/devices").json()["items"] == []


@pytest.mark.threat("D6")
def test_the_key_of_another_device_is_not_registered_again(house: House, admin: TestClient) -> None:
    house.fleet()
    body = {"public_key": GOOD.hex(), "account_id": "fleet", "name": "meter"}
    assert admin.post("/v1/devices", json=body).status_code == 201
    for other in (body, body | {"public_key": GOOD.hex().upper(), "name": "other"}):
        assert admin.post("/v1/devices", json=other).status_code == 409
    assert len(admin.get("/v1/devices").json()["items"]) == 1

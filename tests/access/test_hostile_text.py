"""D15: what people write comes out of every export, log and answer as text and nothing else."""

import base64
import csv
import io
import json
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from nacl.signing import SigningKey

from gateway import logs
from gateway.documents.cells import safe_cell
from tests.api.house import House
from tests.api.test_api_resources import ACCOUNT, DEVICE, TARIFF

pytestmark = pytest.mark.threat("D15")

ODD = [
    "<script>alert(1)</script>",
    "'; DROP TABLE account; --",
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\uff1d1+1",  # a full-width equals sign, which some spreadsheets take for one
    "../../etc/passwd",
    "%s%n{0}${jndi:x}",
    'a,"b";c',
    "\u0416\u6f22\U0001f600",
]
"""Texts that are names like any other, to be kept as they are."""
NEVER = [
    "a\nb",
    "a\r\nSet-Cookie: x",
    "a\x00b",
    "a\x1b[2Jb",
    "a\u202eb",
    "a\u2028b",
    "\x7f",
    "\t=1",
]
"""Texts that no name may be: they would end a line, or hide what follows."""


def _writes(text: str) -> list[tuple[str, str, dict[str, object]]]:
    """Every free text that the API takes: where, in which field, in which body."""
    outcome = {"instruction": "run-1-fleet", "outcome": "done", "note": text}
    return [
        ("/v1/accounts", "name", ACCOUNT | {"id": "other", "name": text}),
        ("/v1/devices", "name", DEVICE | {"name": text}),
        ("/v1/tariffs", "name", TARIFF | {"name": text}),
        ("/v1/tokens", "name", {"name": text, "role": "viewer"}),
        ("/v1/settlements/1/outcomes", "outcomes.0.note", {"outcomes": [outcome]}),
    ]


def test_text_that_would_break_a_line_is_refused_in_every_field(house_on_each: House) -> None:
    house_on_each.fleet()
    house_on_each.paid(house_on_each.device(), 10)
    client = house_on_each.client("admin")
    client.post("/v1/settlements", json={})
    for text in NEVER:
        for path, field, body in _writes(text):
            answer = client.post(path, json=body)
            assert answer.status_code == 422, (path, text, answer.text)
            assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_odd_names_are_kept_as_they_are(house_on_each: House) -> None:
    house, client = house_on_each, house_on_each.client("admin")
    for number, text in enumerate(ODD):
        body = ACCOUNT | {"id": f"a-{number}", "name": text}
        assert client.post("/v1/accounts", json=body).json()["name"] == text
        key = SigningKey(bytes([number + 1] * 32)).verify_key.encode().hex()
        body = DEVICE | {"public_key": key, "account_id": f"a-{number}", "name": text}
        assert client.post("/v1/devices", json=body).json()["device"]["name"] == text
        body = TARIFF | {"name": text, "numerator": str(number + 1)}
        assert client.post("/v1/tariffs", json=body).json()["name"] == text
        assert client.post("/v1/tokens", json={"name": text, "role": "viewer"}).status_code == 201
    for path in ("accounts", "devices", "tariffs", "tokens"):
        names = {each["name"] for each in client.get(f"/v1/{path}").json()["items"]}
        assert set(ODD) <= names
    assert house.client("viewer").get("/v1/books").json()["ok"] is True


def test_the_bank_file_has_no_formula_and_no_other_cells(house: House) -> None:
    client = house.client("admin")
    client.post("/v1/tariffs", json=TARIFF | {"numerator": "3"})
    for number, text in enumerate(ODD):
        client.post("/v1/accounts", json=ACCOUNT | {"id": f"-a{number}", "name": text})

        device = house.device(number + 1, f"-a{number}")
        house.paid(device, 10, payer=f"-a{number}")
    client.post("/v1/settlements", json={})
    text = (house.office.config.manual_folder / "run-1.csv").read_text()
    rows = list(csv.reader(io.StringIO(text)))
    assert {len(row) for row in rows} == {7}
    assert {row[3] for row in rows[1:]} >= {safe_cell(text) for text in ODD}
    starts = {cell[:1] for row in rows for cell in row}
    assert not starts & set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


@pytest.mark.parametrize("start", "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
def test_a_cell_is_never_a_formula(start: str) -> None:
    assert safe_cell(start + "1") == "'" + start + "1"
    assert safe_cell("a" + start) == "a" + start


def test_answers_are_json_that_no_browser_takes_for_a_page(admin: TestClient) -> None:
    admin.post("/v1/accounts", json=ACCOUNT | {"name": ODD[0]})
    for path in ("/v1/accounts/fleet", "/v1/accounts/" + quote(ODD[0], safe=""), "/<script>"):
        answer = admin.get(path)
        assert answer.headers["content-type"] in ("application/json", "application/problem+json")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_cursor_that_nobody_was_given_is_refused(house_on_each: House) -> None:
    client = house_on_each.client("admin")
    for text in ("\0", "1\0", "\u00b2", "9" * 19, "-1", "\u0661", "a\nb"):
        cursor = base64.urlsafe_b64encode(b"1" + text.encode()).decode().rstrip("=")
        for path in ("accounts", "devices", "tariffs", "channels", "settlements", "tokens"):
            answer = client.get(f"/v1/{path}?cursor={cursor}")
            # A name that was never one still has its place in the order of names.
            named = path in ("accounts", "devices") and text.isprintable()
            assert answer.status_code == (200 if named else 422), (path, text)


def test_a_line_of_the_log_stays_one_line(capfd: pytest.CaptureFixture[str], house: House) -> None:
    logs.to_stderr()
    client = house.client("admin")
    house.office.store.read = _fails  # type: ignore[method-assign]
    client.get("/v1/accounts/a%0A%7B%22event%22:%22forged%22%7D")
    lines = capfd.readouterr().err.splitlines()
    (said,) = (each for each in map(json.loads, lines) if each["logger"] == "gateway.api.problems")
    assert said["event"] == "unexpected error"
    assert "forged" in said["path"]


def _fails() -> None:
    raise RuntimeError("on purpose\nand on two lines")

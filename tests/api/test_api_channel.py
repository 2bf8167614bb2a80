"""What a channel rests on, part by part: which price holds for which units, and each signed
message."""

from base64 import b64decode
from pathlib import Path

from nacl.signing import SigningKey
from sqlalchemy import Connection, update
from typer.testing import CliRunner

from gateway.cli import app
from gateway.operations import spans
from gateway.store import channels, legs
from protocol import envelope
from protocol.legs import Leg
from protocol.messages import Iou
from protocol.pricing import Tariff
from tests.api.house import House
from tests.api.test_api_plans import added

NIGHT = Tariff("W.h", 2, 1, "EUR")


def gone_over(house: House) -> bytes:
    """A channel with 1,000 units by one price, settled, and 500 by another; its id."""
    house.fleet()
    added(house.client("admin"), "night", "2")
    device = house.device(1)
    channel = house.paid(device, 1_000)
    house.client("operator").post("/v1/settlements", json={})
    key = house.device_keys[device]
    with house.office.store.write() as conn:
        iou = bytes(channels.get(conn, channel).iou)
        leg = Leg(channel, 1, NIGHT, iou)
        signed = envelope.sign1("leg", leg.payload(), lambda each: key.sign(each).signature)
        assert legs.begin(conn, leg, signed, 0, house.office.store.now(conn))
        _raise(conn, channel, key, 4_000, 1_500)
    return channel


def _raise(conn: Connection, channel: bytes, key: SigningKey, amount: int, units: int) -> None:
    payload = Iou(channel, amount, units).payload()
    iou = envelope.sign1("iou", payload, lambda each: key.sign(each).signature)
    table = channels.channel
    values = {"amount": amount, "units": units, "iou": iou}
    conn.execute(update(table).where(table.c.id == channel).values(values))


def test_a_channel_is_found_by_the_beginning_of_its_id(house: House) -> None:
    house.fleet()
    ids = sorted(house.paid(house.device(number), 10).hex() for number in (1, 2, 3))
    viewer = house.client("viewer")

    def found(search: str) -> list[str]:
        return [
            each["id"]
            for each in viewer.get("/v1/channels", params={"search": search}).json()["items"]
        ]

    for each in ids:
        assert found(each) == [each]
        # An odd number of digits too, and as whoever copied it writes it.
        assert found(each[:7].upper()) == [each]
    digits = sorted({each[0] for each in ids})
    assert [each for digit in digits for each in found(digit)] == ids
    assert found("0" * 64) == []


def test_the_legs_of_a_channel_add_up_to_its_mark(house: House) -> None:
    channel = gone_over(house)
    viewer = house.client("viewer")
    first, second = viewer.get(f"/v1/channels/{channel.hex()}/legs").json()["items"]
    assert (first["number"], first["tariff"]["name"], first["units"]) == (0, "energy", 1_000)
    assert (first["amount"]["amount"], first["tariff"]["numerator"]) == ("3000", "3")
    assert (second["number"], second["tariff"]["name"], second["units"]) == (1, "night", 500)
    assert (second["from_amount"]["amount"], second["from_units"]) == ("3000", 1_000)
    assert (second["amount"]["amount"], second["tariff"]["numerator"]) == ("1000", "2")
    assert viewer.get("/v1/channels/" + "0" * 64 + "/legs").status_code == 404


def test_a_channel_without_a_leg_is_by_its_terms_alone(house: House) -> None:
    house.fleet()
    channel = house.paid(house.device(1), 7)
    (only,) = spans.of_channel(house.office.store, channel)
    assert (only.number, only.start, only.end) == (0, (0, 0), (21, 7))


def test_each_message_of_a_channel_is_a_file_that_verifies(house: House, tmp_path: Path) -> None:
    channel = gone_over(house)
    viewer = house.client("viewer")
    path = f"/v1/channels/{channel.hex()}/messages"
    items = viewer.get(path).json()["items"]
    assert [each["kind"] for each in items] == [
        *("open", "opened", "leg"),
        *("iou", "iou"),
        *("receipt", "receipt"),
    ]
    said = [(each["amount"] or {"amount": None})["amount"] for each in items]
    assert said == ["1000000", None, "3000", "3000", "4000", "3000", "4000"]
    assert [each["event"] for each in items[-2:]] == ["settlement", "checkpoint"]
    assert [each["run"] for each in items[-2:]] == [1, None]
    assert {each["kind"] for each in items if each["signer"] == "gateway"} == {"opened", "receipt"}
    files = []
    for number, each in enumerate(items):
        files.append(tmp_path / f"{number}.{each['kind']}")
        files[-1].write_bytes(b64decode(each["message"]))
    checked = CliRunner().invoke(app, ["verify", *map(str, files)])
    assert checked.exit_code == 0, checked.output
    # A receipt of a settlement is the same each time; that of now is of another moment at most.
    assert viewer.get(path).json()["items"][-2] == items[-2]


def test_what_was_kept_as_evidence_is_among_the_messages(house: House) -> None:
    house.fleet()
    device = house.device(1)
    channel = house.paid(device, 10)
    key = house.device_keys[device]
    lie = Iou(channel, 30, 9).payload()
    message = envelope.sign1("iou", lie, lambda each: key.sign(each).signature)
    with house.office.store.write() as conn:
        now = house.office.store.now(conn)
        channels.keep_evidence(conn, channel, "contradiction", message, now)
    items = house.client("viewer").get(f"/v1/channels/{channel.hex()}/messages").json()["items"]
    assert [(each["kind"], each["units"]) for each in items if each["wrong"]] == [("iou", 9)]

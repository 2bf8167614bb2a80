"""A computer as a board, and what every board shares: its settings and its clock."""

import json
import stat
from pathlib import Path

import pytest

from firmware.boards.unix import Unix
from firmware.clock import Ticks
from firmware.settings import FIELDS, SettingsError, parse

GOOD: dict[str, object] = {
    "broker_host": "broker.example",
    "password": "secret",
    "gateway_key": "ab" * 32,
    "unit": "W.h",
    "tls_ca": "ca.pem",
}

LARGEST = {
    "broker_port": 65_535,
    "step": 1 << 30,
    "topup": (1 << 63) - 1,
    "capacity": (1 << 63) - 1,
    "poll_ms": 60_000,
    "pulse_pin": 48,
    "relay_pin": 48,
    "pulse_units": 1 << 20,
    "uart": 2,
    "uart_tx": 48,
    "uart_rx": 48,
    "led_pin": 48,
    "button_pin": 48,
}


def error(changes: dict[str, object]) -> str:
    with pytest.raises(SettingsError) as raised:
        parse(json.dumps({**GOOD, **changes}))
    return str(raised.value)


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_of_the_wrong_kind_is_refused_by_name(name: str) -> None:
    wrong: dict[type, list[object]] = {
        str: [7, True, [], {}],
        int: ["7", True, 1.5, [], {}],
        bool: ["true", 1, 0, [], {}],
    }
    for value in wrong[FIELDS[name]]:
        assert error({name: value}).startswith(f"{name}: must be ")


@pytest.mark.parametrize("name", [name for name in GOOD if name != "tls_ca"])
def test_a_setting_without_a_default_must_be_there(name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(SettingsError, match=f"^{name}: is missing"):
        parse(json.dumps(without))


@pytest.mark.parametrize("name", LARGEST)
def test_a_number_is_taken_to_its_bound_and_refused_beyond(name: str) -> None:
    settings = parse(json.dumps({**GOOD, name: LARGEST[name]}))
    assert getattr(settings, name) == LARGEST[name]
    for value in (LARGEST[name] + 1, -2):
        assert error({name: value}).startswith(f"{name}: must ")


@pytest.mark.parametrize("name", ["broker_port", "step", "capacity", "poll_ms", "pulse_units"])
def test_nothing_is_no_amount(name: str) -> None:
    assert error({name: 0}).startswith(f"{name}: must be 1 to ")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"meter": "gas"}, "meter: must be pulse or counter or pzem or wake or idle"),
        ({"meter": "idle"}, "unit: must be s"),
        ({"meter": "pzem", "unit": "L"}, "unit: must be W.h"),
        ({"meter": "wake"}, "meter, sleep_s: "),
        ({"sleep_s": 60}, "meter, sleep_s: "),
        ({"journal": "tape"}, "journal: must be files or nvs"),
    ],
)
def test_a_meter_that_does_not_fit_the_rest_is_refused(
    changes: dict[str, object], what: str
) -> None:
    assert error(changes).startswith(what)


@pytest.mark.parametrize("between", [{"payee": "ab" * 16}, {"sell_numerator": 1}])
def test_a_channel_between_devices_can_not_be_topped_up(between: dict[str, object]) -> None:
    assert error({**between, "topup": 1}).startswith("topup: must be 0 ")
    assert parse(json.dumps({**GOOD, **between, "topup": 0})).topup == 0


@pytest.mark.parametrize("key", ["", "ab", "ab" * 33, "zz" * 32])
def test_a_gateway_key_that_is_none_is_refused(key: str) -> None:
    assert error({"gateway_key": key}) == "gateway_key: must be 64 hex digits"


@pytest.mark.parametrize(
    "host", ["broker.example", "10.0.0.1", "1.127.0.0.1", "127.example", "localhost.example"]
)
def test_plain_mqtt_to_another_machine_must_be_asked_for_by_name(host: str) -> None:
    assert error({"broker_host": host, "tls_ca": ""}).startswith("tls_ca: is missing")
    assert "insecure" in error({"broker_host": host, "tls_ca": ""})
    asked = {**GOOD, "broker_host": host, "tls_ca": "", "insecure": True}
    assert parse(json.dumps(asked)).insecure


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_plain_mqtt_within_one_machine_needs_no_asking(host: str) -> None:
    assert not parse(json.dumps({**GOOD, "broker_host": host, "tls_ca": ""})).insecure


def test_a_certificate_needs_its_key_and_an_authority() -> None:
    assert error({"tls_certificate": "x"}).startswith("tls_certificate, tls_key: ")
    assert error({"tls_key": "x"}).startswith("tls_certificate, tls_key: ")
    pair = {"tls_certificate": "x", "tls_key": "y", "insecure": True}
    assert error({**pair, "tls_ca": ""}).startswith("tls_ca: is missing")


def test_who_sells_must_let_a_channel_pay_for_one_unit() -> None:
    dear = {"sell_numerator": 300, "capacity": 299}
    assert error(dear) == "capacity: must pay for one unit of what it sells"
    sale = parse(json.dumps({**GOOD, **dear, "capacity": 300})).sale
    assert sale is not None
    assert sale.capacity == 300


def test_a_misspelt_setting_is_refused_rather_than_passed_over() -> None:
    assert error({"stepp": 5}) == "stepp: no such setting"


@pytest.mark.parametrize("text", ["", "{", "[]", "1"])
def test_settings_that_are_no_json_object_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="must be a JSON object"):
        parse(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settings.json").write_text(json.dumps(GOOD))
    return tmp_path


def test_the_seed_is_made_once_and_is_its_owners_alone(folder: Path) -> None:
    seed = Unix(str(folder)).seed()
    assert len(seed) == 32
    assert Unix(str(folder)).seed() == seed
    assert stat.S_IMODE((folder / "device.key").stat().st_mode) == 0o600
    assert sorted(file.name for file in folder.iterdir()) == ["device.key", "settings.json"]


def test_two_boards_have_two_seeds(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "settings.json").write_text(json.dumps(GOOD))
    assert Unix(str(folder)).seed() != Unix(str(other)).seed()


def test_a_damaged_seed_is_refused_and_not_replaced(folder: Path) -> None:
    (folder / "device.key").write_bytes(b"short")
    with pytest.raises(OSError, match="must be 32 bytes"):
        Unix(str(folder)).seed()
    assert (folder / "device.key").read_bytes() == b"short"


def test_the_clock_of_a_computer_ignores_the_time_of_day(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Unix(str(folder))
    readings = [board.now_ms()]
    monkeypatch.setattr("time.time_ns", lambda: 0)
    monkeypatch.setattr("time.time", lambda: 0.0)
    readings += [board.now_ms() for _ in range(1000)]
    assert readings == sorted(readings)
    assert readings[-1] < 60_000


def test_the_clock_goes_on_where_its_counter_wraps_and_never_back() -> None:
    period = 1 << 30
    counter = 0

    def difference(later: int, earlier: int) -> int:
        return (later - earlier + period // 2) % period - period // 2

    clock = Ticks(lambda: counter % period, difference)
    for step in (1, period // 3, period // 3, period // 3, 5, period // 3):
        before = clock.now_ms()
        counter += step
        assert clock.now_ms() == before + step
    end = clock.now_ms()
    counter -= 100
    assert clock.now_ms() == end
    counter += 101
    assert clock.now_ms() == end + 1

"""A device's settings: read from JSON, checked field by field, refused with what would be right."""

import json

from protocol.errors import WireError
from protocol.pricing import Tariff
from protocol.topics import is_device_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.earner import Sale

FIELDS = {
    "broker_host": str,
    "broker_port": int,
    "password": str,
    "gateway_key": str,
    "unit": str,
    "step": int,
    "capacity": int,
    "topup": int,
    "highest_price": int,
    "flush_ms": int,
    "chain_length": int,
    "poll_ms": int,
    "payee": str,
    "xrpl_channels": str,
    "sell_numerator": int,
    "sell_denominator": int,
    "sell_session_fee": int,
    "sell_currency": str,
    "sell_scale": int,
    "sell_window": int,
    "sell_lifetime_s": int,
    "tls_ca": str,
    "tls_certificate": str,
    "tls_key": str,
    "insecure": bool,
    "check_signatures": bool,
    "wifi_ssid": str,
    "wifi_password": str,
    "meter": str,
    "pulse_pin": int,
    "pulse_units": int,
    "taken_pin": int,
    "idle_after_s": int,
    "uart": int,
    "uart_tx": int,
    "uart_rx": int,
    "relay_pin": int,
    "led_pin": int,
    "button_pin": int,
    "sleep_s": int,
    "journal": str,
}
"""All settings, with their types; those without a default are required."""

DEFAULTS = {
    "broker_port": 1883,
    "step": 1,
    "capacity": 10_000_000,
    "topup": 0,
    "highest_price": 0,
    "flush_ms": 1_000,
    "chain_length": 0,
    "poll_ms": 200,
    "payee": "",
    "xrpl_channels": "",
    "sell_numerator": 0,
    "sell_denominator": 1,
    "sell_session_fee": 0,
    "sell_currency": "EUR",
    "sell_scale": 6,
    "sell_window": 1_000,
    "sell_lifetime_s": 86_400,
    "tls_ca": "",
    "tls_certificate": "",
    "tls_key": "",
    "insecure": False,
    "check_signatures": False,
    "wifi_ssid": "",
    "wifi_password": "",
    "meter": "pulse",
    "pulse_pin": 4,
    "pulse_units": 1,
    "taken_pin": 15,
    "idle_after_s": 300,
    "uart": 2,
    "uart_tx": 17,
    "uart_rx": 16,
    "relay_pin": 25,
    "led_pin": -1,
    "button_pin": -1,
    "sleep_s": 0,
    "journal": "files",
}


class SettingsError(ValueError):
    """A setting that is wrong; the text names it and says what would be right."""


class Settings:
    """Checked settings. `gateway_key` is 32 bytes; `step` the units of one IOU; `capacity` the
    most that one channel may owe, in atomic units; `topup` what it opens with, and is topped up by
    up to there (0: it opens with all of it); `highest_price` the most atomic units that it agrees
    to for the first 1,000 units of a channel (0: whatever is asked);
    `flush_ms` how long units that fill no step wait for more; `chain_length` the ticks that one IOU
    commits to (0: each payment is signed);
    `meter` what counts: `pulse` and `counter` the pulses of `pulse_pin`, of `pulse_units` each,
    `pzem` an energy meter on a UART, `wake` a board that sleeps for `sleep_s` between units, `idle`
    the seconds in which `taken_pin` is low and no pulse comes, after `idle_after_s`; pins of -1 are
    not there; `journal` where an ESP32 keeps it; `insecure` allows plain MQTT to another machine;
    with `check_signatures` each signature is verified before it is
    sent. `payee` is the id of the device that it buys from (empty: from its gateway).
    `xrpl_channels` are the ids of those payment channels of the XRP Ledger that its IOUs are claims
    on, one for each channel that it opens (none: its IOUs are no claims). With a
    `sell_numerator` above 0 it sells: so many atomic units of `sell_currency` (of 10^-`sell_scale`)
    for `sell_denominator` units and `sell_session_fee` for a channel, `sell_window` units unpaid,
    on channels of at most `sell_lifetime_s` seconds and of `capacity`."""

    def __init__(self, values: "dict[str, object]") -> None:
        for name in values:
            if name not in FIELDS:
                raise SettingsError(name + ": no such setting")
        for name in FIELDS:
            value = values.get(name, DEFAULTS.get(name))
            if value is None:
                raise SettingsError(name + ": is missing")
            wanted = FIELDS[name]
            if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
                raise SettingsError(name + ": must be " + _NAMES[wanted])
        merged: dict[str, object] = dict(DEFAULTS)
        merged.update(values)
        for name in ("broker_host", "unit"):
            if not merged[name]:
                raise SettingsError(name + ": must not be empty")
        self.broker_host = str(merged["broker_host"])
        self.broker_port = _whole(merged, "broker_port", 1, 65535)
        self.password = str(merged["password"])
        self.gateway_key = _key(str(merged["gateway_key"]))
        self.unit = str(merged["unit"])
        self.step = _whole(merged, "step", 1, 1 << 30)
        self.capacity = _whole(merged, "capacity", 1, (1 << 63) - 1)
        self.topup = _whole(merged, "topup", 0, (1 << 63) - 1)
        self.highest_price = _whole(merged, "highest_price", 0, (1 << 63) - 1)
        self.flush_ms = _whole(merged, "flush_ms", 1, 3_600_000)
        self.chain_length = _chain_length(merged)
        self.payee = str(merged["payee"])
        if self.payee and not is_device_id(self.payee):
            raise SettingsError("payee: must be a device id, 32 lower-case hex digits, or empty")
        self.xrpl_channels: list[bytes] = []
        if merged["xrpl_channels"]:
            # Loaded by those that pay so.
            from firmware.xrpl import read_ids

            self.xrpl_channels = read_ids(str(merged["xrpl_channels"]), self.chain_length)
        self.sale = _sale(merged, self.unit, self.capacity)
        if self.topup and (self.payee or self.sale):
            raise SettingsError(
                "topup: must be 0 where there is a payee, or something is sold: a channel between "
                "devices can't be topped up"
            )
        self.poll_ms = _whole(merged, "poll_ms", 1, 60_000)
        self.tls_ca = str(merged["tls_ca"])
        self.tls_certificate = str(merged["tls_certificate"])
        self.tls_key = str(merged["tls_key"])
        self.insecure = bool(merged["insecure"])
        self.check_signatures = bool(merged["check_signatures"])
        self._check_tls()
        self.wifi_ssid = str(merged["wifi_ssid"])
        self.wifi_password = str(merged["wifi_password"])
        self.meter = _choice(merged, "meter", ("pulse", "counter", "pzem", "wake", "idle"))
        self.pulse_pin = _whole(merged, "pulse_pin", 0, 48)
        self.pulse_units = _whole(merged, "pulse_units", 1, 1 << 20)
        self.taken_pin = _whole(merged, "taken_pin", 0, 48)
        self.idle_after_s = _whole(merged, "idle_after_s", 0, 86_400)
        self.uart = _whole(merged, "uart", 1, 2)
        self.uart_tx = _whole(merged, "uart_tx", 0, 48)
        self.uart_rx = _whole(merged, "uart_rx", 0, 48)
        self.relay_pin = _whole(merged, "relay_pin", 0, 48)
        self.led_pin = _whole(merged, "led_pin", -1, 48)
        self.button_pin = _whole(merged, "button_pin", -1, 48)
        self.sleep_s = _whole(merged, "sleep_s", 0, 604_800)
        self._check_meter()
        self.journal = _choice(merged, "journal", ("files", "nvs"))

    def _check_meter(self) -> None:
        if self.meter == "pzem" and self.unit != "W.h":
            raise SettingsError("unit: must be W.h, which is what a pzem counts")
        if self.meter == "idle" and self.unit != "s":
            raise SettingsError("unit: must be s, which is what an idle meter counts")
        if (self.meter == "wake") != (self.sleep_s > 0):
            raise SettingsError(
                "meter, sleep_s: a board that sleeps counts its wakings, and nothing else; set "
                "meter to wake, or sleep_s to 0"
            )

    def _check_tls(self) -> None:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise SettingsError("tls_certificate, tls_key: must be set both, or neither")
        if self.tls_certificate and not self.tls_ca:
            raise SettingsError("tls_ca: is missing, and tls_certificate needs it")
        if not self.tls_ca and not self.insecure and not _here(self.broker_host):
            raise SettingsError(
                "tls_ca: is missing, and without TLS the password can be read on the way; "
                "set insecure to true where the network itself is trusted"
            )


_NAMES: "dict[object, str]" = {str: "text", int: "a number", bool: "true or false"}


def _here(host: str) -> bool:
    """Whether the broker is on this very machine."""
    # A name may begin with 127 as well.
    local = host.startswith("127.") and host.replace(".", "").isdigit()
    return local or host in ("localhost", "::1")


def _whole(values: "dict[str, object]", name: str, least: int, most: int) -> int:
    value = values[name]
    if not isinstance(value, int) or not least <= value <= most:
        raise SettingsError(name + ": must be " + str(least) + " to " + str(most))
    return value


def _chain_length(values: "dict[str, object]") -> int:
    if values["chain_length"] == 0:
        return 0
    # Loaded by those that pay by ticks.
    from protocol.hashchain import MAX_LENGTH

    return _whole(values, "chain_length", 0, MAX_LENGTH)


def _choice(values: "dict[str, object]", name: str, choices: "tuple[str, ...]") -> str:
    value = str(values[name])
    if value not in choices:
        raise SettingsError(name + ": must be " + " or ".join(choices))
    return value


def _sale(values: "dict[str, object]", unit: str, capacity: int) -> "Sale | None":
    """What it sells; None if it sells nothing."""
    numerator = _whole(values, "sell_numerator", 0, (1 << 63) - 1)
    denominator = _whole(values, "sell_denominator", 1, (1 << 63) - 1)
    session_fee = _whole(values, "sell_session_fee", 0, (1 << 63) - 1)
    window = _whole(values, "sell_window", 1, (1 << 63) - 1)
    lifetime = _whole(values, "sell_lifetime_s", 1, 366 * 86_400)
    scale = _whole(values, "sell_scale", 0, 18)
    if not numerator:
        return None
    from firmware.earner import Sale

    try:
        currency = str(values["sell_currency"])
        price = Tariff(unit, numerator, denominator, currency, scale, session_fee=session_fee)
    except WireError as error:
        raise SettingsError("sell_" + str(error).replace("tariff.", "")) from None
    if not price.units_within(capacity):
        raise SettingsError("capacity: must pay for one unit of what it sells")
    return Sale(price, capacity, window, lifetime)


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SettingsError("gateway_key: must be 64 hex digits")
    return key


def parse(text: str) -> Settings:
    """The settings in a JSON document. Raises SettingsError."""
    try:
        values = json.loads(text)
    except ValueError:
        raise SettingsError("settings: must be a JSON object") from None
    if not isinstance(values, dict):
        raise SettingsError("settings: must be a JSON object")
    return Settings(values)

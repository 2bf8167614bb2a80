"""A device's settings: read from JSON, checked field by field, refused with what would be right."""

import json

FIELDS = {
    "broker_host": str,
    "broker_port": int,
    "password": str,
    "gateway_key": str,
    "unit": str,
    "step": int,
    "capacity": int,
    "flush_ms": int,
    "poll_ms": int,
    "tls_ca": str,
    "tls_certificate": str,
    "tls_key": str,
    "insecure": bool,
    "wifi_ssid": str,
    "wifi_password": str,
    "pulse_pin": int,
    "relay_pin": int,
    "pulse_units": int,
}
"""All settings, with their types; those without a default are required."""

DEFAULTS = {
    "broker_port": 1883,
    "step": 1,
    "capacity": 10_000_000,
    "flush_ms": 1_000,
    "poll_ms": 200,
    "tls_ca": "",
    "tls_certificate": "",
    "tls_key": "",
    "insecure": False,
    "wifi_ssid": "",
    "wifi_password": "",
    "pulse_pin": 4,
    "relay_pin": 5,
    "pulse_units": 1,
}


class SettingsError(ValueError):
    """A setting that is wrong; the text names it and says what would be right."""


class Settings:
    """Checked settings. `gateway_key` is 32 bytes; `step` the units of one IOU; `capacity` the
    most that one channel may owe, in atomic units; `flush_ms` how long units that fill no step wait
    for more; `pulse_units` the units of one meter pulse; `insecure` allows plain MQTT to
    another machine."""

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
        self.flush_ms = _whole(merged, "flush_ms", 1, 3_600_000)
        self.poll_ms = _whole(merged, "poll_ms", 1, 60_000)
        self.tls_ca = str(merged["tls_ca"])
        self.tls_certificate = str(merged["tls_certificate"])
        self.tls_key = str(merged["tls_key"])
        self.insecure = bool(merged["insecure"])
        self._check_tls()
        self.wifi_ssid = str(merged["wifi_ssid"])
        self.wifi_password = str(merged["wifi_password"])
        self.pulse_pin = _whole(merged, "pulse_pin", 0, 48)
        self.relay_pin = _whole(merged, "relay_pin", 0, 48)
        self.pulse_units = _whole(merged, "pulse_units", 1, 1 << 20)

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

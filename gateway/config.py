"""Settings: where each comes from, what it must be, and what it is when nobody sets it.

In the order in which they count: the command line, the environment (`TALLYSTICK_<NAME>`), the file
`tallystick.toml` in the data folder, the default. Nothing is opened or connected to here. Secrets
are never settings but files that settings name; a database URL is shown only without its password.
"""

import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gateway import secret_files
from gateway.ingest.inbox import IOUS_AT_ONCE, IOUS_PER_SECOND
from gateway.ingest.presence import SILENCE_SECONDS
from gateway.secret_files import SecretFileError
from gateway.settlement.rails import registry
from gateway.settlement.rails.registry import Rails

PREFIX = "TALLYSTICK_"
FILE_NAME = "tallystick.toml"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class ConfigError(Exception):
    """A setting that can't be used; the text names the setting and what would be right."""


def seconds(value: object) -> int:
    """A stretch of time such as `90s`, `15m`, `24h` or `7d`, in seconds; `off` is 0.

    Raises ValueError for anything else, and for less than a second or more than 366 days.
    """
    return _stretch(value, 366)


def long_seconds(value: object) -> int:
    """As `seconds`, up to 36,525 days: how long what is personal is kept."""
    return _stretch(value, 36_525)


def _stretch(value: object, most_days: int) -> int:
    text = str(value).strip()
    if text in ("", "off", "0"):
        return 0
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if match is None or not 1 <= int(match[1]) * _UNITS[match[2]] <= most_days * 86400:
        raise ValueError(
            "must be a number and s, m, h or d (for example 24h), or off,"
            f" and at most {most_days} days"
        )
    return int(match[1]) * _UNITS[match[2]]


def _database(url: str) -> str:
    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError:
        backend = ""
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    return url


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a socket bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(scheme: str, host: str, port: int) -> str:
    """The address of a server, for a browser."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _rail(name: str) -> str:
    if name not in registry.names():
        raise ValueError(f"there is no such rail; there are {', '.join(registry.names())}")
    return name


Port = Annotated[int, Field(ge=0, le=65535)]


class Config(BaseSettings):
    """All settings of one gateway. Relative paths are relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data: Path
    """The folder of everything that the gateway keeps: key, database, broker's files."""
    database_url: Annotated[str, AfterValidator(_database)] = Field(default="", repr=False)
    """`sqlite:///PATH` or `postgresql://...`; default: `gateway.db` in the data folder."""
    broker_host: str = Field(default="127.0.0.1", min_length=1)
    broker_port: Annotated[int, Field(ge=1, le=65535)] = 1883
    broker_username: str = Field(default="gateway", min_length=1)
    broker_password_file: Path = Path()
    """A file that only its owner may read; default: `broker/gateway.password` in the data
    folder."""
    broker_ca_file: Path | None = None
    """The certificates that the broker's is checked against; TLS is used if this is set."""
    broker_certificate_file: Path | None = None
    """The gateway's own certificate, for a broker that asks for one; needs broker_key_file."""
    broker_key_file: Path | None = None
    """The key of broker_certificate_file, which only its owner may read."""
    broker_insecure: bool = False
    """Must be true for plain MQTT to a `broker_host` beyond this machine: passwords and readings
    can be read on the way, and the broker can't be told from another."""
    device_broker: str = Field(default="", pattern=r"^(mqtts?://[^/:\s]+:[0-9]{1,5})?$")
    """Where devices find the broker, `mqtts://HOST:PORT` or `mqtt://HOST:PORT`; told to each that
    is set up by a claim code. Default: where the gateway itself finds it."""
    broker_pid_file: Path = Path()
    """Mosquitto's pid file, through which it is told that devices' passwords have changed; default:
    `broker/persistence/mosquitto.pid` in the data folder."""
    api_host: str = Field(default="127.0.0.1", min_length=1)
    api_port: Port = 8080
    api_public: bool = False
    """Must be true for an `api_host` that other machines can reach while the API speaks plain
    HTTP: a proxy that speaks TLS must then stand before it."""
    api_certificate_file: Path | None = None
    """The API's certificate, with those between it and the authority; TLS is used if this is set.
    Needs api_key_file."""
    api_key_file: Path | None = None
    """The key of api_certificate_file, which only its owner may read."""
    device_rate: Annotated[int, Field(ge=1, le=100_000)] = IOUS_PER_SECOND
    """How many IOUs a second one device may send in the long run; more are dropped unread."""
    device_burst: Annotated[int, Field(ge=1, le=1_000_000)] = IOUS_AT_ONCE
    """How many it may send at once."""
    hub_fee_bp: Annotated[int, Field(ge=0, le=9_999)] = 0
    """What the operator takes of channels from one device to another, in basis points; it stands in
    a listing when that is made."""
    device_silence: Annotated[int, BeforeValidator(seconds), Field(ge=1)] = 0
    """How long nothing may be heard of a device before it counts as offline, in seconds. Default:
    `10m`."""
    events_kept: Annotated[int, BeforeValidator(seconds)] = 0
    """How long events are kept, in seconds; 0 is for ever. Default: `90d`."""
    bank_texts_kept: Annotated[int, BeforeValidator(long_seconds)] = 0
    """How long names, accounts and texts of payments are kept that a bank told of and that are
    assigned, in seconds; 0, the default, is for ever."""
    payout_details_kept: Annotated[int, BeforeValidator(long_seconds)] = 0
    """How long it is kept where an account was paid that is no longer paid there, in seconds; 0,
    the default, is for ever."""
    audit_details_kept: Annotated[int, BeforeValidator(long_seconds)] = 0
    """How long the details of audit records are kept, in seconds; 0, the default, is for ever."""
    payout_cooling: Annotated[int, BeforeValidator(seconds)] = 0
    """How long after its approval an account is paid somewhere else, in seconds; 0 is at once.
    Default: `24h`."""
    tracing: bool = False
    """Whether the hot path is traced, by OpenTelemetry; needs the extra `tallystick[tracing]`."""
    tracing_endpoint: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """The URL of the collector that takes traces, OTLP over HTTP. Default: what the variables
    OTEL_EXPORTER_OTLP_* say."""
    rail: Annotated[str, AfterValidator(_rail)] = "manual"
    """The rail of accounts that have chosen none."""
    manual_folder: Path = Path()
    """Where the manual rail writes its files; default: `settlements` in the data folder."""
    rails: dict[str, dict[str, Any]] = Field(default_factory=dict, repr=False)
    """Settings of the other rails, each in a table of its own, `[rails.NAME]`, which the rail
    itself checks."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: dict[str, object]) -> dict[str, object]:
        data = Path(str(values["data"]))
        defaults = {
            "database_url": f"sqlite:///{data / 'gateway.db'}",
            "broker_password_file": data / "broker" / "gateway.password",
            "broker_pid_file": data / "broker" / "persistence" / "mosquitto.pid",
            "manual_folder": data / "settlements",
            "device_silence": f"{SILENCE_SECONDS}s",
            "events_kept": "90d",
            "payout_cooling": "24h",
        }
        return {**defaults, **values}

    @model_validator(mode="after")
    def _ask_before_going_public(self) -> "Config":
        public = not is_loopback(self.api_host) and self.api_certificate_file is None
        if public and not self.api_public:
            raise ValueError(
                f"api_host: {self.api_host} can be reached by other machines, and the API speaks "
                "plain HTTP; set api_certificate_file and api_key_file (`tallystick pki init` "
                "makes them), or put a TLS proxy before it and set api_public = true, "
                "or use 127.0.0.1"
            )
        plain = not is_loopback(self.broker_host) and self.broker_ca_file is None
        if plain and not self.broker_insecure:
            raise ValueError(
                f"broker_host: {self.broker_host} is another machine, and no TLS is set: passwords "
                "could be read on the way; set broker_ca_file, or, where the network itself is "
                "trusted, broker_insecure = true"
            )
        return self

    @model_validator(mode="after")
    def _pairs(self) -> "Config":
        for name in ("broker", "api"):
            certificate = getattr(self, f"{name}_certificate_file")
            key = getattr(self, f"{name}_key_file")
            if (certificate is None) != (key is None):
                lacking = "key" if key is None else "certificate"
                raise ValueError(f"{name}_{lacking}_file: is needed too, or neither")
        if self.broker_certificate_file is not None and self.broker_ca_file is None:
            raise ValueError("broker_ca_file: is needed with broker_certificate_file")
        return self

    @model_validator(mode="after")
    def _known_rails(self) -> "Config":
        for name in self.rails:
            if name == "manual":
                raise ValueError("rails.manual: its setting is manual_folder")
            if name not in registry.names():
                raise ValueError(f"rails.{name}: there is no such rail")
        return self

    def all_rails(self) -> Rails:
        """The rails, none of them made yet."""
        settings = {**self.rails, "manual": {"folder": self.manual_folder}}
        return Rails(self.rail, self.data, settings)

    @property
    def broker_of_devices(self) -> str:
        """Where devices find the broker, as `mqtts://HOST:PORT` or `mqtt://HOST:PORT`."""
        scheme = "mqtt" if self.broker_ca_file is None else "mqtts"
        return self.device_broker or f"{scheme}://{self.broker_host}:{self.broker_port}"

    @property
    def api_address(self) -> str:
        """Where a browser finds the API: this machine's name stands for all its addresses."""
        scheme = "http" if self.api_certificate_file is None else "https"
        everywhere = self.api_host in ("0.0.0.0", "::")  # noqa: S104  (looked at, not bound)
        return address_of(
            scheme, socket.gethostname() if everywhere else self.api_host, self.api_port
        )

    @property
    def sqlite_path(self) -> Path | None:
        """The database's file; None if it is no SQLite."""
        url = make_url(self.database_url)
        if url.get_backend_name() != "sqlite" or not url.database:
            return None
        return Path(url.database)

    @property
    def folders(self) -> dict[str, Path]:
        """The folders that must not get full: of the data, and of the database if it is a file."""
        path = self.sqlite_path
        return {"data": self.data} | ({} if path is None else {"database": path.parent})

    @property
    def database_shown(self) -> str:
        """The database's URL without its password."""
        return make_url(self.database_url).render_as_string(hide_password=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line's values, then the environment, then the file."""
        data = Path(str(init_settings()["data"]))
        file = TomlConfigSettingsSource(settings_cls, data / FILE_NAME)
        _as_secret_as_needed(data / FILE_NAME, file())
        return (init_settings, env_settings, file)


def data_folder(given: Path | None = None) -> Path:
    """The data folder: the one given, or that of TALLYSTICK_DATA, or `./data`; made absolute."""
    return (given or Path(os.environ.get(PREFIX + "DATA") or "data")).absolute()


def load(data: Path | None = None, **changes: object) -> Config:
    """The settings for a data folder. `changes` come from the command line and count first.

    Raises ConfigError naming the setting that is wrong and what would be right.
    """
    folder = data_folder(data)
    try:
        return Config(data=folder, **changes)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError("; ".join(_said(each) for each in error.errors())) from None
    except SettingsError as error:
        raise ConfigError(f"environment: {error}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / FILE_NAME}: {error}") from None


def _as_secret_as_needed(path: Path, values: dict[str, object]) -> None:
    """Refuse a settings file that holds a password and that others may read."""
    try:
        url = make_url(str(values.get("database_url", "sqlite://")))
    except ArgumentError:
        return  # which is said where the setting itself is looked at
    if url.password is not None:
        try:
            secret_files.check(path, path.stat())
        except SecretFileError as error:
            raise ConfigError(f"database_url: has a password in it, and {error}") from None


def _said(error: object) -> str:
    details: dict[str, object] = error  # type: ignore[assignment]
    where = ".".join(str(part) for part in details["loc"])  # type: ignore[attr-defined]
    what = str(details["msg"]).removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        what = "there is no such setting"
    return f"{where}: {what}" if where else what


def check_key_file(name: str, path: Path | None) -> None:
    """Nothing if the setting `name` is not set, or its file is its owner's alone to read.

    Raises ConfigError.
    """
    if path is None:
        return
    try:
        secret_files.read(path, "see that it is there")
    except SecretFileError as error:
        raise ConfigError(f"{name}: {error}") from None


def read_password(config: Config) -> str:
    """The gateway's password at the broker.

    Raises ConfigError if its file is missing, empty, another user's, or readable by others.
    """
    path = config.broker_password_file
    try:
        password = secret_files.read(path, "run `tallystick init`").decode().strip()
    except SecretFileError as error:
        raise ConfigError(f"broker_password_file: {error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"broker_password_file: {path} must be text in UTF-8") from None
    if not password:
        raise ConfigError(f"broker_password_file: {path} is empty; write the password into it")
    return password

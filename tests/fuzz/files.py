"""Targets of the files that people and other programs write: rows, or one typed error that says
where. The whole way from the bytes is fuzzed, decoding included."""

import csv
import io
import re
from pathlib import Path

from firmware.settings import Settings, SettingsError
from firmware.settings import parse as parse_settings
from gateway import config
from gateway.commands.settle import read_outcomes_file
from gateway.operations.errors import BadInput
from gateway.operations.office import CONFIG_TEXT
from gateway.settlement.rails import OUTCOMES, Instruction
from gateway.settlement.rails.manual import HEADER, OutcomesError, instructions_csv
from gateway.verify import Beside, Known, check, collect_terms
from simulator.sessions import MAX_NAME, MAX_WH, SessionsError, read_sessions
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target, need, scratch, vector_bytes, vectors

_FOLDER = scratch()
_LINE = re.compile(r"line ([0-9]+)\b")
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")


def _file(data: bytes, name: str = "input") -> Path:
    path = _FOLDER / name
    path.write_bytes(data)
    return path


def _names_a_line(error: Exception, data: bytes) -> None:
    said = _LINE.search(str(error))
    need(said is not None, f"names no line: {error}")
    if said is not None:
        most = len(_LINE_ENDS.findall(data)) + 2
        need(1 <= int(said[1]) <= most, f"names a line that is not there: {error}")


def sessions(data: bytes) -> None:
    """Recorded charging sessions."""
    try:
        rows = read_sessions(_file(data))
    except SessionsError as error:
        _names_a_line(error, data)
        return
    need(rows, "no rows and no error")
    for row in rows:
        need(0 <= row.energy_wh <= MAX_WH and row.start <= row.end, "a row out of range")
        need(1 <= len(row.name) <= MAX_NAME and row.name.isprintable(), "a bad name")


def outcomes(data: bytes) -> None:
    """A file of what a rail did, from its bytes."""
    try:
        rows = read_outcomes_file(_file(data))
    except OutcomesError as error:
        _names_a_line(error, data)
        return
    except BadInput as error:
        need(error.field == "file", "names no field")
        return
    ids = [row.instruction_id for row in rows]
    need(len(ids) == len(set(ids)) and all(ids), "an instruction twice, or unnamed")
    for row in rows:
        need(row.outcome in OUTCOMES, "another outcome")
        for text in (row.instruction_id, row.note):
            need("\0" not in text, "U+0000, which no database of ours stores")


def rail_file(data: bytes) -> None:
    """The instructions that the manual rail writes, read again by another program: the same cells,
    and none that a spreadsheet would take for a formula."""
    choices = Choices(data)
    made = [
        Instruction(
            id=f"run-1-{number}",
            run=1,
            account_id=choices.take(6).decode("utf-8", "ignore"),
            account_name=choices.take(choices.byte()).decode("utf-8", "ignore"),
            direction=choices.one_of(("collect", "pay")),
            amount=choices.number(),
            currency="EUR",
            scale=choices.below(19),
        )
        for number in range(choices.below(4))
    ]
    text = instructions_csv(made)
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    need(tuple(rows[0]) == HEADER and len(rows) == len(made) + 1, "another number of rows")
    for row, each in zip(rows[1:], made, strict=True):
        need(len(row) == len(HEADER), "another number of cells")
        need(row[3].removeprefix("'") == each.account_name.removeprefix("'"), "another name")
        whole, _, part = row[5].partition(".")
        need(len(part) == each.scale and int(whole + part) == each.amount, "another amount")
        for cell in row:
            need(cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n"), "a formula")


def gateway_config(data: bytes) -> None:
    """tallystick.toml."""
    _file(data, config.FILE_NAME)
    try:
        found = config.load(_FOLDER)
    except config.ConfigError as error:
        need(str(error), "says nothing")
        return
    need(1 <= found.broker_port <= 65535 and found.payout_cooling >= 0, "out of range")
    need(found.database_shown and found.api_host, "empty")
    need(found.sqlite_path is None or isinstance(found.sqlite_path, Path), "no path")
    try:
        config.read_password(found)
    except config.ConfigError:
        return


def device_settings(data: bytes) -> None:
    """A device's settings.json."""
    try:
        found = parse_settings(data.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return
    except SettingsError as error:
        need(": " in str(error), "names no setting")
        return
    need(isinstance(found, Settings) and len(found.gateway_key) == 32, "no key")
    need(1 <= found.capacity < 2**63 and found.step >= 1, "out of range")


def verifier(data: bytes) -> None:
    """`tallystick verify`: any file, with any lines, gets a verdict, and only what is signed is
    said to verify."""
    choices = Choices(data)
    lines = choices.take(choices.byte()) if choices.below(2) else None
    message = choices.rest()
    verdict = check(message, Known(None, collect_terms([message])), Beside(lines, lines))
    need(verdict.ok or verdict.error, "refused without a word")
    need(not verdict.ok or message in _SIGNED, "verifies, and nobody signed it")


_SIGNED = frozenset(
    bytes.fromhex(case["message"]) for case in vectors("messages")["valid"] if case["by"] == "sign1"
) | frozenset(vector_bytes("payer", "messages"))

_SESSIONS = (
    b"session,connection_start,charging_start,charging_end,energy_kwh,station\n"
    b"a,2018-10-08 13:25:00,2018-10-08 13:25:01,2018-10-08 14:00:00,6.31,CP-1\n"
)
_OUTCOMES = b'instruction,outcome,note\nrun-1-fleet,done,paid\nrun-1-bee,failed,"no, really"\n'
_SETTINGS = (
    b'{"broker_host": "h", "password": "p", "unit": "W.h", "step": 10, "capacity": 1000,'
    b'"gateway_key": "' + b"ab" * 32 + b'"}'
)


def _config_seeds() -> list[bytes]:
    uncommented = CONFIG_TEXT.replace("\n# ", "\n")
    return [
        CONFIG_TEXT.encode(),
        uncommented.encode(),
        b'broker_port = 8883\npayout_cooling = "24h"\napi_port = 0\napi_host = "::1"\n',
        b'database_url = "postgresql://u:p@h:5432/n"\nbroker_password_file = "x"\n',
        b'data = "/x"\nrail = "manual"\napi_public = true\napi_host = "0.0.0.0"\n',
    ]


TARGETS = (
    Target(
        "sessions",
        sessions,
        lambda: [_SESSIONS, b"\xef\xbb\xbf" + _SESSIONS.replace(b"\n", b"\r\n"), _SESSIONS[:70]],
        10_000,
        6_000_000,
    ),
    Target(
        "outcomes", outcomes, lambda: [_OUTCOMES, b"\xef\xbb\xbf" + _OUTCOMES], 10_000, 6_000_000
    ),
    Target("rail_file", rail_file, lambda: [b"\x02", bytes(range(200))], 10_000, 6_000_000),
    Target("gateway_config", gateway_config, _config_seeds, 1_500, 600_000),
    Target("device_settings", device_settings, lambda: [_SETTINGS, b"{}"], 20_000, 50_000_000),
    Target(
        "verifier",
        verifier,
        lambda: [b"\x00" + data for data in sorted(_SIGNED)],
        5_000,
        4_000_000,
    ),
)

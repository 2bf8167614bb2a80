"""`tallystick bench settle`: one settlement run of very many channels, its time and its memory,
beside a loop that posts one channel after another, in one run.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from nacl.signing import SigningKey
from sqlalchemy import Engine, MetaData, Table, create_engine, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from protocol.ids import device_id
from simulator.bench.installation import machine
from simulator.gateway_process import GatewayFailed, tallystick_json

_AT_ONCE = 10_000
_LEAST_FOR_BASELINE = 1_000
_PRICE = 300
_FAR = 2**40
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class _Figures:
    """What one run took: to post and net, and to its end; and what the baseline did."""

    posted_s: float
    seconds: float
    memory_mib: int
    baseline_s: float
    baseline_channels: int


def settle(
    channels: Annotated[int, typer.Option(min=1_000, help="Channels, each owing.")] = 1_000_000,
    owners: Annotated[int, typer.Option(min=2, max=100_000, help="Accounts.")] = 1_000,
    database: Annotated[
        str, typer.Option(help="URL of an empty database (default: SQLite in a folder of its own).")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """One run of many channels: to entries, to net positions, to signed statements.

    The baseline is what an engineer would write first: statements of its own for each channel, two
    postings and the settled mark, in one transaction. It is given a hundredth of the channels.
    """
    try:
        with _installation(database) as (data, engine):
            found = _measure(data, engine, channels, owners)
            dialect = engine.dialect.name
    except (GatewayFailed, SQLAlchemyError, OSError) as error:
        typer.echo(f"bench settle: {error}", err=True)
        raise typer.Exit(1) from None
    report = _report(found, dialect, channels, owners)
    typer.echo(json.dumps(report, indent=2) if as_json else _text(report))


@contextmanager
def _installation(url: str) -> Iterator[tuple[Path, Engine]]:
    """A data folder and its database, with a tariff. Raises GatewayFailed."""
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as name:
        data = Path(name) / "data"
        if url:
            os.environ["TALLYSTICK_DATABASE_URL"] = url
        tallystick_json(data, "init")
        given = ("--price", "0.30", "--per", "1000", "--unit", "W.h", "--capacity", "1000000")
        tallystick_json(data, "tariff", "add", "day", *given)
        plain = url.replace("postgresql://", "postgresql+psycopg://", 1)
        engine = create_engine(plain or f"sqlite:///{data / 'gateway.db'}", hide_parameters=True)
        try:
            yield data, engine
        finally:
            engine.dispose()


def _measure(data: Path, engine: Engine, count: int, owners: int) -> _Figures:
    fewer = max(_LEAST_FOR_BASELINE, count // 100)
    typer.echo(f"opening {count} channels", err=True)
    names = [f"account-{number}" for number in range(owners)]
    _add_owners(engine, names)
    _open(engine, names, count)
    begun = time.perf_counter()
    _one_by_one(engine, fewer)
    baseline = time.perf_counter() - begun
    typer.echo("settling", err=True)
    posted, whole, memory = _run(data, engine)
    with engine.connect() as conn:
        run = _table(engine, "run")
        interval = _table(engine, "interval")
        settled = conn.execute(select(func.count()).select_from(interval)).scalar_one()
        state = conn.execute(select(run.c.state)).scalar_one()
    if (settled, state) != (count, "instructed"):
        raise GatewayFailed(f"the run settled {settled} of {count} channels, and is {state}")
    return _Figures(posted, whole, memory, baseline, fewer)


def _table(engine: Engine, name: str) -> Table:
    return Table(name, MetaData(), autoload_with=engine)


def _add_owners(engine: Engine, names: list[str]) -> None:
    """Accounts, each with a device."""
    accounts = [
        {
            "id": name,
            "name": name,
            "currency": "EUR",
            "scale": 6,
            "credit_limit": 2**62,
            "status": "active",
            "created_at": 1,
        }
        for name in names
    ]
    keys = [bytes(SigningKey(_digest(name.encode())).verify_key) for name in names]
    devices = [
        {
            "id": device_id(key),
            "public_key": key,
            "account_id": name,
            "name": name,
            "status": "active",
            "created_at": 1,
        }
        for name, key in zip(names, keys, strict=True)
    ]
    with engine.begin() as conn:
        conn.execute(insert(_table(engine, "account")), accounts)
        conn.execute(insert(_table(engine, "device")), devices)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _open(engine: Engine, names: list[str], count: int) -> None:
    """Channels that owe something, of messages as long as real ones: a run reads no signature."""
    channel = _table(engine, "channel")
    with engine.connect() as conn:
        tariff = conn.execute(select(_table(engine, "tariff").c.id)).scalar_one()
    ids = [device_id(bytes(SigningKey(_digest(name.encode())).verify_key)) for name in names]
    for start in range(0, count, _AT_ONCE):
        rows = []
        for number in range(start, min(start + _AT_ONCE, count)):
            digest = _digest(number.to_bytes(8, "big"))
            payer = number % len(names)
            units = 1 + digest[0]
            rows.append(
                {
                    "id": digest,
                    "device_id": ids[payer],
                    "payer_account": names[payer],
                    "payee_account": names[(payer + 1 + digest[1] % 3) % len(names)],
                    "tariff_id": tariff,
                    "open_message": digest * 9,
                    "opened_message": digest * 4,
                    "capacity": 2**40,
                    "expires_at": _FAR,
                    "window_units": 10,
                    "serial": 1,
                    "state": "open",
                    "amount": units * _PRICE,
                    "units": units,
                    "iou": digest * 3 + digest[:27],
                    "tick_index": 0,
                    "settled_amount": 0,
                    "settled_units": 0,
                    "opened_at": 5,
                }
            )
        with engine.begin() as conn:
            conn.execute(insert(channel), rows)


def _one_by_one(engine: Engine, count: int) -> None:
    """The baseline; what it did is undone."""
    channel = _table(engine, "channel")
    with engine.connect() as conn:
        conn.execute(
            text("CREATE TEMPORARY TABLE baseline (account VARCHAR NOT NULL, amount BIGINT)")
        )
        posting = text("INSERT INTO baseline VALUES (:account, :amount)")
        for row in conn.execute(select(channel).limit(count)).all():
            conn.execute(posting, {"account": row.payer_account, "amount": row.amount})
            conn.execute(posting, {"account": row.payee_account, "amount": -row.amount})
            conn.execute(
                update(channel)
                .where(channel.c.id == row.id)
                .values(settled_amount=row.amount, settled_units=row.units)
            )
        conn.rollback()


def _run(data: Path, engine: Engine) -> tuple[float, float, int]:
    """Settle; seconds until it was netted and until its end, and the most memory it took in MiB."""
    run = _table(engine, "run")
    command = [sys.executable, "-m", "gateway.cli", "--data", str(data), "settle"]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    posted = 0.0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if not posted:
            with engine.connect() as conn:
                states = conn.execute(select(run.c.state)).scalars().all()
            if states and states[0] != "posting":
                posted = time.perf_counter() - begun
        if pid:
            break
        time.sleep(_LOOK_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise GatewayFailed(f"tallystick settle ended with status {process.returncode}")
    return posted, time.perf_counter() - begun, usage.ru_maxrss // 1024


def _report(found: _Figures, dialect: str, channels: int, owners: int) -> dict[str, object]:
    per_second = channels / found.posted_s
    baseline = found.baseline_channels / found.baseline_s
    return {
        **machine(),
        "database": dialect,
        "channels": channels,
        "accounts": owners,
        "posted_seconds": round(found.posted_s, 1),
        "seconds": round(found.seconds, 1),
        "posted_per_second": round(per_second),
        "baseline_per_second": round(baseline),
        "ratio": round(per_second / baseline, 1),
        "peak_memory_mib": found.memory_mib,
    }


def _text(report: dict[str, object]) -> str:
    return "\n".join(
        [
            f"{report['machine']}; {report['versions']}",
            f"{report['database']}, {report['channels']} channels, {report['accounts']} accounts:",
            f"  posted and netted {report['posted_seconds']} s, all done {report['seconds']} s",
            f"  posted    {report['posted_per_second']} channels/s",
            f"  baseline  {report['baseline_per_second']} channels/s",
            f"  ratio     {report['ratio']}",
            f"  memory    {report['peak_memory_mib']} MiB at most",
        ]
    )

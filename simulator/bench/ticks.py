"""`tallystick bench ticks`: ticks accepted and durable a second, against signed IOUs, the baseline,
and what paho-mqtt can receive at all, in one run."""

import json
import statistics
import subprocess
import sys
import time
from typing import Annotated

import typer

from simulator.bench import subjects
from simulator.bench.installation import Parts, installation, machine
from simulator.bench.loader import LoadError, Result, Stream, run
from simulator.bench.subjects import Payer
from simulator.broker import BrokerError
from simulator.gateway_process import GatewayFailed
from tallystick import ApiError

_KINDS = ("ticks", "ious", "baseline")
_IOUS_A_SECOND = 20_000
_TICKS_A_SECOND = 80_000
"""Prepared beforehand, more than any machine so far took."""
_FLOOD_SECONDS = 3.0


def ticks(
    devices: Annotated[int, typer.Option(min=1, max=1000, help="Devices, one channel each.")] = 500,
    outstanding: Annotated[int, typer.Option(min=1, max=100, help="Unanswered, each device.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Length of one measurement.")] = 4.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each kind.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Ticks accepted and durable a second, beside IOUs, the baseline, and mere receiving."""
    try:
        report = _measure(devices, outstanding, seconds, rounds)
    except (LoadError, BrokerError, GatewayFailed, ApiError, OSError) as error:
        typer.echo(f"bench ticks: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(report, indent=2) if as_json else _text(report))


def _measure(devices: int, outstanding: int, seconds: float, rounds: int) -> dict[str, object]:
    found: dict[str, list[Result]] = {kind: [] for kind in _KINDS}
    with installation(devices) as parts:
        for number in range(rounds):
            typer.echo(f"round {number + 1}", err=True)
            for kind in ("ticks", "ious"):
                found[kind].append(_gateway(parts, kind, outstanding, seconds))
        parts.gateway.stop()
        received = [_flood(parts) for _ in range(rounds)]
        for _ in range(rounds):
            found["baseline"].append(_baseline(parts, outstanding, seconds))
    rates = {kind: statistics.median(each.rate for each in found[kind]) for kind in _KINDS}
    latencies = sorted(each for result in found["ticks"] for each in result.latencies)
    return {
        **machine(),
        "devices": devices,
        "outstanding": outstanding,
        "ticks_per_second": round(rates["ticks"]),
        "ack_ms_median": round(statistics.median(latencies) * 1000, 1),
        "ack_ms_p99": round(latencies[int(len(latencies) * 0.99)] * 1000, 1),
        "ious_per_second": round(rates["ious"]),
        "baseline_per_second": round(rates["baseline"]),
        "received_per_second": round(statistics.median(received)),
        "ticks_to_ious": round(rates["ticks"] / rates["ious"], 1),
        "ticks_to_baseline": round(rates["ticks"] / rates["baseline"], 1),
        "ticks_to_received": round(rates["ticks"] / statistics.median(received), 2),
    }


def _count(per_second: int, seconds: float, devices: int, outstanding: int) -> int:
    return int(per_second * seconds / devices) + outstanding + 1


def _gateway(parts: Parts, kind: str, outstanding: int, seconds: float) -> Result:
    connection = subjects.connect(parts.data, parts.broker)
    try:
        opened = subjects.open_channels(connection, parts.key, parts.payers)
        streams = _streams(opened, kind, outstanding, seconds)
        return run(connection, streams, subjects.gateway_ack, outstanding, seconds)
    finally:
        connection.close()


def _streams(opened: list[Payer], kind: str, outstanding: int, seconds: float) -> list[Stream]:
    if kind == "ticks":
        count = _count(_TICKS_A_SECOND, seconds, len(opened), outstanding)
        return [subjects.tick_stream(payer, count) for payer in opened]
    count = _count(_IOUS_A_SECOND, seconds, len(opened), outstanding)
    return [subjects.gateway_stream(payer, count) for payer in opened]


def _baseline(parts: Parts, outstanding: int, seconds: float) -> Result:
    connection = subjects.connect(parts.data, parts.broker)
    try:
        count = _count(_IOUS_A_SECOND, seconds, len(parts.payers), outstanding)
        streams = [subjects.baseline_stream(payer, count) for payer in parts.payers]
        with subjects.baseline(parts.data, parts.broker):
            return run(connection, streams, subjects.baseline_ack, outstanding, seconds)
    finally:
        connection.close()


def _flood(parts: Parts) -> float:
    """Messages a second that paho-mqtt takes from a broker that is never empty."""
    packets = [subjects.tick_stream(payer, 2).packets[1] for payer in parts.payers]
    burst = b"".join(packets)
    command = [sys.executable, "-m", "simulator.bench.receiver", parts.broker.host]
    command += [str(parts.broker.port), subjects.password(parts.data)]
    connection = subjects.connect(parts.data, parts.broker)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        if child.stdin is None or child.stdout is None or child.stdout.readline() != "ready\n":
            raise LoadError("the receiver did not start")
        until = time.perf_counter() + _FLOOD_SECONDS
        while time.perf_counter() < until:
            connection.send(burst)
            connection.flush()
        time.sleep(0.5)  # what the broker still holds
        child.stdin.write("\n")
        child.stdin.flush()
        count, elapsed = child.stdout.readline().split()
    connection.close()
    return int(count) / float(elapsed)


def _text(report: dict[str, object]) -> str:
    lines = [f"{report['machine']}; {report['versions']}"]
    lines.append(f"{report['devices']} devices, {report['outstanding']} outstanding each:")
    names = ("ticks", "ious", "baseline", "received")
    lines += [f"  {name:9} {report[f'{name}_per_second']:7} a second" for name in names]
    lines.append(
        f"  ack of a tick: {report['ack_ms_median']} ms median, {report['ack_ms_p99']} p99"
    )
    lines.append(
        f"  ticks are {report['ticks_to_ious']} times signed IOUs, {report['ticks_to_baseline']} "
        f"times the baseline, {report['ticks_to_received']} of mere receiving"
    )
    return "\n".join(lines)

"""`tallystick bench`: the gateway against a baseline, by one load generator, in one run."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from simulator.bench import settle, subjects, ticks
from simulator.bench.installation import installation, machine
from simulator.bench.loader import LoadError, Result, run
from simulator.bench.subjects import Payer
from simulator.broker import Broker, BrokerError
from simulator.gateway_process import GatewayFailed
from tallystick import ApiError

app = typer.Typer(add_completion=False)

_WINDOWS = (1, 10)
_PREPARED = {1: 2_500, 10: 12_000}
"""IOUs signed beforehand for each device and second of load, more than any machine so far took."""
_MEMORY_DEVICES = 250
_PER_DEVICE = 8
_MEMORY_IOUS = 200


@dataclass
class Figures:
    """All results of one window: gateway's and baseline's, round by round."""

    gateway: list[Result]
    baseline: list[Result]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        pairs = zip(self.gateway, self.baseline, strict=True)
        return statistics.median(one.rate / other.rate for one, other in pairs)


app.command("ticks")(ticks.ticks)
app.command("settle")(settle.settle)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    devices: Annotated[int, typer.Option(min=1, max=1000, help="Devices, one channel each.")] = 100,
    seconds: Annotated[float, typer.Option(min=1, help="Length of one measurement.")] = 4.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each kind.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Accepted and durable IOUs a second, and their latency, against a baseline in the same run.

    The baseline is what an engineer would write in an afternoon: a paho callback, JSON, one
    verification and one SQLite commit a message, an ack. Figures are medians of the rounds; trust
    the ratios more than the absolute numbers, which are those of this machine today.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        figures, iou_bytes, memory = _measure(devices, seconds, rounds)
    except (LoadError, BrokerError, GatewayFailed, ApiError, OSError) as error:
        typer.echo(f"bench: {error}", err=True)
        raise typer.Exit(1) from None
    report = _report(figures, devices, iou_bytes, memory)
    typer.echo(json.dumps(report, indent=2) if as_json else _text(report))


def _measure(devices: int, seconds: float, rounds: int) -> tuple[dict[int, Figures], int, float]:
    figures = {window: Figures([], []) for window in _WINDOWS}
    with installation(devices) as parts:
        data, broker, payers, key = parts.data, parts.broker, parts.payers, parts.key
        for number in range(rounds):
            for window, found in figures.items():
                typer.echo(f"round {number + 1}, {window} outstanding", err=True)
                found.gateway.append(_gateway(data, broker, payers, key, window, seconds))
        parts.gateway.stop()
        for _ in range(rounds):
            for window, found in figures.items():
                found.baseline.append(_baseline(data, broker, payers, window, seconds))
        iou = subjects.gateway_stream(Payer(payers[0].seed, payers[0].id, bytes(32)), 1)
    topic = len(iou.ack_topic.replace(b"/down/ack", b"/up/iou"))
    size = len(iou.packets[0]) - topic - 2 - 3
    return figures, size, _memory()


def _gateway(
    data: Path, broker: Broker, payers: list[Payer], key: bytes, window: int, seconds: float
) -> Result:
    connection = subjects.connect(data, broker)
    try:
        opened = subjects.open_channels(connection, key, payers)
        count = int(_PREPARED[window] * seconds / len(payers) * 10) + window
        streams = [subjects.gateway_stream(payer, count) for payer in opened]
        return run(connection, streams, subjects.gateway_ack, window, seconds)
    finally:
        connection.close()


def _baseline(
    data: Path, broker: Broker, payers: list[Payer], window: int, seconds: float
) -> Result:
    connection = subjects.connect(data, broker)
    try:
        count = int(_PREPARED[1] * seconds / len(payers) * 10) + window
        streams = [subjects.baseline_stream(payer, count) for payer in payers]
        with subjects.baseline(data, broker):
            return run(connection, streams, subjects.baseline_ack, window, seconds)
    finally:
        connection.close()


def _memory() -> float:
    """KiB of the gateway's memory for each open channel that it has at hand."""
    with installation(_MEMORY_DEVICES) as parts:
        connection = subjects.connect(parts.data, parts.broker)
        try:
            opened = subjects.open_channels(connection, parts.key, parts.payers)
            streams = [subjects.gateway_stream(payer, _MEMORY_IOUS) for payer in opened]
            run(connection, streams, subjects.gateway_ack, 1, 0.5)
            before = subjects.resident_kib(parts.gateway)
            for _ in range(_PER_DEVICE - 1):
                opened = subjects.open_channels(connection, parts.key, parts.payers)
                streams = [subjects.gateway_stream(payer, _MEMORY_IOUS) for payer in opened]
                run(connection, streams, subjects.gateway_ack, 1, 0.5)
            after = subjects.resident_kib(parts.gateway)
        finally:
            connection.close()
    return (after - before) / (_MEMORY_DEVICES * (_PER_DEVICE - 1))


def _side(results: list[Result]) -> dict[str, float]:
    latencies = sorted(each for result in results for each in result.latencies)
    return {
        "ious_per_second": round(statistics.median(result.rate for result in results)),
        "ack_ms_median": round(statistics.median(latencies) * 1000, 1),
        "ack_ms_p99": round(latencies[int(len(latencies) * 0.99)] * 1000, 1),
    }


def _report(
    figures: dict[int, Figures], devices: int, iou_bytes: int, memory: float
) -> dict[str, object]:
    return {
        **machine(),
        "devices": devices,
        "iou_bytes": iou_bytes,
        "memory_per_channel_kib": round(memory, 1),
        "outstanding": {
            str(window): {
                "gateway": _side(found.gateway),
                "baseline": _side(found.baseline),
                "ratio": round(found.ratio, 1),
            }
            for window, found in figures.items()
        },
    }


def _text(report: dict[str, object]) -> str:
    lines = [f"{report['machine']}; {report['versions']}"]
    lines.append(f"signed IOU: {report['iou_bytes']} bytes")
    lines.append(f"memory of an open channel: {report['memory_per_channel_kib']} KiB")
    outstanding = report["outstanding"]
    if isinstance(outstanding, dict):
        for window, found in outstanding.items():
            lines.append(f"{report['devices']} devices, {window} outstanding each:")
            for side in ("gateway", "baseline"):
                one = found[side]
                lines.append(
                    f"  {side:9} {one['ious_per_second']:7} IOUs/s   "
                    f"ack {one['ack_ms_median']} ms median, {one['ack_ms_p99']} ms p99"
                )
            lines.append(f"  ratio     {found['ratio']:7}")
    return "\n".join(lines)

"""Traces of the hot path: a served gateway, a real broker, a device that pays, and a collector that
speaks OTLP over HTTP; and that nobody pays for it who has not asked for it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway import config, serve, tracing
from gateway.config import ConfigError
from gateway.tracing import Tracing
from tests.cli.tallystick import ROOT, environment
from tests.cli.test_serve import SECONDS, Device, added, initialised, serving
from tests.ingest.parties import gateway_in
from tests.listening import Quiet, listening
from tests.services import Served

HEAVY = ("opentelemetry.sdk", "opentelemetry.exporter", "gateway.tracing")
STEPS = ["receive", "decode", "verify", "commit", "ack"]


class Collector:
    """What was sent to it, in order."""

    def __init__(self) -> None:
        self.url = ""
        self.raw = b""
        self.requests: list[ExportTraceServiceRequest] = []

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        self.raw += body
        self.requests.append(ExportTraceServiceRequest.FromString(body))

    @property
    def services(self) -> set[str]:
        return {
            attribute.value.string_value
            for request in self.requests
            for each in request.resource_spans
            for attribute in each.resource.attributes
            if attribute.key == "service.name"
        }

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for each in request.resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    found = Collector()

    class Handler(Quiet):
        def do_POST(self) -> None:
            found.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

    with listening(Handler) as port:
        found.url = f"http://127.0.0.1:{port}"
        yield found


def _channels(span: Span) -> list[str]:
    return [
        event.attributes[0].value.string_value
        for event in span.events
        if event.name == "mark raised"
    ]


def test_a_payment_is_one_trace_from_its_message_to_its_ack(broker: Served) -> None:
    cli = initialised(broker)
    with collector() as collected:
        traced = {
            "TALLYSTICK_TRACING": "true",
            "TALLYSTICK_TRACING_ENDPOINT": collected.url,
            "OTEL_SERVICE_NAME": "meters-north",
        }
        with serving(cli, broker, **traced) as (process, _url):
            made = added(cli)
            device = Device(broker, made["mqtt"]["password"], bytes.fromhex(made["gateway_key"]))
            terms = device.opened()
            device.paid(terms, 100)
            device.client.disconnect()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=SECONDS) == 0
    assert collected.services == {"meters-north"}
    channel = terms.channel_id().hex()
    (paid,) = [span for span in collected.spans if channel[:8] in _channels(span)]
    assert paid.name == "batch"
    beneath = [span for span in collected.spans if span.parent_span_id == paid.span_id]
    beneath.sort(key=lambda span: span.start_time_unix_nano)
    assert [span.name for span in beneath] == STEPS
    assert {span.trace_id for span in beneath} == {paid.trace_id}
    for before, after in pairwise(beneath):
        assert before.end_time_unix_nano <= after.start_time_unix_nano
    assert paid.start_time_unix_nano == beneath[0].start_time_unix_nano
    assert paid.end_time_unix_nano >= beneath[-1].end_time_unix_nano
    # An open has a signature and a transaction of its own.
    opened = [
        span
        for span in collected.spans
        if any(each.key == "tallystick.messages.open" for each in span.attributes)
    ]
    assert len(opened) == 1
    told = collected.raw
    for secret in (device.id, channel, "fleet", made["mqtt"]["password"]):
        assert secret.encode() not in told
        if len(secret) == 64:
            assert bytes.fromhex(secret) not in told


def test_the_collector_may_be_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    gateway = gateway_in(tmp_path)
    party = gateway.device()
    channel = party.opened()
    followed = tracing.begin("http://127.0.0.1:9")
    gateway.context.spans = followed
    message = party.iou(channel, 7)
    with followed.batch([message], 0):
        gateway.take(message)
    assert gateway.mark(channel)[1] == 7
    # What it can't send it gives up.
    followed.close()
    gateway.store.close()


def test_what_fails_in_a_batch_is_told_by_its_type_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = InMemorySpanExporter()
    gateway = gateway_in(tmp_path)
    party = gateway.device()
    channel = party.opened()
    followed = gateway.context.spans = Tracing(SimpleSpanProcessor(kept))
    message = party.iou(channel, 5)
    gateway.context.directory.forget()
    with gateway.store.write() as conn:
        conn.exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE ON channel BEGIN SELECT RAISE(ABORT, 'secret'); END"
        )
    with pytest.raises(Exception, match="secret"), followed.batch([message], 0):
        gateway.take(message)
    followed.close()
    gateway.store.close()
    by_name = {span.name: span for span in kept.get_finished_spans()}
    assert by_name["verify"].status.is_ok or by_name["verify"].status.is_unset
    assert by_name["commit"].status.description == "IntegrityError"
    assert "secret" not in "".join(span.to_json() for span in by_name.values())


def test_what_is_not_sampled_and_what_is_no_batch_makes_no_span(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = InMemorySpanExporter()
    gateway = gateway_in(tmp_path)
    party = gateway.device()
    gateway.context.spans = Tracing(SimpleSpanProcessor(kept))
    channel = party.opened()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    followed = gateway.context.spans = Tracing(SimpleSpanProcessor(kept))
    message = party.iou(channel, 5)
    with followed.batch([message], 0):
        gateway.take(message)
    assert gateway.mark(channel)[1] == 5
    gateway.store.close()
    assert kept.get_finished_spans() == ()


def test_nothing_of_it_is_loaded_where_it_is_off() -> None:
    look = "import gateway.serve, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment(),
    )
    loaded = done.stdout.split()
    assert "gateway.serve" in loaded
    assert not [name for name in loaded if name.startswith(HEAVY)]


def test_it_names_the_extra_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gateway.tracing")
    monkeypatch.delattr("gateway.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"tallystick\[tracing\]"):
        serve._traced(config.load(tmp_path, tracing=True))

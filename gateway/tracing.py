"""Traces of the hot path, as OpenTelemetry has them, sent by OTLP over HTTP.

A trace is a batch, since a batch is what is verified and committed together: the span `batch`
begins when its first message came and ends when all of it is answered. Beneath it are `receive`
(until the batch was taken), `decode`, `verify`, `commit` and `ack`, the middle ones as often as
they were done. MQTT 3.1.1 has no place for a trace's context, so no device begins one.

Imported only where tracing is on: it needs the extra `tallystick[tracing]`.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from gateway.ingest.inbox import Received
from protocol.topics import UP_KINDS

_SERVICE = "tallystick-gateway"
_SHOWN = 32
"""Most channels that a span names."""
_PREFIX = 8
"""How many hex digits of a channel's id a span holds: enough to find it by, too few to be it."""


class Tracing:
    """The spans of one process. What it may tell is in `gateway.ingest.spans`."""

    def __init__(self, processor: SpanProcessor) -> None:
        # What OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say counts before our name.
        named = Resource.create()
        if str(named.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            named = named.merge(Resource({SERVICE_NAME: _SERVICE}))
        self._provider = TracerProvider(resource=named)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("tallystick.ingest")

    @contextmanager
    def batch(self, messages: Sequence[Received], since: int) -> Iterator[None]:
        """All that is done with a batch, from when the first of it came."""
        taken = time.time_ns()
        came = taken - (time.monotonic_ns() - since)
        with self._span("batch", SpanKind.CONSUMER, came) as span:
            if span.is_recording():
                span.set_attributes(_of(messages))
                self._tracer.start_span("receive", start_time=came).end(taken)
            yield

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step of the batch at hand; nothing between batches, or where it is not sampled."""
        if not trace.get_current_span().is_recording():
            yield
            return
        with self._span(name):
            yield

    def raised(self, channel_ids: Iterable[bytes]) -> None:
        """Name the channels whose marks were raised, or the first of them."""
        span = trace.get_current_span()
        if span.is_recording():
            for each in islice(channel_ids, _SHOWN):
                span.add_event("mark raised", {"tallystick.channel": each.hex()[:_PREFIX]})

    def close(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, start: int | None = None
    ) -> Iterator[Span]:
        """A span beneath the one at hand. Of an error only its type is told: a text may hold what
        was to be written."""
        with self._tracer.start_as_current_span(
            name,
            kind=kind,
            start_time=start,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise


def begin(endpoint: str) -> Tracing:
    """Tracing that sends to the collector at this URL, or where the variables OTEL_EXPORTER_OTLP_*
    say if it is empty. Sampling, limits and batching go by OTEL_* as well."""
    url = f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None
    return Tracing(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))


def _of(messages: Sequence[Received]) -> dict[str, str | int]:
    kinds = Counter(each.topic.rpartition("/")[2] for each in messages)
    return {
        "messaging.system": "mqtt",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": len(messages),
        **{
            f"tallystick.messages.{kind}": count
            for kind, count in kinds.items()
            if kind in UP_KINDS
        },
    }

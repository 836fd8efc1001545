"""Spans to an OpenTelemetry collector, by its own libraries (the extra `otel`) and variables.

Spans wait in a bounded queue for a thread that sends them in batches; what does not fit is dropped,
so that a receiver that hangs costs no request anything. At the end of the process that thread has
END_SECONDS for the last batch.
"""

import atexit
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from monitoring.tracing import spans
from monitoring.tracing.spans import NO_SPAN, Kind, Value

T = TypeVar("T")
END_SECONDS = 2.0
_KINDS = {
    Kind.INTERNAL: SpanKind.INTERNAL,
    Kind.SERVER: SpanKind.SERVER,
    Kind.CLIENT: SpanKind.CLIENT,
}


def start() -> None:
    """Record spans from now on, and send them where the standard variables say."""
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    ending = _Ending(provider)
    ending.start()
    atexit.register(ending.end)
    spans.use(Recorder(provider.get_tracer("tollgate")))


def _resource() -> Resource:
    """What the variables say of this process; named `tollgate` where they give it no name."""
    stated = Resource.create()
    if str(stated.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return stated.merge(Resource({SERVICE_NAME: "tollgate"}))
    return stated


class _Ending(threading.Thread):
    """Sends what is left when the process ends; no thread can be started then any more."""

    def __init__(self, provider: TracerProvider) -> None:
        super().__init__(name="end of tracing", daemon=True)
        self._provider, self._is_wanted = provider, threading.Event()

    def run(self) -> None:
        self._is_wanted.wait()
        self._provider.shutdown()

    def end(self) -> None:
        self._is_wanted.set()
        self.join(END_SECONDS)


class Recording:
    """A span that is recorded."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: Mapping[str, Value], *, failed: bool = False) -> None:
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(Status(StatusCode.ERROR))


class Recorder:
    """Records spans with a tracer of OpenTelemetry."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def span(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        *,
        caller: Mapping[str, str] | None,
        only_within: bool,
    ) -> AbstractContextManager[spans.Span]:
        if only_within and not trace.get_current_span().get_span_context().is_valid:
            return NO_SPAN
        # A request never continues what its thread did before.
        parent = None if caller is None else propagate.extract(caller, context.Context())
        return self._recorded(name, _KINDS[kind], attributes, parent)

    @contextmanager
    def _recorded(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, Value],
        parent: context.Context | None,
    ) -> Iterator[spans.Span]:
        # The message of an error may hold values, so that only its kind is recorded.
        with self._tracer.start_as_current_span(
            name,
            parent,
            kind,
            attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            recording = Recording(span)
            try:
                yield recording
            except BaseException as error:
                recording.note({"error.type": type(error).__name__}, failed=True)
                raise

    def trace_id(self) -> str:
        found = trace.get_current_span().get_span_context()
        return trace.format_trace_id(found.trace_id) if found.is_valid else ""

    def bound(self, function: Callable[[], T]) -> Callable[[], T]:
        outer = context.get_current()

        def within() -> T:
            token = context.attach(outer)
            try:
                return function()
            finally:
                context.detach(token)

        return within

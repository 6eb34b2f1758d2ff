"""Traces for OpenTelemetry, if the extra `otel` is installed and something collects them. A leaf, like `metrics`.

OpenTelemetry reads its own variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER` …). Without the packages or
without an endpoint every function here does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import structlog

try:
    from opentelemetry import trace as _installed
except ImportError:
    _trace: Any = None
else:
    _trace = _installed

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

log = structlog.get_logger(__name__)

_NAME = "mlc_service"
# probes would be most of what is collected
_NOT_TRACED = "healthz,readyz,metrics"
# two for each request that say nothing
_NO_SPANS: list[Any] = ["receive", "send"]


class Instrumentable(Protocol):
    """A database that tools may listen to, such as `store.units.Units`."""

    def instrument(self, instrument: Callable[[Any], object]) -> None: ...


Note = Callable[[str, str], None]


@contextmanager
def span(name: str, **facts: str | int | None) -> Iterator[Note]:
    """What is done within the block is one span with these facts; the block is given a way to note more of them."""
    if _trace is None:
        yield lambda _name, _value: None
        return
    known = {f"mlc.{fact}": value for fact, value in facts.items() if value is not None}
    with _trace.get_tracer(_NAME).start_as_current_span(name, attributes=known) as current:
        yield lambda fact, value: current.set_attribute(f"mlc.{fact}", value)


def current_ids() -> Mapping[str, str]:
    """`trace_id` and `span_id` of the span that is active, if there is one."""
    if _trace is None:
        return {}
    context = _trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def start_tracing(
    role: str,
    *,
    is_wanted: bool,
    version: str,
    app: Any = None,
    units: Instrumentable | None = None,
    exporter: SpanExporter | None = None,
) -> ExitStack:
    """Requests to `app`, statements of `units`, Celery's messages and jobs are traced from now on.

    Once a process, in a process that was forked after the fork; before `app` answers its first request. `is_wanted` is
    `Settings.traces`; `exporter` takes the place of the one that sends to the endpoint. Closing what this answers ends
    tracing, with all spans sent or given up after the exporter's time-out.
    """
    ending = ExitStack()
    if not is_wanted:
        return ending
    try:
        provider = _provider(role, version, exporter)
        ending.callback(provider.shutdown)
        _instrument(provider, app, units, ending)
    except ImportError as missing:
        log.warning("tracing_unavailable", missing=missing.name, remedy="pip install 'mlc-service[otel]'")
    return ending


def _provider(role: str, version: str, exporter: SpanExporter | None) -> Any:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    named = {"service.namespace": "mlc", "service.name": f"mlc-{role}", "service.version": version}
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win
    provider = TracerProvider(resource=Resource.create(named).merge(OTELResourceDetector().detect()))
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter()) if exporter is None else SimpleSpanProcessor(exporter)
    )
    trace.set_tracer_provider(provider)
    return provider


def _instrument(provider: Any, app: Any, units: Instrumentable | None, ending: ExitStack) -> None:
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
    from opentelemetry.metrics import get_meter

    CeleryInstrumentor().instrument(tracer_provider=provider)
    ending.callback(CeleryInstrumentor().uninstrument)
    if app is not None:
        FastAPIInstrumentor.instrument_app(
            app, tracer_provider=provider, excluded_urls=_NOT_TRACED, exclude_spans=_NO_SPANS
        )
    if units is not None:
        # not `SQLAlchemyInstrumentor`: it declares SQLAlchemy < 2.1, imports the asyncio part, which needs greenlet,
        # and changes SQLAlchemy for the whole process, where one engine is enough
        usage = get_meter(_NAME).create_up_down_counter("db.client.connections.usage", "connections")
        units.instrument(lambda engine: EngineTracer(provider.get_tracer(_NAME), engine, usage))
        ending.callback(EngineTracer.remove_all_event_listeners)

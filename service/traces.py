"""Traces by OpenTelemetry, where SNAAR_TRACES asks for them: a span a request and one a stage in it, with counts, never text.

Spans are made when a request has been answered, from what is told of it in the log too. Where they go, with what sampling and under
what name is said by the standard variables, such as OTEL_EXPORTER_OTLP_ENDPOINT; they are sent by a thread of its own.
"""

import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.types import Scope

from service.errors import SetupError
from service.seen import Seen

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

NANO = 1_000_000_000


class Traces:
    """What makes spans, and what sends them."""

    def __init__(self, provider: "TracerProvider") -> None:
        self.provider = provider
        self.tracer = provider.get_tracer("snaar", version("snaar"))

    @classmethod
    def open(cls) -> "Traces":
        """Send by OTLP over HTTP; raises SetupError where the extra is not installed."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise SetupError("SNAAR_TRACES needs the otel extra: pip install 'snaar[otel]'") from error
        ours = Resource({"service.name": "snaar", "service.version": version("snaar")})
        provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def close(self) -> None:
        """Send what is left."""
        self.provider.shutdown()

    def request(self, method: str, route: str, seen: Seen, scope: Scope) -> None:
        """The spans of a request that has been answered: `method` and `route` are names of our own."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        end = time.time_ns()
        start = end - int(seen.whole * NANO)
        span = self.tracer.start_span(
            f"{method} {route}",
            context=_parent(scope),
            kind=SpanKind.SERVER,
            start_time=start,
            attributes=_told(method, route, seen),
        )
        if seen.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        if seen.asked:
            self._stages(span, seen, start + int((seen.asked - seen.began) * NANO))
        span.end(end)

    def _stages(self, request: "Span", seen: Seen, start: int) -> None:
        """Waiting, then the steps end to end: of a request in several batches the time of all together."""
        from opentelemetry.trace import set_span_in_context

        within = set_span_in_context(request)
        for name, seconds in {"queue": seen.waited, **vars(seen.steps)}.items():
            span = self.tracer.start_span(name, context=within, start_time=start)
            start += int(seconds * NANO)
            span.end(start)


def _told(method: str, route: str, seen: Seen) -> dict[str, str | int]:
    told: dict[str, str | int | None] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": seen.status,
        "error.type": seen.error_type,
        "snaar.request_id": seen.id,
        "snaar.key": seen.key,
        "snaar.model": seen.model,
        "snaar.reviews": seen.reviews,
        "snaar.tokens": seen.tokens,
    }
    return {name: value for name, value in told.items() if value is not None}


def _parent(scope: Scope):  # type: ignore[no-untyped-def]
    """The caller's span, from `traceparent`, which is hexadecimal; `tracestate` may hold anything and is left out."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    given = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
    return TraceContextTextMapPropagator().extract({"traceparent": given})

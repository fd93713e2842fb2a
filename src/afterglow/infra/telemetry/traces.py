"""Traces, if the settings name a collector: spans around requests, arrivals of files, and runs of steps.

The SDK and the exporter are an extra (`requirements/traces.in`): without a collector nothing of them is loaded, and a
span costs a look at a variable.
"""

import contextlib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from afterglow.kernel.errors import UnavailableError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_PATH: Final = "/v1/traces"


class TracesNotInstalledError(UnavailableError):
    """The setting otlp_endpoint is set, but what sends traces is not installed: requirements/traces.lock."""

    code = "traces.not-installed"


@dataclass(slots=True)
class _Tracing:
    """Where spans go; like logging, it is the process's."""

    tracer: "Tracer | None" = None


_tracing = _Tracing()


class RequestSpan:
    """The span of a request, which learns its name when the request has been routed."""

    def __init__(self, span: "Span | None" = None) -> None:
        self._span = span

    def name_after(self, name: str, status: int) -> None:
        """Give the span its final name and the answer's status."""
        if self._span is None:
            return
        self._span.update_name(name)
        self._span.set_attribute("http.response.status_code", status)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _mark_failed(self._span, f"HTTP {status}")


_NO_SPAN: Final = RequestSpan()


def configure_traces(process: str, endpoint: str, version: str) -> None:
    """Send this process's spans to a collector; an empty endpoint sends none.

    Args:
        process: Name of the process, which becomes the service's name.
        endpoint: Base address of an OTLP collector that speaks HTTP, such as http://127.0.0.1:4318.
        version: Of the program.

    Raises:
        TracesNotInstalledError: The packages that send are not installed.
    """
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (an extra)
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise TracesNotInstalledError from error
    resource = Resource.create({"service.name": f"afterglow-{process}", "service.version": version})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _PATH)))
    use_tracer(provider.get_tracer("afterglow", version))


def use_tracer(tracer: "Tracer | None") -> None:
    """Let spans be made by this tracer; by none if there is none."""
    _tracing.tracer = tracer


@contextlib.contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Put a span around what happens inside; an error that passes marks it as failed.

    Args:
        name: Of the kind of work; what it is done to are attributes.
        attributes: Ids and numbers.
    """
    if _tracing.tracer is None:
        yield
        return
    named = {f"afterglow.{key}": value for key, value in attributes.items()}
    with _tracing.tracer.start_as_current_span(name, attributes=named):
        yield


@contextlib.contextmanager
def server_span(scope: MutableMapping[str, Any]) -> Iterator[RequestSpan]:
    """Put a span around a request (an ASGI scope), as a child of the caller's if it names one (W3C traceparent)."""
    if _tracing.tracer is None:
        yield _NO_SPAN
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 (nothing of it is loaded without a collector)
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    parent = TraceContextTextMapPropagator().extract(_headers_of(scope))
    with _tracing.tracer.start_as_current_span(str(scope["method"]), parent, SpanKind.SERVER) as made:
        made.set_attribute("http.request.method", str(scope["method"]))
        yield RequestSpan(made)


def _headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _mark_failed(made: "Span", reason: str) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    made.set_status(StatusCode.ERROR, reason)

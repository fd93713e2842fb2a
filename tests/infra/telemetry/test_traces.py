"""Traces: nothing without a collector; with one, spans that hang together."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from afterglow.infra.telemetry import traces
from afterglow.infra.telemetry.traces import TracesNotInstalledError, configure_traces, span
from factories.pictures import jpeg
from factories.product import Person, Product
from factories.sending import sent

pytestmark = pytest.mark.req("ADM-2")


class Told(NonRecordingSpan):
    """A span that remembers what it was told."""

    def __init__(self, name: str, number: int, trace_id: int, parent_id: int | None) -> None:
        super().__init__(SpanContext(trace_id, number, is_remote=False, trace_flags=TraceFlags(1)))
        self.name = name
        self.parent_id = parent_id
        self.attributes: dict[str, Any] = {}
        self.status: Any = None

    def update_name(self, name: str) -> None:
        self.name = name

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.status = (status, description)


class Tracer:
    """Makes spans, and keeps them."""

    def __init__(self) -> None:
        self.spans: list[Told] = []

    @contextmanager
    def start_as_current_span(self, name: str, context: Any = None, *_: Any, attributes: Any = None) -> Iterator[Told]:
        parent = trace.get_current_span(context).get_span_context()
        number = len(self.spans) + 1
        made = Told(name, number, parent.trace_id or number, parent.span_id or None)
        made.attributes |= attributes or {}
        self.spans.append(made)
        with trace.use_span(made):
            yield made

    def named(self, name: str) -> Told:
        (found,) = [made for made in self.spans if made.name == name]
        return found


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    made = Tracer()
    traces.use_tracer(made)
    yield made
    traces.use_tracer(None)


async def test_a_request_is_a_span_named_by_its_route(tracer: Tracer, product: Product) -> None:
    async with product.client() as client:
        await client.get("/api/servers/info", params={"secret": "word"})
    (made,) = tracer.spans
    assert made.name == "GET /api/servers/info"
    assert made.attributes == {"http.request.method": "GET", "http.response.status_code": 200}
    assert (made.parent_id, made.status) == (None, None)


async def test_a_caller_s_trace_goes_on_here(tracer: Tracer, product: Product) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with product.client(traceparent=parent) as client:
        await client.get("/api/servers/info")
    (made,) = tracer.spans
    assert made.get_span_context().trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert made.parent_id == 0xB7AD6B7169203331


async def test_the_arrival_of_a_file_belongs_to_its_request(tracer: Tracer, ana: Person, product: Product) -> None:
    await sent(ana, jpeg(1))
    request, arrival = tracer.named("POST /api/upload"), tracer.named("ingest")
    assert arrival.parent_id == request.get_span_context().span_id
    assert set(arrival.attributes) == {"afterglow.upload_id"}
    await product.work()
    assert {made.attributes["afterglow.step"] for made in tracer.spans if made.name == "step"} == {"derive", "sidecar"}


async def test_a_failing_request_is_a_failed_span(
    tracer: Tracer, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("afterglow.features.admin.service.check_health", breaks)
    async with product.client() as client:
        await client.get("/api/health/ready")
    (made,) = tracer.spans
    assert made.status == (trace.StatusCode.ERROR, "HTTP 500")


def test_without_a_collector_a_span_is_nothing() -> None:
    with span("step", step="derive"):
        assert not trace.get_current_span().get_span_context().is_valid


def test_without_a_collector_nothing_of_the_exporter_is_loaded() -> None:
    code = (
        "import sys; from afterglow.infra.telemetry.traces import configure_traces, span\n"
        "configure_traces('http', '', '1')\n"
        "with span('step'): pass\n"
        "sys.exit(any(name.startswith(('opentelemetry', 'requests', 'google')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(importlib.util.find_spec("opentelemetry.sdk") is not None, reason="the extra is installed here")
def test_a_collector_without_the_extra_says_what_to_install() -> None:
    with pytest.raises(TracesNotInstalledError, match=r"requirements/traces\.lock"):
        configure_traces("http", "http://127.0.0.1:4318", "1")

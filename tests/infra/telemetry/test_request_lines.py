"""The one line that is logged for each request."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import structlog
from structlog.testing import LogCapture

from afterglow.kernel.ids import new_id
from factories.pictures import jpeg
from factories.product import Person, Product
from factories.sending import sent

pytestmark = pytest.mark.req("ADM-2")


@contextmanager
def captured() -> Iterator[LogCapture]:
    """What is logged meanwhile, with what is bound to the context."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.reset_defaults()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, capture],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=False,
    )
    try:
        yield capture
    finally:
        structlog.configure(**before)


async def line_of(client: httpx.AsyncClient, method: str, path: str, **request: object) -> dict[str, object]:
    """The line of a request."""
    with captured() as capture:
        await client.request(method, path, **request)
    lines = [entry for entry in capture.entries if entry["event"] == "request"]
    assert len(lines) == 1, capture.entries
    return lines[0]


async def test_a_request_is_one_line_with_ids_and_no_path(ana: Person, product: Product) -> None:
    photo_id = await sent(ana, jpeg(1))
    line = await line_of(ana.http, "GET", f"/api/photos/{photo_id}", params={"secret": "word"})
    assert (line["log_level"], line["method"], line["route"]) == ("info", "GET", "/api/photos/{photo_id}")
    assert (line["status"], line["photo_id"], line["user_id"]) == (200, photo_id, str(ana.account.id))
    assert re.fullmatch(r"[0-9a-f]{32}", str(line["request_id"]))
    assert float(line["duration_ms"]) > 0
    assert int(line["sent_bytes"]) > 100
    assert "word" not in json.dumps(line)


async def test_an_upload_tells_its_bytes(ana: Person) -> None:
    content = jpeg(1)
    line = await line_of(ana.http, "POST", "/api/upload", files={"file": ("secret-name.jpg", content)})
    assert int(line["received_bytes"]) > len(content)
    assert "secret-name" not in json.dumps(line)


async def test_a_password_is_in_no_line(product: Product, ana: Person) -> None:
    with captured() as capture:
        body = {"email": ana.account.email, "password": "a wrong password"}
        assert (await product.client().post("/api/auth/login", json=body)).status_code == 401
    said = json.dumps(capture.entries, default=str)
    assert "request" in said
    assert "a wrong password" not in said
    assert ana.account.email not in said


async def test_a_request_of_nobody_names_nobody(product: Product) -> None:
    async with product.client() as client:
        line = await line_of(client, "GET", "/api/photos")
    assert line["status"] == 401
    assert "user_id" not in line


async def test_what_is_not_routed_is_logged_without_its_path(product: Product) -> None:
    async with product.client() as client:
        line = await line_of(client, "GET", f"/api/{new_id()}/a-secret-token")
    assert line["status"] == 404
    assert "a-secret-token" not in json.dumps(line)


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("/api/health/live", "debug"),
        ("/metrics", "debug"),
        ("/api/photos/01970000-0000-7000-8000-000000000000/thumbnail", "debug"),
        ("/api/timeline", "info"),
        ("/api/servers/info", "info"),
    ],
)
async def test_what_is_asked_for_all_the_time_is_said_quietly(ana: Person, path: str, level: str) -> None:
    assert (await line_of(ana.http, "GET", path))["log_level"] == level


async def test_a_failure_is_never_quiet(ana: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("afterglow.features.derivatives.service.find_preview", breaks)
    line = await line_of(ana.http, "GET", f"/api/photos/{new_id()}/preview")
    assert (line["status"], line["log_level"]) == (500, "info")


async def test_lines_of_a_run_say_what_they_belong_to(ana: Person, product: Product) -> None:
    photo_id = await sent(ana, jpeg(1))
    with captured() as capture:
        await product.work()
    ends = [entry for entry in capture.entries if entry["event"] == "step ended"]
    assert {(entry["step"], entry["result"], entry["attempt"]) for entry in ends} == {
        ("derive", "done", 1),
        ("sidecar", "done", 1),
    }
    for entry in ends:
        assert entry["photo_id"] == photo_id
        assert {"run_id", "duration_ms"} <= set(entry)

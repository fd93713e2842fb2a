"""Errors on the wire."""

import inspect
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel

from afterglow.infra.web import problems
from afterglow.infra.web.problems import STATUSES, problem_from
from afterglow.kernel import errors as kernel_errors
from afterglow.kernel.errors import (
    AfterglowError,
    ConflictError,
    LimitReachedError,
    NotFoundError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)


class OffsetError(ConflictError):
    """The upload goes on elsewhere."""

    code = "upload.offset-mismatch"


class ExpiredError(ConflictError):
    """Too old."""

    code = "feed.cursor-expired"


class BareError(AfterglowError):
    """Something odd."""

    code = "odd"


class Body(BaseModel):
    photo_ids: list[int]
    name: str


ERRORS: dict[str, Exception] = {
    "offset": OffsetError(offset=42, upload_id=UUID(int=7)),
    "expired": ExpiredError(),
    "bare": BareError(),
    "bug": RuntimeError("the secret of the database"),
    "http": HTTPException(403, "not here"),
    "anonymous": UnauthenticatedError(),
}


def make_app() -> FastAPI:
    app = FastAPI()
    problems.install(app, {ExpiredError: 410})

    @app.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise ERRORS[name]

    @app.post("/body")
    async def take(body: Body, limit: Annotated[int, Query(le=500)] = 1) -> None:
        del body, limit

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("NotFoundError", 404),
        ("ConflictError", 409),
        ("InvalidError", 422),
        ("UnsupportedTypeError", 415),
        ("UnauthenticatedError", 401),
        ("ForbiddenError", 403),
        ("LimitReachedError", 422),
        ("TooLargeError", 413),
        ("TooManyRequestsError", 429),
        ("StorageFullError", 507),
        ("UnavailableError", 503),
        ("CorruptError", 422),
        ("AfterglowError", 500),
    ],
)
def test_each_error_of_the_tree_has_its_status(name: str, status: int) -> None:
    error = getattr(kernel_errors, name)()
    assert problem_from(error).status_code == status
    assert problem_from(type("Derived", (type(error),), {})()).status_code == status


def test_no_class_of_the_tree_was_forgotten() -> None:
    classes = {kind for _, kind in inspect.getmembers(kernel_errors, inspect.isclass) if issubclass(kind, Exception)}
    assert classes == set(STATUSES)


async def test_a_problem_has_the_members_of_the_standard_and_the_fields_that_help(client) -> None:
    answer = await client.get("/raise/offset")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The upload goes on elsewhere.",
        "code": "upload.offset-mismatch",
        "instance": "/raise/offset",
        "offset": 42,
        "uploadId": str(UUID(int=7)),
    }


async def test_a_class_may_have_a_status_of_its_own(client) -> None:
    answer = await client.get("/raise/expired")
    assert (answer.status_code, answer.json()["code"]) == (410, "feed.cursor-expired")


async def test_fields_can_not_replace_the_standard_members() -> None:
    body = problem_from(NotFoundError("gone", status=200, title="fine", type="x")).body
    assert b'"status":404' in body
    assert b"fine" not in body


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (TooManyRequestsError(retry_after=7), "7"),
        (TooManyRequestsError(retry_after=timedelta(seconds=6.2)), "7"),
        (TooManyRequestsError(retry_after=0), "1"),
        (UnavailableError(), "10"),
    ],
)
def test_later_says_when(error: AfterglowError, seconds: str) -> None:
    answer = problem_from(error)
    assert answer.headers["retry-after"] == seconds
    assert f'"retryAfter":{seconds}'.encode() in answer.body


def test_other_limits_do_not_ask_to_come_back() -> None:
    assert "retry-after" not in problem_from(LimitReachedError()).headers


async def test_who_is_nobody_is_told_how_to_prove_it(client) -> None:
    answer = await client.get("/raise/anonymous")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_unexpected_error_leaks_nothing(client) -> None:
    answer = await client.get("/raise/bug")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text


async def test_an_error_of_no_kind_is_ours(client) -> None:
    answer = await client.get("/raise/bare")
    assert (answer.status_code, answer.json()["code"]) == (500, "odd")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/body", 405, "method-not-allowed"),
        ("GET", "/raise/http", 403, "forbidden"),
    ],
)
async def test_the_frameworks_errors_are_problems_too(client, method: str, path: str, status: int, code: str) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_names_the_right_ones(client) -> None:
    assert (await client.delete("/body")).headers["allow"] == "POST"


async def test_an_invalid_request_names_its_fields_without_echoing_them(client) -> None:
    answer = await client.post("/body?limit=501", json={"photo_ids": [1, "SECRET"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert {error["field"] for error in answer.json()["errors"]} == {"limit", "photo_ids.1", "name"}
    assert "SECRET" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{nonsense", b"[]", b'"text"'])
async def test_what_is_no_json_object_is_the_bodys_fault(client, body: bytes) -> None:
    answer = await client.post("/body", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["body"]


def test_the_document_knows_problems_and_not_the_frameworks_shape() -> None:
    app = make_app()
    document = app.openapi()
    assert document is app.openapi()
    operation = document["paths"]["/body"]["post"]
    assert set(operation["responses"]) == {"200", "default"}
    content = operation["responses"]["default"]["content"]
    assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert {"Problem", "FieldError"} <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in str(document)

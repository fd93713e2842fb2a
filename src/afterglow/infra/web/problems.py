"""Errors on the wire: RFC 9457 problems with a stable `code`, and the one table from our errors to statuses."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import to_jsonable_python
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from afterglow.infra.web.problem_schema import describe_problems
from afterglow.kernel.errors import (
    AfterglowError,
    ConflictError,
    CorruptError,
    ForbiddenError,
    InvalidError,
    LimitReachedError,
    NotFoundError,
    StorageFullError,
    TooLargeError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedTypeError,
)

Statuses = Mapping[type[AfterglowError], int]

STATUSES: Statuses = {
    NotFoundError: 404,
    ConflictError: 409,
    InvalidError: 422,
    UnsupportedTypeError: 415,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    LimitReachedError: 422,
    TooLargeError: 413,
    TooManyRequestsError: 429,
    StorageFullError: 507,
    UnavailableError: 503,
    CorruptError: 422,
    AfterglowError: 500,
}
"""The nearest class of an error's ancestry counts."""

RETRY_AFTER_S = 10  # where the error does not know better
CHALLENGE = 'Bearer realm="afterglow"'
CLIENT_CLOSED_REQUEST = 499  # nobody reads it; nginx's number for the same

# Names of RFC 9110; those of `http.HTTPStatus` changed with Python 3.13.
_TITLES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content", 499: "Client Closed"}
_TITLES |= {460: "Checksum Mismatch"}  # of tus 1.0
_CODES = {400: "request.invalid", 413: "too-large", 415: "unsupported-type", 401: "unauthenticated"}

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """One field of a request that is not as it should be."""

    field: str = Field(description="Path of the field, such as `photoIds.3`; `body` for the whole.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """An error, as of RFC 9457; what helps with its code (`offset`, `limit`, `retryAfter`, …) stands beside these."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", description="Always `about:blank`: the code says more.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, for a person.")
    code: str = Field(description="What happened, for a program; stable.", examples=["upload.offset-mismatch"])
    instance: str | None = Field(None, description="Path of the request.")
    errors: list[FieldError] | None = Field(None, description="The fields that are wrong, with `request.invalid`.")


class ProblemResponse(JSONResponse):
    """An answer of type `application/problem+json`."""

    media_type = "application/problem+json"

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        fields: Mapping[str, object] | None = None,
        instance: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Make the answer.

        Args:
            status: HTTP status.
            code: Stable code.
            detail: Sentence for a person.
            fields: What helps beside the code; names become camelCase, and can't replace the standard members.
            instance: Path of the request.
            headers: More headers.
        """
        helpful = {to_camel(name): value for name, value in (fields or {}).items()}
        standard = {
            "type": "about:blank",
            "title": title_of(status),
            "status": status,
            "detail": detail,
            "code": code,
        }
        content = helpful | standard | ({"instance": instance} if instance else {})
        super().__init__(to_jsonable_python(content, fallback=str), status_code=status, headers=dict(headers or {}))


def title_of(status: int) -> str:
    """Return a status in words."""
    try:
        return _TITLES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem_from(
    error: AfterglowError, *, instance: str | None = None, statuses: Statuses | None = None
) -> ProblemResponse:
    """Return the answer to one of our errors.

    Args:
        error: The error; its field `retry_after` (seconds, or a timedelta) also becomes the header.
        instance: Path of the request.
        statuses: More of the table, such as 410 for a cursor that is too old; wins over `STATUSES` for its classes.
    """
    status = _status_of(type(error), {**STATUSES, **(statuses or {})})
    fields = dict(error.fields)
    headers: dict[str, str] = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        fields["retry_after"] = _whole_seconds(fields.get("retry_after", RETRY_AFTER_S))
        headers["Retry-After"] = str(fields["retry_after"])
    return ProblemResponse(status, error.code, error.message, fields=fields, instance=instance, headers=headers)


def _status_of(kind: type[AfterglowError], statuses: Statuses) -> int:
    return next(statuses[base] for base in kind.__mro__ if base in statuses)


def _whole_seconds(wait: object) -> int:
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(str(wait))
    return max(1, -int(-seconds // 1))


def install(app: FastAPI, statuses: Statuses | None = None) -> None:
    """Let an application answer every error with a problem, and say so in its OpenAPI document.

    Args:
        app: The application.
        statuses: Statuses of error classes that differ from their ancestors' in `STATUSES`.
    """

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, AfterglowError)  # noqa: S101 - registered for this class
        problem = problem_from(error, instance=request.url.path, statuses=statuses)
        if problem.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request.refused-unclassified", code=error.code, exc_info=error)
        return problem

    app.add_exception_handler(AfterglowError, refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)
    describe_problems(app, Problem)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    errors = [{"field": _field_of(issue["loc"]), "message": issue["msg"]} for issue in error.errors()]
    detail = "; ".join(f"{issue['field']}: {issue['message']}" for issue in errors[:3])
    return ProblemResponse(422, "request.invalid", detail, fields={"errors": errors}, instance=request.url.path)


def _field_of(location: Sequence[str | int]) -> str:
    """Return a field's path in the request; the input itself is not echoed."""
    first, *rest = location or ("request",)
    if first == "body" and (not rest or (len(rest) == 1 and isinstance(rest[0], int))):
        return "body"  # not JSON at all: the number is a position in the text
    return ".".join(str(part) for part in rest) or str(first)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    title = title_of(error.status_code)
    code = _CODES.get(error.status_code) or title.lower().replace(" ", "-")
    return ProblemResponse(error.status_code, code, str(error.detail), instance=request.url.path, headers=error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    del error
    log.info("request.client-gone", path=request.url.path)
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
    detail = "Something went wrong here; the server's log says what."
    return ProblemResponse(500, "internal", detail, instance=request.url.path)

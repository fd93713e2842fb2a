"""Problems in the OpenAPI document: one component, named by every operation, instead of FastAPI's own error shapes."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

_REFERENCE = {"$ref": "#/components/schemas/Problem"}
PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "A problem (RFC 9457); `code` says which.",
    "content": {"application/problem+json": {"schema": _REFERENCE}},
}
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def describe_problems(app: FastAPI, model: type[BaseModel]) -> None:
    """Make the application's OpenAPI document name the problem as the default answer of each operation."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _rewrite(generate(), model)
        return generate()  # FastAPI keeps the document that was rewritten

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to change the document


def _rewrite(document: dict[str, Any], model: type[BaseModel]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                _name_problem(operation["responses"])


def _name_problem(responses: dict[str, Any]) -> None:
    invalid = str(responses.get("422", ""))
    if any(name in invalid for name in _FASTAPIS_OWN):
        del responses["422"]
    responses.setdefault("default", PROBLEM_RESPONSE)

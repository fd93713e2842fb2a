"""Hands routes what bootstrap chose: typed, explicit, per application."""

from typing import Any, TypeVar

from fastapi import Depends, FastAPI, Request

T = TypeVar("T")


def provide(app: FastAPI, *parts: object) -> None:
    """Make these parts available to the application's routes, each under its own type."""
    known: dict[type, object] = getattr(app.state, "provided", {})
    app.state.provided = known | {type(part): part for part in parts}


def provided(request: Request, kind: type[T]) -> T:
    """Return the part of this type that bootstrap provided; asking for one that it did not is a programming error."""
    part: T = request.app.state.provided[kind]
    return part


def Provided(kind: type[T]) -> Any:  # noqa: N802 - used as a marker, like FastAPI's Depends
    """Return a dependency on the provided part of this type, for use in `Annotated`."""

    # FastAPI would send a plain function to a thread, which costs more than many a route does.
    async def find(request: Request) -> T:
        return provided(request, kind)

    return Depends(find)

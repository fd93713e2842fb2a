"""What the tests of accounts share."""

import asyncpg
from fastapi import Request
from fastapi.responses import JSONResponse

from afterglow.features.accounts.service import Client, WantedAccount
from afterglow.kernel.errors import (
    AfterglowError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooManyRequestsError,
    UnauthenticatedError,
)
from afterglow.kernel.principal import Role

STATUSES = {
    NotFoundError: 404,
    ConflictError: 409,
    InvalidError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    TooManyRequestsError: 429,
}
LAPTOP = Client(address="192.0.2.7", user_agent="Laptop/1.0")


class Backdoor:
    """Changes rows as the owner of the tables: time that passed, things that an administrator did."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def run(self, sql: str, *args: object) -> None:
        await self._connection.execute(sql, *args)

    async def value(self, sql: str, *args: object) -> object:
        return await self._connection.fetchval(sql, *args)


async def answer_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AfterglowError)
    (status,) = [status for kind, status in STATUSES.items() if isinstance(error, kind)]
    return JSONResponse({"code": error.code, **error.fields}, status)


def password_of(name: str) -> str:
    return f"{name} likes long walks"


def wanted(name: str, role: Role = Role.MEMBER) -> WantedAccount:
    return WantedAccount(email=f"{name}@example.org", name=name.title(), password=password_of(name), role=role)

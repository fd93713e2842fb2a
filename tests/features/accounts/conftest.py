"""A server of its own for each test, claimed or not, and a browser-like client of its routes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from accounts_kit import LAPTOP, password_of, wanted
from fastapi import FastAPI

from afterglow.entry.http.authenticator import HttpAuthenticator
from afterglow.features.accounts import service
from afterglow.features.accounts.routes import routers
from afterglow.features.accounts.service import Account, AccountPorts, NodeFacts, OpenedSession, ServerStart
from afterglow.infra.crypto.keys import ServerKeys
from afterglow.infra.crypto.passwords import Argon2Cost, Passwords
from afterglow.infra.db.database import Database
from afterglow.infra.web import problems
from afterglow.infra.web.auth import Authentication
from afterglow.infra.web.provide import provide


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(Argon2Cost(memory_kib=64, passes=1, lanes=1))


@pytest.fixture
async def started(database: Database, tmp_path: Path) -> ServerStart:
    return await database.run((), lambda tx: service.ensure_server(tx, tmp_path))


@pytest.fixture
def ports(started: ServerStart, passwords: Passwords, tmp_path: Path) -> AccountPorts:
    return AccountPorts.build(
        node=NodeFacts(role="home", version="1.2.3"),
        server_id=started.server_id,
        keys=ServerKeys.load_or_create(tmp_path / "secrets"),
        access_token_life=timedelta(minutes=15),
        session_life=timedelta(days=60),
        data_dir=tmp_path,
        passwords=passwords,
    )


@pytest.fixture
async def anna(database: Database, passwords: Passwords) -> Account:
    return await service.create_user(database, passwords, wanted("anna"))


@pytest.fixture
async def session(database: Database, ports: AccountPorts, anna: Account) -> OpenedSession:
    return await service.log_in(database, ports, anna.email, password_of("anna"), LAPTOP)


@pytest.fixture
async def http(database: Database, ports: AccountPorts) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    for router in routers:
        app.include_router(router)
    provide(app, database, ports, Authentication(HttpAuthenticator(database, ports, b"a secret for signed URLs")))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://photos.example") as client:
        yield client

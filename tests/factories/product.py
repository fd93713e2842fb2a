"""The product without its processes: its parts, its routes, and a worker that is run by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
from fastapi import FastAPI

from afterglow import bootstrap
from afterglow.bootstrap import Node
from afterglow.config import Settings
from afterglow.entry.http.app import build_app
from afterglow.entry.http.authenticator import HttpAuthenticator
from afterglow.entry.worker.runner import StepRunner
from afterglow.features.accounts import service as accounts
from afterglow.features.accounts.service import Account, AccountPorts, WantedAccount
from afterglow.features.pipeline.rules import DEFINITIONS, StepDefinition
from afterglow.features.pipeline.tasks import StepWork
from afterglow.features.steps import service as steps
from afterglow.infra.crypto.passwords import Argon2Cost, Passwords
from afterglow.infra.web.auth import Authentication
from afterglow.infra.web.provide import provide
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role

CHEAP_PASSWORDS = Passwords(Argon2Cost(memory_kib=64, passes=1, lanes=1))
PASSWORD = "correct horse battery"


@dataclass
class Person:
    """An account, and a client that is logged in with it."""

    account: Account
    http: httpx.AsyncClient

    @property
    def principal(self) -> Principal:
        return Principal(self.account.id, Role(self.account.role), ALL_SCOPES)


@dataclass
class Product:
    """A node with its application; steps run when `work` is called."""

    node: Node
    app: FastAPI
    steps: dict[StepDefinition, StepWork]

    def client(self, **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://afterglow.test", headers=headers)

    async def person(self, name: str) -> Person:
        """Make an account and log in."""
        wanted = WantedAccount(email=f"{name}@example.org", name=name.title(), password=PASSWORD)
        account = await accounts.create_user(self.node.database, CHEAP_PASSWORDS, wanted)
        client = self.client()
        answer = await client.post("/api/auth/login", json={"email": wanted.email, "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
        return Person(account, client)

    def runner(self, *, lease: timedelta = timedelta(seconds=30), max_attempts: int = 3) -> StepRunner:
        return StepRunner(self.node.database, self.steps, lease=lease, max_attempts=max_attempts)

    async def work(self) -> int:
        """Run all due steps until none is left; return how many ran."""
        runner, count = self.runner(), 0
        while due := await self._list_due():
            for definition, photo_id in due:
                await runner.handle(definition, photo_id)
                count += 1
        return count

    async def _list_due(self) -> list[tuple[StepDefinition, object]]:
        async with self.node.database.transaction([], read_only=True) as tx:
            return [
                (definition, due.photo_id)
                for definition in DEFINITIONS.values()
                for due in await steps.list_due(tx, definition.name, 100)
            ]


@asynccontextmanager
async def open_product(settings: Settings) -> AsyncIterator[Product]:
    """Open a product on a migrated database and a new data folder."""
    async with bootstrap.open_node(settings, "test", max_connections=8) as node:
        await node.store.initialise()
        await node.spool.initialise()
        await node.database.run([], lambda tx: accounts.ensure_server(tx, settings.data_dir))
        parts = await bootstrap.http_parts(node)
        account_ports = next(part for part in parts if isinstance(part, AccountPorts))
        authenticator = HttpAuthenticator(node.database, account_ports, node.keys.secret_for(bootstrap.SIGNED_URLS))
        app = build_app()
        provide(app, *parts, Authentication(authenticator))
        async with bootstrap.open_worker(node) as worker:
            yield Product(node, app, dict(worker.steps))

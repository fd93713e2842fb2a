"""An administrator, and jobs in every state."""

from collections.abc import AsyncIterator

import pytest

from afterglow.features.accounts import service as accounts
from afterglow.features.accounts.models import WantedAccount
from afterglow.kernel.principal import Role
from factories.product import CHEAP_PASSWORDS, PASSWORD, Person, Product


@pytest.fixture
async def root(product: Product) -> AsyncIterator[Person]:
    """An administrator who is logged in."""
    wanted = WantedAccount(email="root@example.org", name="Root", password=PASSWORD, role=Role.ADMIN)
    account = await accounts.create_user(product.node.database, CHEAP_PASSWORDS, wanted)
    client = product.client()
    answer = await client.post("/api/auth/login", json={"email": wanted.email, "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
    yield Person(account, client)
    await client.aclose()

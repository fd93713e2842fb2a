"""Health: whether the node can work, part by part."""

import asyncio
from typing import Any

import pytest

from afterglow.features.admin.service import health
from afterglow.features.admin.service.health import HealthPorts
from afterglow.infra.db.errors import DatabaseAwayError
from afterglow.infra.storage.room import DiskUsage
from afterglow.infra.web.provide import provide
from afterglow.kernel.units import GIB
from factories.product import Product


async def ask(product: Product) -> tuple[int, str, dict[str, dict[str, Any]]]:
    async with product.client() as anybody:
        answer = await anybody.get("/api/health/ready")
    body = answer.json()
    return answer.status_code, body["status"], {part["name"]: part for part in body["parts"]}


@pytest.mark.req("ADM-2")
async def test_a_node_is_alive_and_ready(product: Product) -> None:
    async with product.client() as anybody:
        live = await anybody.get("/api/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    status, verdict, parts = await ask(product)
    assert (status, verdict) == (200, "ok"), parts
    assert set(parts) == {"database", "schema", "originals", "spool", "disk"}
    assert all(part["ok"] and part["problem"] is None for part in parts.values())


@pytest.mark.req("ADM-2")
async def test_it_says_which_part_is_ill_and_no_more(product: Product) -> None:
    store, spool = product.node.store.root, product.node.spool.root
    store.rename(store.with_name("away"))
    spool.rename(spool.with_name("gone"))
    status, verdict, parts = await ask(product)
    assert (status, verdict) == (503, "ill")
    assert {name for name, part in parts.items() if not part["ok"]} == {"originals", "spool", "disk"}
    assert parts["originals"]["problem"]
    # Anybody may ask: no paths.
    assert str(product.node.settings.data_dir) not in str(parts)


@pytest.mark.req("ADM-2")
async def test_a_database_that_is_away_or_behind_is_told(product: Product) -> None:
    node = product.node

    async def behind() -> bool:
        return False

    provide(product.app, HealthPorts(node.database, node.store, node.spool, behind))
    _, _, parts = await ask(product)
    assert [name for name, part in parts.items() if not part["ok"]] == ["schema"]

    async def away() -> bool:
        raise DatabaseAwayError("10.0.0.7 refuses")

    provide(product.app, HealthPorts(node.database, node.store, node.spool, away))
    status, _, parts = await ask(product)
    assert (status, parts["schema"]["ok"], parts["database"]["ok"]) == (503, False, True)
    assert "10.0.0.7" not in str(parts)


@pytest.mark.req("ADM-2")
async def test_a_part_that_hangs_is_ill_and_hides_no_other(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> bool:
        await asyncio.sleep(3600)
        return True

    monkeypatch.setattr(health, "_ANSWER_WITHIN_S", 0.05)
    node = product.node
    provide(product.app, HealthPorts(node.database, node.store, node.spool, hang))
    _, _, parts = await ask(product)
    assert parts["schema"]["ok"] is False
    assert "no answer" in parts["schema"]["problem"]


@pytest.mark.req("ADM-2", "STO-5")
async def test_a_full_disk_is_told_and_is_no_reason_to_ask_nobody(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterglow.infra.storage.spool.disk_usage", lambda _: DiskUsage(1000 * GIB, GIB))
    status, verdict, parts = await ask(product)
    assert (status, verdict) == (200, "ill")
    assert [name for name, part in parts.items() if not part["ok"]] == ["disk"]
    assert "no room" in parts["disk"]["problem"]

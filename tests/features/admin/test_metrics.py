"""`/metrics`: who may have them, and what they tell."""

import re
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import afterglow
from afterglow import bootstrap
from afterglow.config import Settings
from afterglow.features.admin.service import RunLedger, may_scrape
from afterglow.features.admin.tasks import ReportWorker, TakeMeasures
from afterglow.infra.db.errors import DatabaseAwayError
from afterglow.infra.telemetry.catalogue import CATALOGUE
from afterglow.infra.telemetry.counts import Counts
from afterglow.kernel.ids import RunId, new_id
from factories.pictures import jpeg
from factories.product import Person, Product, open_product
from factories.sending import sent

pytestmark = pytest.mark.req("ADM-2")
TOKEN = "a token of some length"
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """All samples of an answer, as Prometheus' own parser reads them."""
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"twice: {key}"
            samples[key] = sample.value
    return samples


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def scrape(product: Product) -> Samples:
    """What this machine is told."""
    async with product.client() as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return read(answer.text)


def from_elsewhere(product: Product, address: str = "192.0.2.7", **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(product.app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://afterglow.test", headers=headers)


class TestWho:
    @pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
    async def test_this_machine_is_told(self, product: Product, address: str) -> None:
        async with from_elsewhere(product, address) as client:
            assert (await client.get("/metrics")).status_code == 200

    @pytest.mark.req("P-5")
    @pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.7"])
    async def test_another_machine_is_not(self, product: Product, address: str) -> None:
        async with from_elsewhere(product, address) as client:
            refused = await client.get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (403, "metrics.forbidden")

    @pytest.mark.req("P-5")
    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
    async def test_a_proxy_on_this_machine_speaks_for_another(self, product: Product, header: str) -> None:
        async with from_elsewhere(product, "127.0.0.1", **{header: "1.1 there"}) as client:
            assert (await client.get("/metrics")).status_code == 403

    async def test_the_token_opens_from_everywhere_and_no_other_does(self, settings: Settings) -> None:
        settings.data_dir.mkdir()
        settings = settings.model_copy(update={"metrics_token": type(settings.metrics_token)(TOKEN)})
        async with open_product(settings) as product, from_elsewhere(product) as client:
            for shown, status in ((f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200), (f"Basic {TOKEN}", 403)):
                assert (await client.get("/metrics", headers={"Authorization": shown})).status_code == status
            for shown in ("Bearer", "Bearer ", "Bearer another", f"Bearer {TOKEN}x"):
                assert (await client.get("/metrics", headers={"Authorization": shown})).status_code == 403

    def test_no_token_in_the_settings_is_no_token_that_opens(self) -> None:
        assert not may_scrape("192.0.2.7", "", "", is_forwarded=False)
        assert not may_scrape("192.0.2.7", None, "", is_forwarded=False)
        assert not may_scrape("a name", None, "", is_forwarded=False)

    def test_a_local_socket_is_this_machine(self) -> None:
        assert may_scrape(None, None, "", is_forwarded=False)


class TestWhat:
    async def test_everything_of_the_catalogue_is_told_and_nothing_else(self, ana: Person, product: Product) -> None:
        await sent(ana, jpeg(1))
        async with product.client() as client:
            text = (await client.get("/metrics")).text
        told = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))
        assert told == {metric.name: metric.kind.value for metric in CATALOGUE}

    async def test_requests_are_told_by_route_and_status_class(self, ana: Person, product: Product) -> None:
        content = jpeg(1)
        photo_id = await sent(ana, content)
        await ana.http.get(f"/api/photos/{photo_id}")
        await ana.http.get(f"/api/photos/{new_id()}")
        samples = await scrape(product)
        name = "afterglow_http_request_duration_seconds_count"
        assert value(samples, name, method="POST", route="/api/upload", status="2xx") == 1
        assert value(samples, name, method="GET", route="/api/photos/{photo_id}", status="2xx") == 1
        assert value(samples, name, method="GET", route="/api/photos/{photo_id}", status="4xx") == 1
        received = value(samples, "afterglow_http_received_bytes_total", route="/api/upload")
        assert received is not None
        assert received > len(content)

    async def test_labels_don_t_grow_with_what_is_asked_for(self, ana: Person, product: Product) -> None:
        for _ in range(20):
            await ana.http.get(f"/api/photos/{new_id()}")
            await ana.http.get(f"/no/such/{new_id()}")
            await ana.http.request("BREW", "/api/photos")
        routes = {dict(labels).get("route") for _, labels in await scrape(product)}
        assert len(routes) < 10
        methods = {dict(labels).get("method") for _, labels in await scrape(product)}
        assert methods <= {None, "GET", "POST", "other"}

    async def test_queues_are_told_as_the_administration_shows_them(
        self, root: Person, ana: Person, product: Product
    ) -> None:
        await sent(ana, jpeg(1))
        await root.http.post("/api/admin/queues/sidecar/pause")
        samples = await scrape(product)
        assert value(samples, "afterglow_queue_waiting", step="derive") == 1
        assert value(samples, "afterglow_queue_paused", step="derive") == 0
        assert value(samples, "afterglow_queue_paused", step="sidecar") == 1
        age = value(samples, "afterglow_queue_oldest_due_seconds", step="derive")
        assert age is not None
        assert age >= 0
        await product.work()
        assert value(await scrape(product), "afterglow_queue_waiting", step="derive") == 0

    async def test_the_worker_s_counts_are_added_to_those_of_http(self, product: Product) -> None:
        counts = Counts()
        ledger = RunLedger(counts)
        ports = replace(bootstrap.admin_ports(product.node, "worker"), counts=counts)
        report = ReportWorker(ports, ledger)
        run_id = RunId(new_id())
        ledger.begin(run_id)
        ledger.end(run_id, "derive", "done")
        await report()
        samples = await scrape(product)
        assert value(samples, "afterglow_step_duration_seconds_count", step="derive", result="done") == 1
        assert value(samples, "afterglow_workers") == 1
        again = await scrape(product)
        assert value(again, "afterglow_step_duration_seconds_count", step="derive", result="done") == 1

    async def test_a_process_does_not_count_itself_twice(self, product: Product) -> None:
        name, labels = "afterglow_http_request_duration_seconds_count", {"method": "GET", "route": "/metrics"}
        assert value(await scrape(product), name, **labels, status="2xx") is None
        assert value(await scrape(product), name, **labels, status="2xx") == 1
        assert value(await scrape(product), name, **labels, status="2xx") == 2

    async def test_lookups_of_derivatives_are_hits_and_misses(self, ana: Person, product: Product) -> None:
        photo_id = await sent(ana, jpeg(1))
        assert (await ana.http.get(f"/api/photos/{photo_id}/preview")).status_code == 404
        await product.work()
        for _ in range(2):
            assert (await ana.http.get(f"/api/photos/{photo_id}/thumbnail")).status_code == 200
        samples = await scrape(product)
        assert value(samples, "afterglow_derivative_lookups_total", result="miss") == 1
        assert value(samples, "afterglow_derivative_lookups_total", result="hit") == 2

    async def test_disk_build_photos_and_schedules_are_told(self, ana: Person, product: Product) -> None:
        await sent(ana, jpeg(1))
        await TakeMeasures(product.node.database)()
        samples = await scrape(product)
        assert value(samples, "afterglow_build_info", version=afterglow.__version__) == 1
        assert value(samples, "afterglow_disk_free_bytes") <= value(samples, "afterglow_disk_size_bytes")
        assert value(samples, "afterglow_photos", status="INGESTED") == 1
        assert value(samples, "afterglow_schedule_failing", schedule="sweep-uploads") == 0
        assert value(samples, "afterglow_database_up") == 1
        assert value(samples, "afterglow_database_size_bytes") > 0

    async def test_without_the_database_what_the_process_knows_is_told_all_the_same(
        self, ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await sent(ana, jpeg(1))

        async def away(*_: object, **__: object) -> None:
            raise DatabaseAwayError

        monkeypatch.setattr(type(product.node.database), "run", away)
        samples = await scrape(product)
        assert value(samples, "afterglow_database_up") == 0
        name = "afterglow_http_request_duration_seconds_count"
        assert value(samples, name, method="POST", route="/api/upload", status="2xx") == 1

"""Eviction of derivatives: what goes, when, and how it comes back."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow import bootstrap
from afterglow.config import Settings
from afterglow.features.derivatives.rules import FOLDER_DEPTH, CacheBounds, folder_of, plan_eviction
from afterglow.features.derivatives.tasks import EvictDerivatives
from afterglow.infra.storage.room import DiskUsage
from afterglow.kernel.ids import PhotoId, UserId, new_id
from afterglow.kernel.units import GIB
from factories.pictures import jpeg
from factories.product import Person, Product
from factories.sending import sent

pytestmark = pytest.mark.req("DER-3", "STO-5")
TODAY = date(2026, 5, 10)
UNBOUNDED = CacheBounds(0, 30)

usages = st.dictionaries(st.integers(0, 90).map(lambda days: TODAY - timedelta(days=days)), st.integers(1, 10**9))


def freed_by(plan: object, by_day: dict[date, int]) -> int:
    """What a plan frees at least."""
    if plan is None:
        return 0
    return sum(size for day, size in by_day.items() if day < plan.before) + plan.share_bytes


class TestPlan:
    @given(usages)
    def test_without_a_bound_and_with_room_nothing_goes(self, by_day: dict[date, int]) -> None:
        assert plan_eviction(by_day, sum(by_day.values()), 0, UNBOUNDED, TODAY) is None

    @given(usages, st.integers(1, 10**10))
    def test_a_disk_in_need_gets_what_it_lacks_and_not_a_byte_more_than_a_folder(
        self, by_day: dict[date, int], missing: int
    ) -> None:
        plan = plan_eviction(by_day, sum(by_day.values()), missing, UNBOUNDED, TODAY)
        assert freed_by(plan, by_day) == min(missing, sum(by_day.values()))

    @given(usages, st.integers(1, 10**10))
    def test_what_was_not_used_for_longest_goes_first(self, by_day: dict[date, int], missing: int) -> None:
        plan = plan_eviction(by_day, sum(by_day.values()), missing, UNBOUNDED, TODAY)
        if plan is not None and plan.share_bytes:
            # All that is older goes whole, and without them it would not suffice.
            assert sum(size for day, size in by_day.items() if day < plan.before) < missing
            assert 0 < plan.share_bytes < by_day[plan.before]

    @given(usages, st.integers(1, 10**10), st.integers(0, 10**9))
    def test_a_budget_is_kept_by_old_ones_going_even_where_young_ones_may_not(
        self, by_day: dict[date, int], budget: int, young: int
    ) -> None:
        total = sum(by_day.values()) + young
        plan = plan_eviction(by_day, total, 0, CacheBounds(budget, 3650), TODAY)
        assert freed_by(plan, by_day) == min(max(total - budget, 0), sum(by_day.values()))

    def test_age_counts_where_there_is_a_budget(self) -> None:
        by_day = {TODAY - timedelta(days=days): 10 for days in (29, 30, 31)}
        plan = plan_eviction(by_day, 30, 0, CacheBounds(10**9, 30), TODAY)
        assert plan is not None
        assert (plan.before, plan.share_bytes) == (TODAY - timedelta(days=30), 0)
        assert plan_eviction(by_day, 30, 0, UNBOUNDED, TODAY) is None

    def test_what_age_frees_counts_towards_the_need(self) -> None:
        by_day = {TODAY - timedelta(days=40): 100, TODAY - timedelta(days=3): 100}
        plan = plan_eviction(by_day, 200, 60, CacheBounds(10**9, 30), TODAY)
        assert freed_by(plan, by_day) == 100

    def test_folders_lie_as_deep_as_eviction_looks(self) -> None:
        folder = folder_of(UserId(new_id()), PhotoId(new_id()), 1)
        assert len(Path(folder).parts) == FOLDER_DEPTH


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with room."""
    set_free(monkeypatch, 500 * GIB)


def set_free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    usage = DiskUsage(total_bytes=1000 * GIB, free_bytes=free_bytes)
    monkeypatch.setattr("afterglow.features.derivatives.service.disk_usage", lambda _: usage)


def bounded(product: Product, **settings: object) -> EvictDerivatives:
    """The recurring job under other settings."""
    changed = product.node.settings.model_copy(update=settings)
    node = type(product.node)(
        **{name: getattr(product.node, name) for name in product.node.__slots__} | {"settings": changed}
    )
    return EvictDerivatives(bootstrap.eviction_ports(node))


def folder_in(product: Product, person: Person, photo_id: str) -> Path:
    return product.node.cache.folder(person.account.id, PhotoId(UUID(photo_id)), 1)


async def derived(product: Product, person: Person, seed: int, unused: timedelta) -> str:
    """A photo with derivatives that were not used for a while."""
    photo_id = await sent(person, jpeg(seed))
    await product.work()
    moment = (datetime.now(UTC) - unused).timestamp()
    os.utime(folder_in(product, person, photo_id), (moment, moment))
    return photo_id


class TestEviction:
    @pytest.mark.usefixtures("roomy")
    async def test_at_home_with_room_on_the_disk_everything_stays(
        self, product: Product, ana: Person, as_owner
    ) -> None:
        photo_id = await derived(product, ana, 1, timedelta(days=400))
        await bounded(product)()
        assert folder_in(product, ana, photo_id).exists()
        assert await as_owner.fetchval("SELECT count(*) FROM measures") == 0

    async def test_a_disk_in_need_loses_what_was_not_used_for_longest(
        self, product: Product, ana: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = await derived(product, ana, 1, timedelta(days=9))
        young = await derived(product, ana, 2, timedelta(days=2))
        # 5 % of 1000 GiB are to stay free.
        set_free(monkeypatch, 50 * GIB - 1)
        await bounded(product)()
        assert not folder_in(product, ana, old).exists()
        assert folder_in(product, ana, young).exists()

    async def test_what_was_made_just_now_stays_whatever_the_need(
        self, product: Product, ana: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        photo_id = await derived(product, ana, 1, timedelta(minutes=5))
        set_free(monkeypatch, 0)
        await bounded(product)()
        assert folder_in(product, ana, photo_id).exists()

    @pytest.mark.usefixtures("roomy")
    async def test_a_budget_and_an_age_are_kept(self, product: Product, ana: Person) -> None:
        photos = [await derived(product, ana, days, timedelta(days=days)) for days in (40, 20, 10)]
        await bounded(product, derivative_cache_bytes=GIB)()
        assert [folder_in(product, ana, photo_id).exists() for photo_id in photos] == [False, True, True]
        await bounded(product, derivative_cache_bytes=1)()
        assert [folder_in(product, ana, photo_id).exists() for photo_id in photos] == [False, False, False]

    @pytest.mark.usefixtures("roomy")
    async def test_the_administration_learns_what_the_cache_takes_up(
        self, product: Product, ana: Person, as_owner
    ) -> None:
        await derived(product, ana, 1, timedelta(days=40))
        await derived(product, ana, 2, timedelta(days=1))
        await bounded(product, derivative_cache_bytes=GIB)()
        count, size_bytes = await as_owner.fetchrow(
            "SELECT (figures ->> 'count')::int, (figures ->> 'size_bytes')::int FROM measures "
            "WHERE name = 'derivatives'"
        )
        assert count == 1
        assert size_bytes > 1000
        evicted = product.node.counts.snapshot()["afterglow_derivative_evicted_bytes_total"]
        assert evicted[0][1][0] > 1000

    async def test_an_evicted_picture_is_made_again_when_somebody_asks(
        self, product: Product, ana: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        photo_id = await derived(product, ana, 1, timedelta(days=9))
        before = (await ana.http.get(f"/api/photos/{photo_id}/preview")).content
        os.utime(folder_in(product, ana, photo_id), (0, 0))
        set_free(monkeypatch, 0)
        await bounded(product)()
        refused = await ana.http.get(f"/api/photos/{photo_id}/preview")
        assert (refused.status_code, refused.json()["code"]) == (404, "derivative.not-ready")
        await product.work()
        answer = await ana.http.get(f"/api/photos/{photo_id}/preview")
        assert (answer.status_code, answer.content) == (200, before)

    async def test_serving_a_picture_is_using_it(
        self, product: Product, ana: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used, unused = [await derived(product, ana, seed, timedelta(days=9)) for seed in (1, 2)]
        assert (await ana.http.get(f"/api/photos/{used}/thumbnail")).status_code == 200
        set_free(monkeypatch, 0)
        await bounded(product)()
        assert folder_in(product, ana, used).exists()
        assert not folder_in(product, ana, unused).exists()


def test_by_default_the_cache_is_bounded_by_the_disk_alone(settings: Settings) -> None:
    assert settings.derivative_cache_bytes == 0
    assert settings.derivative_max_age_days == 30
    assert (settings.cache_reserve_bytes, settings.cache_reserve_percent) == (10 * GIB, 5.0)

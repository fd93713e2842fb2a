"""A replica that follows becomes what the server is, whatever is committed in whatever order, pruned or restored.

On clusters of their own: a transaction that is open anywhere in a cluster holds the feed back.
"""

import contextlib
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from feed_kit import Replica, state_of

from afterglow.features.changes import service as changes
from afterglow.infra.db.database import Database
from afterglow.infra.db.embedded import APP_ROLE, OWNER_ROLE, SUPERUSER, EmbeddedPostgres, Endpoint
from afterglow.infra.db.embedded.binaries import locate_wheel_folder
from afterglow.infra.db.migrate import migrate
from afterglow.infra.queue.pgqueuer import enqueue
from afterglow.kernel.ids import UserId
from factories.rows import add_file, add_original, add_photo, add_user

pytestmark = pytest.mark.req("SYN-1")

QUIET = {"autovacuum": "off", "max_connections": "60"}
FIRST_DAY = datetime(2000, 1, 1, 12)
WRITERS = 5
STEPS = 120


def start(folder: Path) -> tuple[EmbeddedPostgres, Endpoint]:
    server = EmbeddedPostgres(folder, durable=False, settings=QUIET)
    return server, server.start()


@pytest.fixture(scope="module")
def cluster(open_tmp: Path) -> Iterator[Endpoint]:
    server, endpoint = start(open_tmp / "feed")
    yield endpoint
    server.stop()


@pytest.fixture(scope="module")
def fresh_cluster(open_tmp: Path) -> Iterator[Endpoint]:
    """Another one, which has seen fewer transactions."""
    server, endpoint = start(open_tmp / "feed-fresh")
    yield endpoint
    server.stop()


async def create_database(endpoint: Endpoint, name: str) -> None:
    admin = await asyncpg.connect(endpoint.dsn(SUPERUSER, "postgres"))
    await admin.execute(f"CREATE DATABASE {name} OWNER {OWNER_ROLE}")
    await admin.close()


async def drop_database(endpoint: Endpoint, name: str) -> None:
    admin = await asyncpg.connect(endpoint.dsn(SUPERUSER, "postgres"))
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.close()


@dataclass
class Node:
    """A database with those who write to it and the one who reads."""

    endpoint: Endpoint
    name: str
    database: Database
    writers: list[asyncpg.Connection]

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, endpoint: Endpoint, name: str) -> AsyncIterator["Node"]:
        database = await Database.connect(
            endpoint.dsn(APP_ROLE, name), enqueue=enqueue, subscribers={}, max_connections=2, application_name="feed"
        )
        settings = {"search_path": "afterglow, public", "lock_timeout": "2s"}
        writers = [
            await asyncpg.connect(endpoint.dsn(OWNER_ROLE, name), server_settings=settings) for _ in range(WRITERS)
        ]
        yield cls(endpoint, name, database, writers)
        for writer in writers:
            await writer.close()
        await database.close()

    def dump(self, file: Path) -> None:
        run("pg_dump", "--format=custom", f"--file={file}", self.endpoint.dsn(SUPERUSER, self.name))


def run(program: str, *arguments: str) -> None:
    path = locate_wheel_folder() / "bin" / program
    done = subprocess.run(
        [path, *arguments], capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}, check=False
    )
    assert done.returncode == 0, done.stderr


@dataclass
class Writing:
    """Random transactions of several connections, open at the same time; none waits for another's photo."""

    rnd: random.Random
    owner_id: UserId
    node: Node
    photos: list[UUID] = field(default_factory=list)
    days: int = 0
    open: dict[int, asyncpg.transaction.Transaction] = field(default_factory=dict)
    held: dict[int, set[UUID]] = field(default_factory=dict)
    born: dict[int, list[UUID]] = field(default_factory=dict)
    died: dict[int, set[UUID]] = field(default_factory=dict)

    async def step(self) -> None:
        number = self.rnd.randrange(WRITERS)
        if number not in self.open:
            self.open[number] = self.node.writers[number].transaction()
            await self.open[number].start()
            self.held[number], self.born[number], self.died[number] = set(), [], set()
            if self.rnd.random() < 0.3:
                # A transaction that is old before it does anything.
                await self.node.writers[number].fetchval("SELECT pg_current_xact_id()::text")
        elif self.rnd.random() < 0.4:
            await self.end(number)
        else:
            await self.write(number)

    async def write(self, number: int) -> None:
        writer, known = self.node.writers[number], [*self.born[number], *self.photos]
        free = [
            photo for photo in known if not any(photo in held for other, held in self.held.items() if other != number)
        ]
        free = [photo for photo in free if photo not in self.died[number]]
        what = self.rnd.choice(["insert", "rating", "rating", "trash", "delete"])
        if what == "insert" or not free:
            # A day of its own: writers of one day wait for each other.
            self.days += 1
            photo_id = await add_photo(writer, self.owner_id, taken_local=FIRST_DAY + timedelta(days=self.days))
            await add_file(writer, self.owner_id, photo_id, await add_original(writer, str(photo_id)))
            self.born[number].append(photo_id)
            return
        photo_id = self.rnd.choice(free)
        self.held[number].add(photo_id)
        if what == "delete":
            self.died[number].add(photo_id)
            await writer.execute("DELETE FROM photos WHERE id = $1", photo_id)
        elif what == "trash":
            await writer.execute(
                "UPDATE photos SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END WHERE id = $1", photo_id
            )
        else:
            await writer.execute("UPDATE photos SET rating = $1 WHERE id = $2", self.rnd.randrange(6), photo_id)

    async def end(self, number: int) -> None:
        transaction = self.open.pop(number)
        born, died = self.born.pop(number), self.died.pop(number)
        del self.held[number]
        if self.rnd.random() < 0.25:
            await transaction.rollback()
            return
        await transaction.commit()
        self.photos = [photo for photo in [*self.photos, *born] if photo not in died]

    async def end_all(self) -> None:
        for number in list(self.open):
            await self.end(number)


async def write_and_read(writing: Writing, replicas: list[Replica], steps: int = STEPS) -> None:
    for _ in range(steps):
        await writing.step()
        if writing.rnd.random() < 0.5:
            await writing.rnd.choice(replicas).read(writing.node.database, writing.rnd.choice([1, 2, 3, 10]))


async def all_converge(node: Node, replicas: list[Replica], owner_id: UserId) -> None:
    state = await state_of(node.database, owner_id)
    for replica in replicas:
        await replica.catch_up(node.database)
        assert replica.photos == state


@pytest.fixture
async def node(cluster: Endpoint) -> AsyncIterator[Node]:
    """A migrated database."""
    name = "feed_first"
    await create_database(cluster, name)
    admin = await asyncpg.connect(cluster.dsn(SUPERUSER, name))
    await admin.execute("CREATE EXTENSION vector")
    await admin.close()
    await migrate(cluster.dsn(OWNER_ROLE, name), cluster.dsn(APP_ROLE, name))
    owner = await asyncpg.connect(cluster.dsn(OWNER_ROLE, name))
    # The count of an owner's bytes lets one writer of new files in at a time; here they are to overlap.
    await owner.execute("ALTER TABLE afterglow.photo_files DISABLE TRIGGER USER")
    await owner.close()
    async with Node.open(cluster, name) as opened:
        yield opened
    await drop_database(cluster, name)


@pytest.mark.parametrize("seed", range(5))
async def test_replicas_converge_while_transactions_commit_out_of_order(node: Node, seed: int) -> None:
    rnd = random.Random(seed)  # noqa: S311 - an order of events, not a secret
    owner_id = await add_user(node.writers[0])
    replicas = [Replica(owner_id) for _ in range(3)]
    writing = Writing(rnd, owner_id, node)
    await write_and_read(writing, replicas)
    await writing.end_all()
    await all_converge(node, [*replicas, Replica(owner_id)], owner_id)
    assert sum(replica.resyncs for replica in replicas) == 0
    assert writing.photos


@pytest.mark.parametrize("seed", range(2))
async def test_replicas_converge_while_old_changes_are_pruned(node: Node, seed: int) -> None:
    rnd = random.Random(seed)  # noqa: S311 - an order of events, not a secret
    owner_id = await add_user(node.writers[0])
    replicas = [Replica(owner_id) for _ in range(3)]
    writing = Writing(rnd, owner_id, node)
    for _ in range(6):
        await write_and_read(writing, replicas, STEPS // 6)
        # Everything that is over is too old.
        await changes.prune(node.database, timedelta(microseconds=1))
    await writing.end_all()
    await all_converge(node, replicas, owner_id)
    assert sum(replica.resyncs for replica in replicas) > 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("where", ["the same cluster", "a fresh cluster"])
async def test_replicas_converge_after_a_restore(
    node: Node, cluster: Endpoint, fresh_cluster: Endpoint, tmp_path: Path, seed: int, where: str
) -> None:
    """What the dump does not have was read already; what comes after it takes the transaction ids of what was lost."""
    rnd = random.Random(seed)  # noqa: S311 - an order of events, not a secret
    owner_id = await add_user(node.writers[0])
    replicas = [Replica(owner_id) for _ in range(3)]
    writing = Writing(rnd, owner_id, node)
    await write_and_read(writing, replicas)
    # Some are open while it is dumped.
    node.dump(tmp_path / "dump")
    await write_and_read(writing, replicas)
    await writing.end_all()
    await all_converge(node, replicas[:2], owner_id)

    target = cluster if where == "the same cluster" else fresh_cluster
    name = "feed_restored"
    await create_database(target, name)
    run("pg_restore", "--exit-on-error", "--dbname", target.dsn(SUPERUSER, name), str(tmp_path / "dump"))
    async with Node.open(target, name) as restored:
        epoch = await changes.ensure_epoch(restored.database)
        assert epoch is not None
        assert await changes.ensure_epoch(restored.database) is None
        again = Writing(rnd, owner_id, restored, days=10_000)
        again.photos = [row["id"] for row in await restored.writers[0].fetch("SELECT id FROM photos")]
        await write_and_read(again, replicas)
        await again.end_all()
        await all_converge(restored, [*replicas, Replica(owner_id)], owner_id)
        assert all(replica.resyncs == 1 for replica in replicas)
        await changes.prune(restored.database, timedelta(days=90))
        assert await restored.writers[0].fetchval("SELECT count(*) FROM changes WHERE epoch < $1", epoch) == 0
    await drop_database(target, name)


async def test_a_new_epoch_waits_for_writers_of_the_old_one(node: Node) -> None:
    """Else a change of the old epoch could be committed behind the back of whoever reads in the new one."""
    owner_id = await add_user(node.writers[0])
    replica = Replica(owner_id)
    await replica.catch_up(node.database)
    transaction = node.writers[0].transaction()
    await transaction.start()
    photo_id = await add_photo(node.writers[0], owner_id)
    await add_file(node.writers[0], owner_id, photo_id, await add_original(node.writers[0], "late"))
    with pytest.raises(asyncpg.LockNotAvailableError):
        await node.writers[1].execute("SELECT mint_epoch('too early')")
    await transaction.commit()
    assert await changes.mint_epoch(node.database, "test") == 2
    await replica.catch_up(node.database)
    assert (replica.resyncs, list(replica.photos)) == (1, [photo_id])
    reasons = await node.writers[0].fetch("SELECT reason FROM feed_epochs ORDER BY epoch")
    assert [row["reason"] for row in reasons] == ["created", "test"]


async def test_the_same_database_keeps_its_epoch(node: Node) -> None:
    assert await changes.ensure_epoch(node.database) is None

import asyncio
from pathlib import Path

import asyncpg
import pytest
from accounts_kit import LAPTOP, wanted

from afterglow.features.accounts import service
from afterglow.features.accounts.errors import (
    AlreadyClaimedError,
    EmailTakenError,
    PasswordRefusedError,
    ServerNotStartedError,
    TooManyAttemptsError,
    WrongClaimCodeError,
)
from afterglow.features.accounts.service import AccountPorts, Claimed, Client, ServerStart, WantedAccount
from afterglow.infra.crypto.passwords import Passwords
from afterglow.infra.db.database import Database
from afterglow.kernel.principal import Role

pytestmark = pytest.mark.req("ACC-1")


async def start(database: Database, data_dir: Path) -> ServerStart:
    return await database.run((), lambda tx: service.ensure_server(tx, data_dir))


async def claim(database: Database, ports: AccountPorts, code: str | None, name: str = "olga") -> Claimed:
    return await service.claim_server(database, ports, code or "", wanted(name), LAPTOP)


def code_in(data_dir: Path) -> str:
    return (data_dir / "claim-code").read_text().strip()


async def test_the_first_start_writes_a_private_code(
    database: Database, tmp_path: Path, as_owner: asyncpg.Connection
) -> None:
    started = await start(database, tmp_path)
    assert started.claim_code == code_in(tmp_path)
    assert (tmp_path / "claim-code").stat().st_mode & 0o777 == 0o600
    assert started.server_id.version == 7
    assert started.claim_code.encode() not in await as_owner.fetchval("SELECT claim_code_hash FROM server")


async def test_a_second_start_keeps_identity_and_code(database: Database, tmp_path: Path) -> None:
    first = await start(database, tmp_path)
    (tmp_path / "claim-code").chmod(0o644)
    assert await start(database, tmp_path) == first
    assert (tmp_path / "claim-code").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [None, b"", b"0000-0000-0000-0000\n", b"\xff\xfe"])
async def test_a_code_that_file_and_database_do_not_share_is_replaced(
    database: Database, ports: AccountPorts, started: ServerStart, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "claim-code"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    again = await start(database, tmp_path)
    assert again.server_id == started.server_id
    assert again.claim_code == code_in(tmp_path) != started.claim_code
    with pytest.raises(WrongClaimCodeError):
        await claim(database, ports, started.claim_code)
    await claim(database, ports, again.claim_code)


async def test_starts_at_the_same_time_agree(database: Database, tmp_path: Path) -> None:
    starts = await asyncio.gather(*(start(database, tmp_path) for _ in range(4)))
    assert set(starts) == {starts[0]}
    assert starts[0].claim_code == code_in(tmp_path)


async def test_a_server_that_never_started_is_not_there_yet(database: Database) -> None:
    with pytest.raises(ServerNotStartedError):
        await database.run((), service.get_server)


async def test_the_claim_makes_the_owner_and_voids_the_code(
    database: Database, ports: AccountPorts, started: ServerStart, tmp_path: Path
) -> None:
    claimed = await claim(database, ports, started.claim_code)
    assert claimed.server_id == started.server_id
    assert claimed.opened.account.role is Role.OWNER
    assert not (tmp_path / "claim-code").exists()
    principal = await service.authenticate(database, ports, claimed.opened.access_token)
    assert principal.user_id == claimed.opened.account.id
    with pytest.raises(AlreadyClaimedError):
        await claim(database, ports, started.claim_code, "otto")


async def test_a_start_after_the_claim_shows_no_code_and_leaves_no_file(
    database: Database, ports: AccountPorts, started: ServerStart, tmp_path: Path
) -> None:
    await claim(database, ports, started.claim_code)
    (tmp_path / "claim-code").write_text("left over by a crash")
    again = await start(database, tmp_path)
    assert again == ServerStart(server_id=started.server_id, name=started.name, claim_code=None)
    assert not (tmp_path / "claim-code").exists()


async def test_of_many_who_claim_at_once_one_wins(
    database: Database, ports: AccountPorts, started: ServerStart, as_owner: asyncpg.Connection
) -> None:
    names = [f"olga{number}" for number in range(6)]
    outcomes = await asyncio.gather(
        *(claim(database, ports, started.claim_code, name) for name in names), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyClaimedError"] * 5 + ["Claimed"]
    assert await as_owner.fetchval("SELECT count(*) FROM users") == 1
    assert await as_owner.fetchval("SELECT count(*) FROM sessions") == 1


async def test_a_sloppily_typed_code_counts(database: Database, ports: AccountPorts, started: ServerStart) -> None:
    assert started.claim_code is not None
    await claim(database, ports, f"  {started.claim_code.lower().replace('-', ' ')} ")


@pytest.mark.parametrize("code", ["", "0000-0000-0000-0000", "ä", "x" * 4096])
async def test_a_wrong_code_claims_nothing(
    database: Database, ports: AccountPorts, started: ServerStart, as_owner: asyncpg.Connection, code: str
) -> None:
    with pytest.raises(WrongClaimCodeError):
        await claim(database, ports, code)
    assert await as_owner.fetchval("SELECT count(*) FROM users") == 0


async def test_codes_can_not_be_tried_for_ever_from_one_address(database: Database, ports: AccountPorts) -> None:
    for _ in range(10):
        with pytest.raises(WrongClaimCodeError):
            await claim(database, ports, "wrong")
    with pytest.raises(TooManyAttemptsError):
        await claim(database, ports, "wrong")
    with pytest.raises(WrongClaimCodeError):
        await service.claim_server(database, ports, "wrong", wanted("olga"), Client(address="198.51.100.1"))


async def test_a_refused_password_leaves_the_server_unclaimed(
    database: Database, ports: AccountPorts, started: ServerStart
) -> None:
    weak = WantedAccount(email="olga@example.org", name="Olga", password="short", role=Role.OWNER)
    with pytest.raises(PasswordRefusedError):
        await service.claim_server(database, ports, started.claim_code or "", weak, LAPTOP)
    await claim(database, ports, started.claim_code)


async def test_a_taken_address_leaves_the_server_unclaimed(
    database: Database, ports: AccountPorts, passwords: Passwords, started: ServerStart
) -> None:
    await service.create_user(database, passwords, wanted("olga"))
    with pytest.raises(EmailTakenError):
        await claim(database, ports, started.claim_code)
    await claim(database, ports, started.claim_code, "otto")

"""The server's identity, and how it gets its first owner."""

import contextlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from afterglow.features.accounts import repository, rules
from afterglow.features.accounts.errors import (
    AlreadyClaimedError,
    EmailTakenError,
    ServerNotStartedError,
    WrongClaimCodeError,
)
from afterglow.features.accounts.models import (
    Claimed,
    Client,
    NewAccount,
    Server,
    ServerStart,
    WantedAccount,
)
from afterglow.features.accounts.service.opening import open_session
from afterglow.features.accounts.service.ports import AccountPorts
from afterglow.features.accounts.service.users import prepare_account
from afterglow.infra.crypto.tokens import hash_token
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.storage.whole_files import write_durably
from afterglow.kernel.ids import new_id
from afterglow.kernel.principal import Role

CLAIM_CODE_FILE = "claim-code"


async def ensure_server(tx: Tx, data_dir: Path) -> ServerStart:
    """Give the server its identity and, while nobody owns it, a claim code; idempotent, called at each start.

    Database and file agree afterwards: a code whose file is missing or says something else is replaced by a new one,
    and no file is left once the server is claimed.

    Raises:
        OSError: The data folder can't be written.
    """
    await repository.insert_server(tx, new_id())
    server = _started(await repository.lock_server(tx))
    file = data_dir / CLAIM_CODE_FILE
    if server.claimed_at is not None:
        file.unlink(missing_ok=True)
        return ServerStart(server_id=server.id, name=server.name, claim_code=None)
    code = _read_code(file)
    if code is None or not _is_code(server, code):
        code = rules.spell_claim_code(secrets.token_bytes(rules.CLAIM_CODE_BYTES))
        write_durably(file, f"{code}\n".encode())
        await repository.update_claim_code(tx, _hash_code(code))
    file.chmod(0o600)
    return ServerStart(server_id=server.id, name=server.name, claim_code=code)


async def get_server(tx: Tx) -> Server:
    """Return what this server is.

    Raises:
        ServerNotStartedError: It has not started for the first time.
    """
    return _started(await repository.find_server(tx))


async def claim_server(
    database: Database, ports: AccountPorts, code: str, owner: WantedAccount, client: Client
) -> Claimed:
    """Make the owner's account and open its first session; of several who try at once, one wins.

    The code is void afterwards. It is checked before the expensive hash of the password, and again under the lock.

    Raises:
        TooManyAttemptsError: Too many codes were tried from this address.
        AlreadyClaimedError: There is an owner.
        WrongClaimCodeError: The code is not this server's.
        EmailInvalidError: The address is not one.
        NameInvalidError: The name is empty, too long or not printable.
        PasswordRefusedError: The password is too short, too long or the address itself.
        EmailTakenError: An account with this address was made by the operator before the claim.
    """
    async with ports.limiter.claim(client.address):
        _require_claim(await database.run((), get_server, read_only=True), code)
    account = await prepare_account(ports.passwords, owner, Role.OWNER)
    claimed = await database.run((account.id,), _claiming(ports, code, account, client))
    # Best effort: the next start removes it too.
    with contextlib.suppress(OSError):
        (ports.data_dir / CLAIM_CODE_FILE).unlink(missing_ok=True)
    return claimed


def _claiming(
    ports: AccountPorts, code: str, account: NewAccount, client: Client
) -> Callable[[Tx], Awaitable[Claimed]]:
    async def claim(tx: Tx) -> Claimed:
        server = _started(await repository.lock_server(tx))
        _require_claim(server, code)
        if not await repository.insert_account(tx, account):
            raise EmailTakenError
        await repository.mark_claimed(tx)
        opened = await open_session(tx, ports, account.made_at(tx.now), client)
        return Claimed(server_id=server.id, opened=opened)

    return claim


def _require_claim(server: Server, code: str) -> None:
    if server.claimed_at is not None:
        raise AlreadyClaimedError
    if not _is_code(server, code):
        raise WrongClaimCodeError


def _is_code(server: Server, code: str) -> bool:
    return hmac.compare_digest(server.claim_code_hash or b"", _hash_code(code))


def _hash_code(code: str) -> bytes:
    return hash_token(rules.normalise_claim_code(code))


def _read_code(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _started(server: Server | None) -> Server:
    if server is None:
        raise ServerNotStartedError
    return server

"""SQL of accounts.

Functions that take no user id see across owners: they call the reviewed functions of the schema, or `server`, which
belongs to nobody. All others need a transaction opened for the user.
"""

from datetime import datetime
from uuid import UUID

from afterglow.features.accounts.models import (
    Account,
    Credentials,
    NewAccount,
    RefreshToken,
    Server,
    Session,
    SessionHolder,
)
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.ids import SessionId, UserId
from afterglow.kernel.principal import Role

_SERVER = "id, name, claim_code_hash, claimed_at"
_ACCOUNT = "id, email, name, role, quota_bytes, created_at, disabled_at"
_SESSION = "s.id, s.user_id, s.user_agent, s.created_at, s.last_used_at, s.expires_at, s.revoked_at"


async def insert_server(tx: Tx, server_id: UUID) -> None:
    """Give this server its identity, if it has none."""
    await tx.execute("INSERT INTO server (id) VALUES ($1) ON CONFLICT (singleton) DO NOTHING", server_id)


async def find_server(tx: Tx) -> Server | None:
    """Return the server's row; None before its first start."""
    return _server(await tx.fetch_row(f"SELECT {_SERVER} FROM server"))


async def lock_server(tx: Tx) -> Server | None:
    """As `find_server`, and keep everybody else from claiming until this transaction ends."""
    return _server(await tx.fetch_row(f"SELECT {_SERVER} FROM server FOR UPDATE"))


async def update_claim_code(tx: Tx, code_hash: bytes) -> None:
    """Make this the claim code."""
    await tx.execute("UPDATE server SET claim_code_hash = $1", code_hash)


async def mark_claimed(tx: Tx) -> None:
    """Record that the server has its owner; its code is void."""
    await tx.execute("UPDATE server SET claimed_at = $1, claim_code_hash = NULL", tx.now)


async def insert_account(tx: Tx, account: NewAccount) -> bool:
    """Add an account; returns whether it was added, False if its e-mail address is taken.

    The transaction must be open for the new account's own id.
    """
    added = await tx.execute_count(
        """
        INSERT INTO users (id, email, name, password_hash, role, quota_bytes, created_at, updated_at)
        VALUES ($1, lower($2), $3, $4, $5, $6, $7, $7)
        ON CONFLICT (email) DO NOTHING
        """,
        account.id,
        account.email,
        account.name,
        account.password_hash,
        account.role.value,
        account.quota_bytes,
        tx.now,
    )
    return added == 1


async def find_account(tx: Tx, user_id: UserId) -> Account | None:
    """Return an account by its id."""
    row = await tx.fetch_row(f"SELECT {_ACCOUNT} FROM users WHERE id = $1", user_id)
    return None if row is None else _account(row)


async def lock_account(tx: Tx, user_id: UserId, password_hash: str) -> Account | None:
    """Return an account if this is still its password's hash, and keep it so until this transaction ends."""
    row = await tx.fetch_row(
        f"SELECT {_ACCOUNT} FROM users WHERE id = $1 AND password_hash = $2 FOR SHARE", user_id, password_hash
    )
    return None if row is None else _account(row)


async def find_credentials(tx: Tx, email: str) -> Credentials | None:
    """Return what a log-in with this e-mail address is checked against; across owners."""
    row = await tx.fetch_row("SELECT id, password_hash, disabled_at FROM find_account($1)", email)
    if row is None:
        return None
    return Credentials(user_id=UserId(row["id"]), password_hash=row["password_hash"], disabled_at=row["disabled_at"])


async def list_accounts(tx: Tx) -> list[Account]:
    """Return all accounts, oldest first; across owners."""
    return [_account(row) for row in await tx.fetch(f"SELECT {_ACCOUNT} FROM list_accounts()")]


async def update_password(tx: Tx, user_id: UserId, password_hash: str) -> bool:
    """Store a new password hash; returns whether there is such an account."""
    changed = await tx.execute_count(
        "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1", user_id, password_hash, tx.now
    )
    return changed == 1


async def replace_password_hash(tx: Tx, user_id: UserId, old_hash: str, new_hash: str) -> None:
    """Store the same password, hashed anew, unless it was changed meanwhile."""
    await tx.execute(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user_id, old_hash, new_hash
    )


async def insert_session(tx: Tx, session: Session) -> None:
    """Add a session."""
    await tx.execute(
        """
        INSERT INTO sessions (id, user_id, user_agent, created_at, last_used_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        session.id,
        session.user_id,
        session.user_agent,
        session.created_at,
        session.last_used_at,
        session.expires_at,
    )


async def lock_session(tx: Tx, user_id: UserId, session_id: SessionId) -> Session | None:
    """Return a session, and let nobody else change it until this transaction ends."""
    row = await tx.fetch_row(
        f"SELECT {_SESSION} FROM sessions s WHERE s.id = $1 AND s.user_id = $2 FOR UPDATE", session_id, user_id
    )
    return None if row is None else _session(row)


async def find_session_holder(tx: Tx, user_id: UserId, session_id: SessionId) -> SessionHolder | None:
    """Return a session and the standing of its account, by two primary keys."""
    row = await tx.fetch_row(
        f"""
        SELECT {_SESSION}, u.role, u.disabled_at, u.quota_bytes IS NOT NULL AS has_quota
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        WHERE s.id = $1 AND s.user_id = $2 AND u.id = $2
        """,
        session_id,
        user_id,
    )
    if row is None:
        return None
    return SessionHolder(_session(row), Role(row["role"]), row["disabled_at"], row["has_quota"])


async def list_live_sessions(tx: Tx, user_id: UserId) -> list[Session]:
    """Return a user's sessions that have not ended, last used first."""
    rows = await tx.fetch(
        f"""
        SELECT {_SESSION}
        FROM sessions s
        WHERE s.user_id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
        ORDER BY s.last_used_at DESC, s.id
        """,
        user_id,
        tx.now,
    )
    return [_session(row) for row in rows]


async def touch_session(
    tx: Tx, user_id: UserId, session_id: SessionId, *, expires_at: datetime, unless_used_since: datetime
) -> None:
    """Record that a session is used now, which also moves its end; nothing if it was recorded since a moment."""
    await tx.execute(
        """
        UPDATE sessions SET last_used_at = $3, expires_at = $4
        WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND last_used_at <= $5
        """,
        session_id,
        user_id,
        tx.now,
        expires_at,
        unless_used_since,
    )


async def revoke_session(tx: Tx, user_id: UserId, session_id: SessionId, reason: str) -> bool:
    """End a session; returns whether there was one to end."""
    ended = await tx.execute_count(
        """
        UPDATE sessions SET revoked_at = $3, revoked_reason = $4
        WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3
        """,
        session_id,
        user_id,
        tx.now,
        reason,
    )
    return ended == 1


async def revoke_all_sessions(tx: Tx, user_id: UserId, reason: str) -> int:
    """End all sessions of a user; returns how many."""
    return await tx.execute_count(
        "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE user_id = $1 AND revoked_at IS NULL",
        user_id,
        tx.now,
        reason,
    )


async def delete_dead_sessions(tx: Tx, user_id: UserId, before: datetime) -> None:
    """Forget the user's sessions, and their tokens, that ended before a moment."""
    await tx.execute(
        "DELETE FROM sessions WHERE user_id = $1 AND (expires_at < $2 OR revoked_at < $2)", user_id, before
    )


async def insert_refresh_token(tx: Tx, user_id: UserId, session_id: SessionId, token_hash: bytes) -> None:
    """Add a refresh token, unused."""
    await tx.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id, user_id, issued_at) VALUES ($1, $2, $3, $4)",
        token_hash,
        session_id,
        user_id,
        tx.now,
    )


async def find_token_holder(tx: Tx, token_hash: bytes) -> tuple[UserId, SessionId] | None:
    """Return whose refresh token this is, and of which session; across owners."""
    row = await tx.fetch_row("SELECT user_id, session_id FROM find_refresh_token($1)", token_hash)
    return None if row is None else (UserId(row["user_id"]), SessionId(row["session_id"]))


async def find_refresh_token(tx: Tx, user_id: UserId, token_hash: bytes) -> RefreshToken | None:
    """Return a refresh token by its hash."""
    row = await tx.fetch_row(
        "SELECT session_id, user_id, used_at FROM refresh_tokens WHERE token_hash = $1 AND user_id = $2",
        token_hash,
        user_id,
    )
    if row is None:
        return None
    return RefreshToken(session_id=SessionId(row["session_id"]), user_id=UserId(row["user_id"]), used_at=row["used_at"])


async def mark_token_used(tx: Tx, user_id: UserId, token_hash: bytes) -> None:
    """Record that a refresh token was exchanged."""
    await tx.execute(
        "UPDATE refresh_tokens SET used_at = $3 WHERE token_hash = $1 AND user_id = $2", token_hash, user_id, tx.now
    )


def _server(row: Record | None) -> Server | None:
    if row is None:
        return None
    return Server(id=row["id"], name=row["name"], claim_code_hash=row["claim_code_hash"], claimed_at=row["claimed_at"])


def _account(row: Record) -> Account:
    return Account(
        id=UserId(row["id"]),
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        quota_bytes=row["quota_bytes"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
    )


def _session(row: Record) -> Session:
    return Session(
        id=SessionId(row["id"]),
        user_id=UserId(row["user_id"]),
        user_agent=row["user_agent"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )

"""SQL of kept answers: what a request with an Idempotency-Key was answered, for when it comes again."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from afterglow.infra.db.database import Tx

KEPT_FOR = timedelta(hours=24)
# A claim this old without an answer is a dead process's; no request that is parsed takes nearly as long.
ABANDONED_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that its client may send again, and this try of it.

    Attributes:
        target: Path and query.
        fingerprint: SHA-256 of the body.
        claim_id: Made for this try.
    """

    owner_id: UUID
    key: str
    method: str
    target: str
    fingerprint: bytes
    claim_id: UUID


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What is known of a request that came before.

    Attributes:
        fingerprint: SHA-256 of the body that it came with.
        status: None while it is being worked on.
    """

    fingerprint: bytes
    status: int | None
    media_type: str | None
    body: bytes


async def claim(tx: Tx, request: KeyedRequest) -> bool:
    """Claim the key for this try; False if another try holds it, or has been answered."""
    count = await tx.execute_count(
        """
        INSERT INTO kept_answers AS k
            (owner_id, key, method, target, fingerprint, claim_id, claimed_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (owner_id, key, method, target) DO UPDATE SET
            fingerprint = excluded.fingerprint, claim_id = excluded.claim_id, claimed_at = excluded.claimed_at,
            expires_at = excluded.expires_at, status = NULL, media_type = NULL, body = NULL
        WHERE k.expires_at <= $7 OR (k.status IS NULL AND k.claimed_at <= $9)
        """,
        request.owner_id,
        request.key,
        request.method,
        request.target,
        request.fingerprint,
        request.claim_id,
        tx.now,
        tx.now + KEPT_FOR,
        tx.now - ABANDONED_AFTER,
    )
    return count == 1


async def find(tx: Tx, request: KeyedRequest) -> KeptAnswer | None:
    """Return what is known of the request under this key."""
    row = await tx.fetch_row(
        """
        SELECT fingerprint, status, media_type, body FROM kept_answers
        WHERE owner_id = $1 AND key = $2 AND method = $3 AND target = $4
        """,
        request.owner_id,
        request.key,
        request.method,
        request.target,
    )
    return KeptAnswer(row["fingerprint"], row["status"], row["media_type"], row["body"] or b"") if row else None


async def keep(tx: Tx, request: KeyedRequest, status: int, media_type: str | None, body: bytes) -> None:
    """Keep the answer of this try, if the key is still its own."""
    await tx.execute(
        """
        UPDATE kept_answers SET status = $6, media_type = $7, body = $8
        WHERE owner_id = $1 AND key = $2 AND method = $3 AND target = $4 AND claim_id = $5
        """,
        request.owner_id,
        request.key,
        request.method,
        request.target,
        request.claim_id,
        status,
        media_type,
        body,
    )


async def release(tx: Tx, request: KeyedRequest) -> None:
    """Let the key be claimed again: this try has no answer to keep."""
    await tx.execute(
        """
        DELETE FROM kept_answers
        WHERE owner_id = $1 AND key = $2 AND method = $3 AND target = $4 AND claim_id = $5 AND status IS NULL
        """,
        request.owner_id,
        request.key,
        request.method,
        request.target,
        request.claim_id,
    )


async def expire(tx: Tx, limit: int) -> int:
    """Forget answers whose time is over, across owners; return how many."""
    return int(await tx.fetch_value("SELECT expire_kept_answers($1)", limit))

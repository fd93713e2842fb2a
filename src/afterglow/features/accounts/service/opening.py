"""What a client holds of a session: an access token for now, a refresh token for later."""

import base64
import hmac
from datetime import datetime

from afterglow.features.accounts import repository, rules
from afterglow.features.accounts.models import Account, Client, OpenedSession, Session
from afterglow.features.accounts.service.ports import AccountPorts
from afterglow.infra.crypto.tokens import hash_token, new_token
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import SessionId, new_id
from afterglow.kernel.principal import ALL_SCOPES


async def open_session(tx: Tx, ports: AccountPorts, account: Account, client: Client) -> OpenedSession:
    """Open a session for an account that has proven itself; forgets its sessions that ended long ago."""
    await repository.delete_dead_sessions(tx, account.id, tx.now - rules.DEAD_SESSION_KEPT)
    session = Session(
        id=SessionId(new_id()),
        user_id=account.id,
        user_agent=rules.clean_user_agent(client.user_agent),
        created_at=tx.now,
        last_used_at=tx.now,
        expires_at=tx.now + ports.session_life,
        revoked_at=None,
    )
    token = new_token()
    await repository.insert_session(tx, session)
    await repository.insert_refresh_token(tx, account.id, session.id, hash_token(token))
    return hand_out(ports, account, session.id, token, tx.now)


def hand_out(
    ports: AccountPorts, account: Account, session_id: SessionId, refresh_token: str, now: datetime
) -> OpenedSession:
    """Return the refresh token beside a fresh access token."""
    return OpenedSession(
        account=account,
        access_token=ports.issuer.issue(account.id, session_id, account.role, ALL_SCOPES, now),
        refresh_token=refresh_token,
        expires_in_s=int(ports.issuer.lifetime.total_seconds()),
        session_life_s=int(ports.session_life.total_seconds()),
    )


def successor_of(ports: AccountPorts, refresh_token: str) -> str:
    """Return the one token that follows this one: the same at every call, and unknowable without the server's secret.

    So a repeated exchange hands out the same successor although only hashes are stored, and never opens a second
    branch of the session.

    References:
        RFC 2104, HMAC as a pseudo-random function of the token.
    """
    digest = hmac.digest(ports.successor_secret, refresh_token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

"""What the use cases of accounts need from outside; bootstrap provides it to the routes."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self
from uuid import UUID

from afterglow.features.accounts.service.attempts import AttemptLimiter
from afterglow.infra.crypto.access_tokens import AccessTokenIssuer, AccessTokenVerifier
from afterglow.infra.crypto.keys import ServerKeys
from afterglow.infra.crypto.passwords import Passwords

_SUCCESSOR_PURPOSE = "refresh-token-successors"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What is told to everybody about this node.

    Attributes:
        role: `home` or `edge`.
        version: Version of the program.
    """

    role: str
    version: str


@dataclass(frozen=True, slots=True)
class AccountPorts:
    """The parts that accounts work with; made by `build`.

    Attributes:
        successor_secret: Key from which a refresh token's successor follows.
        session_life: Time without use after which a session ends.
        data_dir: Folder of the file `claim-code`.
    """

    node: NodeFacts
    passwords: Passwords
    issuer: AccessTokenIssuer
    verifier: AccessTokenVerifier
    successor_secret: bytes = field(repr=False)
    session_life: timedelta
    limiter: AttemptLimiter
    data_dir: Path

    @classmethod
    def build(
        cls,
        *,
        node: NodeFacts,
        server_id: UUID,
        keys: ServerKeys,
        access_token_life: timedelta,
        session_life: timedelta,
        data_dir: Path,
        passwords: Passwords | None = None,
        limiter: AttemptLimiter | None = None,
    ) -> Self:
        """Return the parts of a server whose access tokens carry its id as their issuer."""
        issuer = str(server_id)
        return cls(
            node=node,
            passwords=passwords or Passwords(),
            issuer=AccessTokenIssuer(keys.signing_key, issuer, access_token_life),
            verifier=AccessTokenVerifier(keys.public_key, issuer),
            successor_secret=keys.secret_for(_SUCCESSOR_PURPOSE),
            session_life=session_life,
            limiter=limiter or AttemptLimiter(),
            data_dir=data_dir,
        )

"""What administration works with."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from afterglow.features.accounts.errors import AccountRoleForbiddenError
from afterglow.infra.db.database import Database
from afterglow.infra.telemetry.counts import Counts
from afterglow.kernel.clock import utc_now
from afterglow.kernel.ids import new_id
from afterglow.kernel.principal import Principal, Role


@dataclass(frozen=True, slots=True)
class Reserves:
    """Room on the disk that is to stay free: below the larger one caches shrink, below the smaller one uploads end.

    Of bytes and share of the disk [%] the larger one counts.
    """

    low_bytes: int
    low_percent: float
    full_bytes: int
    full_percent: float

    def low_below(self, total_bytes: int) -> int:
        """Return the free bytes below which derivatives are evicted."""
        return max(self.low_bytes, int(total_bytes * self.low_percent / 100))

    def full_below(self, total_bytes: int) -> int:
        """Return the free bytes below which uploads are refused."""
        return max(self.full_bytes, int(total_bytes * self.full_percent / 100))


@dataclass(frozen=True, slots=True)
class AdminPorts:
    """What administration needs of this process.

    Attributes:
        counts: What this process counts.
        process: Name of this process, as it is shown.
        kind: `http` or `worker`.
        role: Of the node.
        reserves: Room that is to stay free.
        max_attempts: Attempts that a step gets.
        worked: Steps that workers of this node do.
        metrics_token: Token for metrics from elsewhere; empty for none.
    """

    database: Database
    counts: Counts
    process: str
    kind: str
    version: str
    role: str
    data_dir: Path
    reserves: Reserves
    max_attempts: int
    worked: Collection[str]
    metrics_token: str = ""
    process_id: UUID = field(default_factory=new_id)
    started_at: datetime = field(default_factory=utc_now)


def require_administrator(principal: Principal) -> None:
    """Let the owner of the server and administrators pass.

    Raises:
        AccountRoleForbiddenError: It is somebody else.
    """
    if principal.role not in (Role.OWNER, Role.ADMIN):
        raise AccountRoleForbiddenError

"""Whether a reader can go on; pure."""

from afterglow.features.changes.errors import CursorExpiredError, ResyncError
from afterglow.features.changes.models import Horizon, Position

# Transaction ids of one epoch only grow, so the horizon of a reader's first page is before all that come later.
_BEFORE_ALL_OF_A_TRANSACTION = 0


def start_at(horizon: Horizon) -> Position:
    """Return the position from which all changes follow that are not in what can be seen now."""
    return Position(horizon.epoch, horizon.xid, _BEFORE_ALL_OF_A_TRANSACTION)


def require_readable(position: Position, horizon: Horizon) -> None:
    """Let a reader go on whose changes are all still there.

    Raises:
        ResyncError: The position is of another epoch, or ahead of the horizon: the database has gone back in time.
        CursorExpiredError: Changes behind the position have been pruned.
    """
    if position.epoch != horizon.epoch or position.xid > horizon.xid:
        raise ResyncError
    if horizon.floor is not None and horizon.floor.epoch == position.epoch and position < horizon.floor:
        raise CursorExpiredError

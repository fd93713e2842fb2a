"""Answers that were made for a month and need not be made again while it stays as it is."""

from collections import OrderedDict
from datetime import date

from afterglow.kernel.ids import UserId


class KeptMonths:
    """The last months that were asked for, as they were sent; bounded by their bytes, least recently used go first.

    A version is never used for two contents (a restore mints a new epoch, which is part of it), so what is found by it
    is right; one of an older version is found by nobody and goes with time.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._months: OrderedDict[tuple[UserId, date], tuple[int, bytes]] = OrderedDict()

    def find(self, owner_id: UserId, month: date, version: int) -> bytes | None:
        """Return what was kept of a month at this version."""
        kept_version, content = self._months.get((owner_id, month), (None, None))
        if kept_version != version:
            return None
        self._months.move_to_end((owner_id, month))
        return content

    def keep(self, owner_id: UserId, month: date, version: int, content: bytes) -> None:
        """Keep a month in place of what was kept of it; one that would push out most others is not kept."""
        _, replaced = self._months.pop((owner_id, month), (0, b""))
        self._size_bytes -= len(replaced)
        if len(content) > self._max_bytes // 2:
            return
        self._months[(owner_id, month)] = (version, content)
        self._size_bytes += len(content)
        while self._size_bytes > self._max_bytes:
            _, (_, oldest) = self._months.popitem(last=False)
            self._size_bytes -= len(oldest)

"""What the driver asks a server about types, asked once for the process instead of once for each connection."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import asyncpg

# Ids below are given by PostgreSQL itself and mean the same in every database (`FirstNormalObjectId`, transam.h).
_FIRST_OWN_ID = 16_384
_known: dict[frozenset[int], Any] = {}


class Connection(asyncpg.Connection):
    """A connection that takes over what others of the process have learned of the built-in types.

    The driver knows few array types by itself: it asks for `uuid[]` and the like by a query of 6-15 ms, on each
    connection anew.
    """

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109 (asyncpg's)
        wanted = frozenset(typeoids)
        if (types := _known.get(wanted)) is None:
            types, _ = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc]
            if max(wanted) < _FIRST_OWN_ID:
                _known[wanted] = types
        # As if a statement with a name had asked: no other one was pushed aside.
        return types, SimpleNamespace(name="introspection")

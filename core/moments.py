"""Times as PostgreSQL tells them: read by Python's own parser, where psycopg and Django take a pattern."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from psycopg import adapters
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader

OID = adapters.types["timestamptz"].oid


class MomentLoader(TimestamptzLoader):
    """Reads a ``timestamptz`` in ISO form whose offset is that of UTC; whatever else is left to psycopg."""

    # Django looks at it, to learn that it need not put one of its own into each cursor.
    timezone: ClassVar[Any] = UTC

    def load(self, data: Any) -> datetime:
        """Return the time, in UTC. Raises DataError for what Python has no time for, such as ``infinity``."""
        try:
            found = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            found = super().load(data)
        return found if found.tzinfo is UTC else super().load(data).replace(tzinfo=UTC)


def read_quickly(connection: Any, **_: Any) -> None:
    """Let a connection to PostgreSQL read times by `MomentLoader`. Receives ``connection_created``."""
    if connection.vendor != "postgresql" or connection.timezone is not UTC:
        return
    known = connection.connection.adapters
    if known.get_loader(OID, Format.TEXT) is not MomentLoader:
        known.register_loader("timestamptz", MomentLoader)

"""Sessions of PostgreSQL that end while somebody uses them, as they do when it starts anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def end_others(database: BaseDatabaseWrapper | None = None) -> None:
    """End each session of a connection's database but its own, and wait for it; on SQLite there are none."""
    database = database or connection
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

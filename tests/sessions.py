"""Sessions of PostgreSQL that end while somebody uses them, as they do when it starts anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def end(pid: int, database: BaseDatabaseWrapper | None = None) -> None:
    """End the session of a number, by a connection that is another one, and wait until it is gone."""
    with (database or connection).cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def end_others() -> None:
    """End each session of the database but the own one, and wait for it; on SQLite there are none."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

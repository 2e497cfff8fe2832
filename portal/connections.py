"""Connections to databases, and processes that are forked."""

from django.db import connections


def close_databases() -> None:
    """Close every connection, those that wait in a pool too, which ends the pool's threads.

    Before a fork: two processes that write to one socket understand nothing any more.
    """
    for database in connections.all(initialized_only=True):
        database.close()
        if database.vendor == "postgresql":
            database.close_pool()  # type: ignore[attr-defined]

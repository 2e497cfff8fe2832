"""Counting what a call asks of the database, without the savepoints that a test's own transaction adds."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection
from django.test.utils import CaptureQueriesContext

if TYPE_CHECKING:
    from collections.abc import Iterator

BRACKETS = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT", "BEGIN", "COMMIT")


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements of a block; the list is filled when the block ends."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    # Of a prepared statement the driver may not tell the words: it counts all the same.
    asked = [query["sql"] or "(prepared)" for query in captured]
    found += [sql for sql in asked if not sql.startswith(BRACKETS)]

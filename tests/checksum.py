"""What the database holds, row by row, so that a test can tell what a call has changed, and that it has not.

Every table is watched, those of later days too; only what is named here is not.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import Model

    # table -> key -> what the row holds
    Snapshot = dict[str, dict[Any, tuple[Any, ...]]]

# What a refused call, or a mere look, may leave behind, and why.
UNWATCHED_TABLES = {
    "django_session": "a session holds its CSRF token, and begins when one is asked for",
    "accounts_failedsignin": "a failure is counted, so that guessing is slowed down",
    "django_migrations": "the framework's own",
    "django_content_type": "the framework's own",
    "sqlite_sequence": "the framework's own",
}
UNWATCHED_COLUMNS = {
    ("tokens_credential", "last_used_at"): "the use of a token is noted, once a minute",
}
# Entries of the log that tell of refusals: they are made on purpose, after the rollback.
TOLD_REFUSALS = {"access_denied", "login_failure", "export_logs_failure"}

READING = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")


def _tables() -> list[type[Model]]:
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.db_table not in UNWATCHED_TABLES
    ]


def snapshot(touched: str | None = None) -> Snapshot:
    """Return all rows; or only those of the tables that are named in the statements ``touched``."""
    found: Snapshot = {}
    with connection.cursor() as cursor:
        for model in _tables():
            table = model._meta.db_table
            if touched is not None and f'"{table}"' not in touched:
                continue
            columns = [
                field.column
                for field in model._meta.concrete_fields
                if (table, field.column) not in UNWATCHED_COLUMNS and not field.primary_key
            ]
            names = ", ".join(connection.ops.quote_name(name) for name in (model._meta.pk.column, *columns))
            cursor.execute(f"SELECT {names} FROM {connection.ops.quote_name(table)}")  # noqa: S608
            kind = columns.index("kind") if table == "logs_logentry" else None
            found[table] = {
                # PostgreSQL hands bytes over as views, which compare but do not show.
                key: tuple(bytes(one) if isinstance(one, memoryview) else one for one in values)
                for key, *values in cursor.fetchall()
                if kind is None or values[kind] not in TOLD_REFUSALS
            }
    return found


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """Return what differs in the tables of ``after``, one line a row."""
    found = []
    for table, now in after.items():
        was = before[table]
        found += [f"{table} {key} is gone" for key in was.keys() - now.keys()]
        found += [f"{table} {key} is new: {now[key]}" for key in now.keys() - was.keys()]
        found += [
            f"{table} {key} was {was[key]}, is {now[key]}"
            for key in was.keys() & now.keys()
            if was[key] != now[key]
        ]
    return sorted(found)


class Writes:
    """The statements so far that were more than a question; if there is none, nothing has changed."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """Stand between Django and the database."""
        if not sql.startswith(READING):
            self.statements.append(sql)
        return execute(sql, *rest)

    def changes(self, before: Snapshot) -> list[str]:
        """Return what differs by now from ``before``, in the tables that were written to."""
        if not self.statements:
            return []
        return changes(before, snapshot("\n".join(self.statements)))


@contextmanager
def watched() -> Iterator[Writes]:
    """Collect what a block writes."""
    writes = Writes()
    with connection.execute_wrapper(writes):
        yield writes

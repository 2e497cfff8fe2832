"""What the database holds, row by row, so that a test can tell what a call has changed, and that it has not.

Every table is watched, those of later days too; only what is named here is not.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

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
    "logs_era": "the PostgreSQL cluster that numbers the log's transactions: another one after a move alone",
}
UNWATCHED_COLUMNS = {
    ("tokens_credential", "last_used_at"): "the use of a token is noted, once a minute",
    ("tokens_credential", "last_used_ip"): "with from where",
    ("tokens_credential", "last_used_agent"): "and by which program",
    ("accounts_user", "seen_at"): "so is that somebody is here by her browser",
    ("accounts_browsersession", "seen_at"): "and by which",
}
# Entries of the log that tell of refusals: they are made on purpose, after the rollback.
TOLD_REFUSALS = {"access_denied", "login_failure", "export_logs_failure"}

READING = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")


def watched_models() -> list[type[Model]]:
    """Return the models of all tables that are watched."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.db_table not in UNWATCHED_TABLES
    ]


def columns(model: type[Model]) -> list[str]:
    """Return the columns of a snapshot's rows."""
    table = model._meta.db_table
    return [
        field.column
        for field in model._meta.concrete_fields
        if field.column and (table, field.column) not in UNWATCHED_COLUMNS and not field.primary_key
    ]


def snapshot(touched: str | None = None) -> Snapshot:
    """Return all rows; or only those of the tables that are named in the statements ``touched``."""
    found: Snapshot = {}
    quoted = connection.ops.quote_name
    with connection.cursor() as cursor:
        for model in watched_models():
            table = model._meta.db_table
            if touched is not None and quoted(table) not in touched:
                continue
            own = columns(model)
            names = ", ".join(quoted(name) for name in (str(model._meta.pk.column), *own))
            cursor.execute(f"SELECT {names} FROM {quoted(table)}")  # noqa: S608
            kind = own.index("kind") if table == "logs_logentry" else None
            found[table] = {
                # PostgreSQL hands bytes over as views, which compare but do not show.
                key: tuple(bytes(one) if isinstance(one, memoryview) else one for one in values)
                for key, *values in cursor.fetchall()
                if kind is None or values[kind] not in TOLD_REFUSALS
            }
    return found


class Change(NamedTuple):
    """A row that is another, or new (it was nothing), or gone (it is nothing)."""

    table: str
    key: Any
    was: tuple[Any, ...] | None
    now: tuple[Any, ...] | None

    def __str__(self) -> str:
        if self.was is None:
            return f"{self.table} {self.key} is new: {self.now}"
        if self.now is None:
            return f"{self.table} {self.key} is gone"
        return f"{self.table} {self.key} was {self.was}, is {self.now}"


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """Return which rows differ in the tables of ``after``."""
    return [
        Change(table, key, before[table].get(key), now.get(key))
        for table, now in sorted(after.items())
        for key in sorted(before[table].keys() | now.keys())
        if before[table].get(key) != now.get(key)
    ]


class Writes:
    """The statements so far that were more than a question; if there is none, nothing has changed."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """Stand between Django and the database."""
        if not sql.startswith(READING):
            self.statements.append(sql)
        return execute(sql, *rest)

    def changes(self, before: Snapshot) -> list[Change]:
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

"""New rows, written by statements that are compiled once: what every change writes, and its log entry, too.

Django makes an INSERT anew for each row, which takes longer than the database does to carry it out.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import InsertQuery

from core.prepared import Given
from core.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Field, Model

FEW = 3  # rows that are written one by one before composing a statement for all of them is worth it


def write(row: Model) -> None:
    """Insert a row that is not there yet, as ``save(force_insert=True)`` does; signals are not sent.

    Raises:
        IntegrityError: a constraint is broken, or the key is taken.
    """
    database = connections[DEFAULT_DB_ALIAS]
    model = row.__class__
    row._prepare_related_fields_for_save(operation_name="save")  # type: ignore[attr-defined]
    values: dict[str, Any] = {}
    for field in model._meta.local_concrete_fields:
        value = None if field.generated else field.pre_save(row, True)
        if field.generated or isinstance(value, DatabaseDefault) or (field.primary_key and value is None):
            continue  # the database has its own
        if hasattr(value, "resolve_expression"):
            row.save(force_insert=True)
            return
        values[field.attname] = field.get_db_prep_save(value, database)
    statement = _statement(model, tuple(values), database.vendor)
    statement.write(row, values, database)


def write_all(rows: Sequence[Model], *, batch: int = 500) -> None:
    """Insert new rows of one model: a few by the statement that is compiled, more by fewer statements.

    Raises:
        IntegrityError: a constraint is broken. What was written before stands until the transaction ends.
    """
    if len(rows) <= FEW:
        for row in rows:
            write(row)
    else:
        type(rows[0])._default_manager.bulk_create(rows, batch_size=batch)


def write_many(model: type[Model], names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert many new rows, of these fields alone, by COPY where the database has it; signals are not sent.

    Values stand as the columns have them; what the database gives, such as keys, is not returned.

    Raises:
        IntegrityError: a constraint is broken, or a key is taken; then none is written.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        model._default_manager.bulk_create([model(**dict(zip(names, row, strict=True))) for row in rows])
        return
    quoted = database.ops.quote_name
    stands = {field.name: str(field.column) for field in model._meta.concrete_fields}
    columns = ", ".join(quoted(stands[name]) for name in names)
    with (
        database.cursor() as cursor,
        database.wrap_database_errors,
        cursor.copy(f"COPY {quoted(model._meta.db_table)} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


class _Statement:
    """An INSERT of some columns of a model, and what it returns."""

    def __init__(self, model: type[Model], names: tuple[str, ...], database: BaseDatabaseWrapper) -> None:
        fields = [field for field in model._meta.local_concrete_fields if field.attname in names]
        query = InsertQuery(model)
        marks = model(**{name: Given(name, getattr(model, name)) for name in names})
        query.insert_values(fields, [marks], raw=True)
        compiler = query.get_compiler(connection=database)
        self.returned: list[Field[Any, Any]] = list(model._meta.db_returning_fields)
        compiler.returning_fields = self.returned
        [(sql, asked)] = compiler.as_sql()
        self.statement = Statement(sql)
        self.names = [one.name for one in asked]
        columns = [field.get_col(model._meta.db_table) for field in self.returned]
        self.compiler, self.converters = compiler, compiler.get_converters(columns)

    def write(self, row: Model, values: dict[str, Any], database: BaseDatabaseWrapper) -> None:
        rows, _ = self.statement.run([values[name] for name in self.names], database)
        if self.returned:
            [found] = self.compiler.apply_converters(rows, self.converters) if self.converters else rows
            for field, value in zip(self.returned, found, strict=True):
                setattr(row, field.attname, value)
        row._state.adding, row._state.db = False, database.alias


@cache
def _statement(model: type[Model], names: tuple[str, ...], vendor: str) -> _Statement:
    return _Statement(model, names, connections[DEFAULT_DB_ALIAS])

"""New rows, written by statements that are compiled once: what every change writes, and its log entry, too.

Django makes an INSERT anew for each row, which takes longer than the database does to carry it out.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import InsertQuery

from core.columns import ways
from core.prepared import Given
from core.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model

    from core.columns import Ways

    _Column = tuple[str, Field[Any, Any], Ways, bool]

FEW = 3  # rows for which a statement is kept: more are seldom as many a second time
ASKED = ""  # no attribute's name


def write(row: Model) -> None:
    """Insert a row that is not there yet, as ``save(force_insert=True)`` does; signals are not sent.

    Raises:
        IntegrityError: a constraint is broken, or the key is taken.
    """
    write_all([row])


def write_all(rows: Sequence[Model], *, batch: int = 500) -> None:
    """Insert new rows of one model with one statement, which is compiled already where they are few.

    Raises:
        IntegrityError: a constraint is broken, or a key is taken. None of these rows is there then.
    """
    if not rows:
        return
    database = connections[DEFAULT_DB_ALIAS]
    model = rows[0].__class__
    fields = _fields(model, database.vendor)
    given = [_values(row, fields, database) for row in rows[: FEW + 1]]
    names = given[0].keys()
    if len(rows) > FEW or any(one.keys() != names or ASKED in one for one in given):
        if len(rows) == 1:
            rows[0].save(force_insert=True)
        else:
            model._default_manager.bulk_create(rows, batch_size=batch)
        return
    _statement(model, tuple(names), len(rows), database.vendor).write(rows, given, database)


def _values(row: Model, fields: Sequence[_Column], database: BaseDatabaseWrapper) -> dict[str, Any]:
    """Return what is written of a row, by attribute: not what the database has of its own.

    ``ASKED`` is among them where the database is to work out one of the values.
    """
    if row._state.fields_cache:
        row._prepare_related_fields_for_save(operation_name="save")  # type: ignore[attr-defined]
    values: dict[str, Any] = {}
    for name, field, known, is_kept in fields:
        value = getattr(row, name) if is_kept else field.pre_save(row, True)
        if value is None and field.primary_key:
            continue
        try:
            way = known[value.__class__]
        except KeyError:
            if isinstance(value, DatabaseDefault):
                continue
            if hasattr(value, "resolve_expression"):
                values[name] = values[ASKED] = value
            else:
                values[name] = field.get_db_prep_save(value, database)
        else:
            values[name] = value if way is None else way(value)
    return values


@cache
def _fields(model: type[Model], vendor: str) -> list[_Column]:
    """Return what is written of a model: attributes, fields, and what is known of their values."""
    del vendor  # of the one database there is
    database = connections[DEFAULT_DB_ALIAS]
    return [
        (field.attname, field, ways(field, database), type(field).pre_save is Field.pre_save)
        for field in model._meta.local_concrete_fields
        if not field.generated
    ]


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
    """An INSERT of some columns of a model for so many rows, and what it returns."""

    def __init__(
        self, model: type[Model], names: tuple[str, ...], count: int, database: BaseDatabaseWrapper
    ) -> None:
        fields = [field for field in model._meta.local_concrete_fields if field.attname in names]
        query = InsertQuery(model)
        marks = [
            model(**{name: Given(f"{number} {name}", getattr(model, name)) for name in names})
            for number in range(count)
        ]
        query.insert_values(fields, marks, raw=True)
        compiler = query.get_compiler(connection=database)
        self.returned: list[Field[Any, Any]] = list(model._meta.db_returning_fields)
        compiler.returning_fields = self.returned
        [(sql, asked)] = compiler.as_sql()
        self.statement = Statement(sql)
        self.asked = [(int(number), name) for number, _, name in (one.name.partition(" ") for one in asked)]
        columns = [field.get_col(model._meta.db_table) for field in self.returned]
        self.compiler, self.converters = compiler, compiler.get_converters(columns)

    def write(
        self, rows: Sequence[Model], values: Sequence[dict[str, Any]], database: BaseDatabaseWrapper
    ) -> None:
        found, _ = self.statement.run([values[number][name] for number, name in self.asked], database)
        if self.returned:
            if self.converters:
                found = self.compiler.apply_converters(found, self.converters)
            for row, told in zip(rows, found, strict=True):
                for field, value in zip(self.returned, told, strict=True):
                    setattr(row, field.attname, value)
        for row in rows:
            row._state.adding, row._state.db = False, database.alias


@cache
def _statement(model: type[Model], names: tuple[str, ...], count: int, vendor: str) -> _Statement:
    return _Statement(model, names, count, connections[DEFAULT_DB_ALIAS])

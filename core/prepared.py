"""Queries whose shape never changes: written as querysets, compiled once, asked again with other values.

Django makes the SQL of a queryset anew each time, which for what every call asks (who stands behind a token,
what is her role) takes longer than PostgreSQL does to answer. Here it is made once in a process; PostgreSQL,
too, keeps its plan (a prepared statement, where the pooler in between allows them). See docs/adr/0012.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connections
from django.db.models import Expression
from django.db.models.query import ModelIterable, ValuesListIterable, get_related_populators
from django.db.models.sql import UpdateQuery

from core.columns import ways
from core.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import QuerySet

Row = TypeVar("Row")


class Given(Expression):
    """Stands in a queryset for a value that is given when it is asked; ``like`` is the column it meets."""

    def __init__(self, name: str, like: Any) -> None:
        super().__init__(output_field=like.field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return a place in the statement; the value comes later."""
        return "%s", (self,)


class Prepared(Generic[Row]):
    """A queryset that ``build`` makes with `Given` values, at its first use; call it with them.

    Of a queryset of models each row is a fresh instance, with what ``select_related`` and ``annotate`` add;
    of ``values_list`` a tuple. Nothing but the statement is kept: every call asks the database.

    ``planned``: PostgreSQL may keep its plan, too. It must not where the best one hangs on the values: how
    much of a table a namespace is, how long a range.
    """

    def __init__(self, build: Callable[[], QuerySet[Any, Row]], *, planned: bool = True) -> None:
        self._build, self._planned = build, planned
        self._plan: _Plan | None = None

    def __call__(self, **values: Any) -> list[Row]:
        """Return all rows; ``values`` are those of `Given`, by name."""
        # Of this thread: looked up once, not with each of its attributes.
        database = connections[DEFAULT_DB_ALIAS]
        plan = self._plan
        if plan is None or plan.vendor != database.vendor:
            plan = self._plan = _Plan(self._build(), database, planned=self._planned)
        found: list[Row] = plan.rows(values, database)
        return found

    def first(self, **values: Any) -> Row | None:
        """Return the first row; where there can be several, ``build`` orders them and takes one."""
        return next(iter(self(**values)), None)


class PreparedUpdate:
    """A change of rows of one table that ``build`` makes: which rows, and what their fields become.

    Both may have `Given` values; call it with them, and it returns how many rows it changed.
    """

    def __init__(self, build: Callable[[], tuple[QuerySet[Any], dict[str, Any]]]) -> None:
        self._build = build
        self._made: tuple[str, Statement, _Asked] | None = None

    def __call__(self, **values: Any) -> int:
        """Change the rows."""
        database = connections[DEFAULT_DB_ALIAS]
        if self._made is None or self._made[0] != database.vendor:
            rows, changes = self._build()
            query: Any = rows.query.chain(UpdateQuery)
            query.add_update_values(changes)
            sql, parameters = query.get_compiler(connection=database).as_sql()
            self._made = database.vendor, Statement(sql), _Asked(parameters, database)
        _, statement, asked = self._made
        return statement.run(asked.values(values, database), database)[1]


class _Plan:
    """A statement, where values go in it, and what its rows become."""

    def __init__(
        self, queryset: QuerySet[Any, Any], database: BaseDatabaseWrapper, *, planned: bool = True
    ) -> None:
        self.vendor = database.vendor
        self.compiler = compiler = queryset.query.get_compiler(connection=database)
        sql, parameters = compiler.as_sql()
        self.asked = _Asked(parameters, database)
        self.statement = Statement(sql, planned=planned)
        of_models = queryset._iterable_class is ModelIterable
        if not of_models and queryset._iterable_class is not ValuesListIterable:
            raise TypeError("A prepared query gives models, or values_list without flat")
        columns = compiler.select
        self.converters = compiler.get_converters([column for column, _, _ in columns])
        self.model: Any = None
        if of_models:
            info = compiler.klass_info
            self.model = info["model"]
            fields = info["select_fields"]
            self.start, self.end = fields[0], fields[-1] + 1
            self.names = [column[0].target.attname for column in columns[self.start : self.end]]
            self.related = get_related_populators(info, columns, database.alias)  # type: ignore[call-arg]
            self.annotations = list(compiler.annotation_col_map.items())

    def rows(self, values: dict[str, Any], database: BaseDatabaseWrapper) -> list[Any]:
        rows: Iterable[Any] = self._ask(self.asked.values(values, database), database)
        if self.converters:
            rows = self.compiler.apply_converters(rows, self.converters)
        if self.model is not None:
            return [self._instance(row, database.alias) for row in rows]
        return [tuple(row) for row in rows] if self.converters else list(rows)

    def _instance(self, row: Sequence[Any], alias: str) -> Any:
        made = self.model.from_db(alias, self.names, row[self.start : self.end])
        for populator in self.related:
            populator.populate(row, made)
        for name, column in self.annotations:
            setattr(made, name, row[column])
        return made

    def _ask(self, parameters: list[Any], database: BaseDatabaseWrapper) -> list[Any]:
        try:
            return self.statement.run(parameters, database)[0]
        except NotSupportedError:
            # A migration changed a column's type under a kept plan. Within a transaction it is too late, and
            # its end drops all plans.
            if self.vendor != "postgresql" or database.in_atomic_block:
                raise
            with database.cursor() as cursor:
                cursor.execute("DEALLOCATE ALL")
            return self.statement.run(parameters, database)[0]


class _Asked:
    """A statement's parameters: those that never change, and places of `Given` values."""

    def __init__(self, parameters: Iterable[Any], database: BaseDatabaseWrapper) -> None:
        self.parameters = list(parameters)
        self.places = [
            (place, one.name, one.output_field, ways(one.output_field, database))
            for place, one in enumerate(self.parameters)
            if isinstance(one, Given)
        ]

    def values(self, given: dict[str, Any], database: BaseDatabaseWrapper) -> list[Any]:
        found = self.parameters.copy()
        for place, name, field, known in self.places:
            value = given[name]
            try:
                way = known[value.__class__]
            except KeyError:
                found[place] = field.get_db_prep_value(value, database)
            else:
                found[place] = value if way is None else way(value)
        return found

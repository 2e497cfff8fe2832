"""Saving rows so that the database's own constraints speak in domain errors."""

from __future__ import annotations

import sqlite3
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, Exists, Value, When

from core.errors import Conflict, Invalid, NotFound
from core.inserting import write, write_all
from core.prepared import Given, Prepared
from core.words import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound="Model")

VALUES_MAX = 32_766
KEYS_MAX = 900  # in one statement: fewer than any SQLite takes


def take_more_at_once(connection: Any, **_: Any) -> None:
    """Let bulk writes put as many values into a statement as this SQLite takes, not the 999 of old ones.

    Receives Django's ``connection_created``. The bound is that of a usual build since SQLite 3.32.
    """
    if connection.vendor == "sqlite":
        most = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        connection.features.max_query_params = min(most, VALUES_MAX)


def insert(row: Row, *, taken: str) -> Row:
    """Validate the fields and save a new row in a savepoint.

    Raises:
        Invalid: a field's value is refused; ``field`` names it.
        Conflict: a constraint is broken; the message is ``taken``.
    """
    _clean(row)
    return _save(row, taken=taken)


def insert_below(row: Row, field: str, beside: QuerySet[Row], most: int, *, full: str) -> Row:
    """Validate and save a new row, unless there are ``most`` already among ``beside``.

    They are counted by the statement that writes, so that a limit costs no query of its own: of one row too
    many, ``field``, which the table requires, is nothing. Exact where the caller holds what all of them
    belong to.

    Raises:
        Invalid: as `insert`.
        Conflict: there are as many; the message is ``full``.
    """
    _clean(row)
    value = getattr(row, field)
    last = Exists(beside.order_by("pk")[most - 1 : most])
    setattr(row, field, Case(When(last, then=Value(None)), default=Value(value)))
    try:
        return _save(row, taken=full)
    finally:
        setattr(row, field, value)


def insert_many(rows: list[Row], *, taken: str) -> list[Row]:
    """Validate the fields of new rows of one model and save them all, with one query. Raises as `insert`."""
    for row in rows:
        _clean(row)
    if rows:
        try:
            with transaction.atomic():
                write_all(rows)
        except IntegrityError as error:
            raise Conflict(taken) from error
    return rows


def update(row: Row, *fields: str, taken: str = "The change collides with another row") -> Row:
    """Validate and save the named fields of a row that exists already.

    Raises:
        Invalid, Conflict: as `insert`.
        NotFound: somebody else deleted it just now.
    """
    _clean(row, only=fields)
    changed = {field: getattr(row, field) for field in fields}
    try:
        with transaction.atomic():
            # Not type(row): the person of a session is a lazy stand-in.
            found = living(row.__class__).filter(pk=row.pk).update(**changed)
    except IntegrityError as error:
        raise Conflict(taken) from error
    if not found:
        raise NotFound(GONE)
    return row


def hold(row: Row, *, gone: str = "") -> Row:
    """Lock a row for the rest of the transaction, and make sure that it lives: as of now, not as it was read.

    Whoever writes a row that refers to another holds that one first: its deletion, which holds it too, then
    comes before (and is told here) or after (and takes the new row along). So that two transactions never
    wait for each other, all hold in one order: people, accounts, organizations, teams, the counting rows of
    quotas (namespaces', then accounts'), robots, projects; and of one sort by key.

    Returns the row as the database has it now; what it refers to is not loaded.

    Raises:
        NotFound: it is deleted; the message is ``gone``.
    """
    # Not type(row): the person of a session is a lazy stand-in.
    found: Row | None = _held(row.__class__).first(pk=row.pk)
    if found is None:
        raise NotFound(gone or GONE)
    return found


@cache
def _held(model: type[Row]) -> Prepared[Row]:
    return Prepared(
        lambda: (
            living(model)
            .select_for_update(no_key=True)
            .filter(pk=Given("pk", getattr(model, model._meta.pk.attname)))
        )
    )


def hold_all(model: type[Row], keys: Iterable[int | None]) -> set[int]:
    """Hold rows of a model by their keys, as `hold` does, and return the keys of those that live."""
    wanted = sorted({key for key in keys if key is not None})
    if len(wanted) == 1:
        return {row.pk for row in _held(model)(pk=wanted[0])}
    return _among(living(model).select_for_update(no_key=True), wanted)


def living_keys(model: type[Row], keys: Iterable[int]) -> set[int]:
    """Return those of some keys whose rows live, holding nothing."""
    return _among(living(model), sorted(set(keys)))


def _among(rows: QuerySet[Row], keys: list[int]) -> set[int]:
    found: set[int] = set()
    for start in range(0, len(keys), KEYS_MAX):
        some = rows.filter(pk__in=keys[start : start + KEYS_MAX]).order_by("pk")
        found.update(some.values_list("pk", flat=True))
    return found


GONE = say("It was deleted just now")


def living(model: type[Row]) -> QuerySet[Row]:
    """Return the rows of a model that are not deleted; some only bear a mark until a worker purges them."""
    rows: QuerySet[Row] = model._default_manager.all()
    marked = any(field.name == "deleted_at" for field in model._meta.concrete_fields)
    return rows.filter(deleted_at=None) if marked else rows


def _clean(row: Model, only: Iterable[str] = ()) -> None:
    # Relations are left to the database: checking them here would cost a query each.
    skip = {field.name for field in row._meta.fields if field.is_relation}
    if only:
        skip |= {field.name for field in row._meta.fields} - set(only)
    try:
        row.clean_fields(exclude=skip)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(messages[0], field=field) from error


def _save(row: Row, *, taken: str) -> Row:
    try:
        with transaction.atomic():
            write(row)
    except IntegrityError as error:
        raise Conflict(taken) from error
    return row


def one_at_a_time(what: str) -> None:
    """Let only one transaction at a time go on from here, until it ends.

    For the few things that no constraint can guard. SQLite's write transactions queue up by themselves.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [zlib.crc32(what.encode())])

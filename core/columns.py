"""Values as columns take them: what a field makes of most of them is known beforehand."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Field

    Ways = dict[type, Callable[[Any], Any] | None]

TEXTS = {models.CharField, models.EmailField, models.SlugField, models.TextField, models.URLField}
KEYS = {models.AutoField, models.BigAutoField, models.SmallAutoField}
NUMBERS = {
    models.BigIntegerField,
    models.IntegerField,
    models.PositiveBigIntegerField,
    models.PositiveIntegerField,
    models.PositiveSmallIntegerField,
    models.SmallIntegerField,
}
OTHERS = {
    models.BooleanField,
    models.DateTimeField,
    models.GenericIPAddressField,
    models.UUIDField,
}


def ways(field: Field[Any, Any], database: BaseDatabaseWrapper) -> Ways:
    """Return, by a value's exact type, what becomes of it on its way to a column; None: it stays as it is.

    The same as the field's ``get_db_prep_save`` and ``get_db_prep_value`` return, which take several calls to
    find that a text is a text. Other types, and fields that have a way of their own, have to ask those.
    """
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    sort = type(field)
    found: Ways = {}
    if sort in TEXTS:
        found = {str: None}
    elif sort in KEYS:
        found = {int: None}
    elif sort in NUMBERS:
        internal = field.get_internal_type()
        found = {int: partial(database.ops.adapt_integerfield_value, internal_type=internal)}
    elif sort is models.BooleanField:
        found = {bool: None}
    elif sort is models.UUIDField:
        found = {UUID: None if database.features.has_native_uuid_field else attrgetter("hex")}
    elif sort is models.DateTimeField and database.vendor == "postgresql":
        found = {datetime: partial(_moment, field, database)}
    return {**found, type(None): None} if found or sort in OTHERS else {}


def _moment(field: Field[Any, Any], database: BaseDatabaseWrapper, value: datetime) -> Any:
    """Leave times alone that know their zone; the field has to find one for others."""
    return field.get_db_prep_save(value, database) if value.tzinfo is None else value

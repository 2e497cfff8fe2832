"""What is known of values beforehand is what the fields make of them, for every field there is."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection

from core.columns import ways
from logs.models import LogEntry

FIELDS = [field for model in apps.get_models() for field in model._meta.local_concrete_fields]
VALUES: dict[type, list[Any]] = {
    str: ["", "web", "100 % ü 🙂", "7", "\x00"],
    int: [0, 1, -1, 2**31, 2**62],
    bool: [True, False],
    type(None): [None],
    UUID: [UUID(int=0), UUID("6f2c1c1e-2f60-4f0a-9c53-0d8b0a3b8c11")],
    datetime: [
        datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
}


def told(field):
    return f"{field.model._meta.label}.{field.name}"


@pytest.mark.django_db
@pytest.mark.parametrize("field", FIELDS, ids=told)
def test_a_field_makes_of_a_value_what_is_known(field):
    known = ways(field, connection)
    for sort, way in known.items():
        for value in VALUES[sort]:
            mine = value if way is None else way(value)
            for theirs in (
                field.get_db_prep_save(value, connection),
                field.get_db_prep_value(value, connection),
            ):
                assert (type(mine), mine) == (type(theirs), theirs)


def test_of_most_fields_it_is_known():
    """Else the test above would say nothing."""
    assert sum(1 for field in FIELDS if ways(field, connection)) > len(FIELDS) / 2


@pytest.mark.django_db
def test_a_time_without_a_zone_is_given_the_one_of_the_instance():
    field = LogEntry._meta.get_field("at")
    naive = datetime(2026, 5, 1, 12)  # noqa: DTZ001 - what is tried
    way = ways(field, connection).get(datetime)
    with pytest.warns(RuntimeWarning, match="naive datetime"):
        theirs = field.get_db_prep_save(naive, connection)
    if way is not None:
        with pytest.warns(RuntimeWarning, match="naive datetime"):
            assert way(naive) == theirs

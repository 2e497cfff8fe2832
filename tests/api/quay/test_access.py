"""Who gets what on every route of the Quay wire; the format is told in access.py."""

import copy

import pytest
from django.db import transaction
from django.test import override_settings

from api.quay.urls import urlpatterns
from tests.api.quay import access
from tests.api.quay import world as worlds

ROWS = access.all_rows()


@pytest.fixture(scope="module")
def shared_world(django_db_setup, django_db_blocker):
    """One world for all rows, with everybody's token in it; what a row does to it is undone."""
    with django_db_blocker.unblock(), override_settings(**worlds.EVERYWHERE), transaction.atomic():
        world = worlds.build()
        for principal in worlds.PRINCIPALS + tuple(access.BY_RULE):
            world.client(principal)
        yield world
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_everybody_gets_what_the_table_says(row, shared_world):
    expected, came, changed = access.answers(row, copy.deepcopy(shared_world))
    assert came == expected
    assert changed == [], "a refused call, or one that only reads, changes nothing"


def test_every_route_and_method_has_a_row():
    missing = set(access.all_routes()) - {row.route for row in ROWS}
    assert not missing, f"rows are missing for {sorted(missing)}"


def test_every_route_has_a_name_of_its_own():
    names = [pattern.name for pattern in urlpatterns]
    assert len(names) == len(set(names))

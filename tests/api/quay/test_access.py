"""Who gets what on every route of the Quay wire; the format is told in access.py."""

import pytest

from api.quay.urls import urlpatterns
from tests.api.quay import access, world

ROWS = access.all_rows()


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_everybody_gets_what_the_table_says(row):
    expected, came = access.answers(row, world.build())
    assert came == expected


def test_every_route_and_method_has_a_row():
    missing = set(access.all_routes()) - {row.route for row in ROWS}
    assert not missing, f"rows are missing for {sorted(missing)}"


def test_every_route_has_a_name_of_its_own():
    names = [pattern.name for pattern in urlpatterns]
    assert len(names) == len(set(names))

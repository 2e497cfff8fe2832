"""The Quay wire's world, which stands from test to test."""

import pytest

from tests.api.quay import world as worlds
from tests.staging import stand


@pytest.fixture
def standing_world(request):
    return stand(worlds.build, request)


@pytest.fixture
def world(standing_world, db):
    return standing_world or worlds.build()

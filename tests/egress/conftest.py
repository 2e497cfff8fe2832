"""An organization, all that calls out on its behalf, and the world outside as `tests/core` has it."""

import pytest

from accounts import provider
from tests.core.conftest import outside, serve, tripwires
from tests.egress.sinks import World
from tests.logs.conftest import own_directory

__all__ = ["outside", "own_directory", "serve", "tripwires"]


@pytest.fixture
def world(settings, monkeypatch, outside, tripwires, serve):
    """Return what the sinks stand on. Nothing beside its own document server may be called."""
    monkeypatch.setattr(provider, "_shelf", provider._Shelf())
    return World(settings, monkeypatch, outside, serve)

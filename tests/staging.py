"""Worlds that stand while many tests come and go: each is built once, and every test leaves it as it was.

A fixture whose name begins with ``standing_`` opens a transaction outside of the test's own and builds in it;
pytest-django's transaction then is a savepoint in that one. What the test got is a copy: no test sees what
another one did to it. As soon as a test comes that did not ask for the world, or when it has stood for a
while, it is gone, so no test sees a world that it has not asked for, or one that is old.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

from django.db import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from pytest_django import DjangoDbBlocker

PREFIX = "standing_"
SECONDS = 60  # what was made just now in the world, was made just now for the test


class _Standing:
    """What stands now: the function that built it, what came of it, the transaction around it."""

    build: Callable[[], Any] | None = None
    world: Any = None
    since: float = 0
    around: Any = None
    blocker: DjangoDbBlocker | None = None


_now = _Standing()


def stand(build: Callable[[], Any], request: pytest.FixtureRequest) -> Any:
    """Return a copy of what the function builds, which is built anew only if it does not stand.

    A test that commits gets None: it has to build for itself.
    """
    marker = request.node.get_closest_marker("django_db")
    if {"transactional_db", "live_server"} & set(request.fixturenames) or (
        marker and marker.kwargs.get("transaction")
    ):
        fall()
        return None
    request.getfixturevalue("django_db_setup")
    blocker = request.getfixturevalue("django_db_blocker")
    if _now.build is not build or time.perf_counter() - _now.since > SECONDS:
        fall()
        _now.build, _now.around, _now.blocker = build, transaction.atomic(), blocker
        with blocker.unblock():
            _now.around.__enter__()
            try:
                _now.world, _now.since = build(), time.perf_counter()
            except BaseException:
                fall()
                raise
    return copy.deepcopy(_now.world)


def fall() -> None:
    """Roll back what stands, if anything does."""
    if _now.build is None:
        return
    around, blocker = _now.around, _now.blocker
    _now.build = _now.world = _now.around = None
    assert blocker is not None
    with blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)

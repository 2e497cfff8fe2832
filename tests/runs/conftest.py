"""An organization with somebody who asks for runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runs import services
from tests import make

if TYPE_CHECKING:
    from accounts.models import Organization, User


@pytest.fixture
def owner(db: None) -> User:
    """Make who owns the organization."""
    return make.user("owner")


@pytest.fixture
def acme(owner: User) -> Organization:
    """Make the organization."""
    return make.organization(owner=owner)


@pytest.fixture
def ask(acme: Organization, owner: User) -> Any:
    """Return how a person, the owner if none is named, begins a run over rows of one kind."""

    def begin(action: str, rows: Any, who: User | None = None, **more: Any) -> Any:
        things = [services.Thing(row.pk, str(row)) for row in rows]
        actor = make.actor(who or owner)
        return services.begin_run(actor=actor, namespace=acme.namespace, action=action, things=things, **more)

    return begin

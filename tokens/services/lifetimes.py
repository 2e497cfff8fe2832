"""How long credentials live: what an organization allows at most, by whichever door they are made."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from core.errors import Invalid
from core.words import say_many

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Namespace, Organization, Robot
    from projects.models import Project
    from tokens.models import Application

# Between choosing an end and asking for it, a clock may tick, and midnight is a day's end.
LEEWAY = timedelta(days=1)
USUAL = timedelta(days=90)  # of what is made where nobody chooses


def limit_of(
    *,
    organization: Organization | None = None,
    project: Project | None = None,
    robot: Robot | None = None,
    application: Application | None = None,
) -> timedelta | None:
    """Return how long the credentials of an owner may live at most; None where nobody says.

    A person's own are limited by no organization. An application's are, whomever they act as.
    """
    owner = organization or _organization(project or robot or application)
    if owner is None or owner.token_max_days is None:
        return None
    return timedelta(days=owner.token_max_days)


def _organization(owner: Project | Robot | Application | None) -> Organization | None:
    if owner is None:
        return None
    namespace: Namespace = owner.namespace
    return namespace.organization if namespace.kind == namespace.Kind.ORGANIZATION else None


def usual_end(*, organization: Organization) -> datetime:
    """Return when a credential ends for which nobody chose: sooner where the organization allows less."""
    return timezone.now() + min(USUAL, limit_of(organization=organization) or USUAL)


def end_within(limit: timedelta | None, expires_at: datetime | None) -> datetime | None:
    """Return when a new credential ends: at the limit where nobody asked for an end.

    Raises:
        Invalid: a later end was asked for; of ``expires_at``.
    """
    if limit is None:
        return expires_at
    latest = timezone.now() + limit
    if expires_at is None:
        return latest
    if expires_at > latest + LEEWAY:
        raise Invalid(
            say_many(
                "The organization lets tokens live for at most {count} day",
                "The organization lets tokens live for at most {count} days",
                limit.days,
            ),
            field="expires_at",
        )
    return min(expires_at, latest)

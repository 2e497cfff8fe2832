"""What new projects of an organization are granted at birth."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Organization
from core.errors import NotFound
from permissions.catalogue import DEFAULT_GRANT_LIST
from permissions.checks import require
from permissions.models import DefaultGrant

if TYPE_CHECKING:
    from core.actor import Actor


def default_grants(*, actor: Actor, organization: Organization) -> QuerySet[DefaultGrant]:
    """Return an organization's default grants, oldest first, with their holders."""
    require(actor, DEFAULT_GRANT_LIST, organization)
    return (
        DefaultGrant.objects.filter(organization=organization)
        .select_related("user", "team", "robot__namespace", "activating_user", "activating_robot__namespace")
        .order_by("pk")
    )


def default_grant(*, actor: Actor, organization: Organization, uuid: str) -> DefaultGrant:
    """Return one default grant of an organization, with its holders.

    Raises:
        Forbidden: not an administrator.
        NotFound: there is none, or it is another organization's.
    """
    found = default_grants(actor=actor, organization=organization)
    try:
        rule = found.filter(uuid=UUID(uuid)).first()
    except ValueError:
        rule = None
    if rule is None:
        raise NotFound("There is no such default permission", absent="default_grant")
    rule.organization = organization
    return rule

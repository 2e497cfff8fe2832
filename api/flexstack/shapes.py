"""The objects of the FlexStack wire (flexstack.md 5). What is not there is null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.flexstack.constants import ACCOUNT, INTEGRATION, MEMBER, ORG_ROLES, ORGANIZATION, PROJECT, ROLES
from core.publicids import base58, time_id
from notifications.events import FLAGS
from projects.listed import HeldProject

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Membership
    from notifications.models import Subscription
    from projects.models import Project


def moment(when: datetime) -> str:
    """Return a time in UTC to the second."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def own_id(kind: str, row: Any) -> str:
    """Return the public id of a row."""
    return base58(time_id(kind, row.pk, row.created_at))


def project_view(project: Project) -> dict[str, Any]:
    """Return a project."""
    return held_view(HeldProject.of(project))


def held_view(project: HeldProject) -> dict[str, Any]:
    """Return a project as lists find it."""
    environment = project.default_environment
    home = time_id(ORGANIZATION, project.organization_pk, project.organization_created_at)
    return {
        "connection_status": project.connection_status,
        "created_at": moment(project.created_at),
        "default_environment_id": base58(environment) if environment is not None else None,
        "description": project.description or None,
        "icon": project.icon or None,
        "id": own_id(PROJECT, project),
        "name": project.name,
        "org_id": base58(home),
    }


def collaborator_view(member: Membership, project: Project) -> dict[str, Any]:
    """Return a member of the organization in a project, as `projects.listing.collaborators` finds her."""
    user = member.user
    role = ORG_ROLES[member.role]
    profile = {
        "bio": None,
        "github": None,
        "location": user.location or None,
        "twitter": None,
        "website": None,
    }
    return {
        "account_id": own_id(ACCOUNT, user.personal_account),
        "avatar": None,
        "created_at": moment(member.created_at),
        "display_name": user.name or None,
        "id": own_id(MEMBER, member),
        "name": user.username,
        "org_role": "admin" if role == "member" and member.by_team else role,  # type: ignore[attr-defined]
        "profile": profile,
        "project_id": own_id(PROJECT, project),
        "role": ROLES[member.project_role],  # type: ignore[attr-defined]
    }


def integration_view(integration: Subscription, project: Project, secret: str | None) -> dict[str, Any]:
    """Return an integration, with its secret for those who may see it."""
    config = dict(integration.config)
    if secret:
        config["secret"] = secret
    return {
        "config": config,
        "created_at": moment(integration.created_at),
        "id": own_id(INTEGRATION, integration),
        "notifications": {flag: (integration.flags or {}).get(flag, False) for flag in FLAGS},
        "project_id": own_id(PROJECT, project),
        "type": integration.method,
        "updated_at": moment(integration.updated_at),
    }

"""The objects of the Codacy wire; what is not there is left out (codacy.md 6.1 and 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Membership, Organization, User
    from projects.listed import ListedProject
    from projects.models import Project
    from tokens.models import Credential


def moment(when: datetime) -> str:
    """Return a time in UTC with hundredths."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 10000:02d}Z"


def repository_view(
    project: Project | ListedProject,
    organization: Organization,
    *,
    permission: str = "",
    is_followed: bool = False,
) -> dict[str, Any]:
    """Return a repository. Nothing is analysed here: no languages, problems or standards."""
    found: dict[str, Any] = {
        "repositoryId": project.pk,
        "provider": organization.provider,
        "owner": organization.provider_organization,
        "name": project.slug,
        "fullPath": f"{organization.provider_organization}/{project.slug}",
        "visibility": project.visibility.capitalize(),
        "lastUpdated": moment(project.created_at),
        "problems": [],
        "languages": [],
        "standards": [],
        "addedState": "Following" if is_followed else "Added",
    }
    if permission:
        found["permission"] = permission
    return found


def organization_view(organization: Organization) -> dict[str, Any]:
    """Return an organization; what the provider calls it is its remote id as well."""
    return {
        "identifier": organization.pk,
        "remoteIdentifier": organization.provider_organization,
        "name": organization.provider_organization,
        "created": moment(organization.created_at),
        "provider": organization.provider,
        "joinMode": "request",
        "type": "Organization",
        "joinStatus": "member",
        "singleProviderLogin": False,
        "hasDastAccess": False,
        "hasScaEnabled": False,
    }


def user_view(user: User, *, is_admin: bool) -> dict[str, Any]:
    """Return the person herself."""
    found: dict[str, Any] = {
        "id": user.pk,
        "mainEmail": user.email,
        "otherEmails": [],
        "isAdmin": is_admin,
        "isActive": user.is_active,
        "created": moment(user.created_at),
    }
    return found | {"name": user.name or user.username}


def person_view(row: Membership) -> dict[str, Any]:
    """Return a member of an organization."""
    user = row.user
    return {
        "email": user.email,
        "emails": [user.email] if user.email else [],
        "name": user.name or user.username,
        "userId": user.pk,
        "isActive": user.is_active,
        "canBeRemoved": row.role not in ("owner",),
    }


def token_view(credential: Credential, secret: str) -> dict[str, Any]:
    """Return a token (codacy.md 6.2)."""
    found: dict[str, Any] = {"id": credential.pk, "token": secret}
    if credential.title:
        found["name"] = credential.title
    if credential.expires_at is not None:
        found["expiresAt"] = moment(credential.expires_at)
    return found

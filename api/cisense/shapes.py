"""The objects of the CI Sense wire (cisense.md 5). Each carries its id twice, prefixed key and plain twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.cisense.constants import ACCOUNT, ORGANIZATION, PROJECT, USER
from core.publicids import nid
from permissions.checks import named_superuser

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from accounts.models import Account, Organization, User
    from accounts.selectors import Standing
    from projects.models import Project


def moment(when: datetime) -> str:
    """Return a time in UTC to the second."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _ids(key: str, prefix: str, pk: int) -> dict[str, str]:
    own = nid(prefix, pk)
    return {key: own, "nid": own}


def person(user: User) -> dict[str, Any]:
    """Return who somebody is, without what only operators see."""
    return {
        "user_nid": nid(USER, user.pk),
        "user_name": user.name or user.username,
        "user_login": user.username,
    }


def user_view(user: User) -> dict[str, Any]:
    """Return a person as operators see her."""
    return {
        **_ids("user_nid", USER, user.pk),
        **person(user),
        "user_email": user.email,
        "user_is_server_root": named_superuser(user),
        "created_at": moment(user.created_at),
    }


def account_view(account: Account) -> dict[str, Any]:
    """Return an account."""
    return {
        **_ids("account_nid", ACCOUNT, account.pk),
        "account_name": account.name,
        "account_type": account.kind,
        "created_at": moment(account.created_at),
    }


def organization_view(organization: Organization) -> dict[str, Any]:
    """Return an organization as lists show it."""
    return {
        **_ids("organization_nid", ORGANIZATION, organization.pk),
        "organization_name": organization.name,
        "account_nid": nid(ACCOUNT, organization.account_id),
        "created_at": moment(organization.created_at),
    }


def organization_detail(organization: Organization, members: Iterable[Standing]) -> dict[str, Any]:
    """Return an organization with its members."""
    return {
        **organization_view(organization),
        "organization_members": [member_view(one) for one in members],
    }


def member_view(standing: Standing) -> dict[str, Any]:
    """Return a person in an organization; the wire knows two roles (cisense.md 2)."""
    role = "administrator" if standing.is_administrator else "member"
    return {**person(standing.user), "organization_role": role}


def project_view(project: Project) -> dict[str, Any]:
    """Return a project as lists show it. One of a person names her account instead of an organization."""
    space = project.namespace
    if space.kind == "organization":
        of = {"organization_nid": nid(ORGANIZATION, space.organization.pk)}
    else:
        of = {"account_nid": nid(ACCOUNT, space.user.personal_account.pk)}
    return {
        **_ids("project_nid", PROJECT, project.pk),
        "project_name": project.name,
        **of,
        "created_at": moment(project.created_at),
    }


def project_detail(project: Project) -> dict[str, Any]:
    """Return a project with its contact and Git address, each left out where there is none."""
    found = {**project_view(project), "project_external_id": nid(PROJECT, project.pk)}
    if project.contact is not None:
        found["project_contact"] = person(project.contact)
    if project.git_url:
        found["project_git_url"] = project.git_url
    return found

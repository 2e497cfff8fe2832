"""The rows by which people and robots hold roles: what `permissions.checks` asks with nearly every call."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Value

from accounts.models import Membership, Organization, TeamMember, User
from core.prepared import Given, Prepared
from permissions.factors import NO_TEAM, Row, Rows
from permissions.models import Grant
from projects.models import Project

FROM_GRANT, FROM_ORGANIZATION = (Value(word, output_field=CharField()) for word in ("grant", "member"))


def belonging(user: Any, organization: Any) -> tuple[Rows, Rows]:
    """Return a person's direct and her teams' roles, by keys, which may be `Given` later."""
    direct = Membership.objects.filter(organization_id=organization, user_id=user)
    by_team = TeamMember.objects.filter(team__organization_id=organization, user_id=user)
    return (
        direct.values_list("role", NO_TEAM, FROM_ORGANIZATION),
        by_team.values_list("team__role", "team__slug", FROM_ORGANIZATION),
    )


def _given_belonging() -> tuple[Rows, Rows]:
    return belonging(Given("user", User.id), Given("organization", Organization.id))


def _all_roles() -> Rows:
    direct, by_team = _given_belonging()
    return direct.union(by_team, all=True)


roles_in: Prepared[Row] = Prepared(_all_roles)


def all_grants(sort: str, project: Any, holder: Any, *others: Rows) -> Rows:
    """Return the grants that a ``user`` or ``robot`` and her teams hold on a project, with ``others``."""
    direct: Rows = Grant.objects.filter(project_id=project, **{f"{sort}_id": holder}).values_list(
        "role", NO_TEAM, FROM_GRANT
    )
    by_team: Rows = Grant.objects.filter(
        project_id=project, **{f"team__members__{sort}_id": holder}
    ).values_list("role", "team__slug", FROM_GRANT)
    return direct.union(by_team, *others, all=True)


def _given_grants(sort: str, *others: Rows) -> Rows:
    return all_grants(sort, Given("project", Project.id), Given("holder", User.id), *others)


grants_of_user: Prepared[Row] = Prepared(lambda: _given_grants("user"))
grants_of_robot: Prepared[Row] = Prepared(lambda: _given_grants("robot"))
grants_and_roles: Prepared[Row] = Prepared(lambda: _given_grants("user", *_given_belonging()))

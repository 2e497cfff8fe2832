"""Reading what an organization's access hangs on, for `permissions.resolver`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from accounts.models import Membership, Robot, Team, TeamMember, User
from permissions.catalogue import ACCESS_READ
from permissions.checks import full_superuser, named_readonly_superuser, require
from permissions.models import Grant
from permissions.resolver import PERSON, ROBOT, TEAM, Bearer, Facts, Given, Key, Place, Standing
from projects.models import Project

if TYPE_CHECKING:
    from accounts.models import Organization
    from core.actor import Actor


def facts(*, actor: Actor, organization: Organization, outsider: str = "") -> Facts:
    """Return everything that access to an organization's projects hangs on; six queries at any size.

    ``outsider`` is a user name: a living person of it is among the bearers though nothing is granted to her
    (one query more, if she is not there anyway).

    Raises:
        Forbidden: neither an administrator nor somebody who reads everything.
    """
    require(actor, ACCESS_READ, organization)
    found = Facts(organization.slug)
    namespace = organization.namespace_id
    members = Membership.objects.filter(organization=organization, user__deleted_at=None)
    for row in members.select_related("user").only("role", "is_direct", "organization", *_of_user()):
        found.bearers[Key(PERSON, row.user_id)] = _person(row.user)
        found.standings[row.user_id] = Standing(row.role, row.is_direct)
    teams = Team.objects.filter(organization=organization)
    for pk, slug, name, role, sync in teams.values_list("pk", "slug", "name", "role", "sync_service"):
        found.bearers[Key(TEAM, pk)] = Bearer(f"@{slug}", name, role=role, sync=sync)
    robots = Robot.objects.filter(namespace=namespace)
    for pk, shortname, described, disabled_at in robots.values_list(
        "pk", "shortname", "description", "disabled_at"
    ):
        name = f"{organization.slug}+{shortname}"
        found.bearers[Key(ROBOT, pk)] = Bearer(name, described, active=disabled_at is None)
    seats: dict[Key, set[int]] = {}
    for team, user, robot in TeamMember.objects.filter(team__organization=organization).values_list(
        "team", "user", "robot"
    ):
        key = Key(PERSON, user) if user is not None else Key(ROBOT, robot or 0)
        if key in found.bearers:
            seats.setdefault(key, set()).add(team)
    found.seats.update({key: frozenset(teams) for key, teams in seats.items()})
    projects = Project.objects.filter(namespace=namespace, deleted_at=None).order_by("slug")
    for pk, slug, visibility in projects.values_list("pk", "slug", "visibility"):
        found.projects[pk] = Place(slug, visibility == Project.Visibility.PUBLIC)
    _read_grants(found, namespace)
    if outsider and found.named(outsider) is None:
        stranger = User.objects.filter(username=outsider, deleted_at=None).first()
        if stranger is not None:
            found.bearers[Key(PERSON, stranger.pk)] = _person(stranger)
    return found


def _read_grants(found: Facts, namespace: int) -> None:
    living = Q(user=None) | Q(user__deleted_at=None)
    rows = Grant.objects.filter(living, project__namespace=namespace, project__deleted_at=None)
    told = ("project", "team", "robot", "role", "by_default")
    for row in rows.select_related("user").only(*told, *_of_user()):
        if row.user is not None:
            key = Key(PERSON, row.user.pk)
            if key not in found.bearers:
                found.bearers[key] = _person(row.user)
        else:
            key = Key(TEAM, row.team_id) if row.team_id is not None else Key(ROBOT, row.robot_id or 0)
        if key in found.bearers and row.project_id in found.projects:
            found.grants.setdefault(key, {})[row.project_id] = Given(row.role, row.by_default)


def _of_user() -> list[str]:
    return [f"user__{name}" for name in ("username", "name", "is_active", "is_superuser")]


def _person(user: User) -> Bearer:
    superuser = "readonly" if named_readonly_superuser(user) else "full" if full_superuser(user) else ""
    title = user.name if user.name.casefold() != user.username else ""
    return Bearer(user.username, title, active=user.is_active, superuser=superuser)

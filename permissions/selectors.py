"""Reading what an organization's access hangs on, for `permissions.resolver`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, FilteredRelation, Q, QuerySet

from accounts.models import Membership, Robot, Team, TeamMember, User
from permissions.catalogue import ACCESS_READ
from permissions.checks import full_superuser, named_readonly_superuser, require
from permissions.factors import with_second_factor
from permissions.models import Grant
from permissions.resolver import PERSON, ROBOT, TEAM, Bearer, Facts, Given, Key, Place, Standing
from projects.models import Project

if TYPE_CHECKING:
    from accounts.models import Organization
    from core.actor import Actor

OF_USER = ("user__username", "user__name", "user__is_active", "user__is_superuser")


def facts(*, actor: Actor, organization: Organization, outsider: str = "") -> Facts:
    """Return everything that access to an organization's projects hangs on; six queries at any size.

    ``outsider`` is a user name: a living person of it is among the bearers though nothing is granted to her.

    Raises:
        Forbidden: neither an administrator nor somebody who reads everything.
    """
    require(actor, ACCESS_READ, organization)
    found = Facts(organization.slug, asks_factor=organization.requires_second_factor)
    namespace = organization.namespace_id
    for pk, role, is_direct, *told in _members(organization, outsider):
        found.bearers[Key(PERSON, pk)] = _person(*told)
        if role:
            found.standings[pk] = Standing(role, is_direct)
    teams = Team.objects.filter(organization=organization)
    for pk, slug, name, role, sync in teams.values_list("pk", "slug", "name", "role", "sync_service"):
        found.bearers[Key(TEAM, pk)] = Bearer(f"@{slug}", name if name != slug else "", role=role, sync=sync)
    robots = Robot.objects.filter(namespace=namespace)
    for pk, shortname, described, disabled_at in robots.values_list(
        "pk", "shortname", "description", "disabled_at"
    ):
        name = f"{organization.slug}+{shortname}"
        found.bearers[Key(ROBOT, pk)] = Bearer(name, described, active=disabled_at is None)
    seats: dict[Key, set[int]] = {}
    members = TeamMember.objects.filter(team__organization=organization)
    for team, user, robot in members.values_list("team", "user", "robot"):
        key = Key(PERSON, user) if user else Key(ROBOT, robot or 0)
        if key in found.bearers:
            seats.setdefault(key, set()).add(team)
    found.seats.update({key: frozenset(teams) for key, teams in seats.items()})
    projects = Project.objects.filter(namespace=namespace, deleted_at=None).order_by("slug")
    for pk, slug, visibility in projects.values_list("pk", "slug", "visibility"):
        found.projects[pk] = Place(slug, visibility == Project.Visibility.PUBLIC)
    _read_grants(found, namespace)
    return found


def _members(organization: Organization, outsider: str) -> QuerySet[Any, Any]:
    """Return (key, role, whether it is direct, what `OF_USER` names); an outsider comes without a role."""
    columns = [name.removeprefix("user__") for name in OF_USER]
    if not outsider:
        members = Membership.objects.filter(organization=organization, user__deleted_at=None)
        return members.values_list("user", "role", "is_direct", *OF_USER, _secured("user"))
    here = FilteredRelation("memberships", condition=Q(memberships__organization=organization))
    wanted = Q(here__isnull=False) | Q(username=outsider)
    people = User.objects.annotate(here=here).filter(wanted, deleted_at=None)
    return people.values_list("pk", "here__role", "here__is_direct", *columns, _secured())


def _read_grants(found: Facts, namespace: int) -> None:
    living = Q(user=None) | Q(user__deleted_at=None)
    rows = Grant.objects.filter(living, project__namespace=namespace, project__deleted_at=None)
    for project, user, team, robot, role, by_default, *told in rows.values_list(
        "project", "user", "team", "robot", "role", "by_default", *OF_USER, _secured("user")
    ):
        if user is not None:
            key = Key(PERSON, user)
            if key not in found.bearers:
                found.bearers[key] = _person(*told)
        else:
            key = Key(TEAM, team) if team is not None else Key(ROBOT, robot or 0)
        if key in found.bearers:
            found.grants.setdefault(key, {})[project] = Given(role, by_default)


def _secured(of: str = "pk") -> ExpressionWrapper[Q]:
    return ExpressionWrapper(with_second_factor(of), BooleanField())


def _person(username: str, name: str, is_active: bool, is_superuser: bool, secured: bool) -> Bearer:
    superuser = ""
    if is_superuser or _is_named(username):
        named = User(username=username, is_superuser=is_superuser)
        superuser = "readonly" if named_readonly_superuser(named) else "full" if full_superuser(named) else ""
    title = name if name.casefold() != username else ""
    return Bearer(username, title, active=is_active, superuser=superuser, secured=secured)


def _is_named(username: str) -> bool:
    return username in settings.SUPERUSERS or username in settings.READONLY_SUPERUSERS

"""Why somebody may not do something, what would let her, and whom she may ask: for people who are inside.

Who stands outside of an organization learns nothing here, and nothing of a project that she does not see:
what is hidden and what is missing are refused in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import F

from accounts.models import Account, Membership, Namespace, Organization, Team, TeamMember
from core.words import say
from permissions.catalogue import (
    ORGANIZATION_LEVEL,
    ORGANIZATION_READ,
    PROJECT_READ,
    RIGHTS,
    SCOPE_CEILING,
    Ladder,
    Level,
    OrganizationRole,
    ProjectRole,
)
from permissions.checks import check, explain, is_readonly_superuser, organization_paths, require
from permissions.paths import ranked
from projects.models import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.actor import Actor
    from permissions.catalogue import Right
    from permissions.checks import Target
    from permissions.explanations import Explanation
    from permissions.paths import Path

ASKED = 5
ROLE_WORDS = {
    OrganizationRole.OWNER: say("owner"),
    OrganizationRole.ADMIN: say("administrator"),
    OrganizationRole.CREATOR: say("creator"),
    OrganizationRole.MEMBER: say("member"),
    OrganizationRole.AUDITOR: say("auditor"),
}
# Kinds of a refusal: what stands in the way.
ROLE, SCOPE, AUDITOR, VIEWING, READONLY, RULE = "role", "scope", "auditor", "viewing", "readonly", "rule"
FACTOR = "factor"


class Giver(NamedTuple):
    """Somebody who administers an organization."""

    username: str
    role: str


@dataclass(frozen=True)
class Refusal:
    """What was wanted, on what, what gives it, what one has there by which ways, and who could give it.

    ``kind`` says what stands in the way. ``role`` is the strongest way one has, None for somebody who has
    none. ``more`` tells that others than the ``givers`` administer the organization, too.
    """

    kind: str
    wanted: str = ""
    on: str = ""
    needs: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    ways: tuple[Path, ...] = ()
    organization: str = ""
    givers: tuple[Giver, ...] = ()
    more: bool = False


def refusal(
    *, actor: Actor, right: Right | str, target: Target, namespace: Namespace | None = None
) -> Refusal | None:
    """Return why an actor lacks a right on a target; None where she may learn no more than that she does.

    A right may come by its name; an unknown or empty one stands for a rule that no right expresses.
    """
    if actor.operator is not None:
        return Refusal(VIEWING)
    if is_readonly_superuser(actor):
        return Refusal(READONLY)
    wanted = RIGHTS.get(right) if isinstance(right, str) else right
    place = target if target is not None else namespace
    organization = _organization_of(place)
    if organization is not None and wanted is not None and explain(actor, wanted, place).withheld:
        return Refusal(FACTOR, organization=organization.slug)
    inside = organization is not None and check(actor, ORGANIZATION_READ, organization)
    if wanted is None:
        return _with_givers(Refusal(RULE), organization) if inside and organization else None
    if wanted.ladder in (Ladder.INSTANCE, Ladder.ACCOUNT):
        return Refusal(ROLE, wanted.sentence, _on(wanted, None), needs=_needs(wanted))
    if isinstance(place, Project) and not check(actor, PROJECT_READ, place):
        place = place.namespace
    if organization is None or not (inside or isinstance(place, Project)):
        return None
    found = explain(actor, wanted, place)
    if found.allowed:
        return _with_givers(Refusal(RULE), organization) if inside else None
    ways = found.paths
    if wanted.ladder == Ladder.PROJECT and not isinstance(place, Project):
        ways = tuple(ranked(organization_paths(actor, organization)))
    told = Refusal(
        _kind(found, ways),
        wanted.sentence,
        _on(wanted, place),
        needs=_needs(wanted),
        scopes=scopes_for(wanted),
        ways=tuple(replace(path, deciding=False) for path in ways),
        organization=organization.slug,
    )
    return _with_givers(told, organization) if inside and wanted.level < Level.ABOVE else told


def _kind(found: Explanation, ways: Sequence[Path]) -> str:
    if found.ceiling < found.needed and any(path.toward(found.right) >= found.needed for path in ways):
        return SCOPE
    if any(path.reads >= found.needed for path in ways):
        return AUDITOR
    return ROLE


def _organization_of(place: Target) -> Organization | None:
    if isinstance(place, Organization):
        return place
    if isinstance(place, Team):
        return place.organization
    if isinstance(place, Project):
        place = place.namespace
    if isinstance(place, Namespace) and place.kind == Namespace.Kind.ORGANIZATION:
        return place.organization
    return None


def _on(right: Right, place: Target) -> str:
    """Name what the right was wanted on, never a project that one does not see."""
    if right.ladder == Ladder.INSTANCE:
        return say("this installation")
    if right.ladder == Ladder.ACCOUNT:
        return say("your account")
    if isinstance(place, Project):
        return say("the project {name} of {owner}", name=place.slug, owner=place.namespace.name)
    if isinstance(place, Team):
        return say("the team {name} of {owner}", name=place.slug, owner=place.organization.slug)
    if isinstance(place, Account):
        return place.name
    organization = _organization_of(place)
    name = organization.slug if organization else ""
    if right.ladder == Ladder.PROJECT:
        return say("a project of {owner}", owner=name)
    return say("the organization {name}", name=name)


def _needs(right: Right) -> tuple[str, ...]:
    """Return the roles that give a right, the least first."""
    if right.ladder == Ladder.INSTANCE:
        return (say("superuser"), say("read-only superuser")) if right.reading else (say("superuser"),)
    if right.ladder == Ladder.ACCOUNT:
        return (say("the person whose account it is"),)
    if right.level >= Level.ABOVE:
        return (say("superuser with full access"),)
    found = []
    if right.ladder == Ladder.PROJECT:
        role = next(role for role in reversed(ProjectRole) if right.level <= _PROJECT[role])
        found.append(say("{role} on the project", role=say(str(role))))
        found.append(say("administrator of the organization"))
    else:
        role_there = next(role for role in _RISING if right.level <= ORGANIZATION_LEVEL[role])
        found.append(say("{role} of the organization", role=ROLE_WORDS[role_there]))
        if right.name == "team_read":
            found.append(say("a place in the team"))
    if right.reading:
        found.append(say("auditor of the organization"))
    return tuple(found)


_PROJECT = {ProjectRole.READ: Level.READ, ProjectRole.WRITE: Level.WRITE, ProjectRole.ADMIN: Level.ADMIN}
_RISING = (OrganizationRole.MEMBER, OrganizationRole.CREATOR, OrganizationRole.ADMIN, OrganizationRole.OWNER)


def scopes_for(right: Right) -> tuple[str, ...]:
    """Return the least scope that lets a token use a right, or nothing where none does."""
    fitting = [
        (top, str(scope))
        for scope, (ladder, top) in SCOPE_CEILING.items()
        if ladder == right.ladder and top >= right.level
    ]
    return (min(fitting)[1],) if fitting else ()


def _with_givers(told: Refusal, organization: Organization) -> Refusal:
    found = givers(organization)
    return replace(
        told,
        organization=organization.slug,
        givers=tuple(found[:ASKED]),
        more=len(found) > ASKED,
    )


def givers(organization: Organization) -> list[Giver]:
    """Return who administers an organization, owners first: enough to fill a line; one query."""
    active = {"user__is_active": True, "user__deleted_at": None}
    roles = (OrganizationRole.OWNER, OrganizationRole.ADMIN)
    direct = Membership.objects.filter(organization=organization, role__in=roles, **active)
    by_team = TeamMember.objects.filter(team__organization=organization, team__role__in=roles, **active)
    rows = direct.annotate(who=F("user__username"), given=F("role")).values_list("who", "given")
    others = by_team.annotate(who=F("user__username"), given=F("team__role")).values_list("who", "given")
    best: dict[str, str] = {}
    # Owners first; whoever is both is owner.
    for name, role in rows.union(others).order_by("-given", "who")[: 4 * ASKED]:
        best.setdefault(name, role)
    return [Giver(name, ROLE_WORDS[OrganizationRole(role)]) for name, role in best.items()]


# All that one may do -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """One right: whether one has it, by what, or what would give it, and the scope that a token needs."""

    right: Right
    allowed: bool
    reason: str
    needs: tuple[str, ...]
    scopes: tuple[str, ...]


def answers(*, actor: Actor, target: Organization | Project) -> list[Answer]:
    """Return every right on an organization, or on a project, and whether and why an actor has it.

    Raises:
        Forbidden: she is not inside, or does not see the project.
    """
    ladder = Ladder.PROJECT if isinstance(target, Project) else Ladder.ORGANIZATION
    require(actor, PROJECT_READ if isinstance(target, Project) else ORGANIZATION_READ, target)
    found = []
    for right in RIGHTS.values():
        if right.ladder == ladder:
            explained = explain(actor, right, target)
            found.append(Answer(right, explained.allowed, explained.reason, _needs(right), scopes_for(right)))
    return found

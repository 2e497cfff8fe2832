"""Robots of a namespace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, FilteredRelation, OuterRef, Prefetch, Q, QuerySet, Subquery

from accounts.models import Namespace, Robot, TeamMember
from core.errors import NotFound
from core.names import fold
from core.prepared import Given, Prepared
from core.words import say
from permissions.catalogue import ROBOT_LIST, ROBOT_READ, Right
from permissions.checks import require
from permissions.models import Grant
from tokens.kinds import Kind
from tokens.models import Credential

if TYPE_CHECKING:
    from datetime import datetime

    from core.actor import Actor


def robots(*, actor: Actor, namespace: Namespace, with_permissions: bool = False) -> QuerySet[Robot]:
    """Return a namespace's robots, last used first, each with its living token in ``living``.

    ``with_permissions`` also loads teams and grants; the number of queries does not grow with the robots.

    Raises:
        Forbidden: not a member (or not her own namespace).
    """
    require(actor, ROBOT_LIST, namespace)
    living = _living_tokens()
    used = living.filter(robot=OuterRef("pk")).values("last_used_at")[:1]
    found = (
        Robot.objects.filter(namespace=namespace)
        .annotate(last_used_at=Subquery(used))
        .order_by(F("last_used_at").desc(nulls_last=True), "shortname")
        .prefetch_related(Prefetch("credentials", living, to_attr="living"))
    )
    if with_permissions:
        grants = (
            Grant.objects.filter(project__deleted_at=None).select_related("project").order_by("project__slug")
        )
        found = found.prefetch_related(
            Prefetch("team_members", TeamMember.objects.select_related("team").order_by("team")),
            Prefetch("grants", grants),
        )
    return found


@dataclass(slots=True)
class ListedRobot:
    """What lists show of a robot: its whole name, and when its newest living token was used.

    ``team_slugs`` and ``project_slugs`` come in the order of the teams' keys and by name; ``living`` holds
    that token, where it was asked for.
    """

    full_name: str
    description: str
    created_at: datetime
    last_used_at: datetime | None
    team_slugs: list[str]
    project_slugs: list[str]
    living: list[Credential]


def listed_robots(
    *, actor: Actor, namespace: Namespace, limit: int | None = None, teams: bool = False, tokens: bool = False
) -> list[ListedRobot]:
    """Return a namespace's robots as lists show them: last used first.

    ``teams`` also gives each its teams and projects, ``tokens`` its living token, which the caller has
    checked may be shown. Four queries at most. Raises as `robots`.
    """
    require(actor, ROBOT_LIST, namespace)
    key = namespace.pk
    in_teams = _grouped(_robot_teams(namespace=key)) if teams else {}
    granted = _grouped(_robot_projects(namespace=key)) if teams else {}
    living: dict[int, list[Credential]] = {}
    for credential in _robot_credentials(namespace=key) if tokens else ():
        living.setdefault(credential.robot_id or 0, []).append(credential)
    rows = _robots(namespace=key)
    # While a token is exchanged for another a robot is there twice.
    newest: dict[int, int] = {}
    for pk, token, *_ in rows:
        newest[pk] = max(newest.get(pk, 0), token or 0)
    found = [
        ListedRobot(
            f"{namespace.name}+{shortname}",
            description,
            created_at,
            last_used_at,
            in_teams.get(pk, []),
            granted.get(pk, []),
            living.get(pk, []),
        )
        for pk, token, shortname, description, created_at, last_used_at in rows
        if (token or 0) == newest[pk]
    ]
    return found if limit is None else found[:limit]


def _grouped(rows: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key, slug in rows:
        found.setdefault(key, []).append(slug)
    return found


def _living_tokens() -> QuerySet[Credential]:
    return Credential.objects.filter(kind=Kind.ROBOT, revoked_at=None).order_by("-pk")


# Joined, not asked for each robot: a plan that PostgreSQL keeps must hold when there are more.
_robots: Prepared[Any] = Prepared(
    lambda: (
        Robot.objects.filter(namespace_id=Given("namespace", Namespace.id))
        .annotate(
            token=FilteredRelation(
                "credentials", condition=Q(credentials__kind=Kind.ROBOT, credentials__revoked_at=None)
            ),
        )
        .order_by(F("token__last_used_at").desc(nulls_last=True), "shortname")
        .values_list("pk", "token__pk", "shortname", "description", "created_at", "token__last_used_at")
    )
)


_robot_teams: Prepared[tuple[int, str]] = Prepared(
    lambda: (
        TeamMember.objects.filter(robot__namespace_id=Given("namespace", Namespace.id))
        .order_by("team")
        .values_list("robot_id", "team__slug")
    )
)


_robot_projects: Prepared[tuple[int, str]] = Prepared(
    lambda: (
        Grant.objects.filter(robot__namespace_id=Given("namespace", Namespace.id), project__deleted_at=None)
        .order_by("project__slug")
        .values_list("robot_id", "project__slug")
    )
)


_robot_credentials: Prepared[Credential] = Prepared(
    lambda: _living_tokens().filter(robot__namespace_id=Given("namespace", Namespace.id))
)


def robot(
    *,
    actor: Actor,
    namespace: Namespace,
    shortname: str,
    right: Right = ROBOT_READ,
    with_token: bool = True,
) -> Robot:
    """Return one robot of a namespace, with its living token in ``living`` unless not asked for.

    Raises:
        Forbidden: the right is lacking.
        NotFound: there is none.
    """
    require(actor, right, namespace)
    robots = Robot.objects.filter(namespace=namespace, shortname=shortname)
    if with_token:
        living = Credential.objects.filter(kind=Kind.ROBOT, revoked_at=None).order_by("-pk")
        robots = robots.prefetch_related(Prefetch("credentials", living, to_attr="living"))
    found = robots.first()
    if found is None:
        raise NotFound("Could not find robot with specified username", absent="robot")
    found.namespace = namespace
    return found


def robot_by_full_name(*, name: str) -> Robot:
    """Return the robot of a full name, with its namespace. Raises NotFound."""
    owner, _, shortname = name.partition("+")
    found = (
        Robot.objects.select_related("namespace")
        .filter(namespace__key=fold(owner), namespace__deleted_at=None, shortname=shortname)
        .first()
    )
    if found is None:
        raise NotFound(say("Could not find robot with specified username: {name}", name=name), absent="robot")
    return found


def robot_federation(*, actor: Actor, robot: Robot) -> list[dict[str, str]]:
    """Return the outside identities that may act as a robot, as ``{"issuer", "subject"}``."""
    require(actor, ROBOT_READ, robot.namespace)
    pairs = robot.federations.order_by("pk").values_list("issuer", "subject")
    return [{"issuer": issuer, "subject": subject} for issuer, subject in pairs]

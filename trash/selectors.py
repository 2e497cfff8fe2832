"""What lies in the trash, and who sees it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db.models import Case, Count, Exists, OuterRef, Q, When
from django.utils import timezone

from accounts.models import Membership, Robot, Team, User
from core.db import living_keys
from core.errors import NotFound
from core.words import say
from permissions.catalogue import ORGANIZATION_MANAGE, TRASH_READ
from permissions.checks import check, require
from permissions.factors import open_to
from projects.models import Project
from trash.models import Trashed, TrashedRows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor

GONE = say("It is not in the trash any more")


def trashed(*, actor: Actor, namespace: Namespace) -> QuerySet[Trashed]:
    """Return what lies in the trash of a living namespace, last deleted first.

    Raises:
        Unauthenticated, Forbidden: not an administrator of it.
    """
    require(actor, TRASH_READ, namespace)
    return _here().filter(namespace=namespace).exclude(kind=Trashed.Kind.ORGANIZATION)


@dataclass(frozen=True)
class TrashPage:
    """Some of what lies in a trash; ``counts`` by kind are of all that fits the search."""

    things: list[Trashed]
    found: int
    counts: dict[str, int]


def matching(*, actor: Actor, namespace: Namespace, kind: str = "", search: str = "") -> QuerySet[Trashed]:
    """Return what lies in a trash and fits. Raises as `trashed`."""
    rows = trashed(actor=actor, namespace=namespace)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(title__icontains=search))
    return rows.filter(kind=kind) if kind else rows


def trash_page(
    *, actor: Actor, namespace: Namespace, kind: str = "", search: str = "", start: int = 0, size: int = 50
) -> TrashPage:
    """Return a page of the trash of a living namespace. Raises as `trashed`."""
    rows = matching(actor=actor, namespace=namespace, search=search)
    counted = rows.order_by().values_list("kind").annotate(number=Count("pk"))
    counts = {str(one): int(number) for one, number in counted}
    if kind:
        rows = rows.filter(kind=kind)
    found = counts.get(kind, 0) if kind else sum(counts.values())
    return TrashPage(list(rows[start : start + size]), found, counts)


def trashed_thing(*, actor: Actor, namespace: Namespace, uuid: str) -> Trashed:
    """Return one of them. Raises NotFound, too, if it is not there any more."""
    found = trashed(actor=actor, namespace=namespace).filter(uuid=_uuid(uuid)).first()
    if found is None:
        raise NotFound(GONE)
    return found


def trashed_among(*, actor: Actor, namespace: Namespace, uuids: Iterable[str]) -> QuerySet[Trashed]:
    """Return those of some things that lie there; what is gone, nonsense, and others' are left out.

    Raises as `trashed`.
    """
    known = []
    for text in uuids:
        with suppress(ValueError):
            known.append(UUID(text))
    return trashed(actor=actor, namespace=namespace).filter(uuid__in=known)


def with_taken(things: QuerySet[Trashed]) -> QuerySet[Any]:
    """Mark by ``is_taken`` what cannot come back under its own name: something else has that by now."""
    name, namespace = OuterRef("name"), OuterRef("namespace")
    projects = Project.objects.filter(namespace=namespace, slug=name, deleted_at=None)
    robots = Robot.objects.filter(namespace=namespace, shortname=name)
    titled = Q(slug=name) | Q(name=OuterRef("title"))
    teams = Team.objects.filter(titled, organization__namespace=namespace)
    taken = (
        Q(Exists(projects), kind=Trashed.Kind.PROJECT)
        | Q(Exists(robots), kind=Trashed.Kind.ROBOT)
        | Q(Exists(teams), kind=Trashed.Kind.TEAM)
    )
    return things.annotate(is_taken=Case(When(taken, then=True), default=False))


def newcomers(*, namespace: Namespace, teams: Iterable[Trashed]) -> dict[int, set[int]]:
    """Return, by the keys of some deleted teams, who comes into their organization by each.

    They are those whom the team alone kept in it, who live, and are not in it again. The caller has checked.
    """
    pages = TrashedRows.objects.filter(thing__in=teams, model=Membership._meta.label, link="")
    found: dict[int, set[int]] = {}
    for page in pages:
        at = page.fields.index("user_id")
        found.setdefault(page.thing_id, set()).update(row[at] for row in page.rows)
    inside = Membership.objects.filter(organization__namespace=namespace).values_list("user", flat=True)
    away = living_keys(User, set().union(*found.values())) - set(inside)
    return {thing: people & away for thing, people in found.items()}


def trashed_organizations(*, actor: Actor) -> QuerySet[Trashed]:
    """Return the deleted organizations that the acting person owned, last deleted first."""
    if actor.user is None:
        return Trashed.objects.none()
    return _of_owner(_here().filter(kind=Trashed.Kind.ORGANIZATION), actor.user)


def trashed_organization(*, actor: Actor, uuid: str) -> Trashed:
    """Return a deleted organization that the acting person may restore.

    Raises:
        NotFound: there is none, or not for her.
    """
    rows = _here().filter(kind=Trashed.Kind.ORGANIZATION, uuid=_uuid(uuid))
    if not check(actor, ORGANIZATION_MANAGE):
        rows = _of_owner(rows, actor.user) if actor.user else rows.none()
    found = rows.first()
    if found is None:
        raise NotFound(GONE)
    return found


def _of_owner(rows: QuerySet[Trashed], owner: User) -> QuerySet[Trashed]:
    # An organization that asked for a second factor asks for it in the trash, too.
    return rows.filter(open_to(owner, "namespace__organization"), owners=owner)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(GONE) from error


def latest(*, actor: Actor, namespace: Namespace, kind: str, name: str) -> Trashed | None:
    """Return what was deleted last under a name, for a way back beside the news of it."""
    here = _here().filter(kind=kind, name=name)
    if kind == Trashed.Kind.ORGANIZATION:
        return _of_owner(here.filter(namespace=namespace), actor.user).first() if actor.user else None
    return here.filter(namespace=namespace).first() if check(actor, TRASH_READ, namespace) else None


def ends_at(thing: Trashed) -> datetime:
    """Return when a thing is deleted for good."""
    return thing.deleted_at + timedelta(days=settings.TRASH_DAYS)


def days_left(thing: Trashed) -> int:
    """Return for how many days, the last one counted whole, a thing can be restored."""
    left = ends_at(thing) - timezone.now()
    return max(0, -(-left // timedelta(days=1)))


def _here() -> QuerySet[Trashed]:
    # What is to be purged by now is nobody's any more, though the sweeper may not have come.
    oldest = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    rows = Trashed.objects.exclude(status=Trashed.Status.PURGING).filter(deleted_at__gte=oldest)
    return rows.select_related("namespace__organization", "account").order_by("-deleted_at", "-pk")

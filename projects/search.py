"""Finding projects, and what has to do with them, by what people type (quay-b.md 7)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from accounts.models import Namespace, Robot, Team
from core.names import fold, plain
from logs.models import LogEntry
from permissions.catalogue import MEMBER, Ladder, Level
from permissions.checks import ceiling, overseen_namespaces
from permissions.factors import open_to
from projects.models import Project, Star
from projects.selectors import POPULAR_DAYS, projects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.actor import Actor

LONGEST = 255  # no name is longer
NEWEST, RANKED = 10_000, 1000


def search(*, actor: Actor, text: str, start: int = 0, count: int) -> list[Project]:
    """Return the projects that the actor may see whose name or description holds a text; the best first.

    That is: the very name, names that begin with it, names that hold it, then descriptions. What stands
    before a slash is the whole name of the namespace. Without text it is everything, the most used of the
    last days first. One query at any size, without text four at most.
    """
    namespace, slash, rest = text.strip()[:LONGEST].partition("/")
    name = rest if slash else namespace
    if slash and not namespace:
        return []
    found = projects(actor=actor, namespace=namespace if slash else "", public=True).select_related(
        "namespace__organization", "namespace__user"
    )
    if not name:
        return _most_used(found, start, start + count)
    held = Q(slug__contains=plain(name)) | Q(name__icontains=name) | Q(description__icontains=name)
    found = found.filter(held).order_by(_closest("slug", plain(name)), "slug", "pk")
    return list(found[start : start + count])


def _most_used(found: QuerySet[Project], start: int, stop: int) -> list[Project]:
    """Return a piece of what was found: what the newest entries of the usage log name most, then the newest.

    Only so many entries are looked at, and only so many projects get a rank: what this costs does not grow
    with the log.
    """
    since = timezone.now() - timedelta(days=POPULAR_DAYS)
    entries = LogEntry.objects.filter(at__gte=since).order_by("-at", "-id").values_list("project", flat=True)
    used = Counter(entries.exclude(project=None)[:NEWEST])
    keys = [key for key, _ in sorted(used.items(), key=lambda item: (-item[1], -item[0]))[:RANKED]]
    seen = set(found.order_by().filter(pk__in=keys).values_list("pk", flat=True))
    ranked = [key for key in keys if key in seen]
    page = found.order_by().in_bulk(ranked[start:stop])
    rows = [page[key] for key in ranked[start:stop] if key in page]
    missing = stop - max(start, len(ranked))
    if missing > 0:
        after = max(start - len(ranked), 0)
        rows += found.exclude(pk__in=ranked).order_by("-pk")[after : after + missing]
    return rows


def _closest(field: str, text: str) -> Case:
    return Case(
        When(**{field: text}, then=Value(0)),
        When(**{f"{field}__startswith": text}, then=Value(1)),
        When(**{f"{field}__contains": text}, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )


def stars(*, projects: Iterable[Project]) -> dict[int, int]:
    """Return how many people marked each of these projects; one query."""
    found = Star.objects.filter(project__in=[project.pk for project in projects])
    return dict(found.order_by().values_list("project").annotate(Count("pk")))


def namespaces(*, actor: Actor, text: str) -> QuerySet[Namespace]:
    """Return the namespaces whose name holds a text and in which the actor may see a project."""
    seen = projects(actor=actor, public=True).filter(namespace=OuterRef("pk")).order_by()
    name = plain(text.strip()[:LONGEST])
    return (
        Namespace.objects.filter(Exists(seen), key__contains=name, deleted_at=None)
        .select_related("organization", "user")
        .order_by(_closest("key", name), "key")
    )


def teams(*, actor: Actor, text: str) -> QuerySet[Team]:
    """Return the teams whose name holds a text: those that the actor is in, and of what she oversees."""
    top = ceiling(actor, Ladder.ORGANIZATION)
    if actor.user is None or top < MEMBER:
        return Team.objects.none()
    mine = Team.objects.filter(open_to(actor.user, "organization"), members__user=actor.user)
    hers = Q(pk__in=mine.values("pk"))
    if top >= Level.ADMIN:
        hers |= Q(organization__namespace__in=overseen_namespaces(actor.user.pk))
    name = plain(text.strip()[:LONGEST])
    return (
        Team.objects.filter(hers, Q(slug__contains=name) | Q(name__icontains=text.strip()[:LONGEST]))
        .filter(organization__namespace__deleted_at=None)
        .select_related("organization__namespace")
        .order_by(_closest("slug", name), "slug", "pk")
    )


def robots(*, actor: Actor, text: str) -> QuerySet[Robot]:
    """Return the robots whose name holds a text: the actor's own, and of organizations she oversees.

    ``acme+ci`` finds the robots of acme whose own name begins with ci.
    """
    if actor.user is None:
        return Robot.objects.none()
    hers = Q(pk__in=[])
    if ceiling(actor, Ladder.ACCOUNT) >= Level.ADMIN:
        hers |= Q(namespace=actor.user.namespace_id)
    if ceiling(actor, Ladder.ORGANIZATION) >= Level.ADMIN:
        hers |= Q(namespace__in=overseen_namespaces(actor.user.pk))
    owner, plus, rest = plain(text.strip()[:LONGEST]).partition("+")
    name = rest if plus else owner
    called = Q(shortname__contains=name)
    if plus:
        called = Q(namespace__key=fold(owner), shortname__startswith=name)
    return (
        Robot.objects.filter(hers, called, namespace__deleted_at=None)
        .select_related("namespace")
        .order_by(_closest("shortname", name), "shortname", "pk")
    )


def closeness(name: str, text: str) -> float:
    """Return how much a name is like what was typed, from 0.5 for hardly to 1 for the same."""
    return max(0.5, round(SequenceMatcher(None, plain(text), name).ratio(), 3))

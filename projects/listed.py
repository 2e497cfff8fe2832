"""Pages of projects as lists show them: from rows, by queries that are compiled once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from accounts.models import Namespace, User
from core.names import fold
from core.paging import by_age
from core.prepared import Given, Prepared
from permissions.catalogue import PROJECT_READ
from permissions.checks import check, is_mere_organization, is_mere_person, readable_by
from projects.listing import held_projects, of_organizations
from projects.models import Project, Star
from projects.selectors import projects

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from accounts.models import Organization
    from core.actor import Actor


class ListedProject(NamedTuple):
    """What lists show of a project; ``namespace`` is its name."""

    pk: int
    namespace_id: int
    namespace: str
    slug: str
    description: str
    visibility: str
    state: str
    size_bytes: int
    created_at: datetime
    is_starred: bool

    @classmethod
    def of(cls, project: Project) -> ListedProject:
        """Return a project of `projects.selectors.projects` as a list shows it."""
        told: Any = project  # with what `projects` annotates
        values = (getattr(told, name) for name in cls._fields[3:])
        return cls(project.pk, project.namespace_id, project.namespace.name, *values)


LISTED = ("pk", "namespace_id", "namespace__name", *ListedProject._fields[3:])


class HeldProject(NamedTuple):
    """What lists by age show of a project on which somebody holds a role, and of its organization."""

    pk: int
    created_at: datetime
    name: str
    description: str
    icon: str
    connection_status: str
    default_environment: UUID | None
    organization_pk: int
    organization_created_at: datetime

    @classmethod
    def of(cls, project: Project) -> HeldProject:
        """Return a project, with its organization, as such a list shows it."""
        organization = project.namespace.organization
        values = [getattr(project, name) for name in cls._fields[:-2]]
        return cls._make([*values, organization.pk, organization.created_at])


HELD = (*HeldProject._fields[:-2], "namespace__organization__pk", "namespace__organization__created_at")


class ByName(NamedTuple):
    """A page of an organization's projects by name, whether more follow, and how many there are in all."""

    projects: list[ListedProject]
    is_more: bool
    total: int


def page_of_namespace(*, actor: Actor, namespace: str, after: int, size: int) -> list[ListedProject]:
    """Return the first ``size`` of `projects` in a namespace whose key is above ``after``; one query."""
    if actor.user is None or not is_mere_person(actor):
        found = projects(actor=actor, namespace=namespace).filter(pk__gt=after)[:size]
        return [ListedProject.of(project) for project in found]
    rows = _page(size)(
        user=actor.user.pk, own=actor.user.namespace_id, namespace=fold(namespace), after=after
    )
    return [ListedProject._make(row) for row in rows]


@cache
def _page(size: int) -> Prepared[Any]:
    """Return the query for a page of what a person sees by her roles, which is asked most."""

    def build() -> QuerySet[Project, Any]:
        user = Given("user", User.id)
        namespaces = Namespace.objects.filter(key=Given("namespace", Namespace.key), deleted_at=None)
        found = Project.objects.filter(
            readable_by(user, Given("own", Namespace.id)),
            deleted_at=None,
            namespace__deleted_at=None,
            namespace=Subquery(namespaces.values("pk")[:1]),
            pk__gt=Given("after", Project.id),
        )
        return _listed(found, user).order_by("pk")[:size]

    return Prepared(build)


def page_by_name(
    *, actor: Actor, organization: Organization, after: str, size: int, search: str = ""
) -> ByName:
    """Return ``size`` of the projects of an organization that the actor sees, by name, behind ``after``.

    Public ones are among them; ``search`` asks for a piece of the name. At most two queries, and one where
    all of them are on the first page.
    """
    sees_all = check(actor, PROJECT_READ, organization.namespace)
    if search or actor.user is None or not (sees_all or is_mere_person(actor)):
        found = projects(actor=actor, namespace=organization.namespace.name, public=True).order_by("slug")
        found = found.filter(slug__icontains=search) if search else found
        page = found.filter(slug__gt=after)[: size + 1]
        return _cut([ListedProject.of(project) for project in page], size, after, found.count)
    given = {"user": actor.user.pk, "own": actor.user.namespace_id, "namespace": organization.namespace_id}
    rows = [ListedProject._make(row) for row in _by_name(sees_all, size + 1)(**given, after=after)]
    return _cut(rows, size, after, lambda: sum(count for _, count in _how_many(sees_all)(**given)))


def _cut(rows: list[ListedProject], size: int, after: str, count: Callable[[], int]) -> ByName:
    is_more = len(rows) > size
    return ByName(rows[:size], is_more, count() if after or is_more else len(rows))


def _seen(sees_all: bool) -> QuerySet[Project]:
    found = Project.objects.filter(namespace=Given("namespace", Namespace.id), deleted_at=None)
    if sees_all:
        return found
    mine = readable_by(Given("user", User.id), Given("own", Namespace.id))
    return found.filter(mine | Q(visibility=Project.Visibility.PUBLIC))


@cache
def _by_name(sees_all: bool, size: int) -> Prepared[Any]:
    def build() -> QuerySet[Project, Any]:
        found = _seen(sees_all).filter(slug__gt=Given("after", Project.slug))
        return _listed(found, Given("user", User.id)).order_by("slug")[:size]

    return Prepared(build)


@cache
def _how_many(sees_all: bool) -> Prepared[tuple[int, int]]:
    def build() -> QuerySet[Project, tuple[int, int]]:
        return _seen(sees_all).order_by().values_list("namespace").annotate(count=Count("*"))

    return Prepared(build)


def page_of_held(
    *,
    actor: Actor,
    organization: Organization | None = None,
    after: tuple[datetime, int] | None,
    size: int,
    newest_first: bool,
) -> list[HeldProject]:
    """Return the first ``size`` of `projects.listing.held_projects` by age, behind a place; one query."""
    own = actor.organization
    if own is None or organization not in (None, own) or not is_mere_organization(actor):
        held = by_age(held_projects(actor=actor, organization=organization), after, newest_first=newest_first)
        return [HeldProject._make(row) for row in held.values_list(*HELD)[:size]]
    given: dict[str, Any] = {"namespace": own.namespace_id}
    if after is not None:
        given |= {"at": after[0], "pk": after[1]}
    return [HeldProject._make(row) for row in _held(size, newest_first, after is not None)(**given)]


@cache
def _held(size: int, newest_first: bool, is_behind: bool) -> Prepared[Any]:
    """Return the query for a page of what an organization's key sees, which is all that is in it."""
    after = (Given("at", Project.created_at), Given("pk", Project.id)) if is_behind else None

    def build() -> QuerySet[Project, Any]:
        held = of_organizations(Q(namespace=Given("namespace", Namespace.id)))
        return by_age(held, after, newest_first=newest_first).values_list(*HELD)[:size]

    return Prepared(build)


def _listed(found: QuerySet[Project], user: Given) -> QuerySet[Project, Any]:
    stars = Star.objects.filter(project=OuterRef("pk"), user_id=user)
    return found.annotate(is_starred=Exists(stars)).values_list(*LISTED)

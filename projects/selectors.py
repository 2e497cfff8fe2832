"""Finding projects, grants and stars; existence is told only to who may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import Membership, Namespace, Robot, Team, User
from core.errors import NotFound
from core.names import fold, plain
from core.prepared import Given, Prepared
from core.words import say
from logs.models import LogEntry
from permissions.catalogue import (
    ACCOUNT_ADMINISTER,
    ACCOUNT_READ,
    INSTANCE_READ,
    ORGANIZATION_ADMINISTER,
    PROJECT_ADMINISTER,
    PROJECT_LEVEL,
    PROJECT_READ,
    PROJECT_ROLE_OF_LEVEL,
    ROBOT_READ,
    STAR_CHANGE,
    TEAM_GRANT_LIST,
    Ladder,
    Level,
    Right,
)
from permissions.checks import (
    audits,
    ceiling,
    check,
    has_full_access,
    is_readonly_superuser,
    readable,
    require,
    sees,
    withholds,
)
from permissions.models import DefaultGrant, Grant
from projects.models import Project, Star

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from accounts.models import Organization
    from core.actor import Actor
    from projects.listed import ListedProject


BY_ADDRESS = Prepared(
    lambda: Project.objects.select_related("namespace__organization__account", "namespace__user").filter(
        namespace__key=Given("key", Namespace.key),
        namespace__deleted_at=None,
        slug=Given("slug", Project.slug),
        deleted_at=None,
    )
)
STARRED = Prepared(
    lambda: Star.objects.filter(
        project_id=Given("project", Project.id), user_id=Given("user", User.id)
    ).values_list("pk")
)


def project(*, actor: Actor, namespace: str, slug: str, right: Right) -> Project:
    """Return a living project with its namespace, on which the actor has the right.

    Rights come first: a missing project is told as missing only to who administers the namespace.

    Raises:
        Unauthenticated, Forbidden: the right is lacking.
        NotFound: there is none, and the actor may know.
    """
    found, space = _addressed(actor, namespace, slug, right)
    if found is None:
        raise NotFound("Repository not found", absent="project", namespace=space)
    return found


def require_address(*, actor: Actor, namespace: str, slug: str, right: Right) -> None:
    """Pass who has a right on a project, or would have it on a missing one. Raises as `require`."""
    _addressed(actor, namespace, slug, right)


def _addressed(
    actor: Actor, namespace: str, slug: str, right: Right
) -> tuple[Project | None, Namespace | None]:
    found = BY_ADDRESS.first(key=fold(namespace), slug=slug)
    if found is not None:
        _close_circle(found.namespace)
        require(actor, right, found)
        return found, found.namespace
    space = (
        Namespace.objects.select_related("organization").filter(key=fold(namespace), deleted_at=None).first()
    )
    require(actor, right, space)
    return None, space


def project_by_key(*, actor: Actor, pk: int, right: Right) -> Project:
    """Return a living project by its key, with namespace and contact, on which the actor has the right.

    Raises:
        NotFound: there is none, or not for this actor.
        Forbidden: she sees it, and lacks the right.
    """
    found = (
        Project.objects.select_related(
            "namespace__organization__account", "namespace__user__personal_account", "contact", "team"
        )
        .filter(pk=pk, namespace__deleted_at=None, deleted_at=None)
        .first()
    )
    if found is not None:
        _close_circle(found.namespace)
    if found is None or not sees(actor, PROJECT_READ, found):
        raise NotFound("Project not found", absent="project")
    if right != PROJECT_READ:
        require(actor, right, found)
    return found


def project_by_name(*, actor: Actor, organization: Organization, name: str) -> Project | None:
    """Return the oldest project of an organization by its name as typed that the actor may see; one query."""
    found = Project.objects.filter(readable(actor), namespace=organization.namespace_id, deleted_at=None)
    return found.filter(name=name).select_related("team").order_by("pk").first()


def levels(
    *, actor: Actor, organization: Organization, projects: Sequence[Project | ListedProject]
) -> dict[int, str]:
    """Return the role that the actor holds on each of an organization's projects; at most two queries.

    Projects that she sees for being public alone are left out.
    """
    if ceiling(actor, Ladder.PROJECT) < Level.READ or withholds(actor, organization):
        return {}
    top = ceiling(actor, Ladder.PROJECT)
    found: dict[int, Level] = {}
    if check(actor, ORGANIZATION_ADMINISTER, organization):
        is_auditor = audits(actor, organization)
        by_role = Level.READ if is_auditor else Level.ADMIN
        found = dict.fromkeys([project.pk for project in projects], by_role)
        if not is_auditor:
            return {pk: PROJECT_ROLE_OF_LEVEL[min(top, level)] for pk, level in found.items()}
    if actor.user is None:
        return {}
    mine = Q(user=actor.user) | Q(team__members__user=actor.user)
    for pk, role in Grant.objects.filter(mine, project__in=[project.pk for project in projects]).values_list(
        "project", "role"
    ):
        found[pk] = max(found.get(pk, Level.NONE), PROJECT_LEVEL[role])
    return {pk: PROJECT_ROLE_OF_LEVEL[min(top, level)] for pk, level in found.items()}


def project_of(*, actor: Actor, organization: Organization, slug: str, right: Right) -> Project:
    """Return a living project of an organization, on which the actor has the right.

    Raises:
        NotFound: there is none, or not for this actor.
        Forbidden: she sees it, and lacks the right.
    """
    found = Project.objects.filter(namespace=organization.namespace_id, slug=slug, deleted_at=None).first()
    if found is not None:
        found.namespace = organization.namespace
    if found is None or not sees(actor, PROJECT_READ, found):
        raise NotFound("Repository not found", absent="project")
    if right != PROJECT_READ:
        require(actor, right, found)
    return found


def all_projects(*, actor: Actor) -> QuerySet[Project]:
    """Return every living project, oldest first, for superusers and read-only superusers; one query."""
    require(actor, INSTANCE_READ)
    return (
        Project.objects.filter(deleted_at=None, namespace__deleted_at=None)
        .select_related("namespace__organization", "namespace__user__personal_account")
        .order_by("pk")
    )


def _close_circle(space: Namespace) -> None:
    # The owner's way back to its namespace is known: spare the query.
    if space.kind == Namespace.Kind.ORGANIZATION:
        space.organization.namespace = space
    else:
        space.user.namespace = space


def projects(
    *, actor: Actor, namespace: str = "", public: bool = False, starred: bool = False, search: str = ""
) -> QuerySet[Project]:
    """Return the projects on which the actor holds a role, with the public ones if asked, oldest first.

    ``starred`` asks for what the acting person marked and may still see, wherever it is; ``search`` for
    a piece of the name or description. ``is_starred`` is annotated. One query at any size.
    """
    visible = _visible(actor) if public or starred else readable(actor)
    found = Project.objects.filter(visible, deleted_at=None, namespace__deleted_at=None)
    if starred:
        found = found.filter(stars__user=actor.user) if actor.user else found.none()
    elif namespace:
        # A subquery, not a join: so the namespace's projects come by their index in order, and no further
        # than the page goes.
        found = found.filter(namespace=Subquery(_living_namespace(namespace)[:1]))
    if search:
        found = found.filter(Q(slug__icontains=search) | Q(description__icontains=search))
    stars = Star.objects.filter(project=OuterRef("pk"), user=actor.user)
    return (
        found.annotate(is_starred=Exists(stars if actor.user else stars.none()))
        .select_related("namespace")
        .order_by("pk")
    )


def _living_namespace(name: str) -> QuerySet[Namespace, int]:
    return Namespace.objects.filter(key=fold(name), deleted_at=None).values_list("pk", flat=True)


def find(*, actor: Actor, namespace: str, text: str) -> QuerySet[Project]:
    """Return the projects of a namespace that the actor may see by a piece of their name.

    Those that begin with it come first. One query.
    """
    text = plain(text)
    begins = Case(When(slug__startswith=text, then=0), default=1)
    found = projects(actor=actor, namespace=namespace, public=True)
    return found.filter(Q(slug__contains=text) | Q(name__icontains=text)).order_by(begins, "slug")


def find_everywhere(*, actor: Actor, text: str, near: Namespace | None = None) -> QuerySet[Project]:
    """Return the projects of any organization that the actor may see by a piece of their name.

    Those of ``near`` come first, then those that begin with it. One query.
    """
    text = plain(text)
    here = Case(When(namespace=near.pk if near else 0, then=0), default=1)
    begins = Case(When(slug__startswith=text, then=0), default=1)
    found = projects(actor=actor, public=True).filter(namespace__kind=Namespace.Kind.ORGANIZATION)
    found = found.filter(Q(slug__contains=text) | Q(name__icontains=text))
    return found.order_by(here, begins, "slug", "pk")


def _visible(actor: Actor, *others: Q) -> Q:
    """Return the filter for projects that the actor may see: by a role, public ones, and ``others``."""
    found = readable(actor)
    if found == Q():
        return found  # everything; anything joined to it would narrow it
    return reduce(or_, others, found | Q(visibility=Project.Visibility.PUBLIC))


def held_elsewhere(*, actor: Actor) -> QuerySet[Grant]:
    """Return what was granted to the acting person herself where she does not belong, by project."""
    require(actor, ACCOUNT_READ)
    if actor.user is None:
        return Grant.objects.none()
    inside = Membership.objects.filter(user=actor.user).values("organization__namespace")
    return (
        Grant.objects.filter(user=actor.user, project__deleted_at=None, project__namespace__deleted_at=None)
        .exclude(project__namespace__in=inside)
        .select_related("project__namespace")
        .order_by("project__namespace__key", "project__slug")
    )


def held_there(*, actor: Actor, address: str) -> Grant:
    """Return one of these by its project, as ``namespace/slug``.

    Raises:
        Unauthenticated, Forbidden: nobody, or a token that may not tell of her account.
        NotFound: nothing was granted to her there.
    """
    namespace, _slash, slug = address.partition("/")
    found = held_elsewhere(actor=actor).filter(project__namespace__key=fold(namespace), project__slug=slug)
    grant = found.first()
    if grant is None:
        raise NotFound("This was not granted to you, or is not any more", absent="grant")
    return grant


def comes_again(*, grant: Grant) -> bool:
    """Tell whether a default permission grants new projects of that organization to the same person."""
    rules = DefaultGrant.objects.filter(
        organization__namespace=grant.project.namespace_id, user=grant.user_id
    )
    return rules.exists()


def starred(*, actor: Actor) -> QuerySet[Project]:
    """Return the projects that the acting person marked and may still see, oldest first."""
    require(actor, ACCOUNT_ADMINISTER)
    return projects(actor=actor, starred=True)


def markable(*, actor: Actor, namespace: str, slug: str) -> Project:
    """Return a project that the acting person may mark, or take her mark from.

    That is one she sees, or has marked when she still saw it.

    Raises:
        Unauthenticated, Forbidden: she may not mark anything.
        NotFound: there is none, or none that she sees.
    """
    require(actor, STAR_CHANGE)
    marked = Star.objects.filter(project=OuterRef("pk"), user=actor.user)
    found = (
        Project.objects.select_related("namespace__organization", "namespace__user")
        .filter(_visible(actor, Q(Exists(marked))), namespace__key=fold(namespace), slug=slug)
        .filter(deleted_at=None, namespace__deleted_at=None)
        .first()
    )
    if found is None:
        raise NotFound("Repository not found", absent="project")
    _close_circle(found.namespace)
    return found


def is_starred(*, actor: Actor, project: Project) -> bool:
    """Tell whether the acting person marked a project."""
    return actor.user is not None and STARRED.first(user=actor.user.pk, project=project.pk) is not None


# Grants --------------------------------------------------------------------------------------------------


def grants(*, actor: Actor, project: Project) -> QuerySet[Grant]:
    """Return who may do what in a project: every grant, oldest first, with its living holder.

    Raises:
        Forbidden: below admin.
    """
    require(actor, PROJECT_ADMINISTER, project)
    return (
        Grant.objects.filter(project=project, user__deleted_at=None)
        .select_related("user", "team", "robot__namespace")
        .order_by("pk")
    )


def grant_of_person(*, actor: Actor, project: Project, name: str) -> Grant:
    """Return the grant that a person, or a robot ``namespace+shortname``, holds directly.

    Raises:
        Forbidden: below admin.
        NotFound: there is none, or nobody of that name.
    """
    owner, plus, shortname = name.partition("+")
    holder = Q(user__username=fold(name))
    if plus:
        holder = Q(robot__namespace__key=fold(owner), robot__shortname=shortname)
    found = grants(actor=actor, project=project).filter(holder).first()
    if found is None:
        raise NotFound("User does not have permission for repo.", absent="grant")
    return found


def grant_of_team(*, actor: Actor, project: Project, name: str) -> Grant:
    """Return the grant that a team holds. Raises as `grant_of_person`."""
    found = grants(actor=actor, project=project).filter(team__slug=name).first()
    if found is None:
        raise NotFound("Team does not have permission for repo.", absent="grant")
    return found


def holder(*, project: Project, name: str) -> tuple[User | None, Robot | None]:
    """Return the person, or the robot of the project's namespace, to whom something can be granted.

    Robots of other namespaces are told apart from missing ones by nothing.

    Raises:
        NotFound: there is none.
    """
    owner, plus, shortname = name.partition("+")
    if not plus:
        user = User.objects.filter(username=fold(name), deleted_at=None).first()
        if user is None:
            raise NotFound(say("Unknown user {name}", name=name), absent="user")
        return user, None
    robot = Robot.objects.filter(namespace=project.namespace, shortname=shortname).first()
    if robot is None or fold(owner) != project.namespace.key:
        raise NotFound(say("Could not find robot with specified username: {name}", name=name), absent="robot")
    robot.namespace = project.namespace
    return None, robot


@dataclass
class Reach:
    """A grant by which somebody reaches a project: her own, or a team's."""

    role: str
    team: str = ""


def reach(
    *, actor: Actor, project: Project, user: User | None = None, robot: Robot | None = None
) -> list[Reach]:
    """Return every grant by which a person or robot reaches a project, directly or by team (quay-b.md 2).

    What organization administrators have without a grant is not among them.
    """
    require(actor, PROJECT_ADMINISTER, project)
    holder = Q(user=user, team__members__user=user, _connector=Q.OR)
    if robot is not None:
        holder = Q(robot=robot, team__members__robot=robot, _connector=Q.OR)
    found = Grant.objects.filter(holder, project=project).distinct().order_by("pk")
    return [Reach(role, team or "") for role, team in found.values_list("role", "team__slug")]


def team_grants(*, actor: Actor, team: Team) -> QuerySet[Grant]:
    """Return what a team may do where, by project name."""
    require(actor, TEAM_GRANT_LIST, team.organization)
    return _on_living(Grant.objects.filter(team=team))


def robot_grants(*, actor: Actor, robot: Robot) -> QuerySet[Grant]:
    """Return what a robot may do where, by project name."""
    require(actor, ROBOT_READ, robot.namespace)
    return _on_living(Grant.objects.filter(robot=robot))


def _on_living(found: QuerySet[Grant]) -> QuerySet[Grant]:
    return found.filter(project__deleted_at=None).select_related("project").order_by("project__slug")


def team_beside(*, project: Project, name: str) -> Team:
    """Return a team of the organization that the project is in. Raises NotFound."""
    found = Team.objects.filter(organization__namespace=project.namespace, slug=name).first()
    if found is None:
        raise NotFound(say("Unknown team {name}", name=name), absent="team")
    found.organization = project.namespace.organization
    return found


# Activity ------------------------------------------------------------------------------------------------

POPULAR_DAYS, STATISTICS_DAYS = 7, 92


def popularity(*, projects: Iterable[Project | ListedProject]) -> dict[int, int]:
    """Return how often each of these projects occurs in the usage log of the last 7 days; one query."""
    since = timezone.now() - timedelta(days=POPULAR_DAYS)
    found = LogEntry.objects.filter(project__in=[project.pk for project in projects], at__gte=since)
    return dict(found.order_by().values_list("project").annotate(Count("pk")))


def activity(*, project: Project) -> dict[date, int]:
    """Return how often a project occurs in the usage log on each of the last 92 days, today last."""
    today = timezone.now().date()
    days = {today - timedelta(days=back): 0 for back in range(STATISTICS_DAYS - 1, -1, -1)}
    since = datetime.combine(next(iter(days)), time(), tzinfo=UTC)
    found = LogEntry.objects.filter(project=project, at__gte=since).order_by()
    return days | dict(
        found.annotate(day=TruncDate("at", tzinfo=UTC)).values_list("day").annotate(Count("pk"))
    )


def sees_all(*, actor: Actor) -> bool:
    """Tell whether the actor sees every project of the instance."""
    return has_full_access(actor) or is_readonly_superuser(actor)

"""Who may do what, and why: `require`, `check` and `explain` share one resolver."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import Account, Membership, Namespace, Organization, Team, TeamMember, User
from core.errors import Forbidden, FreshLoginRequired, NotFound, SecondFactorMissing, Unauthenticated
from core.words import say
from permissions.catalogue import (
    AUDITED,
    MEMBER,
    ORGANIZATION_LEVEL,
    SCOPE_CEILING,
    Ladder,
    Level,
    OrganizationRole,
    Right,
)
from permissions.explanations import Explanation
from permissions.factors import Row, asked_of, counting, is_withheld, lacks_factor, open_to
from permissions.models import Grant
from permissions.paths import (
    Path,
    best,
    grant_path,
    member_path,
    of_project,
    readonly_path,
    rules_projects,
    superuser_path,
)
from permissions.rows import (
    FROM_GRANT,
    all_grants,
    belonging,
    grants_and_roles,
    grants_of_robot,
    grants_of_user,
    roles_in,
)
from permissions.superusers import full_superuser as full_superuser
from permissions.superusers import may_be_viewed as may_be_viewed
from permissions.superusers import may_change_in_back_office as may_change_in_back_office
from permissions.superusers import may_open_back_office as may_open_back_office
from permissions.superusers import named_readonly_superuser as named_readonly_superuser
from permissions.superusers import named_superuser as named_superuser
from projects.models import Project

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.actor import Actor

READ_ONLY_REASON = say("A read-only superuser changes nothing")
GONE = say("This was deleted")
VIEWING_REASON = say("Who views Muster as somebody else changes nothing")

Target = Organization | Namespace | Project | User | Team | Account | None


# Superusers ----------------------------------------------------------------------------------------------


def is_readonly_superuser(actor: Actor) -> bool:
    """Tell whether the actor sees everything and changes nothing; wins over being a superuser.

    Any scope suffices (quay-a.md 4.3 AUDIT).
    """
    return actor.user is not None and actor.user.username in settings.READONLY_SUPERUSERS


def is_superuser(actor: Actor) -> bool:
    """Tell whether the actor may manage the instance: superuser, and the credential allows it."""
    if actor.system:
        return True
    if actor.user is None or is_readonly_superuser(actor):
        return False
    named = actor.user.is_superuser or actor.user.username in settings.SUPERUSERS
    return named and ceiling(actor, Ladder.INSTANCE) >= Level.ADMIN


def has_full_access(actor: Actor) -> bool:
    """Tell whether the actor passes every organization and project check (quay-a.md 4.3 SU-FULL)."""
    return actor.system or (settings.SUPERUSERS_FULL_ACCESS and is_superuser(actor))


# Levels --------------------------------------------------------------------------------------------------


def ceiling(actor: Actor, ladder: Ladder) -> Level:
    """Return the highest level that the actor's credential allows on a ladder (quay-a.md 4.2)."""
    if actor.scopes is None:
        return Level.OWNER
    found = [top for of, top in (SCOPE_CEILING[scope] for scope in actor.scopes) if of == ladder]
    return max(found, default=Level.NONE)


def organization_paths(actor: Actor, organization: Organization) -> tuple[Path, ...]:
    """Return every way by which the actor belongs to an organization; one query, asked once a request."""
    key = ("organization", organization.pk)
    if key not in actor.memo:
        actor.memo[key] = _organization_paths(actor, organization, _roles(actor, organization))
    found: tuple[Path, ...] = actor.memo[key]
    return found


def _organization_paths(actor: Actor, organization: Organization, roles: Iterable[Row]) -> tuple[Path, ...]:
    if actor.organization is not None and actor.organization.pk == organization.pk:
        return (Path("token", Level.ADMIN, say("the token belongs to the organization")),)
    return tuple(member_path(organization.slug, role, team) for role, team, _ in roles)


def _roles(actor: Actor, organization: Organization) -> list[Row]:
    """Return a person's roles in an organization as rows, direct and by teams; one query, asked once."""
    if actor.user is None:
        return []
    key = ("roles", organization.pk)
    if key not in actor.memo:
        asked = asked_of(actor, organization)
        rows: Iterable[Row]
        if asked:
            direct, *others = [*belonging(actor.user.pk, organization.pk), *asked]
            rows = direct.union(*others, all=True)
        else:
            rows = roles_in(organization=organization.pk, user=actor.user.pk)
        actor.memo[key] = counting(actor, organization, rows)
    found: list[Row] = actor.memo[key]
    return found


def project_paths(actor: Actor, project: Project) -> tuple[Path, ...]:
    """Return every way by which the actor reaches a project. Needs the project's namespace."""
    key = ("project", project.pk)
    if key not in actor.memo:
        actor.memo[key] = _project_paths(actor, project)
    found: tuple[Path, ...] = actor.memo[key]
    return found


def _project_paths(actor: Actor, project: Project) -> tuple[Path, ...]:
    namespace = project.namespace
    granted = _granted(actor, project)
    belonging: tuple[Path, ...] = ()
    if namespace.kind == Namespace.Kind.ORGANIZATION and (actor.user or actor.organization):
        organization = namespace.organization
        # Of two hundred teams few rule over projects: the others need no words.
        ruling = [row for row in _roles(actor, organization) if rules_projects(row[0])]
        belonging = _organization_paths(actor, organization, ruling)
    return of_project(
        public=project.visibility == Project.Visibility.PUBLIC,
        token=actor.project is not None and actor.project.pk == project.pk,
        own=actor.user is not None and namespace.pk == actor.user.namespace_id,
        granted=granted,
        belonging=belonging,
    )


def _granted(actor: Actor, project: Project) -> list[Path]:
    """Return the grants by which a person or a robot reaches a project, with one query.

    Of a person it also asks how she belongs to the project's organization, and keeps the answer.
    """
    holder = actor.user or actor.robot
    if holder is None:
        return []
    if actor.user is None or project.namespace.kind != Namespace.Kind.ORGANIZATION:
        grants = grants_of_user if actor.user is not None else grants_of_robot
        return [grant_path(role, team) for role, team, _ in grants(project=project.pk, holder=holder.pk)]
    organization, user = project.namespace.organization, actor.user.pk
    asked = asked_of(actor, organization)
    key = ("roles", organization.pk)
    rows: Iterable[Row]
    if asked:
        others = [*asked, *(() if key in actor.memo else belonging(user, organization.pk))]
        rows = all_grants("user", project.pk, user, *others)
    elif key in actor.memo:
        rows = grants_of_user(project=project.pk, holder=user)
    else:
        rows = grants_and_roles(project=project.pk, holder=user, organization=organization.pk, user=user)
    found = counting(actor, organization, rows)
    actor.memo.setdefault(key, [row for row in found if row[2] != FROM_GRANT.value])
    return [grant_path(role, team) for role, team, source in found if source == FROM_GRANT.value]


def organization_level(actor: Actor, organization: Organization) -> Level:
    """Return the effective level in an organization: roles capped by scopes, or full access.

    An auditor has none by that.
    """
    if has_full_access(actor):
        return Level.OWNER
    return min(best(organization_paths(actor, organization)), ceiling(actor, Ladder.ORGANIZATION))


def account_level(actor: Actor, user: User | None) -> Level:
    """Return the effective level on a person's own account."""
    if actor.user is None or (user is not None and user.pk != actor.user.pk):
        return Level.NONE
    return min(Level.ADMIN, ceiling(actor, Ladder.ACCOUNT))


def audits(actor: Actor, organization: Organization) -> bool:
    """Tell whether the actor sees what administrators do for being an auditor, and not for being one of them.

    She may be something besides: a creator by a team, admin of one project.
    """
    paths = organization_paths(actor, organization)
    is_auditor = any(path.reads > path.level for path in paths)
    return is_auditor and organization_level(actor, organization) < Level.ADMIN


def withholds(actor: Actor, organization: Organization) -> bool:
    """Tell whether all that an organization gives a person waits for her second factor.

    No query where the organization asks for none.
    """
    if not organization.requires_second_factor or has_full_access(actor):
        return False
    organization_paths(actor, organization)
    return lacks_factor(actor)


def project_level(actor: Actor, project: Project) -> Level:
    """Return the effective level on a project; public projects are readable by anybody."""
    if has_full_access(actor):
        return Level.ADMIN
    return _capped(actor, project_paths(actor, project))


def _capped(actor: Actor, paths: tuple[Path, ...], right: Right | None = None) -> Level:
    # What everybody may see needs no scope.
    public = max((path.level for path in paths if path.kind == "public"), default=Level.NONE)
    return max(public, min(best(paths, right), ceiling(actor, Ladder.PROJECT)))


# Answers -------------------------------------------------------------------------------------------------


def require(actor: Actor, right: Right, target: Target = None) -> None:
    """Pass, or raise.

    Raises:
        NotFound: the target was deleted, whatever of it is left.
        Unauthenticated: nobody is signed in and the right is not everybody's.
        Forbidden: the actor lacks the role, or the credential the scope; the message says which.
        SecondFactorMissing: the organization asks for one.
    """
    explanation = explain(actor, right, target)
    if explanation.allowed:
        return
    if explanation.gone:
        raise NotFound(GONE)
    if actor.is_anonymous:
        raise Unauthenticated(explanation.reason, right=right.name)
    refused = SecondFactorMissing if explanation.withheld else Forbidden
    raise refused(explanation.reason, right=right.name, namespace=namespace_of(target), target=target)


def sees(actor: Actor, right: Right, target: Target) -> bool:
    """Check a right whose lack is told as absence; whom only a second factor keeps out is told that.

    Raises:
        SecondFactorMissing: the organization keeps it from her until she has one.
    """
    if explain(actor, right, target).withheld:
        require(actor, right, target)
    return check(actor, right, target)


def check(actor: Actor, right: Right, target: Target = None) -> bool:
    """Tell whether the actor may."""
    return explain(actor, right, target).allowed


def explain(actor: Actor, right: Right, target: Target = None) -> Explanation:
    """Return every path by which the actor holds a right on a target, the deciding one marked.

    Targets: an organization, a namespace, a project, a team (its members may read it), a person (for rights
    on the own account), or None for the own account and the instance.
    """
    found = _explained(actor, right, target)
    organization = None if found.allowed or actor.user is None else _organization_of(target)
    if organization is None or not is_withheld(actor, organization):
        return found
    reason = say(
        "{organization} asks for a second factor: set one up under My account, Security",
        organization=organization.slug,
    )
    return replace(found, withheld=True, words=reason)


def is_gone(target: Target) -> bool:
    """Tell whether a target was deleted: until a worker has put its rows away, they are nobody's.

    Needs no query: what a target belongs to is there for its paths.
    """
    if isinstance(target, Project):
        return target.deleted_at is not None or target.namespace.deleted_at is not None
    if isinstance(target, Team):
        return target.organization.deleted_at is not None
    return isinstance(target, Organization | Namespace | Account) and target.deleted_at is not None


def _organization_of(target: Target) -> Organization | None:
    namespace = namespace_of(target)
    is_one = namespace is not None and namespace.kind == Namespace.Kind.ORGANIZATION
    return namespace.organization if namespace is not None and is_one else None


def _explained(actor: Actor, right: Right, target: Target) -> Explanation:
    ladder = right.ladder
    paths: tuple[Path, ...] = ()
    if actor.system:
        paths = (Path("system", Level.ABOVE, say("the system itself")),)
        return _found(actor, right, Level.ABOVE, Level.ABOVE, paths)
    if is_gone(target):
        return replace(_refused(right, GONE), gone=True)
    if not right.harmless and actor.operator is not None:
        return _refused(right, VIEWING_REASON)
    if not right.harmless and is_readonly_superuser(actor):
        # Neither what she sees by that nor what is her own is hers to change (quay-a.md 4.3 AUDIT).
        return _refused(right, READ_ONLY_REASON)
    extra = _superuser_paths(actor, right)
    if ladder == Ladder.INSTANCE:
        return _found(actor, right, best(extra), ceiling(actor, ladder), extra)
    if ladder == Ladder.ACCOUNT:
        owner = target if isinstance(target, User) else actor.user
        if actor.user is not None and owner is not None and owner.pk == actor.user.pk:
            paths = (Path("self", Level.ADMIN, say("it is her own account")),)
        top = ceiling(actor, ladder)
        return _found(actor, right, min(best(paths), top), top, paths)
    if ladder == Ladder.PROJECT:
        if not isinstance(target, Project):
            # Asked for a project that is not there: only who administers the namespace may learn that.
            return _missing_project(actor, right, target, extra)
        paths = project_paths(actor, target)
        held = max(_capped(actor, paths, right), best(extra))
        return _found(actor, right, held, ceiling(actor, ladder), paths + extra)
    return _on_organization(actor, right, target, extra)


def _found(
    actor: Actor, right: Right, held: Level, top: Level, paths: tuple[Path, ...], needed: Level | None = None
) -> Explanation:
    needed = right.level if needed is None else needed
    return Explanation(right, needed, held, top, paths, is_anonymous=actor.is_anonymous)


def _refused(right: Right, words: str) -> Explanation:
    return Explanation(right, right.level, Level.NONE, Level.NONE, (), words=words)


def _missing_project(actor: Actor, right: Right, target: Target, extra: tuple[Path, ...]) -> Explanation:
    paths: tuple[Path, ...] = ()
    if isinstance(target, Namespace):
        if target.kind == Namespace.Kind.ORGANIZATION:
            inside = organization_paths(actor, target.organization)
            paths = tuple(path for path in inside if path.toward(right) >= Level.ADMIN)
        elif actor.user is not None and target.pk == actor.user.namespace_id:
            paths = (Path("owner", Level.ADMIN, say("it is her own namespace")),)
    top = ceiling(actor, Ladder.PROJECT)
    held = max(min(best(paths, right), top), best(extra))
    return _found(actor, right, held, top, paths + extra)


def _on_organization(actor: Actor, right: Right, target: Target, extra: tuple[Path, ...]) -> Explanation:
    needed, ladder = right.level, right.ladder
    paths: tuple[Path, ...] = ()
    if isinstance(target, Team):
        paths = organization_paths(actor, target.organization)
        # Whoever is in the team sees who else is.
        if right.name == "team_read" and any(path.team == target.slug for path in paths):
            needed = MEMBER
    elif isinstance(target, Organization):
        paths = organization_paths(actor, target)
    elif isinstance(target, Namespace) and target.kind == Namespace.Kind.ORGANIZATION:
        paths = organization_paths(actor, target.organization)
    elif isinstance(target, Account):
        if actor.user is not None and target.administrators.filter(pk=actor.user.pk).exists():
            words = say("administrator of {name}", name=target.name)
            paths = (Path("account_administrator", Level.OWNER, words),)
    elif isinstance(target, Namespace) and actor.user is not None and target.pk == actor.user.namespace_id:
        if right.own is not None:
            ladder, needed = Ladder.ACCOUNT, right.own
        paths = (Path("owner", Level.OWNER, say("it is her own namespace")),)
    top = ceiling(actor, ladder)
    held = max(min(best(paths, right), top), best(extra))
    return _found(actor, right, held, top, paths + extra, needed)


def _superuser_paths(actor: Actor, right: Right) -> tuple[Path, ...]:
    found = []
    if right.ladder == Ladder.INSTANCE:
        if is_superuser(actor):
            found.append(Path("superuser", Level.ADMIN, say("superuser")))
        elif right.reading and is_readonly_superuser(actor):
            found.append(Path("readonly_superuser", Level.READ, say("read-only superuser")))
    elif right.ladder != Ladder.ACCOUNT:
        if has_full_access(actor):
            found.append(superuser_path())
        elif right.reading and is_readonly_superuser(actor):
            found.append(readonly_path())
    return tuple(found)


def namespace_of(target: Target) -> Namespace | None:
    """Return the tenant that a target belongs to, where it has one."""
    if isinstance(target, Namespace):
        return target
    if isinstance(target, Project | Organization | User):
        return target.namespace
    if isinstance(target, Team):
        return target.organization.namespace
    return None


def readable(actor: Actor) -> Q:
    """Return the filter for projects on which the actor holds a role: granted, by team, administered, own.

    Public projects are not meant by it. Needs no join that multiplies rows.
    """
    if has_full_access(actor) or is_readonly_superuser(actor):
        return Q()
    if ceiling(actor, Ladder.PROJECT) < Level.READ:
        return Q(pk__in=[])
    if actor.project is not None:
        return Q(pk=actor.project.pk)
    if actor.organization is not None:
        return Q(namespace=actor.organization.namespace_id)
    if actor.robot is not None:
        mine = Q(robot=actor.robot) | Q(team__members__robot=actor.robot)
        return Q(pk__in=Grant.objects.filter(mine).values("project"))
    if actor.user is None:
        return Q(pk__in=[])
    return readable_by(actor.user.pk, actor.user.namespace_id)


def is_mere_person(actor: Actor) -> bool:
    """Tell whether `readable` is `readable_by` for an actor: a person who sees projects by nothing else."""
    everything = has_full_access(actor) or is_readonly_superuser(actor)
    return actor.user is not None and not everything and ceiling(actor, Ladder.PROJECT) >= Level.READ


def is_mere_organization(actor: Actor) -> bool:
    """Tell whether `readable` is all that is in the organization of an actor: a credential of its own."""
    is_narrower = actor.project is not None or ceiling(actor, Ladder.PROJECT) < Level.READ
    return actor.organization is not None and not (is_narrower or has_full_access(actor))


def readable_by(user: Any, own_namespace: Any) -> Q:
    """Return the filter for what a person may see by her roles; by keys, which may be `Given` later."""
    return (
        Q(namespace_id=own_namespace)
        | Q(pk__in=_open_grants(user, user=user).values("project"))
        | Q(pk__in=_open_grants(user, team__members__user=user).values("project"))
        | Q(namespace__in=overseen_namespaces(user))
    )


def _open_grants(of: Any, **held: Any) -> QuerySet[Grant]:
    # Projects of people are in no organization, and so ask for nothing.
    return Grant.objects.filter(open_to(of, "project__namespace__organization"), **held)


def organizations_with(actor: Actor, right: Right) -> QuerySet[Organization]:
    """Return the living organizations on which a person holds a right of their ladder, as a subquery."""
    living = Organization.objects.filter(deleted_at=None)
    if has_full_access(actor) or (right.reading and is_readonly_superuser(actor)):
        return living
    if actor.user is None or ceiling(actor, Ladder.ORGANIZATION) < right.level:
        return living.none()
    roles = [role for role, level in ORGANIZATION_LEVEL.items() if level >= right.level]
    if right.reading and right.level <= AUDITED:
        roles.append(OrganizationRole.AUDITOR)
    direct = Membership.objects.filter(user=actor.user, role__in=roles)
    by_team = TeamMember.objects.filter(user=actor.user, team__role__in=roles)
    return living.filter(open_to(actor.user)).filter(
        Q(pk__in=direct.values("organization")) | Q(pk__in=by_team.values("team__organization"))
    )


def overseen_namespaces(user: Any) -> object:
    """Return the namespaces of the organizations of which a person sees all, as a subquery.

    That is: what she administers, or audits. She is given by her key, which may be `Given` later.
    """
    direct = Membership.objects.filter(user_id=user, role__in=["owner", "admin", "auditor"])
    by_team = TeamMember.objects.filter(user_id=user, team__role="admin")
    return (
        Organization.objects.filter(open_to(user))
        .filter(Q(pk__in=direct.values("organization")) | Q(pk__in=by_team.values("team__organization")))
        .annotate(own_namespace=F("namespace"))
        .values("own_namespace")
    )


def require_herself(actor: Actor) -> None:
    """Pass who acts as herself: an operator proves nothing in the name of whom she views.

    Raises:
        Forbidden: she views Muster as somebody else.
    """
    if actor.operator is not None:
        raise Forbidden(VIEWING_REASON)


def require_fresh(actor: Actor) -> None:
    """Pass tokens, and sessions whose sign-in is recent, by whatever way it was.

    Raises:
        FreshLoginRequired: the session's sign-in is older than MUSTER_FRESH_LOGIN_SECONDS.
    """
    if not actor.is_session or actor.user is None:
        return
    oldest = timezone.now() - timedelta(seconds=settings.FRESH_LOGIN_SECONDS)
    if actor.signed_in_at is None or actor.signed_in_at < oldest:
        raise FreshLoginRequired("Sign in again to go on")

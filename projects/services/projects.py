"""Projects: made, described, shown, set, deleted."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import Membership, Namespace, Organization, Robot, Team, User
from core.bell import ring
from core.db import hold, hold_all, insert, update
from core.errors import Conflict, Invalid, NotFound
from core.inserting import write_all
from core.names import free_slug
from core.prepared import Given, Prepared
from core.words import say
from logs.kinds import (
    CHANGE_REPO_PERMISSION,
    CHANGE_REPO_PROFILE,
    CHANGE_REPO_STATE,
    CHANGE_REPO_VISIBILITY,
    CREATE_REPO,
    DELETE_REPO,
    SET_REPO_DESCRIPTION,
)
from logs.record import draft, record, record_many
from permissions.catalogue import (
    PROJECT_CHANGE,
    PROJECT_CREATE,
    PROJECT_DELETE,
    PROJECT_WRITE,
    ProjectRole,
)
from permissions.checks import require
from permissions.models import DefaultGrant, Grant
from projects import tasks
from projects.models import Project
from projects.services.grants import told_of
from quotas import services as quotas
from quotas.models import Resource
from tokens import services as tokens
from trash import services as trash

if TYPE_CHECKING:
    from core.actor import Actor

PROFILE = ("name", "icon", "git_url", "contact", "team")


@transaction.atomic
def create_project(
    *,
    actor: Actor,
    namespace: Namespace,
    slug: str = "",
    name: str = "",
    description: str = "",
    visibility: str = Project.Visibility.PRIVATE,
    team: Team | None = None,
    team_role: str = "",
    contact: User | None = None,
    git_url: str = "",
    icon: str = "",
    by_name: bool = False,
) -> Project:
    """Create a project; without ``slug`` a free one is derived from ``name`` as typed.

    The creating person gets an explicit admin grant; in an organization the default grants apply, a rule for
    this creator beating the general one for the same holder (quay-b.md 1.1, quay-a.md 9). ``team_role`` is
    granted to its team, whatever they say. ``by_name``: asked for by name, so that the organization's limit
    of such projects holds, too.

    Raises:
        Forbidden: the actor may not create projects here.
        Invalid: the slug or the visibility breaks its rule, or the team is another organization's.
        Conflict: the slug is taken.
        QuotaExceeded: the limit of projects is reached; nothing is created.
        NotFound: the namespace, the team or the contact was deleted just now.
    """
    require(actor, PROJECT_CREATE, namespace)
    _check_team(namespace.pk, team)
    rules = _birth_rules(actor, namespace)
    people = hold_all(User, [getattr(contact, "pk", None), *(rule.user_id for rule in rules)])
    teams = hold_all(Team, [getattr(team, "pk", None), *(rule.team_id for rule in rules)])
    if (team is not None and team.pk not in teams) or (contact is not None and contact.pk not in people):
        raise NotFound("The team or the contact was deleted just now")
    quotas.reserve(
        resource=Resource.PROJECTS, namespace=namespace, account_id=namespace.account_id, by_name=by_name
    )
    robots = hold_all(Robot, [rule.robot_id for rule in rules])
    slug = slug or free_slug(name, lambda one: _living(namespace).filter(slug=one).exists())
    project = Project(
        namespace=namespace,
        slug=slug,
        name=name or slug,
        description=description,
        visibility=visibility,
        team=team,
        contact=contact,
        git_url=git_url,
        icon=icon,
    )
    insert(project, taken=say("Repository already exists"))
    living = {"user": people, "team": teams, "robot": robots}
    grants = _birth_grants(actor, project, rules, living)
    say_of = partial(draft, actor=actor, namespace=namespace, project=project)
    entries = [say_of(CREATE_REPO, metadata={"repo": slug, "namespace": namespace.name})]
    if team is not None and team_role:
        grants["team", team.pk] = Grant(project=project, team=team, role=team_role)
        told = told_of(project, team=team) | {"role": team_role}
        entries.append(say_of(CHANGE_REPO_PERMISSION, metadata=told))
    write_all(list(grants.values()))
    actor.forget()
    record_many(entries)
    return project


def _living(namespace: Namespace) -> Any:
    return Project.objects.filter(namespace=namespace, deleted_at=None)


def _check_team(namespace_id: int, team: Team | None) -> None:
    if team is not None and team.organization.namespace_id != namespace_id:
        raise Invalid("The team belongs to another organization", field="team")


def _birth_rules(actor: Actor, namespace: Namespace) -> list[DefaultGrant]:
    """Return the default grants that apply; general ones first, so that those for this creator beat them."""
    if namespace.kind != Namespace.Kind.ORGANIZATION:
        return []
    creator = {} if actor.user is None else {"creator": actor.user.pk}
    return _rules(bool(creator))(organization=namespace.organization.pk, **creator)


@cache
def _rules(by_person: bool) -> Prepared[DefaultGrant]:
    def build() -> QuerySet[DefaultGrant]:
        applies = Q(activating_user=None, activating_robot=None)
        if by_person:
            applies |= Q(activating_user=Given("creator", User.id))
        rules = DefaultGrant.objects.filter(applies, organization=Given("organization", Organization.id))
        return rules.order_by(F("activating_user").asc(nulls_first=True), "pk")

    return Prepared(build)


def _birth_grants(
    actor: Actor, project: Project, rules: list[DefaultGrant], living: dict[str, set[int]]
) -> dict[tuple[str, int], Grant]:
    grants: dict[tuple[str, int], Grant] = {}
    creator = actor.user
    if creator is not None:
        grants["user", creator.pk] = Grant(project=project, user=creator, role=ProjectRole.ADMIN)
    for rule in rules:
        if creator is not None and rule.user_id == creator.pk:
            continue
        for holder, keys in living.items():
            key = getattr(rule, f"{holder}_id")
            if key in keys:
                grants[holder, key] = Grant(
                    project=project, role=rule.role, by_default=True, **{f"{holder}_id": key}
                )
    return grants


@transaction.atomic
def set_description(*, actor: Actor, project: Project, description: str) -> Project:
    """Change a project's description, Markdown, stored as it comes. Raises Forbidden below write."""
    require(actor, PROJECT_WRITE, project)
    project.description = description
    update(project, "description")
    record(
        SET_REPO_DESCRIPTION,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata=_told(project, description=description),
    )
    return project


@transaction.atomic
def set_visibility(*, actor: Actor, project: Project, visibility: str) -> Project:
    """Make a project ``public`` or ``private``. Raises Forbidden below admin, Invalid for another word."""
    require(actor, PROJECT_CHANGE, project)
    project.visibility = visibility
    update(project, "visibility")
    actor.forget()
    record(
        CHANGE_REPO_VISIBILITY,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata=_told(project, visibility=visibility),
    )
    return project


@transaction.atomic
def set_state(*, actor: Actor, project: Project, state: str) -> Project:
    """Set a project NORMAL, READ_ONLY or MIRROR. Raises Forbidden below admin, Invalid for another word."""
    require(actor, PROJECT_CHANGE, project)
    project.state = state
    update(project, "state")
    record(
        CHANGE_REPO_STATE,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata=_told(project, state_changed=state),
    )
    return project


@transaction.atomic
def change_project(*, actor: Actor, project: Project, changes: dict[str, Any]) -> Project:
    """Change a project's profile: name as typed, icon, git_url, contact (a person), team.

    Raises:
        Forbidden: below admin.
        Invalid: a value breaks its rule, or the team is another organization's.
        NotFound: the project, the team or the contact was deleted just now.
    """
    require(actor, PROJECT_CHANGE, project)
    fields = [field for field in PROFILE if field in changes and changes[field] != getattr(project, field)]
    if not fields:
        return project
    _check_team(project.namespace_id, changes.get("team"))
    for field in ("contact", "team"):
        if field in fields and changes[field] is not None:
            hold(changes[field])
    for field in fields:
        setattr(project, field, changes[field])
    update(project, *fields)
    record(
        CHANGE_REPO_PROFILE,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata=_told(project, fields=fields),
    )
    return project


@transaction.atomic
def change_settings(*, actor: Actor, project: Project, changes: dict[str, str]) -> Project:
    """Change description, visibility and state where they differ, all or nothing. Raises as each of them."""
    require(actor, PROJECT_WRITE, project)
    for field, change in (
        ("description", set_description),
        ("visibility", set_visibility),
        ("state", set_state),
    ):
        if field in changes and changes[field] != getattr(project, field):
            change(actor=actor, project=project, **{field: changes[field]})
    return project


@transaction.atomic
def delete_project(*, actor: Actor, project: Project) -> None:
    """Delete a project: access and its tokens end now, its name is free at once, rows go by a worker.

    It can be restored from the trash, but for its tokens.

    Raises:
        Forbidden: below admin.
        NotFound: somebody else deleted it just now.
        Conflict: it is being disconnected from its cloud provider.
    """
    require(actor, PROJECT_DELETE, project)
    namespace = project.namespace
    ledger = quotas.take_ledger(namespace=namespace, beside=Resource.PROJECTS)
    held = hold(project, gone=say("There is no such project"))
    if held.connection_status == Project.Connection.DISCONNECTING:
        raise Conflict("The project is being disconnected; delete it afterwards")
    size = held.size_bytes
    quotas.release(resource=Resource.PROJECTS, namespace=namespace, account_id=namespace.account_id)
    if size:
        quotas.move_bytes(actor=actor, ledger=ledger, amount=-size)
    thing = trash.put(
        actor=actor,
        kind=trash.Kind.PROJECT,
        namespace=namespace,
        target=project.pk,
        name=held.slug,
        title=held.name,
        size_bytes=size,
        details={"tokens": tokens.living_names(Q(project=project)), "members": _granted_members(project)},
    )
    Project.objects.filter(pk=project.pk).update(deleted_at=timezone.now())
    tokens.end_of_project(project)
    stars = project.stars.all()
    trash.take(thing, stars) if thing else stars.delete()
    actor.forget()
    record(DELETE_REPO, actor=actor, namespace=namespace, metadata=_told(project))
    ring(tasks.purge_project, project.pk)


def _granted_members(project: Project) -> list[int]:
    """Return who of those that are granted a role is in the organization; who leaves it loses the role."""
    if project.namespace.kind != Namespace.Kind.ORGANIZATION:
        return []
    granted = Grant.objects.filter(project=project, user__isnull=False)
    inside = Membership.objects.filter(organization__namespace=project.namespace_id)
    return list(
        inside.filter(user__in=granted.values("user")).order_by("user").values_list("user", flat=True)
    )


def _told(project: Project, **keys: Any) -> dict[str, Any]:
    return {"repo": project.slug, "namespace": project.namespace.name, **keys}

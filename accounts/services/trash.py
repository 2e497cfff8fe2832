"""Robots, teams and organizations that come back from the trash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from accounts.models import (
    Account,
    AccountAdministrator,
    Membership,
    Organization,
    Robot,
    Team,
    TeamMember,
    User,
)
from accounts.services import names
from accounts.services.guards import enter
from accounts.services.organizations import join
from core.db import hold, hold_all, insert
from core.errors import Conflict, Invalid, NotFound
from core.names import fold, is_namespace_name
from core.words import say
from logs.kinds import ORG_RESTORE, ORG_RESTORE_TEAM, RESTORE_ROBOT
from logs.record import record
from permissions.catalogue import TRASH_CHANGE, OrganizationRole
from permissions.checks import require
from projects.models import Project
from quotas import services as quotas
from quotas.models import Resource
from tokens import services as tokens
from tokens.kinds import Kind
from trash import services as trash

if TYPE_CHECKING:
    from core.actor import Actor
    from trash.models import Trashed
    from trash.services import Dropped, Parcel

MISSING = say("There is no such thing in the trash")
TAKEN = say("Something of this name is here by now: restore it under another one")
ORGANIZATION_TAKEN = say("Somebody has taken this name: restore the organization under another one")


@transaction.atomic
def restore_robot(*, actor: Actor, thing: Trashed, name: str = "") -> tuple[Robot, list[Dropped]]:
    """Bring a robot back from the trash with what it was granted, and with a new token: the old one is dead.

    ``name`` is another short name for it, needed when its own is taken. Returns it, and what of projects,
    teams and people that are gone by now could not come back.

    Raises:
        Forbidden: not an administrator of the namespace.
        NotFound: it was restored or deleted for good just now, or its namespace was deleted.
        Invalid: the name breaks its rule.
        Conflict: the name is taken.
        QuotaExceeded: the limit of robots leaves no room.
    """
    namespace = thing.namespace
    require(actor, TRASH_CHANGE, namespace)
    if thing.kind != trash.Kind.ROBOT:
        raise NotFound(MISSING)
    parcel = trash.claim(thing)
    shortname = _checked(name or parcel.root["shortname"])
    if Robot.objects.filter(namespace=namespace, shortname=shortname).exists():
        raise Conflict(TAKEN, field="name")
    hold_all(User, parcel.refers_to(User))
    hold_all(Team, parcel.refers_to(Team))
    quotas.reserve(resource=Resource.ROBOTS, namespace=namespace, account_id=namespace.account_id)
    hold_all(Project, parcel.refers_to(Project))
    dropped = trash.bring_back(parcel, root={"shortname": shortname}, taken=TAKEN)
    robot = Robot.objects.select_related("namespace").get(pk=thing.target)
    _new_token(actor, robot)
    actor.forget()
    record(
        RESTORE_ROBOT,
        actor=actor,
        namespace=namespace,
        robot=shortname,
        old_name=thing.name,
        dropped=len(dropped),
    )
    return robot, dropped


def _new_token(actor: Actor, robot: Robot) -> None:
    tokens.issue(kind=Kind.ROBOT, robot=robot, issued_by=actor.user, title=robot.full_name[:255])


def _checked(name: str) -> str:
    if not is_namespace_name(name):
        raise Invalid(
            say(
                "Invalid name {name!r}: 2 to 255 lower-case letters and digits, "
                "with single dots, dashes or underscores between them",
                name=name,
            ),
            field="name",
        )
    return name


@transaction.atomic
def restore_team(*, actor: Actor, thing: Trashed, name: str = "") -> tuple[Team, list[Dropped]]:
    """Bring a team back from the trash with its members and what it was granted.

    ``name`` is another slug for it, needed when its own is taken. Who was in the organization by this team
    alone is in it again; who has left since, or is gone, stays away. Returns it and what is missing.

    Raises:
        Forbidden: not an administrator.
        NotFound: it was restored or deleted for good just now, or its organization was deleted.
        Invalid: the name breaks its rule.
        Conflict: the name is taken.
        QuotaExceeded: the limit of members leaves no room.
    """
    namespace = thing.namespace
    require(actor, TRASH_CHANGE, namespace)
    if thing.kind != trash.Kind.TEAM:
        raise NotFound(MISSING)
    organization: Organization = namespace.organization
    parcel = trash.claim(thing)
    slug = _checked(name or parcel.root["slug"])
    title = slug if parcel.root["name"] == parcel.root["slug"] else parcel.root["name"]
    people = hold_all(User, parcel.refers_to(User))
    enter(actor, TRASH_CHANGE, organization)
    if Team.objects.filter(Q(slug=slug) | Q(name=title), organization=organization).exists():
        if name and title != slug and not Team.objects.filter(organization=organization, slug=slug).exists():
            title = slug  # its name as typed is taken, too
        else:
            raise Conflict(TAKEN, field="name")
    inside = set(Membership.objects.filter(organization=organization).values_list("user", flat=True))
    by_team = parcel.keys("accounts.Membership", "user_id") & people
    known = _of_people(parcel, inside)
    if by_team - inside:
        quotas.reserve(
            resource=Resource.MEMBERS,
            namespace=namespace,
            account_id=namespace.account_id,
            amount=len(by_team - inside),
        )
    hold_all(Robot, parcel.refers_to(Robot))
    hold_all(Project, parcel.refers_to(Project))
    dropped = trash.bring_back(
        parcel,
        root={"slug": slug, "name": title},
        taken=TAKEN,
        absent=parcel.refers_to(User) - inside - by_team,
        skip={"accounts.Membership": known},
    )
    team = Team.objects.select_related("organization__namespace").get(pk=thing.target)
    actor.forget()
    told = {"team": slug, "old_name": thing.name, "dropped": len(dropped)}
    record(ORG_RESTORE_TEAM, actor=actor, namespace=namespace, metadata=told)
    return team, dropped


def _of_people(parcel: Parcel, people: set[int]) -> set[int]:
    """Return the keys of those memberships in a parcel that these people have again already."""
    rows = parcel.pairs("accounts.Membership", "user_id")
    return {key for key, user in rows if user in people}


@transaction.atomic
def restore_organization(
    *, actor: Actor, thing: Trashed, name: str = ""
) -> tuple[Organization, list[Dropped]]:
    """Bring an organization back from the trash with all that it was, keys and all.

    ``name`` is another name on the wires for it, needed when its own is taken. Robots get new tokens; all
    other tokens stay dead. If nobody is left who administers it, whoever restores it owns it; if the account
    that it was in is gone, it gets one of its own.

    Raises:
        Forbidden: neither a former owner, nor administrator of its account, nor superuser.
        NotFound: it was restored or deleted for good just now.
        Invalid: the name breaks its rule.
        Conflict: the name is taken.
        QuotaExceeded: a limit of the account leaves no room.
    """
    trash.may_restore(actor=actor, thing=thing)
    if thing.kind != trash.Kind.ORGANIZATION:
        raise NotFound(MISSING)
    namespace = thing.namespace
    parcel = trash.claim(thing)
    key = fold(_checked(fold(name or namespace.name)))
    if names.is_taken(key):
        raise Conflict(ORGANIZATION_TAKEN, field="name")
    people = parcel.refers_to(User) | ({actor.user.pk} if actor.user else set())
    hold_all(User, people)
    account = _account(actor, parcel, key)
    names.revive(namespace, key)
    root = {
        "slug": key,
        "name": key if parcel.root["name"] == parcel.root["slug"] else parcel.root["name"],
        "account_id": account.pk,
        "deleted_at": None,
        **_link(parcel),
    }
    dropped = trash.bring_back(parcel, root=root, taken=ORGANIZATION_TAKEN)
    organization = Organization.objects.select_related("namespace", "account").get(pk=thing.target)
    quotas.reopen(namespace=namespace, account_id=account.pk, used=_used(organization))
    quotas.reserve(resource=Resource.ORGANIZATIONS, account_id=account.pk)
    _keep_somebody(actor, organization)
    for robot in Robot.objects.filter(namespace=namespace).order_by("pk"):
        robot.namespace = namespace
        _new_token(actor, robot)
    actor.forget()
    told = {"namespace": key, "old_name": thing.name, "dropped": len(dropped)}
    record(ORG_RESTORE, actor=actor, namespace=namespace, metadata=told)
    return organization, dropped


def _account(actor: Actor, parcel: Parcel, name: str) -> Account:
    """Hold the account that the organization was in, or make it one of its own if that is gone."""
    account = Account.objects.filter(pk=parcel.root["account_id"], deleted_at=None).first()
    if account is not None:
        return hold(account)
    account = Account(kind=Account.Kind.GROUP, name=name)
    insert(account, taken=say("The account could not be created"))
    if actor.user is not None:
        AccountAdministrator.objects.create(account=account, user=actor.user)
    quotas.open_for(account=account)
    return account


def _link(parcel: Parcel) -> dict[str, Any]:
    """Let go of the Git provider's organization if another one is linked to it by now."""
    provider, linked = parcel.root["provider"], parcel.root["provider_organization"]
    if not provider or not linked:
        return {}
    others = Organization.objects.filter(provider=provider, provider_organization=linked, deleted_at=None)
    return {"provider_organization": ""} if others.exists() else {}


def _used(organization: Organization) -> dict[str, int]:
    """Return what there is by now of each resource that is counted."""
    namespace = organization.namespace
    projects = Project.objects.filter(namespace=namespace, deleted_at=None)
    return {
        Resource.BYTES: sum(projects.exclude(size_bytes=0).values_list("size_bytes", flat=True)),
        Resource.PROJECTS: projects.count(),
        Resource.ROBOTS: Robot.objects.filter(namespace=namespace).count(),
        Resource.MEMBERS: Membership.objects.filter(organization=organization).count(),
    }


def _keep_somebody(actor: Actor, organization: Organization) -> None:
    """Make whoever restores an organization its owner if nobody is left who administers it."""
    direct = Membership.objects.filter(
        organization=organization,
        role__in=[OrganizationRole.OWNER, OrganizationRole.ADMIN],
        user__is_active=True,
    )
    by_team = TeamMember.objects.filter(
        team__organization=organization, team__role=Team.Role.ADMIN, user__is_active=True
    )
    if direct.exists() or by_team.exists():
        return
    if actor.user is None:
        raise Conflict("Nobody is left who administers the organization: let a superuser restore it")
    join(organization, actor.user, role=OrganizationRole.OWNER)

"""Organizations: made, changed, renamed, deleted; and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import tasks
from accounts.models import (
    Account,
    AccountAdministrator,
    Invitation,
    Membership,
    Namespace,
    Organization,
    Robot,
    Team,
    TeamMember,
    User,
)
from accounts.services import names
from accounts.services.guards import enter, keep_an_administrator
from accounts.services.required_factors import require_second_factor, waive_second_factor
from accounts.services.rules import check_email_rule
from accounts.services.users import check_tag_expiration
from core.bell import ring
from core.db import hold, insert, update
from core.errors import Conflict, Forbidden, Invalid, Unauthenticated
from core.names import fold, free_slug, is_namespace_name
from core.words import say
from logs.kinds import (
    ORG_CHANGE_EMAIL,
    ORG_CHANGE_INVOICING,
    ORG_CHANGE_NAME,
    ORG_CHANGE_PROFILE,
    ORG_CHANGE_TAG_EXPIRATION,
    ORG_CREATE,
    ORG_DELETE,
    ORG_REMOVE_MEMBER,
    ORG_SET_MEMBER_ROLE,
)
from logs.record import record
from permissions.catalogue import (
    ACCOUNT_MANAGE,
    MEMBER_CHANGE,
    MEMBER_REMOVE,
    ORGANIZATION_CHANGE,
    ORGANIZATION_CREATE,
    ORGANIZATION_DELETE,
    ORGANIZATION_MANAGE,
    OrganizationRole,
    giver_level,
)
from permissions.checks import check, organization_level, require
from permissions.models import DefaultGrant, Grant
from quotas import services as quotas
from quotas.models import Resource
from tokens import services as tokens
from trash import services as trash

if TYPE_CHECKING:
    from core.actor import Actor
    from trash.models import Trashed

OWNERS = "owners"
PROFILE = (
    "name",
    "description",
    "url",
    "location",
    "provider",
    "provider_organization",
    "token_max_days",
    "log_retention_days",
)


@transaction.atomic
def create_organization(
    *,
    actor: Actor,
    slug: str = "",
    name: str = "",
    email: str = "",
    account: Account | None = None,
    owner: User | None = None,
) -> Organization:
    """Create an organization, with a group account of its own unless one is given.

    ``slug`` is the name on the wires; without one a free slug is derived from ``name`` as typed. The creator
    (or ``owner``, when the system itself acts) becomes its owner and the first of its team ``owners``.

    Raises:
        Forbidden: the actor may not create organizations (or not in that account).
        Invalid: the name or the address breaks its rule, or a user has the address.
        Conflict: the name is taken.
        QuotaExceeded: the account's limit of organizations is reached.
        NotFound: the account, or the owner, was deleted just now.
    """
    if account is not None and not check(actor, ACCOUNT_MANAGE):
        require(actor, ORGANIZATION_CHANGE, account)
    else:
        require(actor, ORGANIZATION_CREATE)
    owner = owner if actor.system else actor.user
    if owner is None:
        raise Unauthenticated("Somebody must own the organization")
    if account is not None and account.kind != Account.Kind.GROUP:
        raise Invalid("Only a group account holds organizations", field="account")
    hold(owner)
    if account is not None:
        hold(account, gone=say("There is no such group account"))
    email = check_email_rule(email)
    if email and User.objects.filter(email__iexact=email, deleted_at=None).exists():
        raise Invalid("The e-mail address belongs to a user", field="email")
    slug = slug or free_slug(name, names.is_taken)
    namespace = names.take(slug, Namespace.Kind.ORGANIZATION)
    if account is None:
        account = Account(kind=Account.Kind.GROUP, name=name or namespace.name)
        insert(account, taken=say("The account could not be created"))
        AccountAdministrator.objects.create(account=account, user=owner)
        quotas.open_for(account=account)
    quotas.open_for(namespace=namespace)
    organization = Organization(
        namespace=namespace, account=account, slug=namespace.name, name=name or namespace.name, email=email
    )
    insert(organization, taken=say("The organization could not be created"))
    join(organization, owner, role=OrganizationRole.OWNER)
    quotas.reserve(resource=Resource.ORGANIZATIONS, account_id=account.pk)
    owners = Team.objects.create(organization=organization, slug=OWNERS, name=OWNERS, role=Team.Role.ADMIN)
    TeamMember.objects.create(team=owners, user=owner)
    actor.forget()
    told = {"email": email, "namespace": namespace.name}
    record(ORG_CREATE, actor=actor, namespace=namespace, metadata=told)
    return organization


@transaction.atomic
def change_organization(*, actor: Actor, organization: Organization, changes: dict[str, Any]) -> Organization:
    """Change settings and profile, all or nothing (quay-a.md 7.3).

    ``changes`` may hold invoice_email, invoice_email_address (null or "" clears), email (likewise),
    tag_expiration_s, and name, description, url, location, provider, provider_organization, token_max_days,
    log_retention_days (null: as long as the instance keeps its log) and requires_second_factor.

    Raises:
        Forbidden: not an administrator.
        Invalid: a value breaks its rule, or as `require_second_factor`.
        Conflict: the Git provider's organization is linked to another one.
    """
    require(actor, ORGANIZATION_CHANGE, organization)
    enter(actor, ORGANIZATION_CHANGE, organization)
    namespace = organization.namespace
    for field in ("invoice_email", "invoice_email_address"):
        # An empty address is none; the flag has no None.
        value = changes.get(field) or (False if field == "invoice_email" else None)
        if field in changes and value != getattr(organization, field):
            setattr(organization, field, value)
            update(organization, field)
            told = {field: value, "namespace": namespace.name}
            record(ORG_CHANGE_INVOICING, actor=actor, namespace=namespace, metadata=told)
    if "email" in changes:
        email = check_email_rule(changes["email"] or "")
        if email != organization.email:
            old, organization.email = organization.email, email
            update(organization, "email")
            told = {"email": email, "old_email": old, "namespace": namespace.name}
            record(ORG_CHANGE_EMAIL, actor=actor, namespace=namespace, metadata=told)
    if changes.get("tag_expiration_s") is not None:
        check_tag_expiration(changes["tag_expiration_s"])
        organization.tag_expiration_s = changes["tag_expiration_s"]
        update(organization, "tag_expiration_s")
        told = {"tag_expiration": organization.tag_expiration_s, "namespace": namespace.name}
        record(ORG_CHANGE_TAG_EXPIRATION, actor=actor, namespace=namespace, metadata=told)
    fields = [
        field for field in PROFILE if field in changes and changes[field] != getattr(organization, field)
    ]
    if fields:
        for field in fields:
            setattr(organization, field, changes[field])
        update(
            organization, *fields, taken=say("Another organization is linked to this provider's organization")
        )
        told = {"fields": fields, "namespace": namespace.name}
        for field in ("token_max_days", "log_retention_days"):
            if field in fields:
                told[field] = getattr(organization, field)
        record(ORG_CHANGE_PROFILE, actor=actor, namespace=namespace, metadata=told)
    # Last: it may end the actor's own rights.
    if changes.get("requires_second_factor") is True:
        require_second_factor(actor=actor, organization=organization)
    elif changes.get("requires_second_factor") is False:
        waive_second_factor(actor=actor, organization=organization)
    return organization


@transaction.atomic
def set_licence_plan(*, actor: Actor, organization: Organization, plan: str) -> Organization:
    """Say what an organization is licensed for; some wires offer more to some plans (qodana.md 2).

    Raises:
        Forbidden: only superusers.
        Invalid: there is no such plan.
    """
    require(actor, ORGANIZATION_MANAGE)
    enter(actor, ORGANIZATION_MANAGE, organization)
    if plan not in Organization.LicencePlan.values:
        raise Invalid(say("Unknown licence plan {plan!r}", plan=plan), field="licence_plan")
    if plan != organization.licence_plan:
        organization.licence_plan = plan
        update(organization, "licence_plan")
        told = {"fields": ["licence_plan"], "namespace": organization.namespace.name}
        record(ORG_CHANGE_PROFILE, actor=actor, namespace=organization.namespace, metadata=told)
    return organization


@transaction.atomic
def rename_organization(*, actor: Actor, organization: Organization, name: str) -> Organization:
    """Give an organization another name on the wires; robots are addressed by it at once (quay-a.md 11.2).

    Raises:
        Forbidden: only superusers rename.
        Invalid: the name breaks the rule.
        Conflict: the name is taken.
    """
    require(actor, ORGANIZATION_MANAGE)
    key = fold(name)
    if not is_namespace_name(key):
        raise Invalid(say("Invalid name {name!r}", name=name), field="name")
    hold(organization, gone=say("Organization not found"))
    namespace = organization.namespace
    old = namespace.name
    namespace.name = namespace.key = key
    update(namespace, "name", "key", taken=say("A user or organization with this name already exists"))
    organization.slug = key
    if organization.name == old:
        organization.name = key
    update(organization, "slug", "name")
    record(
        ORG_CHANGE_NAME,
        actor=actor,
        namespace=namespace,
        old_name=old,
        new_name=key,
        superuser=actor.user.username if actor.user else "system",
    )
    return organization


@transaction.atomic
def delete_organization(*, actor: Actor, organization: Organization) -> None:
    """Delete an organization: access ends now, rows go in batches by a worker. It can be restored.

    Every credential of its robots, projects and applications dies in this transaction; the name is free at
    once and inherits nothing.

    Raises:
        Forbidden: not an administrator (superusers may, quay-a.md 11.2).
        NotFound: somebody else deleted it just now.
    """
    by_superuser = check(actor, ORGANIZATION_MANAGE)
    if not by_superuser:
        require(actor, ORGANIZATION_DELETE, organization)
    enter(actor, ORGANIZATION_MANAGE if by_superuser else ORGANIZATION_DELETE, organization)
    thing = trash_organization(actor=actor, organization=organization)
    quotas.close(namespace=organization.namespace, account_id=organization.account_id, thing=thing)
    quotas.release(resource=Resource.ORGANIZATIONS, account_id=organization.account_id)
    end_organization(actor=actor, organization=organization, thing=thing)


def trash_organization(*, actor: Actor, organization: Organization) -> Trashed | None:
    """Put a dying organization into the trash, where its owners find it; its rows follow.

    A building block: the caller has checked the right and holds the organization.
    """
    namespace = organization.namespace
    owned = Q(organization=organization) | Q(project__namespace=namespace)
    thing = trash.put(
        actor=actor,
        kind=trash.Kind.ORGANIZATION,
        namespace=namespace,
        target=organization.pk,
        name=namespace.name,
        title=organization.name,
        account_id=organization.account_id,
        details={"tokens": tokens.living_names(owned)},
    )
    if thing is not None:
        owners = organization.memberships.filter(role=OrganizationRole.OWNER)
        thing.owners.set(owners.values_list("user", flat=True))
    return thing


def end_organization(*, actor: Actor, organization: Organization, thing: Trashed | None) -> None:
    """End all access to an organization now and leave its rows to a worker.

    A building block: the caller has checked the right, holds the organization and has closed its quotas.
    """
    namespace = organization.namespace
    record(ORG_DELETE, actor=actor, namespace=namespace, metadata={"namespace": namespace.name})
    tokens.end_of_namespace(namespace)
    names.bury(namespace)
    organization.deleted_at = timezone.now()
    organization.save(update_fields=["deleted_at"])
    members = organization.memberships.all()
    trash.take(thing, members) if thing else members.delete()
    actor.forget()
    ring(tasks.purge_organization, organization.pk)


# Members -------------------------------------------------------------------------------------------------


def join(organization: Organization, user: User, *, role: str = "") -> None:
    """Make sure a person is in the organization, with ``role`` if given; counted once against the quota.

    Without a role she is here by a team. A building block: the caller has checked the right, holds the
    person and the organization, and writes the log.
    """
    membership, is_new = Membership.objects.get_or_create(
        organization=organization,
        user=user,
        defaults={"role": role or OrganizationRole.MEMBER, "is_direct": bool(role)},
    )
    if is_new:
        quotas.reserve(
            resource=Resource.MEMBERS, namespace=organization.namespace, account_id=organization.account_id
        )
    elif role:
        membership.role, membership.is_direct = role, True
        membership.save(update_fields=["role", "is_direct"])


def seat(team: Team, user: User, *, is_maintainer: bool = False) -> None:
    """Put a person into a team, and so into its organization. A building block, as `join`."""
    join(team.organization, user)
    insert(
        TeamMember(team=team, user=user, is_maintainer=is_maintainer),
        taken=say("{username} is already in the team", username=user.username),
    )


def leave_if_teamless(organization: Organization, users: list[int], thing: Trashed | None = None) -> None:
    """End the memberships, of people by their keys, that only a team gave, when the last team is gone.

    With a ``thing``, a deleted team, they can come back with it.
    """
    in_team = TeamMember.objects.filter(team__organization=organization, user__in=users)
    ending = Membership.objects.filter(organization=organization, user__in=users, is_direct=False).exclude(
        user__in=in_team.values("user")
    )
    gone = trash.take(thing, ending) if thing else ending.delete()[0]
    quotas.release(
        resource=Resource.MEMBERS,
        namespace=organization.namespace,
        account_id=organization.account_id,
        amount=gone,
    )


@transaction.atomic
def set_member_role(*, actor: Actor, organization: Organization, user: User, role: str) -> None:
    """Add a person to the organization, or change her direct role.

    Raises:
        Forbidden: not an administrator; or only an owner may make or unmake owners.
        Invalid: unknown role.
        Conflict: nobody would administer the organization any more.
        QuotaExceeded: the limit of members is reached.
    """
    require(actor, MEMBER_CHANGE, organization)
    if role not in OrganizationRole.values:
        raise Invalid(say("Unknown role {role!r}", role=role), field="role")
    hold(user, gone=say("Unknown user {username}", username=user.username))
    enter(actor, MEMBER_CHANGE, organization)
    current = Membership.objects.filter(organization=organization, user=user).first()
    old = current.role if current is not None else ""
    not_above_oneself(actor, organization, {role, old} - {""})
    join(organization, user, role=role)
    keep_an_administrator(organization)
    actor.forget()
    record(
        ORG_SET_MEMBER_ROLE,
        actor=actor,
        namespace=organization.namespace,
        member=user.username,
        role=role,
        old_role=old,
    )


def not_above_oneself(actor: Actor, organization: Organization, roles: set[str]) -> None:
    """Raise Forbidden for a role that is above the actor's own. A building block."""
    mine = organization_level(actor, organization)
    if any(giver_level(role) > mine for role in roles):
        raise Forbidden("Only an owner may make or unmake owners", namespace=organization.namespace)


@transaction.atomic
def remove_member(
    *,
    actor: Actor,
    organization: Organization,
    user: User | None = None,
    robot: Robot | None = None,
    teams_only: bool = False,
) -> None:
    """Remove somebody from all teams, from direct grants and from the organization (quay-a.md 7.5).

    What would bring a person back goes as well: open invitations, and what new projects would grant her.
    Somebody who is not in it at all is no error. ``teams_only`` speaks for a wire on which administrators are
    all alike: there they remove owners, too.

    Raises:
        Forbidden: not an administrator, or not an owner while the person is one.
        Conflict: nobody would administer the organization any more.
    """
    require(actor, MEMBER_REMOVE, organization)
    if user is not None:
        hold(user, gone=say("Unknown user {username}", username=user.username))
    enter(actor, MEMBER_REMOVE, organization)
    if user is not None:
        if not teams_only:
            membership = Membership.objects.filter(organization=organization, user=user)
            not_above_oneself(actor, organization, set(membership.values_list("role", flat=True)))
        part(organization, user)
        keep_an_administrator(organization)
        member = user.username
    elif robot is not None:
        hold(robot)
        TeamMember.objects.filter(team__organization=organization, robot=robot).delete()
        Grant.objects.filter(project__namespace=organization.namespace, robot=robot).delete()
        member = robot.full_name
    else:
        raise Conflict("Nobody to remove")
    actor.forget()
    record(ORG_REMOVE_MEMBER, actor=actor, namespace=organization.namespace, member=member)


def part(organization: Organization, user: User) -> None:
    """End what a person has in an organization, and what would bring her back; counted once.

    A building block: the caller has checked the right, holds the person and the organization, asks who
    administers it then, and writes the log.
    """
    TeamMember.objects.filter(team__organization=organization, user=user).delete()
    Grant.objects.filter(project__namespace=organization.namespace, user=user).delete()
    DefaultGrant.objects.filter(organization=organization, user=user).delete()
    invited = Q(user=user) | Q(email__iexact=user.email) if user.email else Q(user=user)
    Invitation.objects.filter(invited, organization=organization).delete()
    gone, _ = Membership.objects.filter(organization=organization, user=user).delete()
    quotas.release(
        resource=Resource.MEMBERS,
        namespace=organization.namespace,
        account_id=organization.account_id,
        amount=gone,
    )

"""People's namespaces that become organizations, and superusers taking over what nobody looks after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import Account, AccountAdministrator, Namespace, Organization, Team, TeamMember, User
from accounts.services.organizations import OWNERS, join
from accounts.services.sessions import record_sign_in
from accounts.services.users import end_person
from core.db import hold, hold_all, insert
from core.errors import Invalid, Unauthenticated
from core.names import free_slug
from core.words import say
from logs.kinds import ACCOUNT_CONVERT, TAKE_OWNERSHIP
from logs.record import record
from permissions.catalogue import (
    ACCOUNT_DELETE,
    ORGANIZATION_CREATE,
    ORGANIZATION_MANAGE,
    OrganizationRole,
)
from permissions.checks import named_superuser, require
from quotas import services as quotas
from quotas.models import Resource

if TYPE_CHECKING:
    from core.actor import Actor


@transaction.atomic
def take_ownership(*, actor: Actor, namespace: Namespace) -> Organization:
    """Let the acting superuser join an admin team of an organization (quay-a.md 11.2).

    A person's namespace becomes an organization with its projects and robots; the person is deleted.

    Raises:
        Forbidden: only superusers.
        Invalid: the namespace is a superuser's.
        Conflict: the person is the only administrator of an organization.
    """
    require(actor, ORGANIZATION_MANAGE)
    if actor.user is None:
        raise Unauthenticated
    hold(actor.user)
    was_user = namespace.kind == Namespace.Kind.USER
    organization = _convert(actor, namespace, actor.user) if was_user else namespace.organization
    hold(organization, gone=say("Organization not found"))
    _make_owner(organization, actor.user)
    actor.forget()
    record(
        TAKE_OWNERSHIP,
        actor=actor,
        namespace=actor.user.namespace,
        metadata={
            "entity_id": organization.pk,
            "namespace": namespace.name,
            "was_user": was_user,
            "superuser": actor.user.username,
        },
    )
    return organization


@transaction.atomic
def convert_to_organization(*, actor: Actor, administrator: User) -> Organization:
    """Turn the acting person's account into an organization (quay-a.md 6.4); she is deleted.

    Her projects and robots are the organization's from then on. ``administrator``, who has proven that she
    agrees, owns it and is signed in by it.

    Raises:
        Invalid: the administrator is herself, or disabled by now; or she is a superuser.
        Conflict: she is the only administrator of an organization.
    """
    require(actor, ACCOUNT_DELETE)
    require(actor, ORGANIZATION_CREATE)
    user = actor.user
    if user is None:
        raise Unauthenticated
    if user.pk == administrator.pk:
        raise Invalid("The administrator must be somebody else", field="adminUser")
    held = hold_all(User, [user.pk, administrator.pk])
    if held != {user.pk, administrator.pk} or not User.objects.get(pk=administrator.pk).is_active:
        raise Invalid("The administrator cannot be used", field="adminUser")
    namespace = user.namespace
    organization = _convert(actor, namespace, administrator)
    _make_owner(organization, administrator)
    actor.forget()
    record(ACCOUNT_CONVERT, actor=actor, namespace=namespace)
    record_sign_in(actor=actor, user=administrator)
    return organization


def _make_owner(organization: Organization, person: User) -> None:
    TeamMember.objects.get_or_create(team=_admin_team(organization), user=person)
    join(organization, person, role=OrganizationRole.OWNER)


def _admin_team(organization: Organization) -> Team:
    team = organization.teams.filter(role=Team.Role.ADMIN).order_by("pk").first()
    if team is None:
        slug = free_slug(OWNERS, lambda name: organization.teams.filter(slug=name).exists())
        team = Team.objects.create(organization=organization, slug=slug, name=slug, role=Team.Role.ADMIN)
    return team


def _convert(actor: Actor, namespace: Namespace, administrator: User) -> Organization:
    user: User = namespace.user
    if named_superuser(user):
        raise Invalid("A superuser's namespace does not become an organization", field="namespace")
    email = user.email
    end_person(actor=actor, user=user, keep_namespace=True)
    namespace.kind = Namespace.Kind.ORGANIZATION
    namespace.save(update_fields=["kind"])
    account = Account.objects.create(kind=Account.Kind.GROUP, name=namespace.name)
    AccountAdministrator.objects.create(account=account, user=administrator)
    quotas.open_for(account=account)
    quotas.adopt(namespace=namespace, account=account)
    quotas.reserve(resource=Resource.ORGANIZATIONS, account_id=account.pk)
    organization = Organization(
        namespace=namespace, account=account, slug=namespace.name, name=namespace.name, email=email
    )
    return insert(organization, taken=say("The namespace cannot be taken over"))

"""Superusers taking over what nobody looks after any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import Account, AccountAdministrator, Namespace, Organization, Team, TeamMember
from accounts.services.organizations import OWNERS, join
from accounts.services.users import end_person
from core.db import hold, insert
from core.errors import Invalid, Unauthenticated
from core.names import free_slug
from logs.kinds import TAKE_OWNERSHIP
from logs.record import record
from permissions.catalogue import ORGANIZATION_MANAGE, OrganizationRole
from permissions.checks import named_superuser, require
from quotas import services as quotas
from quotas.models import Resource

if TYPE_CHECKING:
    from accounts.models import User
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
    organization = _convert(actor, namespace) if was_user else namespace.organization
    hold(organization, gone="Organization not found")
    TeamMember.objects.get_or_create(team=_admin_team(organization), user=actor.user)
    join(organization, actor.user, role=OrganizationRole.OWNER)
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


def _admin_team(organization: Organization) -> Team:
    team = organization.teams.filter(role=Team.Role.ADMIN).order_by("pk").first()
    if team is None:
        slug = free_slug(OWNERS, lambda name: organization.teams.filter(slug=name).exists())
        team = Team.objects.create(organization=organization, slug=slug, name=slug, role=Team.Role.ADMIN)
    return team


def _convert(actor: Actor, namespace: Namespace) -> Organization:
    user: User = namespace.user
    if named_superuser(user):
        raise Invalid("A superuser's namespace is not taken over", field="namespace")
    email = user.email
    end_person(actor=actor, user=user, keep_namespace=True)
    namespace.kind = Namespace.Kind.ORGANIZATION
    namespace.save(update_fields=["kind"])
    account = Account.objects.create(kind=Account.Kind.GROUP, name=namespace.name)
    if actor.user is not None:
        AccountAdministrator.objects.create(account=account, user=actor.user)
    quotas.open_for(account=account)
    quotas.adopt(namespace=namespace, account=account)
    quotas.reserve(resource=Resource.ORGANIZATIONS, account_id=account.pk)
    organization = Organization(
        namespace=namespace, account=account, slug=namespace.name, name=namespace.name, email=email
    )
    return insert(organization, taken="The namespace cannot be taken over")

"""Group accounts: the tenants that hold organizations and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from accounts.models import Account, AccountAdministrator, User
from accounts.services.guards import lock
from accounts.services.organizations import end_organization, trash_organization
from core.db import hold, insert, update
from core.errors import Conflict, Invalid, NotFound
from core.words import say
from logs.kinds import (
    ACCOUNT_ADD_ADMINISTRATOR,
    ACCOUNT_CHANGE,
    ACCOUNT_CREATE,
    ACCOUNT_DELETE,
    ACCOUNT_REMOVE_ADMINISTRATOR,
)
from logs.record import record
from permissions.catalogue import ACCOUNT_MANAGE, ORGANIZATION_CHANGE, ORGANIZATION_DELETE
from permissions.checks import check, require
from quotas import services as quotas

if TYPE_CHECKING:
    from core.actor import Actor
    from permissions.catalogue import Right

MISSING = say("There is no such group account")


@transaction.atomic
def create_account(*, actor: Actor, name: str, administrator: User) -> Account:
    """Create a group account with its first administrator.

    Raises:
        Forbidden: only superusers.
        Invalid: the name is empty or over 255 characters.
        NotFound: the administrator was deleted just now.
    """
    require(actor, ACCOUNT_MANAGE)
    hold(administrator)
    account = insert(
        Account(kind=Account.Kind.GROUP, name=_name(name)), taken=say("The account could not be created")
    )
    AccountAdministrator.objects.create(account=account, user=administrator)
    quotas.open_for(account=account)
    record(ACCOUNT_CREATE, actor=actor, account=account.name)
    return account


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 255:
        raise Invalid("An account's name has 1 to 255 characters", field="name")
    return name


def _administer(actor: Actor, account: Account, right: Right = ORGANIZATION_CHANGE) -> None:
    """Hold a living group account that the actor administers."""
    if account.kind != Account.Kind.GROUP:
        raise NotFound(MISSING)
    if not check(actor, ACCOUNT_MANAGE):
        require(actor, right, account)
    hold(account, gone=MISSING)
    if not check(actor, ACCOUNT_MANAGE):
        # Somebody may have taken it from her while she waited.
        require(actor, right, account)


@transaction.atomic
def rename_account(*, actor: Actor, account: Account, name: str) -> Account:
    """Rename a group account. Raises Forbidden, Invalid, NotFound."""
    _administer(actor, account)
    old, account.name = account.name, _name(name)
    update(account, "name")
    record(ACCOUNT_CHANGE, actor=actor, account=account.name, name=account.name, old_name=old)
    return account


@transaction.atomic
def add_administrator(*, actor: Actor, account: Account, user: User) -> None:
    """Make a person administrator of a group account; being one already is no error.

    Raises:
        Forbidden: neither administrator of it nor superuser.
        NotFound: the account or the person was deleted just now.
    """
    hold(user, gone=say("Unknown user {username}", username=user.username))
    _administer(actor, account)
    _, is_new = AccountAdministrator.objects.get_or_create(account=account, user=user)
    if is_new:
        record(ACCOUNT_ADD_ADMINISTRATOR, actor=actor, account=account.name, member=user.username)


@transaction.atomic
def remove_administrator(*, actor: Actor, account: Account, user: User) -> None:
    """Take a person from a group account's administrators.

    Raises:
        Conflict: she is the last one.
        NotFound: she is none.
    """
    _administer(actor, account)
    gone, _ = AccountAdministrator.objects.filter(account=account, user=user).delete()
    if not gone:
        raise NotFound(say("{username} does not administer the account", username=user.username))
    if not account.administrators.filter(is_active=True).exists():
        raise Conflict("The account would be left without an administrator")
    record(ACCOUNT_REMOVE_ADMINISTRATOR, actor=actor, account=account.name, member=user.username)


@transaction.atomic
def delete_account(*, actor: Actor, account: Account) -> None:
    """Delete a group account with all that it holds: access ends now, rows go by a worker.

    Whoever may delete the account may delete what it holds; each organization's log tells it.

    Raises:
        Forbidden: neither administrator of it nor superuser.
        NotFound: it is no living group account.
    """
    _administer(actor, account, ORGANIZATION_DELETE)
    organizations = lock(account.organizations.filter(deleted_at=None))
    things = {one.pk: trash_organization(actor=actor, organization=one) for one in organizations}
    for organization in organizations:
        # The account's own counting rows need no giving back: they go with it.
        quotas.close(namespace=organization.namespace, thing=things[organization.pk])
    for organization in organizations:
        end_organization(actor=actor, organization=organization, thing=things[organization.pk])
    account.deleted_at = timezone.now()
    account.save(update_fields=["deleted_at"])
    AccountAdministrator.objects.filter(account=account).delete()
    quotas.close_account(account=account)
    record(ACCOUNT_DELETE, actor=actor, account=account.name)

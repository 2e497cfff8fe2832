"""Removing the rows of deleted people and organizations; the log and the tombstones of their names stay."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from accounts.models import Account, FailedSignIn, Invitation, Organization, Robot, Team, User
from core.batches import delete_in_batches
from notifications.models import Delivery, Subscription
from permissions.models import DefaultGrant, Grant
from projects import tasks as projects
from projects.models import Project
from quotas.models import Quota
from tokens.models import Application, Credential, ServiceKey
from tokens.selectors import EXPIRED_SHOWN


def _purge_namespace(namespace_id: int) -> None:
    for project_id in Project.objects.filter(namespace=namespace_id).values_list("pk", flat=True).iterator():
        Project.objects.filter(pk=project_id, deleted_at=None).update(deleted_at=timezone.now())
        projects.purge(project_id)
    of_robots = Q(robot__namespace=namespace_id)
    delete_in_batches(Grant.objects.filter(of_robots))
    delete_in_batches(Credential.objects.filter(of_robots | Q(application__namespace=namespace_id)))
    delete_in_batches(Robot.objects.filter(namespace=namespace_id))
    delete_in_batches(Application.objects.filter(namespace=namespace_id))
    delete_in_batches(Quota.objects.filter(namespace=namespace_id))
    delete_in_batches(Delivery.objects.filter(subscription__namespace=namespace_id))
    delete_in_batches(Subscription.objects.filter(namespace=namespace_id))


@shared_task(name="accounts.purge_organization")
def purge_organization(organization_id: int) -> None:
    """Purge one organization, if it is deleted; an account that it leaves empty and unmanaged goes too."""
    organization = Organization.objects.filter(pk=organization_id).exclude(deleted_at=None).first()
    if organization is None:
        return
    _purge_namespace(organization.namespace_id)
    delete_in_batches(Invitation.objects.filter(organization=organization))
    delete_in_batches(DefaultGrant.objects.filter(organization=organization))
    delete_in_batches(Grant.objects.filter(team__organization=organization))
    delete_in_batches(Team.objects.filter(organization=organization))
    delete_in_batches(Credential.objects.filter(organization=organization))
    organization.delete()


@shared_task(name="accounts.purge_user")
def purge_user(user_id: int) -> None:
    """Purge one person, if she is deleted."""
    user = User.objects.filter(pk=user_id).exclude(deleted_at=None).first()
    if user is None:
        return
    _purge_namespace(user.namespace_id)
    delete_in_batches(Credential.objects.filter(user=user))
    delete_in_batches(Grant.objects.filter(user=user))
    Account.objects.filter(user=user).delete()
    user.delete()


@shared_task(name="accounts.sweep")
def sweep() -> None:
    """Purge what a lost bell left, and forget old failed sign-ins."""
    for organization_id in Organization.objects.exclude(deleted_at=None).values_list("pk", flat=True)[:100]:
        purge_organization(organization_id)
    for user_id in User.objects.exclude(deleted_at=None).values_list("pk", flat=True)[:100]:
        purge_user(user_id)
    delete_in_batches(ServiceKey.objects.filter(expires_at__lt=timezone.now() - EXPIRED_SHOWN))
    delete_in_batches(FailedSignIn.objects.filter(at__lt=timezone.now() - timedelta(hours=1)))
    delete_in_batches(Invitation.objects.filter(expires_at__lt=timezone.now() - timedelta(days=30)))

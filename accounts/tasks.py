"""Removing the rows of deleted people and organizations, and mailing links that work once.

The log and the tombstones of deleted names stay.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from accounts import mails
from accounts.models import (
    Account,
    BrowserSession,
    FailedSignIn,
    Identity,
    Invitation,
    MailedLink,
    Organization,
    Robot,
    SecurityMail,
    Team,
    User,
)
from accounts.selectors import language_of
from core import seal
from core.actor import Actor
from core.batches import delete_in_batches
from jobs.guard import each
from logs.kinds import USER_RECOVERY_MAIL, USER_VERIFICATION_MAIL
from logs.record import record
from notifications.models import Delivery, Subscription
from permissions.models import DefaultGrant, Grant
from projects import tasks as projects
from projects.models import Project
from quotas.models import Quota
from tokens.models import Application, Credential, ServiceKey
from tokens.selectors import EXPIRED_SHOWN
from trash.archive import move
from trash.models import Trashed
from trash.tasks import purge_within

if TYPE_CHECKING:
    from django.db.models import QuerySet

log = logging.getLogger(__name__)

LINK_LEASE = timedelta(minutes=2)
LINK_PAUSE = timedelta(seconds=30)
LINK_WINDOW = timedelta(hours=1)
SECURITY_MAIL_TRIED = timedelta(days=1)
SECURITY_MAIL_KEPT = timedelta(days=30)
SWEPT = 100  # of each kind, at a time
LINKS_PER_PERSON = 3  # of a purpose, within the window: whoever asks, nobody's mailbox is flooded


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
    """Put one deleted organization into the trash, or purge it where nobody can restore it."""
    # Asked at once: whoever restores it meanwhile finds it whole.
    thing = Trashed.objects.filter(kind=Trashed.Kind.ORGANIZATION, target=OuterRef("pk"))
    here = thing.exclude(status=Trashed.Status.PURGING)
    rows = Organization.objects.filter(pk=organization_id).exclude(deleted_at=None)
    organization = rows.annotate(trashed=Subquery(here.values("pk"))).first()
    if organization is None:
        return
    if organization.trashed is not None:
        move(organization.trashed)
        return
    _purge_namespace(organization.namespace_id)
    delete_in_batches(Invitation.objects.filter(organization=organization))
    delete_in_batches(DefaultGrant.objects.filter(organization=organization))
    delete_in_batches(Grant.objects.filter(team__organization=organization))
    delete_in_batches(Team.objects.filter(organization=organization))
    delete_in_batches(Credential.objects.filter(organization=organization))
    purge_within(organization.namespace_id)
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
    purge_within(user.namespace_id)
    user.delete()


@shared_task(name="accounts.send_link")
def send_link(link_id: int) -> None:
    """Mail one link, if its time has come. Its code is made here, and of it nothing but the digest is kept.

    Killed before it could note that the mail is out, it sends another one later; the newer link works.
    """
    now = timezone.now()
    claimed = MailedLink.objects.filter(pk=link_id, due_at__lte=now).update(
        due_at=now + LINK_LEASE, attempts=F("attempts") + 1
    )
    if not claimed:
        return
    rows = MailedLink.objects.filter(pk=link_id)
    link = rows.select_related("user__namespace").get()
    user = link.user or User.objects.by_login(link.typed)
    if user is None or not _may_be_mailed(link, user):
        rows.update(due_at=None)
        return
    email, code = link.email or user.email, mails.new_code()
    rows.update(user=user, email=email, digest=seal.digest(code))
    try:
        mails.send_link(
            purpose=link.purpose,
            to=email,
            username=user.username,
            code=code,
            key=f"{link.pk}.{link.attempts}",
            language=user.language,
        )
    except OSError as error:
        # The server's own words may name hosts: they are for the operator.
        log.warning("Link %s: mail not sent: %s", link_id, error)
        later = now + LINK_PAUSE * 2**link.attempts
        rows.update(due_at=later if later < link.expires_at else None)
        return
    with transaction.atomic():
        rows.update(sent_at=timezone.now(), due_at=None)
        by = Actor(dialect="system", ip=link.ip)
        if link.purpose == MailedLink.Purpose.RECOVERY:
            record(USER_RECOVERY_MAIL, actor=by, namespace=user.namespace, username=user.username)
        else:
            told = {"username": user.username, "email": email}
            record(USER_VERIFICATION_MAIL, actor=by, namespace=user.namespace, metadata=told)


def password_is_elsewhere(user: User) -> bool:
    """Tell whether a directory or a provider signs a person in, and no password of Muster's own."""
    ways = set(user.identities.values_list("service", flat=True))
    return Identity.Service.LDAP in ways or (bool(ways) and not user.has_usable_password())


def _may_be_mailed(link: MailedLink, user: User) -> bool:
    if not (user.is_active and user.deleted_at is None and user.email and link.expires_at > timezone.now()):
        return False
    if link.purpose == MailedLink.Purpose.RECOVERY and password_is_elsewhere(user):
        return False
    since = timezone.now() - LINK_WINDOW
    same = MailedLink.objects.filter(user=user, purpose=link.purpose, sent_at__gt=since)
    return same[:LINKS_PER_PERSON].count() < LINKS_PER_PERSON


@shared_task(name="accounts.send_security_mail")
def send_security_mail(mail_id: int) -> None:
    """Mail one notice of what was done to an account's safety, if its time has come.

    Killed before it could note that the mail is out, it sends the same one later.
    """
    now = timezone.now()
    rows = SecurityMail.objects.filter(pk=mail_id, due_at__lte=now)
    if not rows.update(due_at=now + LINK_LEASE, attempts=F("attempts") + 1):
        return
    rows = SecurityMail.objects.filter(pk=mail_id)
    one = rows.select_related("user").get()
    try:
        mails.send_security_mail(
            to=one.email,
            username=one.user.username,
            event=one.event,
            detail=one.detail,
            at=one.at,
            ip=one.ip or "",
            browser=one.browser,
            key=str(one.pk),
            language=one.user.language,
        )
    except OSError as error:
        log.warning("Security mail %s: not sent: %s", mail_id, error)
        later = now + LINK_PAUSE * 2**one.attempts
        rows.update(due_at=later if later < one.at + SECURITY_MAIL_TRIED else None)
        return
    rows.update(sent_at=timezone.now(), due_at=None)


@shared_task(name="accounts.send_invitation")
def send_invitation(invitation_id: int) -> None:
    """Mail one invitation, if its time has come; it is open until then, and answered without it, too.

    Killed before it could note that the mail is out, it sends the same one later.
    """
    now = timezone.now()
    rows = Invitation.objects.filter(pk=invitation_id, mail_due_at__lte=now)
    if not rows.update(mail_due_at=now + LINK_LEASE, mail_attempts=F("mail_attempts") + 1):
        return
    rows = Invitation.objects.filter(pk=invitation_id)
    one = rows.select_related("organization", "team", "user", "invited_by").first()
    to = _invited_address(one) if one is not None and one.expires_at > now else ""
    if one is None or not to:
        rows.update(mail_due_at=None)
        return
    mailed = MailedLink.objects.filter(purpose=MailedLink.Purpose.INVITATION, email__iexact=to)
    if mailed.filter(sent_at__gt=now - LINK_WINDOW)[:LINKS_PER_PERSON].count() >= LINKS_PER_PERSON:
        rows.update(mail_due_at=now + LINK_WINDOW)
        return
    # Before it is out, and beside the invitation, which may be withdrawn: whoever invites and withdraws all
    # day floods nobody.
    MailedLink.objects.create(
        purpose=MailedLink.Purpose.INVITATION, email=to, sent_at=now, expires_at=now + LINK_WINDOW
    )
    try:
        mails.send_invitation(
            to=to,
            organization=one.organization.slug,
            team=one.team.slug if one.team else "",
            inviter=one.invited_by.username if one.invited_by else "",
            code=one.code,
            key=str(one.pk),
            language=language_of([to]),
        )
    except OSError as error:
        log.warning("Invitation %s: mail not sent: %s", invitation_id, error)
        later = now + LINK_PAUSE * 2**one.mail_attempts
        rows.update(mail_due_at=later if later < one.expires_at else None)
        return
    rows.update(mailed_at=timezone.now(), mail_due_at=None)


def _invited_address(invitation: Invitation) -> str:
    if invitation.organization.deleted_at is not None or (invitation.team and invitation.team.sync_service):
        return ""
    user = invitation.user
    if user is None:
        return invitation.email
    return user.email if user.is_active and user.deleted_at is None else ""


def _first(rows: QuerySet[Any]) -> QuerySet[Any, int]:
    return rows.values_list("pk", flat=True)[:SWEPT]


@shared_task(name="accounts.sweep")
def sweep() -> None:
    """Purge what a lost bell left, and forget old failed sign-ins."""
    now = timezone.now()
    each(purge_organization, _first(Organization.objects.exclude(deleted_at=None)))
    each(purge_user, _first(User.objects.exclude(deleted_at=None)))
    each(send_link, _first(MailedLink.objects.filter(due_at__lte=now)))
    each(send_security_mail, _first(SecurityMail.objects.filter(due_at__lte=now)))
    each(send_invitation, _first(Invitation.objects.filter(mail_due_at__lte=now)))
    ended = timezone.now() - LINK_WINDOW
    delete_in_batches(MailedLink.objects.filter(expires_at__lt=ended, created_at__lt=ended))
    age = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    delete_in_batches(BrowserSession.objects.filter(seen_at__lt=timezone.now() - age))
    delete_in_batches(SecurityMail.objects.filter(at__lt=timezone.now() - SECURITY_MAIL_KEPT))
    delete_in_batches(ServiceKey.objects.filter(expires_at__lt=timezone.now() - EXPIRED_SHOWN))
    delete_in_batches(FailedSignIn.objects.filter(at__lt=timezone.now() - timedelta(hours=1)))
    delete_in_batches(Invitation.objects.filter(expires_at__lt=timezone.now() - timedelta(days=30)))

"""Reminders of credentials about to expire: 14, 7 and 1 days ahead, once each, to whoever answers for them.

A row for each person and credential says that she is told, and is the queue of her mail. Whoever writes the
row writes the notice in the console; whoever claims her due rows sends them as one mail.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID, uuid4, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from accounts.models import Namespace
from core.batches import delete_in_batches
from core.languages import speaking
from core.letters import letter
from core.words import say, say_many, told
from notifications import notices
from notifications.models import Reminder
from notifications.wishes import EXPIRING, wants
from tokens.models import Credential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.models import User

log = logging.getLogger(__name__)

KIND = "credentials_expire"
STEPS = (14, 7, 1)  # days ahead
CHUNK = 200
LISTED = 50  # in one mail; the rest is counted
NAMED = 5  # in one notice
PAUSE = timedelta(minutes=5)  # until a mail is tried again that could not be sent, or whose worker died
TRIES = 8
KEPT = timedelta(days=60)  # longer than a reminder could come again


def remind() -> None:
    """Write the reminders that are due, each once however many do this at a time."""
    people: dict[int, list[User]] = {}
    for days, credentials in _chunks():
        _write(days, credentials, people)


def _chunks() -> Iterator[tuple[int, list[Credential]]]:
    now = timezone.now()
    related = ("robot__namespace", "project__namespace", "application__namespace", "organization__namespace")
    told = Reminder.objects.filter(credential=OuterRef("pk"))
    for days, later in zip(STEPS, (*STEPS[1:], 0), strict=True):
        ahead = timedelta(days=days)
        found = (
            Credential.objects.filter(
                Q(robot=None) | Q(robot__disabled_at=None),
                ~Exists(told.filter(days=days)),
                revoked_at=None,
                disabled_at=None,
                replaced_at=None,
                expires_at__gt=now + timedelta(days=later),
                expires_at__lte=now + ahead,
                # One that was made for a week needs nobody told so two weeks ahead.
                created_at__lt=F("expires_at") - ahead,
            )
            .select_related("user__namespace", *related)
            .order_by("pk")
        )
        for chunk in _cut(found.iterator(chunk_size=CHUNK)):
            yield days, chunk


def _cut(rows: Iterator[Credential]) -> Iterator[list[Credential]]:
    chunk: list[Credential] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@transaction.atomic
def _write(days: int, credentials: list[Credential], people: dict[int, list[User]]) -> None:
    """Write a chunk's reminders, and the notices of those that nobody else wrote meanwhile."""
    claim, due = uuid4(), timezone.now() if settings.MAILING else None
    rows = []
    for credential in credentials:
        namespace = namespace_of(credential)
        if namespace.pk not in people:
            people[namespace.pk] = notices.administrators(namespace)
        told = {user.pk: user for user in people[namespace.pk]}
        if credential.user is not None and credential.user.is_active:
            told[credential.user.pk] = credential.user
        rows += [
            Reminder(user=user, credential=credential, days=days, claim=claim, mail_due_at=due)
            for _, user in sorted(told.items())
        ]
    Reminder.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    mine = set(Reminder.objects.filter(claim=claim).values_list("user", "credential"))
    hers: dict[int, dict[Namespace, list[Credential]]] = defaultdict(lambda: defaultdict(list))
    users = {row.user_id: row.user for row in rows}
    for credential in credentials:
        for user_id in users:
            if (user_id, credential.pk) in mine:
                hers[user_id][namespace_of(credential)].append(credential)
    same: dict[tuple[Namespace, tuple[int, ...]], list[User]] = defaultdict(list)
    for user_id, by_namespace in hers.items():
        for namespace, expiring in by_namespace.items():
            same[namespace, tuple(credential.pk for credential in expiring)].append(users[user_id])
    known = {credential.pk: credential for credential in credentials}
    for (namespace, keys), told_people in same.items():
        _notice(claim, days, namespace, [known[key] for key in keys], told_people)


def _notice(
    claim: UUID, days: int, namespace: Namespace, credentials: list[Credential], people: list[User]
) -> None:
    names = [name_of(credential) for credential in credentials[:NAMED]]
    number, more = len(credentials), len(credentials) - len(names)
    listed = ", ".join(names) + (f" and {more} more" if more else "")
    words = "1 credential expires" if number == 1 else f"{number} credentials expire"
    notices.write(
        people,
        namespace=namespace,
        origin=uuid5(claim, f"{namespace.pk} {credentials[0].pk}"),
        kind=KIND,
        sentence=f"{words} within {days} day{'' if days == 1 else 's'}: {listed}",
        metadata={"days": days, "count": number, "credentials": names},
        as_administrator=namespace.kind == Namespace.Kind.ORGANIZATION,
    )


def namespace_of(credential: Credential) -> Namespace:
    """Return the namespace whose people answer for a credential."""
    owner = credential.robot or credential.project or credential.application or credential.organization
    found: Namespace = (owner or credential.user).namespace  # type: ignore[union-attr] # it has an owner
    return found


def name_of(credential: Credential) -> str:
    """Return what a credential is called, on one line."""
    if credential.robot is not None:
        return credential.robot.full_name
    return " ".join(credential.title.split())[:80] or f"{credential.hint}…"


# Mails -------------------------------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    """Return the people who are owed a mail now."""
    rows = Reminder.objects.filter(mail_due_at__lte=timezone.now()).order_by("user")
    return list(rows.values_list("user", flat=True).distinct()[:limit])


def mail(user_id: int) -> None:
    """Send a person what she is owed as one mail, unless somebody else is at it."""
    now, claim = timezone.now(), uuid4()
    owed = Reminder.objects.filter(user=user_id, mail_due_at__lte=now)
    if not owed.update(mail_due_at=now + PAUSE, claim=claim, attempts=F("attempts") + 1):
        return
    mine = Reminder.objects.filter(claim=claim)
    living = mine.filter(
        user__is_active=True,
        user__deleted_at=None,
        credential__revoked_at=None,
        credential__disabled_at=None,
        credential__replaced_at=None,
        credential__expires_at__gt=now,
    )
    owners = ("robot", "project", "application", "organization", "user")
    rows = list(
        living.select_related("user", *(f"credential__{owner}__namespace" for owner in owners)).order_by(
            "credential__expires_at", "pk"
        )
    )
    try:
        if rows and rows[0].user.email and wants(rows[0].user, EXPIRING):
            _send(rows)
    except OSError as error:
        # The server's own words may name hosts: they are for the operator.
        log.warning("Reminder of user %s not sent: %s", user_id, error)
        mine.filter(attempts__gte=TRIES).update(mail_due_at=None)
        return
    mine.update(mail_due_at=None)


def _send(rows: list[Reminder]) -> None:
    user, number = rows[0].user, len({row.credential_id for row in rows})
    lines: dict[int, dict[str, Any]] = {}
    for row in rows:
        namespace = namespace_of(row.credential)
        is_organization = namespace.kind == Namespace.Kind.ORGANIZATION
        place = (
            f"o/{quote(namespace.name)}/credentials/?state=expiring" if is_organization else "account/tokens/"
        )
        lines[row.credential_id] = {
            "name": name_of(row.credential),
            "kind": say(row.credential.get_kind_display()),
            "namespace": namespace.name,
            "expires_at": row.credential.expires_at,
            "link": f"{settings.PUBLIC_URL}/{place}",
        }
    words = {
        "username": user.username,
        "number": number,
        "lines": list(lines.values())[:LISTED],
        "more": max(number - LISTED, 0),
    }
    with speaking(user.language):
        what = told(say_many("A credential expires soon", "{count} credentials expire soon", number))
        first = min(row.pk for row in rows)
        message = letter(
            "reminder",
            subject=what,
            to=[user.email],
            words=words,
            key=f"reminder-{user.pk}-{first}",
        )
    message.send()


def prune() -> None:
    """Remove reminders of what has expired long ago."""
    delete_in_batches(Reminder.objects.filter(created_at__lt=timezone.now() - KEPT))

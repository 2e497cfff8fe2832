"""What people are told in the console: who they are, and the rows they see until they dismiss them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid5

from django.conf import settings
from django.db.models import Count, Q

from accounts.models import Invitation, Membership, Namespace, TeamMember, User
from core.batches import delete_in_batches
from logs.kinds import (
    APPROVE_LIMIT_REQUEST,
    DENY_LIMIT_REQUEST,
    ORG_INVITE_MEMBER,
    ORG_INVITE_TEAM_MEMBER,
    QUOTA_ERROR,
    QUOTA_WARNING,
    REQUEST_LIMIT,
)
from notifications import payloads
from notifications.events import EVENT_OF_KIND
from notifications.models import Notice
from notifications.wishes import wants
from permissions.checks import named_superuser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from logs.models import LogEntry

OFF = "notification_off"  # a subscription was switched off because it failed
INVITED = "org_team_invite"  # the wire's kind of an invitation to a team
INVITED_IN = "org_member_invite"  # of one to an organization, which no wire knows
INVITATIONS = {ORG_INVITE_TEAM_MEMBER.name, ORG_INVITE_MEMBER.name}
OPEN_MAX = 100  # of one person about one namespace: nobody's list can be flooded from there
# Entries that people are told without having asked; all others come by subscriptions.
TOLD_ANYWAY = {QUOTA_WARNING.name, QUOTA_ERROR.name} | INVITATIONS
_ENTRIES = UUID("5e0f3a54-2d2b-4f0e-9a55-0d9c1f3a7b61")  # in which entries of the log are named


# Entries about what the operators are asked for: they are told, and then who asked.
ASKED, ANSWERED = REQUEST_LIMIT.name, {APPROVE_LIMIT_REQUEST.name, DENY_LIMIT_REQUEST.name}


def hear(*, entries: Sequence[LogEntry], **_: Any) -> None:
    """Tell people of what concerns themselves, in the transaction that writes the entries."""
    for entry in entries:
        if entry.kind in TOLD_ANYWAY and entry.namespace_id is not None:
            _tell(entry, cast("Namespace", entry.namespace))
        elif entry.kind == ASKED or entry.kind in ANSWERED:
            _tell_of_request(entry, cast("Namespace", entry.namespace))


def _tell(entry: LogEntry, namespace: Namespace) -> None:
    if entry.kind in INVITATIONS:
        _tell_of_invitation(entry, namespace)
        return
    write(
        administrators(namespace),
        namespace=namespace,
        origin=uuid5(_ENTRIES, f"entry {entry.pk}"),
        kind=entry.kind,
        sentence=payloads.sentence(entry),
        metadata=payloads.flat(payloads.payload(entry, EVENT_OF_KIND[entry.kind])),
        as_administrator=namespace.kind == Namespace.Kind.ORGANIZATION,
    )


def write(
    people: Iterable[User],
    *,
    namespace: Namespace,
    origin: UUID,
    kind: str,
    sentence: str,
    metadata: dict[str, Any],
    as_administrator: bool = False,
    invitation: Invitation | None = None,
) -> None:
    """Tell people; who was told of this origin already, or leaves too much unread, is not told again."""
    told = {user.pk: user for user in people}
    waiting = Notice.objects.filter(user__in=told, namespace=namespace, dismissed_at=None).values("user")
    full = waiting.annotate(count=Count("pk")).filter(count__gte=OPEN_MAX).values_list("user", flat=True)
    for user_id in list(full):
        del told[user_id]
    Notice.objects.bulk_create(
        [
            Notice(
                user=user,
                namespace=namespace,
                origin=origin,
                kind=kind,
                sentence=sentence[: payloads.SENTENCE_MAX],
                metadata=metadata,
                as_administrator=as_administrator,
                invitation=invitation,
            )
            for user in told.values()
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


def administrators(namespace: Namespace) -> list[User]:
    """Return the people who administer a namespace: an organization's administrators, or its own person."""
    living = User.objects.filter(is_active=True, deleted_at=None)
    if namespace.kind == Namespace.Kind.USER:
        return list(living.filter(namespace=namespace))
    direct = Membership.objects.filter(organization__namespace=namespace, role__in=["owner", "admin"])
    by_team = TeamMember.objects.filter(team__organization__namespace=namespace, team__role="admin")
    return list(living.filter(Q(pk__in=direct.values("user")) | Q(pk__in=by_team.values("user"))))


def superusers() -> list[User]:
    """Return the people who run the instance, and may change it."""
    living = User.objects.filter(is_active=True, deleted_at=None)
    found = living.filter(Q(is_superuser=True) | Q(username__in=settings.SUPERUSERS))
    return [user for user in found.order_by("pk") if named_superuser(user)]


def addresses(namespace: Namespace, *, mail: str = "") -> list[str]:
    """Return where to write to about a namespace: an organization's own address, or its administrators'.

    ``mail`` is one of `wishes.WISHES`: administrators who do not want it are left out.
    """
    if namespace.kind == Namespace.Kind.ORGANIZATION and namespace.organization.email:
        return [namespace.organization.email]
    return [user.email for user in administrators(namespace) if user.email and wants(user, mail)]


def team_members(namespace: Namespace, slug: str) -> list[User]:
    """Return the people in a team of the organization that a namespace belongs to."""
    of_team = TeamMember.objects.filter(team__organization__namespace=namespace, team__slug=slug)
    return list(User.objects.filter(is_active=True, deleted_at=None, pk__in=of_team.values("user")))


def person(name: str) -> list[User]:
    """Return the person of that name, if she lives and may sign in."""
    return list(User.objects.filter(username=name, is_active=True, deleted_at=None))


def _tell_of_request(entry: LogEntry, namespace: Namespace) -> None:
    """Tell superusers that a higher limit is asked for, and who asked what came of it."""
    asked = entry.kind == ASKED
    sentence = payloads.sentence(entry)
    if words := entry.metadata.get("reason" if asked else "answer"):
        sentence = f"{sentence}: {words}"
    write(
        superusers() if asked else person(str(entry.metadata["asked_by"])),
        namespace=namespace,
        origin=uuid5(_ENTRIES, f"entry {entry.pk}"),
        kind=entry.kind,
        sentence=f"{namespace.name}: {sentence}",
        metadata={key: value for key, value in entry.metadata.items() if key != "viewing_as"},
    )


# Invitations -----------------------------------------------------------------------------------------------


def _tell_of_invitation(entry: LogEntry, namespace: Namespace) -> None:
    """Tell an invited person. The notice ends with the invitation: answered, withdrawn or renewed.

    Of an invitation by mail nobody here is told: there is no person yet.
    """
    team, username = entry.metadata.get("team"), entry.metadata.get("user")
    if not username:
        return
    sent = Invitation.objects.filter(organization__namespace=namespace, user__username=username)
    sent = sent.filter(team__slug=team) if team else sent.filter(team=None)
    found = sent.select_related("user").first()
    if found is None or found.user is None:
        return
    inviter = entry.performer_name
    whereto = f"the team {team} of {namespace.name}" if team else namespace.name
    told = {"org": namespace.name, "inviter": inviter or None, "code": found.code}
    write(
        [found.user],
        namespace=namespace,
        origin=uuid5(_ENTRIES, f"invitation {found.pk}"),
        kind=INVITED if team else INVITED_IN,
        sentence=f"{inviter or 'Somebody'} invites you to {whereto}",
        metadata=told | {"team": team} if team else told,
        invitation=found,
    )


def prune(before: datetime) -> None:
    """Remove what is old, dismissed or not, and what is about namespaces that are gone."""
    delete_in_batches(Notice.objects.filter(created_at__lt=before))
    delete_in_batches(Notice.objects.filter(namespace__deleted_at__isnull=False))

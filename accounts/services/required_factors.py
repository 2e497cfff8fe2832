"""An organization asks a second factor of its people, or stops to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import tasks
from accounts.models import Membership, Organization, SecurityMail, User
from accounts.services.factors import has_second_factor
from accounts.services.guards import enter
from core.bell import ring
from core.db import hold, update
from core.errors import Invalid
from logs.kinds import ORG_REQUIRE_SECOND_FACTOR, ORG_WAIVE_SECOND_FACTOR
from logs.record import record
from permissions.catalogue import ORGANIZATION_CHANGE, ORGANIZATION_MANAGE
from permissions.checks import check, require
from permissions.factors import with_second_factor
from permissions.models import Grant

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from core.actor import Actor

RUNG = 200  # mails that a worker is rung for at once; the sweeper finds the others


@transaction.atomic
def require_second_factor(*, actor: Actor, organization: Organization) -> None:
    """Give nothing of an organization to people without a second factor, from now on; they are told by mail.

    They stay what they are in it. Robots, and tokens of organizations and projects, are no people. Asked for
    already is no error.

    Raises:
        Forbidden: not an administrator.
        Invalid: who asks for it has none herself, or is no person.
    """
    require(actor, ORGANIZATION_CHANGE, organization)
    if actor.user is not None:
        hold(actor.user)  # so that she does not take hers away meanwhile
    enter(actor, ORGANIZATION_CHANGE, organization)
    if not actor.system and actor.user is None:
        raise Invalid("Only a person asks others for a second factor", field="requires_second_factor")
    if actor.user is not None and not has_second_factor(user=actor.user):
        raise Invalid(
            "Set up a second factor of your own first, or you would lock yourself out",
            field="requires_second_factor",
        )
    if organization.requires_second_factor:
        return
    organization.requires_second_factor = True
    update(organization, "requires_second_factor")
    actor.forget()
    waiting = without_factor(organization)
    told = {"namespace": organization.namespace.name, "waiting": waiting.count()}
    record(ORG_REQUIRE_SECOND_FACTOR, actor=actor, namespace=organization.namespace, metadata=told)
    _tell(organization, waiting)


@transaction.atomic
def waive_second_factor(*, actor: Actor, organization: Organization) -> None:
    """Ask an organization's people for no second factor any more; what they hold counts again at once.

    Raises:
        Forbidden: not an administrator; superusers may, for the day on which nobody comes in.
    """
    by_superuser = check(actor, ORGANIZATION_MANAGE)
    right = ORGANIZATION_MANAGE if by_superuser else ORGANIZATION_CHANGE
    require(actor, right, organization)
    enter(actor, right, organization)
    if not organization.requires_second_factor:
        return
    organization.requires_second_factor = False
    update(organization, "requires_second_factor")
    actor.forget()
    told = {"namespace": organization.namespace.name}
    record(ORG_WAIVE_SECOND_FACTOR, actor=actor, namespace=organization.namespace, metadata=told)


def without_factor(organization: Organization) -> QuerySet[User]:
    """Return who is in an organization, or was granted something in it, without a second factor."""
    inside = Membership.objects.filter(organization=organization).values("user")
    granted = Grant.objects.filter(
        project__namespace=organization.namespace_id, project__deleted_at=None, user__isnull=False
    )
    people = User.objects.filter(Q(pk__in=inside) | Q(pk__in=granted.values("user")))
    return people.filter(~with_second_factor(), is_active=True, deleted_at=None)


def _tell(organization: Organization, people: QuerySet[User]) -> None:
    """Mail those who lose access what brings it back. Who switched it on, and from where, is not for them."""
    if not settings.MAILING:
        return
    now = timezone.now()
    made = SecurityMail.objects.bulk_create(
        [
            SecurityMail(
                user_id=pk, email=email, event="factor_asked", detail=organization.slug, at=now, due_at=now
            )
            for pk, email in people.exclude(email="").order_by("pk").values_list("pk", "email")
        ],
        batch_size=500,
    )
    for mail in made[:RUNG]:
        ring(tasks.send_security_mail, mail.pk)

"""Reading messages to everybody, subscriptions, and what became of their deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Q, Value
from django.utils import timezone

from accounts.listing import own_names
from core import seal
from core.errors import NotFound
from core.publicids import time_id, time_pk
from logs.kinds import REQUEST_LIMIT
from notifications.models import AuthorizedAddress, Delivery, GlobalMessage, Notice, Subscription
from permissions.catalogue import (
    ACCOUNT_ADMINISTER,
    INTEGRATION_CHANGE,
    NOTIFICATION_CHANGE,
    NOTIFICATION_READ,
    PROJECT_NOTIFICATION_CHANGE,
    PROJECT_NOTIFICATION_READ,
    PROJECT_READ,
)
from permissions.checks import check, has_full_access, is_readonly_superuser, require
from permissions.factors import open_to

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor
    from projects.models import Project


OFF = Q(disabled_at__isnull=False)
STATES = {"failing": ~OFF & Q(number_of_failures__gt=0), "off": OFF}


# Messages to everybody -----------------------------------------------------------------------------------


def messages() -> QuerySet[GlobalMessage]:
    """Return the messages to everybody, oldest first; anybody may read them."""
    return GlobalMessage.objects.order_by("pk")


def message(*, uuid: str) -> GlobalMessage:
    """Return one message. Raises NotFound."""
    try:
        found = GlobalMessage.objects.filter(uuid=UUID(uuid)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such message", absent="message")
    return found


# Subscriptions -------------------------------------------------------------------------------------------


def subscriptions(
    *, actor: Actor, namespace: Namespace | None = None, project: Project | None = None
) -> QuerySet[Subscription]:
    """Return the subscriptions of a project, or of a namespace without those of its projects; oldest first.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer it.
    """
    _require_read(actor, namespace, project)
    return Subscription.objects.filter(**_owner(namespace, project)).order_by("pk")


def subscription(
    *, actor: Actor, uuid: UUID | str, namespace: Namespace | None = None, project: Project | None = None
) -> Subscription:
    """Return one subscription of a project or a namespace.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer it.
        NotFound: there is none, or it is another's.
    """
    _require_read(actor, namespace, project)
    try:
        found = Subscription.objects.filter(uuid=UUID(str(uuid)), **_owner(namespace, project)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such notification", absent="notification")
    # Its owner is known, with all that belongs to it: spare the queries.
    found.namespace, found.project = namespace, project
    return found


def secret(*, actor: Actor, subscription: Subscription) -> str:
    """Return the secret that a webhook's deliveries are signed with; of other methods "".

    Raises:
        Unauthenticated, Forbidden: the actor may not change notifications there.
    """
    if subscription.project is not None:
        require(actor, PROJECT_NOTIFICATION_CHANGE, subscription.project)
    else:
        require(actor, NOTIFICATION_CHANGE, subscription.namespace)
    return seal.unseal(subscription.secret_sealed) if subscription.secret_sealed else ""


def subscriptions_within(*, actor: Actor, namespace: Namespace) -> QuerySet[Subscription]:
    """Return the subscriptions of a namespace and of its projects, with these; the namespace's own first.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the namespace.
    """
    require(actor, NOTIFICATION_READ, namespace)
    inside = Q(namespace=namespace) | Q(project__namespace=namespace, project__deleted_at=None)
    found = Subscription.objects.filter(inside).select_related("namespace", "project__namespace")
    return found.order_by(F("project__slug").asc(nulls_first=True), "pk")


def count_by_state(found: QuerySet[Subscription]) -> dict[str, int]:
    """Return how many there are, how many of them fail, and how many are off: ``""``, failing and off."""
    counted: dict[str, int] = found.order_by().aggregate(
        all=Count("pk"), **{state: Count("pk", filter=where) for state, where in STATES.items()}
    )
    return {"": counted.pop("all"), **counted}


def narrowed(
    found: QuerySet[Subscription], *, state: str = "", words: str = "", events: Collection[str] = ()
) -> QuerySet[Subscription]:
    """Return those in a state of `count_by_state` whose title, event or project has the words.

    ``events`` are the names of events that the caller knows by these words.
    """
    if state in STATES:
        found = found.filter(STATES[state])
    if not words:
        return found
    said = Q(title__icontains=words) | Q(event__icontains=words) | Q(project__slug__icontains=words)
    return found.filter(said | Q(event__in=events))


def subscription_within(*, actor: Actor, namespace: Namespace, uuid: UUID) -> Subscription:
    """Return a subscription of a namespace, or of one of its projects, to who administers that.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer it.
        NotFound: there is none, or it is another tenant's.
    """
    inside = Q(namespace=namespace) | Q(project__namespace=namespace, project__deleted_at=None)
    related = ("namespace__organization", "project__namespace__organization", "created_by")
    found = Subscription.objects.filter(inside, uuid=uuid).select_related(*related).first()
    if found is None:
        require(actor, NOTIFICATION_READ, namespace)
        raise NotFound("There is no such notification", absent="notification")
    _require_read(actor, found.namespace, found.project)
    return found


def shown_config(*, actor: Actor, subscription: Subscription) -> dict[str, Any]:
    """Return where a subscription delivers to, as the actor may see it.

    Who may read it alone learns at which host a URL is: whoever knows the whole of it may post there.
    """
    if subscription.project is not None:
        may_change = check(actor, PROJECT_NOTIFICATION_CHANGE, subscription.project)
    else:
        may_change = check(actor, NOTIFICATION_CHANGE, subscription.namespace)
    config = dict(subscription.config)
    if not may_change and isinstance(config.get("url"), str):
        parts = urlsplit(config["url"])
        config["url"] = f"{parts.scheme}://{parts.hostname}/…"
    return config


# Integrations of the FlexStack wire ------------------------------------------------------------------------


def integrations(*, actor: Actor, project: Project) -> QuerySet[Subscription]:
    """Return the integrations of a project, oldest first. Raises Forbidden for whoever does not read it."""
    require(actor, PROJECT_READ, project)
    found = Subscription.objects.filter(project=project, flags__isnull=False)
    return found.order_by("created_at", "pk")


def integration(*, actor: Actor, project: Project, id: UUID) -> Subscription:
    """Return one of `integrations` by its public id. Raises NotFound."""
    pk = time_pk("integration", id)
    found = integrations(actor=actor, project=project).filter(pk=pk).first() if pk is not None else None
    if found is None or time_id("integration", found.pk, found.created_at) != id:
        raise NotFound("Integration not found", absent="integration")
    found.project = project
    return found


def may_see_secrets(*, actor: Actor, project: Project) -> bool:
    """Tell whether the actor is shown what the deliveries of a project's integrations are signed with."""
    return check(actor, INTEGRATION_CHANGE, project)


def integration_secret(*, actor: Actor, subscription: Subscription) -> str:
    """Return what an integration's deliveries are signed with; of channels of Slack "".

    Raises:
        Forbidden: below write.
    """
    require(actor, INTEGRATION_CHANGE, subscription.project)
    return seal.unseal(subscription.secret_sealed) if subscription.secret_sealed else ""


# Deliveries ----------------------------------------------------------------------------------------------


def deliveries(*, actor: Actor, subscription: Subscription) -> QuerySet[Delivery]:
    """Return what was, or will be, delivered to a subscription; newest first.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
    """
    _require_read(actor, subscription.namespace, subscription.project)
    return Delivery.objects.filter(subscription=subscription).order_by("-pk")


def delivery(*, actor: Actor, subscription: Subscription, uuid: UUID) -> Delivery:
    """Return one of `deliveries`. Raises as it does, and NotFound."""
    found = deliveries(actor=actor, subscription=subscription).filter(uuid=uuid).first()
    if found is None:
        raise NotFound("There is no such delivery", absent="delivery")
    found.subscription = subscription
    return found


def notices(
    *, actor: Actor, namespace: Namespace | None = None, project: Project | None = None
) -> QuerySet[Delivery]:
    """Return what a project, or a namespace, wants to be told in the console; newest first.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer it.
    """
    _require_read(actor, namespace, project)
    mine = Subscription.objects.filter(method=Subscription.Method.IN_CONSOLE, **_owner(namespace, project))
    return Delivery.objects.filter(subscription__in=mine).order_by("-pk")


# Addresses that may be told by mail ------------------------------------------------------------------------


def address(*, actor: Actor, project: Project, email: str) -> AuthorizedAddress:
    """Return what is known of an address that may be told about a project.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project.
        NotFound: nobody asked it, or no mails are sent here.
    """
    _require_read(actor, None, project)
    found = AuthorizedAddress.objects.filter(project=project, email__iexact=email).first()
    if found is None or not settings.MAILING:
        raise NotFound("Nobody asked this address", absent="address")
    return found


# What a person is told -----------------------------------------------------------------------------------


def own_notices(*, actor: Actor) -> QuerySet[Notice]:
    """Return what the acting person is told and did not dismiss, newest first, with namespaces.

    Raises:
        Unauthenticated, Forbidden: nobody is signed in, or the credential does not show the own account.
    """
    require(actor, ACCOUNT_ADMINISTER)
    return _visible(actor).filter(dismissed_at=None).order_by("-pk")


def count_notices(*, actor: Actor) -> dict[str, int]:
    """Count the open notices, and the unread of them: ``""`` and unread. Raises as `own_notices`."""
    counted: dict[str, int] = own_notices(actor=actor).aggregate(
        all=Count("pk"), unread=Count("pk", filter=Q(read_at=None))
    )
    return {"": counted["all"], "unread": counted["unread"]}


def own_notice(*, actor: Actor, uuid: UUID | str) -> Notice:
    """Return one of the acting person's notices, dismissed or not.

    Raises:
        Unauthenticated, Forbidden: as `own_notices`.
        NotFound: there is none, or it is another's.
    """
    require(actor, ACCOUNT_ADMINISTER)
    try:
        found = _visible(actor).filter(uuid=UUID(str(uuid))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such notification", absent="notice")
    return found


@dataclass(frozen=True)
class Surroundings:
    """What stands around every page of the console: one's organizations, and how many notices wait."""

    organizations: list[str]
    open_notices: int


def surroundings(*, actor: Actor) -> Surroundings:
    """Return what surrounds the acting person; one query, for every page asks it. Raises as `own_notices`."""
    waiting = (
        own_notices(actor=actor).filter(read_at=None).order_by().values("user").annotate(count=Count("pk"))
    )
    names = own_names(actor=actor).annotate(count=Value(0)).values_list("organization__slug", "count")
    rows = list(names.union(waiting.values_list(Value(""), "count"), all=True))
    return Surroundings(
        organizations=sorted(name for name, _ in rows if name),
        open_notices=sum(count for name, count in rows if not name),
    )


def _visible(actor: Actor) -> QuerySet[Notice]:
    """Return the acting person's notices about what lives: a name that is taken again inherits none."""
    mine = shown(actor).filter(namespace__deleted_at=None).select_related("namespace")
    return mine.filter(Q(invitation=None) | Q(invitation__expires_at__gt=timezone.now()))


def shown(actor: Actor) -> QuerySet[Notice]:
    """Return the acting person's notices without those of organizations that wait for her second factor.

    Invitations come from outside of them, and what superusers are asked for is theirs by the instance.
    """
    mine = Notice.objects.filter(user=actor.user)
    if actor.user is None or has_full_access(actor) or is_readonly_superuser(actor):
        return mine
    anyway = Q(invitation__isnull=False) | Q(kind=REQUEST_LIMIT.name)
    return mine.filter(anyway | open_to(actor.user, "namespace__organization"))


def _require_read(actor: Actor, namespace: Namespace | None, project: Project | None) -> None:
    if project is not None:
        require(actor, PROJECT_NOTIFICATION_READ, project)
    else:
        require(actor, NOTIFICATION_READ, namespace)


def _owner(namespace: Namespace | None, project: Project | None) -> dict[str, object]:
    return {"project": project} if project is not None else {"namespace": namespace}

"""The queue of deliveries: who has a row, what becomes of it, and what that means for its subscription."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from core.actor import Actor
from core.batches import delete_in_batches
from core.bell import ring_by_name
from logs.kinds import DISABLE_NAMESPACE_NOTIFICATION, DISABLE_REPO_NOTIFICATION
from logs.record import record
from notifications import notices, off
from notifications.channels import Answer, Letter, Undelivered, console, mail, slack, slack_app, webhook
from notifications.models import Delivery, Subscription
from notifications.schedule import Enough, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    # A delivery, what was sent if there was anything to send, and what came back.
    Sent = tuple["Delivery", "Letter | None", "Answer"]

Status = Delivery.Status
CHANNELS: dict[str, Callable[[Delivery], Letter]] = {
    Subscription.Method.WEBHOOK: webhook.prepare,
    Subscription.Method.EMAIL: mail.prepare,
    Subscription.Method.SLACK: slack.prepare,
    Subscription.Method.IN_CONSOLE: console.prepare,
}
_WITH = ("subscription__namespace__organization", "subscription__project__namespace__organization")
POSTPONED_AT_MOST = timedelta(days=3)  # what waits for longer is given up
HISTORY = 30  # attempts that are remembered of one delivery, tried again by hand or not


# Taking --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """A delivery that is due, and what it has in common with others: see `models.Delivery`."""

    pk: int
    lane: str
    tenant: int


def due(
    limit: int, *, lanes: Collection[str] = (), tenants: Collection[int] = (), pk: int | None = None
) -> list[Waiting]:
    """Return what somebody should look at now, longest waiting first, without these lanes and tenants."""
    rows = Delivery.objects.filter(due_at__lte=timezone.now()).order_by("due_at", "pk")
    if pk is not None:
        rows = rows.filter(pk=pk)
    if lanes:
        rows = rows.exclude(lane__in=lanes)
    if tenants:
        rows = rows.exclude(tenant__in=tenants)
    return [Waiting(*row) for row in rows.values_list("pk", "lane", "tenant")[:limit]]


def work(delivery_id: int) -> None:
    """Try a delivery once, here, if it is due and nobody else has it."""
    delivery = take(delivery_id)
    if delivery is None:
        return
    try:
        letter = prepare(delivery)
    except Undelivered as error:
        note(delivery, None, error)
    else:
        note(delivery, letter, attempt(letter))


def take(delivery_id: int) -> Delivery | None:
    """Return a delivery that is due, ours for the length of a lease; None if it is not due, or another's."""
    return next(iter(take_all([delivery_id])), None)


def take_all(keys: Collection[int]) -> list[Delivery]:
    """Return those of these deliveries that are due, as `take` does; two queries, however many there are."""
    claim, now = uuid4(), timezone.now()
    theirs = Delivery.objects.filter(pk__in=keys, due_at__lte=now)
    with transaction.atomic():
        # Those that another worker is just taking are left to it, not waited for. SQLite's writers queue up.
        free = theirs.select_for_update(skip_locked=True).values("pk")
        taken = Delivery.objects.filter(pk__in=free, due_at__lte=now).update(
            claim=claim,
            status=Status.RUNNING,
            attempts=F("attempts") + 1,
            begun_at=Coalesce("begun_at", Value(now)),
            due_at=now + timedelta(seconds=settings.NOTIFICATION_LEASE_SECONDS),
        )
    if not taken:
        return []
    mine = Delivery.objects.filter(pk__in=keys, claim=claim)
    found = list(mine.select_related(*_WITH))
    if len(found) < taken:
        mine.exclude(pk__in=[one.pk for one in found]).delete()  # their subscriptions are gone
    return found


def give_back(taken: Collection[Delivery]) -> None:
    """Leave to others what was taken and not sent: it is due as if nobody had looked at it."""
    for claim in {one.claim for one in taken}:
        mine = Delivery.objects.filter(pk__in=[one.pk for one in taken if one.claim == claim], claim=claim)
        mine.update(
            claim=None, status=Status.QUEUED, due_at=timezone.now(), attempts=Greatest(F("attempts") - 1, 0)
        )


def prepare(delivery: Delivery) -> Letter:
    """Return what is to be sent.

    Raises:
        Undelivered: nothing is, and why.
    """
    subscription = delivery.subscription
    project, namespace = subscription.project, subscription.namespace
    if (project and project.deleted_at) or (namespace and namespace.deleted_at):
        raise Undelivered("What it is about is gone.", final=True, counts=False)
    if subscription.disabled_at is not None:
        raise Undelivered("The notification is switched off.", final=True, counts=False)
    if delivery.attempts > schedule(subscription).attempts:
        raise Undelivered("Its worker was lost, again and again.", final=True, counts=False)
    if subscription.flags is not None and subscription.method == Subscription.Method.SLACK:
        return slack_app.prepare(delivery)
    return CHANNELS[subscription.method](delivery)


def attempt(letter: Letter) -> Answer | Undelivered:
    """Send it, and return what became of that; never raises what a receiver may cause."""
    try:
        return letter.send()
    except Undelivered as error:
        return error


# Afterwards ----------------------------------------------------------------------------------------------


def note(delivery: Delivery, letter: Letter | None, outcome: Answer | Undelivered) -> None:
    """Write down what became of an attempt, if the delivery is still ours, and what follows from that."""
    if isinstance(outcome, Undelivered):
        _note_failure(delivery, letter, outcome)
    else:
        note_sent([(delivery, letter, outcome)])


def note_sent(sent: Collection[Sent]) -> None:
    """Write down what was delivered, as far as it is still ours: one transaction, however much it is."""
    now = timezone.now()
    with transaction.atomic():
        keys = [delivery.pk for delivery, _, _ in sent]
        held = Delivery.objects.filter(pk__in=keys).select_for_update().order_by("pk")
        claims = dict(held.values_list("pk", "claim"))
        ours = [one for one in sent if claims.get(one[0].pk, ()) == one[0].claim]
        if not ours:
            return
        with connection.cursor() as cursor:
            cursor.executemany(_DELIVERED, [_delivered(*one, now) for one in ours])
        failing = Subscription.objects.filter(
            pk__in={delivery.subscription_id for delivery, _, _ in ours}, number_of_failures__gt=0
        )
        on = Case(When(paused=True, then=F("disabled_at")), default=Value(None))
        failing.update(number_of_failures=0, failing_since=None, disabled_at=on, mail_due_at=None)


# By hand: composing it would cost the ORM more than the database takes to do it, for each row anew.
_DELIVERED = (
    "UPDATE notifications_delivery SET claim = NULL, status = 'done', due_at = NULL, finished_at = %s,"
    " error = '', last_status = %s, last_seconds = %s, last_excerpt = %s, history = %s,"
    " request = COALESCE(%s, request) WHERE id = %s AND claim = %s"
)


def _delivered(delivery: Delivery, letter: Letter | None, answer: Answer, now: datetime) -> tuple[Any, ...]:
    """Return what `_DELIVERED` is to be filled with, as the database wants it."""
    shown = letter.shown if letter is not None else None
    values = {
        "finished_at": now,
        "last_status": answer.status,
        "last_seconds": answer.seconds,
        "last_excerpt": answer.excerpt,
        "history": _history(delivery, answer, "", now),
        "request": shown,
        "id": delivery.pk,
        "claim": delivery.claim,
    }
    fields = {field.name: field for field in Delivery._meta.concrete_fields}
    return tuple(fields[name].get_db_prep_save(value, connection) for name, value in values.items())


def _history(delivery: Delivery, answer: Answer, error: str, now: datetime) -> list[dict[str, Any]]:
    told = {
        "at": now.isoformat(),
        "seconds": round(answer.seconds, 6) if answer.seconds is not None else None,
        "status": answer.status,
        "excerpt": answer.excerpt,
        "error": error,
    }
    return [*delivery.history, told][-HISTORY:]


def _note_failure(delivery: Delivery, letter: Letter | None, error: Undelivered) -> None:
    now = timezone.now()
    if error.postponed and now - delivery.created_at < POSTPONED_AT_MOST:
        _postpone(delivery, error, now)
        return
    plan = schedule(delivery.subscription)
    # What an operator has named is meant: its host may be unknown only as long as name servers are away.
    is_final = error.final and (plan.enough is not Enough.SETTINGS or not error.counts)
    again = None if is_final else plan.next(delivery, now, timedelta(seconds=error.pause))
    changes: dict[str, Any] = {"status": Status.QUEUED, "due_at": again, "error": str(error)}
    if again is None:
        changes |= {"status": Status.FAILED, "finished_at": now}
    with transaction.atomic():
        if _let_go(delivery, letter, error.answer, changes) and error.counts:
            _count_failure(delivery, error, plan.enough, over=again is None)


def _postpone(delivery: Delivery, error: Undelivered, now: datetime) -> None:
    """Leave it to others, who find it due after the pause, as if nobody had tried it."""
    # A tenth apart, so that what was postponed together does not come again together.
    pause = timedelta(seconds=error.pause) * (1 + delivery.uuid.int % 100 / 1000)
    Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim).update(
        claim=None,
        status=Status.QUEUED,
        due_at=now + pause,
        error=str(error),
        attempts=Greatest(F("attempts") - 1, 0),
        begun_at=Case(When(attempts__lte=1, then=Value(None)), default=F("begun_at")),
    )


def _let_go(delivery: Delivery, letter: Letter | None, answer: Answer, changes: dict[str, Any]) -> int:
    """Write what became of an attempt and leave the row to others; return 0 if another has it."""
    if letter is not None and letter.shown is not None:
        changes["request"] = letter.shown
    mine = Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim)
    return mine.update(
        claim=None,
        last_status=answer.status,
        last_seconds=answer.seconds,
        last_excerpt=answer.excerpt,
        history=_history(delivery, answer, changes["error"], timezone.now()),
        **changes,
    )


def _count_failure(delivery: Delivery, error: Undelivered, enough: Enough, *, over: bool) -> None:
    """Count one more failure in a row; when that is enough, or the receiver says so, switch it off."""
    subscription, now = delivery.subscription, timezone.now()
    row = Subscription.objects.filter(pk=subscription.pk)
    begun = delivery.begun_at or now
    since = begun if delivery.attempts == 1 else now
    row.update(
        number_of_failures=F("number_of_failures") + 1,
        failing_since=Coalesce("failing_since", Value(since)),
    )
    if enough is Enough.SETTINGS:
        return
    if error.gone:
        limit = Q()
    elif error.final or enough is Enough.ATTEMPTS:
        limit = Q(number_of_failures__gte=settings.NOTIFICATION_FAILURES)
    elif over and enough is Enough.SCHEDULE:
        limit = Q(failing_since__lte=begun)
    else:
        return
    if row.filter(limit, disabled_at=None).update(disabled_at=now, mail_due_at=now):
        _tell_that_it_is_off(subscription)


def _tell_that_it_is_off(subscription: Subscription) -> None:
    """Tell the log and the administrators, in the console here and by mail as soon as a worker hears it."""
    subscription.refresh_from_db(fields=["number_of_failures", "disabled_at"])
    project = subscription.project
    off.note(subscription)
    ring_by_name("notifications.tell_off", subscription.pk)
    record(
        DISABLE_REPO_NOTIFICATION if project else DISABLE_NAMESPACE_NOTIFICATION,
        actor=Actor.of_system(),
        namespace=project.namespace if project else subscription.namespace,
        project=project,
        metadata=told(subscription),
        failures=subscription.number_of_failures,
    )


def told(subscription: Subscription) -> dict[str, str]:
    """Return the metadata of log entries about a subscription (quay-b.md 9)."""
    project, namespace = subscription.project, subscription.namespace
    where = {"namespace": namespace.name} if namespace else {}
    if project:
        where = {"repo": project.slug, "namespace": project.namespace.name}
    return where | {
        "notification_id": str(subscription.uuid),
        "event": subscription.event,
        "method": subscription.method,
    }


# Forgetting ----------------------------------------------------------------------------------------------


def forget(subscription_id: int) -> None:
    """Remove the deliveries of a subscription that is gone."""
    delete_in_batches(Delivery.objects.filter(subscription=subscription_id))


def prune() -> None:
    """Remove old deliveries that are over, those whose subscription is gone, old notices and old secrets."""
    old = timezone.now() - timedelta(days=settings.NOTIFICATION_DAYS)
    delete_in_batches(Delivery.objects.filter(created_at__lt=old, due_at=None))
    its = Subscription.objects.filter(pk=OuterRef("subscription_id"))
    delete_in_batches(Delivery.objects.filter(~Exists(its)))
    over = Subscription.objects.filter(old_secret_until__lte=timezone.now())
    over.update(old_secret_sealed="", old_secret_until=None)
    notices.prune(timezone.now() - timedelta(days=settings.NOTICE_DAYS))

"""From log entries to deliveries, inside the transaction that writes the entries: none without the other."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone

from core.bell import ring, ring_unless_rung
from core.inserting import write_all
from core.prepared import Given, Prepared
from notifications import payloads, tasks
from notifications.channels import lane
from notifications.events import EVENT_OF_KIND
from notifications.models import Delivery, Subscription

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from django.db.models import QuerySet

    from core.actor import Actor
    from logs.models import LogEntry
    from notifications.events import Event

BELLS = 8  # whoever hears one goes on with what else is due


def hear(*, entries: Sequence[LogEntry], **_: Any) -> None:
    """Write a delivery for every subscription to what just happened.

    Kinds without an event cost nothing; all others, together, one query where nobody has subscribed.
    """
    heard = [
        (entry, EVENT_OF_KIND[entry.kind])
        for entry in entries
        if entry.kind in EVENT_OF_KIND and entry.namespace_id is not None
    ]
    if not heard:
        return
    wanted: dict[tuple[str, int | None, int | None], list[Subscription]] = defaultdict(list)
    for subscription in _listening(heard):
        wanted[subscription.event, subscription.namespace_id, subscription.project_id].append(subscription)
    if wanted:
        send(
            delivery(subscription, event.name, payloads.payload(entry, event), entry=entry)
            for entry, event in heard
            for key in ((event.name, entry.namespace_id, None), (event.name, None, entry.project_id))
            for subscription in wanted.get(key, ())
        )


def _listening(heard: list[tuple[LogEntry, Event]]) -> Iterable[Subscription]:
    if len(heard) == 1:
        [(entry, event)] = heard
        return _of_one(event=event.name, namespace=entry.namespace_id, project=entry.project_id)
    events = {event.name for _, event in heard}
    namespaces = {entry.namespace_id for entry, _ in heard}
    projects = {entry.project_id for entry, _ in heard}
    # By hand: composing it would cost the ORM far more than answering it the database.
    return Subscription.objects.raw(
        "SELECT id, event, method, config, flat, namespace_id, project_id"  # noqa: S608 - only marks are put in
        " FROM notifications_subscription"
        f" WHERE disabled_at IS NULL AND event IN ({_marks(events)})"
        f" AND (namespace_id IN ({_marks(namespaces)}) OR project_id IN ({_marks(projects)}))"
        " ORDER BY id",
        [*events, *namespaces, *projects],
    )


def _to_one() -> QuerySet[Subscription]:
    whose = Q(namespace=Given("namespace", Subscription.namespace_id)) | Q(
        project=Given("project", Subscription.project_id)
    )
    found = Subscription.objects.filter(
        whose, disabled_at=None, event=Given("event", Subscription.event)
    ).order_by("pk")
    return found.only("event", "method", "config", "flat", "namespace_id", "project_id")


_of_one: Prepared[Subscription] = Prepared(_to_one)  # every write comes by here, mostly with one entry


def _marks(values: Collection[object]) -> str:
    return ", ".join(["%s"] * len(values))


def send(rows: Iterable[Delivery]) -> list[Delivery]:
    """Write deliveries, and ring for what is not done with that."""
    written = list(rows)
    write_all(written)
    due = [row.pk for row in written if row.due_at is not None]
    if due:
        ring_unless_rung(tasks.deliver, due[0])
    for key in due[1:BELLS]:  # much at once is worth more than one worker
        ring(tasks.deliver, key)
    return written


def delivery(
    subscription: Subscription, event: str, payload: dict[str, Any], *, entry: LogEntry | None = None
) -> Delivery:
    """Return a delivery that is not yet written. In the console, told to nobody, the row is all there is."""
    project = None if entry or subscription.project_id is None else subscription.project
    tenant = entry.namespace_id if entry else project.namespace_id if project else subscription.namespace_id
    row = Delivery(subscription=subscription, entry=entry, event=event, payload=payload, tenant=tenant or 0)
    row.lane = lane(subscription.method, subscription.config)
    told_to_nobody = not (subscription.flat or "target" in subscription.config)
    if subscription.method == Subscription.Method.IN_CONSOLE and told_to_nobody:
        row.status, row.due_at, row.finished_at = Delivery.Status.DONE, None, timezone.now()
    return row


def sample(subscription: Subscription, *, actor: Actor) -> Delivery:
    """Return a delivery that looks like one of the subscription's event, and says that it is a test."""
    return delivery(subscription, subscription.event, payloads.sample(subscription, actor=actor))

"""From log entries to deliveries, inside the transaction that writes the entries: none without the other."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from core.bell import ring
from logs.kinds import KINDS
from logs.record import draft
from notifications import tasks
from notifications.events import EVENT_OF_KIND, EVENTS
from notifications.models import Delivery, Subscription

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from core.actor import Actor
    from logs.models import LogEntry
    from notifications.events import Event

VALUE_MAX = 1000  # characters of one value in a payload, so that the whole stays well below 20 KB
SENTENCE_MAX = 500
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
            delivery(subscription, event, payload(entry, event), entry=entry)
            for entry, event in heard
            for key in ((event.name, entry.namespace_id, None), (event.name, None, entry.project_id))
            for subscription in wanted.get(key, ())
        )


def _listening(heard: list[tuple[LogEntry, Event]]) -> Iterable[Subscription]:
    events = {event.name for _, event in heard}
    namespaces = {entry.namespace_id for entry, _ in heard}
    projects = {entry.project_id for entry, _ in heard}
    # Every write comes by here, and composing this costs the ORM far more than answering it the database.
    return Subscription.objects.raw(
        "SELECT id, event, method, namespace_id, project_id"  # noqa: S608 - only marks are put in
        " FROM notifications_subscription"
        f" WHERE disabled_at IS NULL AND event IN ({_marks(events)})"
        f" AND (namespace_id IN ({_marks(namespaces)}) OR project_id IN ({_marks(projects)}))"
        " ORDER BY id",
        [*events, *namespaces, *projects],
    )


def _marks(values: Collection[object]) -> str:
    return ", ".join(["%s"] * len(values))


def send(rows: Iterable[Delivery]) -> list[Delivery]:
    """Write deliveries, and ring for what is not done with that."""
    written = Delivery.objects.bulk_create(rows, batch_size=500)
    for row in [row for row in written if row.due_at is not None][:BELLS]:
        ring(tasks.deliver, row.pk)
    return written


def delivery(
    subscription: Subscription, event: Event, payload: dict[str, Any], *, entry: LogEntry | None = None
) -> Delivery:
    """Return a delivery that is not yet written. In the console the row itself is what people see."""
    row = Delivery(subscription=subscription, entry=entry, event=event.name, payload=payload)
    if subscription.method == Subscription.Method.IN_CONSOLE:
        row.status, row.due_at, row.finished_at = Delivery.Status.DONE, None, timezone.now()
    return row


def payload(entry: LogEntry, event: Event) -> dict[str, Any]:
    """Return what a receiver is told of an entry: ``type``, ``timestamp`` and ``data``, as docs tell.

    Addresses, of mail and network, are not told. Of metadata, text over 1,000 characters is cut and other
    values of that size are left out.
    """
    performer = None
    if entry.performer_name:
        performer = {"kind": entry.performer_kind, "name": entry.performer_name}
    return {
        "type": event.name,
        "timestamp": entry.at.isoformat(),
        "data": {
            "sentence": sentence(entry),
            "kind": entry.kind,
            "namespace": entry.namespace_name,
            "project": entry.project_name or None,
            "performer": performer,
            "metadata": _short(entry.metadata),
        },
    }


def _short(metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value[:VALUE_MAX] if isinstance(value, str) else value
        for key, value in metadata.items()
        if isinstance(value, str) or len(json.dumps(value)) <= VALUE_MAX
    }


def sentence(entry: LogEntry) -> str:
    """Return an entry in plain words."""
    told: defaultdict[str, Any] = defaultdict(lambda: "…")
    told |= {key: value for key, value in entry.metadata.items() if value not in ("", None)}
    told["performer"] = entry.performer_name or "Somebody"
    told.setdefault("namespace", entry.namespace_name)
    return KINDS[entry.kind].sentence.format_map(told)[:SENTENCE_MAX]


def sample(subscription: Subscription, *, actor: Actor) -> Delivery:
    """Return a delivery that looks like one of the subscription's event, and says that it is a test."""
    event = EVENTS[subscription.event]
    project = subscription.project
    namespace = project.namespace if project else subscription.namespace
    told = payload(draft(event.kinds[0], actor=actor, namespace=namespace, project=project), event)
    told["data"] |= {"sentence": f"A test: you will be told when {event.words}.", "test": True}
    return delivery(subscription, event, told)

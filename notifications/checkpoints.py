"""Checkpoints of the log on their way off this host: by mail, and to a webhook, as the settings say.

Each receiver is a subscription of the instance's own, so that its deliveries are tried again, kept and shown
as all others. They are written in the transaction that signs the checkpoint: each is told once, whoever dies
meanwhile, and has one id however often it is sent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from django.conf import settings
from django.db.models import BigIntegerField, OuterRef, Subquery
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.utils import timezone

from logs.selectors import require_reader
from notifications import outbox, payloads
from notifications.models import Delivery, Subscription

if TYPE_CHECKING:
    from datetime import datetime

    from core.actor import Actor
    from logs.models import LogCheckpoint

_NAMES = UUID("6f1d52e7-3c0a-4b77-9f0e-0b6b0a6f3c51")  # below it each receiver has a name of its own
Method = Subscription.Method


def wanted() -> dict[UUID, tuple[str, dict[str, Any]]]:
    """Return whom the settings name: how each is told, and where, by its id."""
    found: list[tuple[str, dict[str, Any]]] = [
        (Method.EMAIL, {"email": address}) for address in settings.CHECKPOINT_MAILS
    ]
    if settings.CHECKPOINT_URL:
        found.append((Method.WEBHOOK, {"url": settings.CHECKPOINT_URL}))
    return {uuid5(_NAMES, " ".join([method, *config.values()])): (method, config) for method, config in found}


def hear(*, checkpoint: LogCheckpoint, **_: Any) -> None:
    """Write a delivery of a checkpoint for each receiver, in the transaction that signs it."""
    told = payloads.checkpoint(checkpoint)
    rows = []
    for receiver in _receivers():
        row = outbox.delivery(receiver, Subscription.CHECKPOINT, told)
        # By it a receiver knows what comes twice: sent again, or signed by a worker that was thought dead.
        row.uuid = uuid5(receiver.uuid, hashlib.sha256(checkpoint.body.encode()).hexdigest())
        rows.append(row)
    outbox.send(rows)


def _receivers() -> list[Subscription]:
    """Return the receivers that the settings name, made where they are new; end all others."""
    named = wanted()
    rows = Subscription.objects.filter(event=Subscription.CHECKPOINT)
    rows.exclude(uuid__in=named).filter(disabled_at=None).update(disabled_at=timezone.now())
    rows.filter(uuid__in=named).exclude(disabled_at=None).update(
        disabled_at=None, paused=False, number_of_failures=0, failing_since=None
    )
    there = {row.uuid for row in rows.filter(uuid__in=named)}
    Subscription.objects.bulk_create(
        Subscription(uuid=uuid, event=Subscription.CHECKPOINT, method=method, config=config)
        for uuid, (method, config) in named.items()
        if uuid not in there
    )
    return list(rows.filter(uuid__in=named).order_by("pk"))


@dataclass(frozen=True)
class Receiver:
    """Who is told: how, where (of a URL only the host, as the rest may be a key), and how that goes."""

    method: str
    where: str
    number: int | None = None  # the checkpoint that was taken last
    taken_at: datetime | None = None
    error: str = ""


def receivers(*, actor: Actor) -> list[Receiver]:
    """Return whom the settings name, and how telling them goes; one query.

    Raises:
        Unauthenticated, Forbidden: the actor may not read the log of the instance.
    """
    require_reader(actor, None, None)
    named = wanted()
    if not named:
        return []
    mine = Delivery.objects.filter(subscription=OuterRef("pk")).order_by("-pk")
    taken, failed = mine.filter(status=Delivery.Status.DONE), mine.exclude(error="")
    number = Cast(KeyTextTransform("number", KeyTransform("data", "payload")), BigIntegerField())
    rows = Subscription.objects.filter(uuid__in=named).annotate(
        number=Subquery(taken.values_list(number)[:1]),
        taken_at=Subquery(taken.values("finished_at")[:1]),
        words=Subquery(failed.values("error")[:1]),
    )
    known = {row.uuid: row for row in rows}
    return [_receiver(method, config, known.get(uuid)) for uuid, (method, config) in named.items()]


def _receiver(method: str, config: dict[str, Any], row: Any) -> Receiver:
    where = config["email"] if "email" in config else urlsplit(config["url"]).netloc.rpartition("@")[2]
    if row is None:
        return Receiver(method, where)
    # What failed is told as long as nothing was taken since.
    error = row.words if row.number_of_failures else ""
    return Receiver(method, where, row.number, row.taken_at, error=error or "")

"""Notifications in the console: a notice for each of the people that a subscription means."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from notifications import notices, payloads
from notifications.channels import Answer, Letter, Undelivered

if TYPE_CHECKING:
    from accounts.models import Namespace, User
    from notifications.models import Delivery


def prepare(delivery: Delivery) -> Letter:
    """Return a delivery ready to be told; it is written here, and is at once."""
    return Letter(partial(_send, delivery), here=True)


def _send(delivery: Delivery) -> Answer:
    """Write the notices of a delivery; told twice, it is written once.

    Raises:
        Undelivered: whom it means is not there any more.
    """
    subscription = delivery.subscription
    project = subscription.project
    namespace = project.namespace if project else subscription.namespace
    if namespace is None:
        raise Undelivered("What it is about is gone.", final=True, counts=False)
    target = subscription.config.get("target") or {"kind": "org"}
    people = _people(namespace, target)
    if not people:
        raise Undelivered("Nobody is there any more who could be told.", final=True)
    notices.write(
        people,
        namespace=namespace,
        origin=delivery.uuid,
        kind=delivery.event,
        sentence=payloads.summary(delivery.payload),
        metadata=payloads.flat(delivery.payload),
        as_administrator=target["kind"] == "org" and namespace.kind == "organization",
    )
    return Answer()


def _people(namespace: Namespace, target: dict[str, str]) -> list[User]:
    if target["kind"] == "user":
        return notices.person(target["name"])
    if target["kind"] == "team":
        return notices.team_members(namespace, target["name"])
    return notices.administrators(namespace)

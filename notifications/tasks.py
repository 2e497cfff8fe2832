"""The bells of deliveries and of mails that ask. The rows are the queue: bells may be lost, or ring twice."""

from __future__ import annotations

from celery import shared_task

from core.bell import heard, ring
from notifications import addresses, deliveries, dispatch, off, reminders

RUNG_AT_ONCE = 8  # whoever hears one goes on with what else is due


@shared_task(name="notifications.deliver", expires=60)
def deliver(delivery_id: int) -> None:
    """Deliver this, if it is due and nobody else has it, then what else is due."""
    heard(deliver)
    dispatch.work_off(delivery_id, go_on=sweep)


@shared_task(name="notifications.sweep")
def sweep() -> None:
    """Ring again for deliveries that are due: a bell was lost, a worker died, or a pause is over."""
    for waiting in deliveries.due(RUNG_AT_ONCE):
        ring(deliver, waiting.pk)
    for address_id in addresses.due(RUNG_AT_ONCE):
        ring(ask, address_id)
    for subscription_id in off.due(RUNG_AT_ONCE):
        ring(tell_off, subscription_id)
    for user_id in reminders.due(RUNG_AT_ONCE):
        ring(send_reminders, user_id)


@shared_task(name="notifications.ask", expires=60)
def ask(address_id: int) -> None:
    """Ask an address whether it may be told, if a mail is owed to it."""
    addresses.ask(address_id)


@shared_task(name="notifications.tell_off", expires=60)
def tell_off(subscription_id: int) -> None:
    """Mail the administrators that a subscription was switched off, if that is owed."""
    off.mail(subscription_id)


@shared_task(name="notifications.remind", expires=600)
def remind() -> None:
    """Remind people of credentials that expire soon."""
    reminders.remind()


@shared_task(name="notifications.send_reminders", expires=60)
def send_reminders(user_id: int) -> None:
    """Mail one person what she is reminded of, if that is owed."""
    reminders.mail(user_id)


@shared_task(name="notifications.forget")
def forget(subscription_id: int) -> None:
    """Remove the deliveries of a subscription that is gone."""
    deliveries.forget(subscription_id)


@shared_task(name="notifications.prune")
def prune() -> None:
    """Remove what is over and old, and what a lost bell left."""
    deliveries.prune()
    addresses.prune()
    reminders.prune()

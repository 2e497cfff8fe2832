"""Everything that changes messages to everybody, subscriptions, addresses and notices."""

from notifications.services.addresses import confirm_address, request_address
from notifications.services.integrations import (
    change_integration,
    create_integration,
    delete_integration,
)
from notifications.services.messages import create_message, delete_message
from notifications.services.notices import choose_mails, dismiss_notice, dismiss_notices, mark_notices
from notifications.services.redelivery import redeliver, redeliver_failed
from notifications.services.secrets import end_old_secret, rotate_secret
from notifications.services.subscriptions import (
    change_subscription,
    create_subscription,
    delete_subscription,
    pause_subscription,
    reset_subscription,
    send_test,
)

__all__ = [
    "change_integration",
    "change_subscription",
    "choose_mails",
    "confirm_address",
    "create_integration",
    "create_message",
    "create_subscription",
    "delete_integration",
    "delete_message",
    "delete_subscription",
    "dismiss_notice",
    "dismiss_notices",
    "end_old_secret",
    "mark_notices",
    "pause_subscription",
    "redeliver",
    "redeliver_failed",
    "request_address",
    "reset_subscription",
    "rotate_secret",
    "send_test",
]

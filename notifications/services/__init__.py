"""Everything that changes messages to everybody, subscriptions, addresses and notices."""

from notifications.services.addresses import confirm_address, request_address
from notifications.services.integrations import (
    change_integration,
    create_integration,
    delete_integration,
)
from notifications.services.messages import create_message, delete_message
from notifications.services.notices import dismiss_notice, dismiss_notices
from notifications.services.subscriptions import (
    create_subscription,
    delete_subscription,
    reset_subscription,
    send_test,
)

__all__ = [
    "change_integration",
    "confirm_address",
    "create_integration",
    "create_message",
    "create_subscription",
    "delete_integration",
    "delete_message",
    "delete_subscription",
    "dismiss_notice",
    "dismiss_notices",
    "request_address",
    "reset_subscription",
    "send_test",
]

"""Counting under limits, and setting them."""

from quotas.models import Resource
from quotas.services.counters import (
    adopt,
    close,
    close_account,
    drafts,
    open_for,
    release,
    reserve,
    set_limit,
)
from quotas.services.storage import (
    add_threshold,
    change_quota,
    change_threshold,
    create_quota,
    delete_quota,
    delete_threshold,
)

__all__ = [
    "Resource",
    "add_threshold",
    "adopt",
    "change_quota",
    "change_threshold",
    "close",
    "close_account",
    "create_quota",
    "delete_quota",
    "delete_threshold",
    "drafts",
    "open_for",
    "release",
    "reserve",
    "set_limit",
]

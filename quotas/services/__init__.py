"""Counting under limits, and setting them."""

from quotas.models import Resource
from quotas.services.counters import (
    adopt,
    close,
    close_account,
    drafts,
    open_for,
    release,
    reopen,
    reserve,
    set_limit,
    set_limit_by_name,
)
from quotas.services.registry import request_registry_size
from quotas.services.requests import (
    approve_limit_request,
    deny_limit_request,
    request_limit,
    withdraw_limit_request,
)
from quotas.services.storage import (
    add_threshold,
    change_quota,
    change_threshold,
    create_quota,
    delete_quota,
    delete_threshold,
)
from quotas.services.usage import BYTES_MAX, fitting, move_bytes, note_counted, take_ledger

__all__ = [
    "BYTES_MAX",
    "Resource",
    "add_threshold",
    "adopt",
    "approve_limit_request",
    "change_quota",
    "change_threshold",
    "close",
    "close_account",
    "create_quota",
    "delete_quota",
    "delete_threshold",
    "deny_limit_request",
    "drafts",
    "fitting",
    "move_bytes",
    "note_counted",
    "open_for",
    "release",
    "reopen",
    "request_limit",
    "request_registry_size",
    "reserve",
    "set_limit",
    "set_limit_by_name",
    "take_ledger",
    "withdraw_limit_request",
]

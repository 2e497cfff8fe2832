"""Who is a superuser by name, whatever credential she uses; `permissions.checks` says what that gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from accounts.models import User


def named_superuser(user: User) -> bool:
    """Tell whether a person is a superuser, whatever credential she uses."""
    return (user.is_superuser or user.username in settings.SUPERUSERS) and not named_readonly_superuser(user)


def named_readonly_superuser(user: User) -> bool:
    """Tell whether a person is a read-only superuser."""
    return user.username in settings.READONLY_SUPERUSERS


def full_superuser(user: User) -> bool:
    """Tell whether a person passes every organization and project check, by a credential that allows it."""
    return settings.SUPERUSERS_FULL_ACCESS and named_superuser(user)


def may_open_back_office(user: User) -> bool:
    """Tell whether the back office opens for a person."""
    return user.is_active and (named_superuser(user) or named_readonly_superuser(user))


def may_change_in_back_office(user: User) -> bool:
    """Tell whether a person may use the back office's actions and forms."""
    return user.is_active and named_superuser(user)


def may_be_viewed(user: User) -> bool:
    """Tell whether operators may look as a person does: never as one who sees more than her organizations."""
    living = user.is_active and user.deleted_at is None
    return living and not (named_superuser(user) or named_readonly_superuser(user))

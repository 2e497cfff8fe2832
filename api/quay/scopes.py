"""The scopes as the wire tells them, and the consent page shows them (quay-a.md 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from permissions.catalogue import Scope
from permissions.scopes import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

ICONS: dict[str, str] = {
    Scope.REPO_CREATE: "fa-plus",
    Scope.REPO_READ: "fa-hdd-o",
    Scope.REPO_WRITE: "fa-hdd-o",
    Scope.REPO_ADMIN: "fa-hdd-o",
    Scope.USER_READ: "fa-user",
    Scope.USER_ADMIN: "fa-gear",
    Scope.ORG_ADMIN: "fa-gear",
    Scope.SUPER_USER: "fa-street-view",
}


def scope_views(scopes: Iterable[str]) -> list[dict[str, Any]]:
    """Return scopes with their words, in the order they are given."""
    return [
        {
            "title": words.title,
            "scope": str(scope),
            "description": words.sentence,
            "icon": ICONS[scope],
            "dangerous": words.is_dangerous,
        }
        for scope in scopes
        for words in [WORDS[scope]]
    ]

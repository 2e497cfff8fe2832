"""The scopes in words for people: told by the wire, and shown by the consent page (quay-a.md 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from permissions.catalogue import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

# scope -> (title, what it lets an application do, the wire's icon, dangerous)
WORDS: dict[str, tuple[str, str, str, bool]] = {
    Scope.REPO_CREATE: (
        "Create repositories",
        "Make new repositories wherever you may make them.",
        "fa-plus",
        False,
    ),
    Scope.REPO_READ: ("See repositories", "See and pull every repository that you see.", "fa-hdd-o", False),
    Scope.REPO_WRITE: (
        "Change repositories",
        "See, pull and push every repository that you may change.",
        "fa-hdd-o",
        False,
    ),
    Scope.REPO_ADMIN: (
        "Administer repositories",
        "Administer every repository that you administer, delete it, and say who may use it.",
        "fa-hdd-o",
        False,
    ),
    Scope.USER_READ: (
        "See your account",
        "See your name, your e-mail address and so on.",
        "fa-user",
        False,
    ),
    Scope.USER_ADMIN: (
        "Administer your account",
        "Change your account, make robots and tokens of yours, and create organizations in your name.",
        "fa-gear",
        True,
    ),
    Scope.ORG_ADMIN: (
        "Administer your organizations",
        "Change and delete the organizations you administer: their people, teams, robots and settings.",
        "fa-gear",
        True,
    ),
    Scope.SUPER_USER: (
        "Administer this installation",
        "Manage every user and every organization here, if you may.",
        "fa-street-view",
        True,
    ),
}


def scope_views(scopes: Iterable[str]) -> list[dict[str, Any]]:
    """Return scopes with their words, in the order they are given."""
    return [
        {"title": title, "scope": str(scope), "description": words, "icon": icon, "dangerous": dangerous}
        for scope in scopes
        for title, words, icon, dangerous in [WORDS[scope]]
    ]


def are_dangerous(scopes: Iterable[str]) -> bool:
    """Tell whether any of them asks for absolute trust."""
    return any(WORDS[scope][3] for scope in scopes)

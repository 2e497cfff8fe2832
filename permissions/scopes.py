"""The scopes in words for people: told by the Quay wire, shown where a token is made (quay-a.md 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from core.words import say
from permissions.catalogue import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable


class ScopeWords(NamedTuple):
    """A scope for people: its title, what it allows, and whether it asks for absolute trust."""

    title: str
    sentence: str
    is_dangerous: bool = False


WORDS: dict[str, ScopeWords] = {
    Scope.REPO_CREATE: ScopeWords(
        say("Create repositories"), say("Make new repositories wherever you may make them.")
    ),
    Scope.REPO_READ: ScopeWords(say("See repositories"), say("See and pull every repository that you see.")),
    Scope.REPO_WRITE: ScopeWords(
        say("Change repositories"), say("See, pull and push every repository that you may change.")
    ),
    Scope.REPO_ADMIN: ScopeWords(
        say("Administer repositories"),
        say("Administer every repository that you administer, delete it, and say who may use it."),
    ),
    Scope.USER_READ: ScopeWords(
        say("See your account"), say("See your name, your e-mail address and so on.")
    ),
    Scope.USER_ADMIN: ScopeWords(
        say("Administer your account"),
        say("Change your account, make robots and tokens of yours, and create organizations in your name."),
        is_dangerous=True,
    ),
    Scope.ORG_ADMIN: ScopeWords(
        say("Administer your organizations"),
        say("Change and delete the organizations you administer: their people, teams, robots and settings."),
        is_dangerous=True,
    ),
    Scope.SUPER_USER: ScopeWords(
        say("Administer this installation"),
        say("Manage every user and every organization here, if you may."),
        is_dangerous=True,
    ),
}


def are_dangerous(scopes: Iterable[str]) -> bool:
    """Tell whether any of them asks for absolute trust."""
    return any(WORDS[scope].is_dangerous for scope in scopes)

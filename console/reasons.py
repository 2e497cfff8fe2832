"""Why somebody may do something, or may not, in the language of who reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.words import told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from permissions.paths import Path
    from permissions.reasons import Answer, Giver, Refusal


def refusal(why: Refusal) -> Refusal:
    """Return why something was refused, in words."""
    return replace(
        why,
        wanted=told(why.wanted),
        on=told(why.on),
        needs=tuple(map(told, why.needs)),
        ways=tuple(ways(why.ways)),
        givers=tuple(givers(why.givers)),
    )


def answer(one: Answer) -> Answer:
    """Return a right with what gives it, in words."""
    right = replace(one.right, sentence=told(one.right.sentence))
    return replace(one, right=right, reason=told(one.reason), needs=tuple(map(told, one.needs)))


def ways(found: Iterable[Path]) -> list[Path]:
    """Return the ways by which somebody reaches something, in words."""
    return [replace(path, words=told(path.words)) for path in found]


def givers(found: Iterable[Giver]) -> list[Giver]:
    """Return who could give a right, their roles in words."""
    return [one._replace(role=told(one.role)) for one in found]

"""Why somebody may, or may not: worked out only where it is asked for, as most calls only ask whether."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from core.words import say
from permissions.paths import best, ranked

if TYPE_CHECKING:
    from permissions.catalogue import Level, Right
    from permissions.paths import Path

AUDITOR_REASON = say("An auditor sees everything and changes nothing")


@dataclass(frozen=True)
class Explanation:
    """Why an actor may, or may not, do something.

    ``held`` is what her ``ways`` give within the ``ceiling`` of her credential. ``words``: what is said in
    place of a reason from her ways. ``withheld``: the organization keeps everything from her until she has a
    second factor. ``gone``: what it is about was deleted, and its rows wait for the worker.
    """

    right: Right
    needed: Level
    held: Level
    ceiling: Level
    ways: tuple[Path, ...]
    is_anonymous: bool = False
    words: str = ""
    withheld: bool = False
    gone: bool = False

    @property
    def allowed(self) -> bool:
        """Whether she may."""
        return self.held >= self.needed

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The ways with the strongest first, the one marked that decides."""
        marked = not self.allowed
        shown = []
        for path in ranked(self.ways, self.right):
            deciding = not marked and path.toward(self.right) >= self.needed
            marked = marked or deciding
            shown.append(replace(path, deciding=deciding))
        return tuple(shown)

    @cached_property
    def reason(self) -> str:
        """One sentence for people."""
        if self.words:
            return self.words
        if self.allowed:
            return next((path.words for path in self.paths if path.deciding), say("everybody may"))
        sentence = say(self.right.sentence)
        if self.is_anonymous:
            return say("Sign in to {right}", right=sentence)
        if best(self.ways, self.right) >= self.needed:
            return say("The token's scopes do not allow to {right}", right=sentence)
        if any(path.reads >= self.needed for path in self.ways):
            return AUDITOR_REASON
        return say("Your role does not allow to {right}", right=sentence)

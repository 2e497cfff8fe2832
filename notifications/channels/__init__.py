"""One channel per file: each sends a delivery, or says why it could not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What came back: an HTTP status where there is one, seconds it took, and how the body starts."""

    status: int | None = None
    seconds: float | None = None
    excerpt: str = ""


class Undelivered(Exception):
    """A delivery failed; ``str()`` is fit for people.

    ``final`` when trying again does not help, ``gone`` when the receiver wants nothing any more, ever;
    ``counts`` if it speaks against the receiver; ``pause`` are the seconds that it asked for.
    """

    def __init__(
        self,
        words: str,
        *,
        answer: Answer | None = None,
        final: bool = False,
        gone: bool = False,
        counts: bool = True,
        pause: int = 0,
    ) -> None:
        super().__init__(words)
        self.answer = answer or Answer()
        self.final = final or gone
        self.gone = gone
        self.counts = counts
        self.pause = pause

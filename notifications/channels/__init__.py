"""One channel per file: each sends a delivery, or says why it could not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Answer:
    """What came back: an HTTP status where there is one, seconds it took, and how the body starts."""

    status: int | None = None
    seconds: float | None = None
    excerpt: str = ""


@dataclass(frozen=True)
class Letter:
    """What is ready to be sent: ``send`` does it, and touches no database unless it is sent ``here``.

    ``shown`` is what people see of it afterwards, without secrets.
    """

    send: Callable[[], Answer]
    shown: dict[str, Any] | None = None
    here: bool = False


def lane(method: str, config: dict[str, Any]) -> str:
    """Return what deliveries have in common that are slow together: a host, or the way of telling."""
    if "url" not in config:
        return method
    try:
        return urlsplit(str(config["url"])).netloc.lower()[:255]
    except ValueError:
        return method


class Undelivered(Exception):
    """A delivery failed; ``str()`` is fit for people.

    ``final`` when trying again does not help, ``gone`` when the receiver wants nothing any more, ever;
    ``counts`` if it speaks against the receiver; ``pause`` are the seconds that it asked for. ``postponed``
    if nothing was tried at all, so that no attempt is spent: it is due after the pause.
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
        postponed: bool = False,
    ) -> None:
        super().__init__(words)
        self.answer = answer or Answer()
        self.final = final or gone
        self.gone = gone
        self.counts = counts
        self.pause = pause
        self.postponed = postponed

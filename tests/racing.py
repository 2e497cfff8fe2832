"""Running the same thing many times at once, each in a thread and a connection of its own."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

from django.db import connection

from core.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable


def race(count: int, act: Callable[[int], object], at_once: int = 16) -> Counter[str]:
    """Call ``act(0)`` … ``act(count - 1)``, ``at_once`` of them at a time; count "ok" and error codes.

    The first ``at_once`` start together. Anything but a domain error fails the test.
    """
    gate = Barrier(min(at_once, count))

    def run(number: int) -> str:
        try:
            if number < gate.parties:
                gate.wait(timeout=30)
            act(number)
        except DomainError as error:
            return error.code
        finally:
            connection.close()
        return "ok"

    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return Counter(pool.map(run, range(count)))

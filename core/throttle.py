"""How many calls a caller may make in a while, counted once for all processes."""

from __future__ import annotations

import logging
import time

from django.core.cache import cache
from redis.exceptions import RedisError

from core.errors import TooManyRequests

log = logging.getLogger(__name__)


def spend(who: str, *, calls: int, seconds: int) -> None:
    """Count one call of ``who`` in the current window. Without Redis nobody is refused.

    Raises:
        TooManyRequests: there were ``calls`` already; ``retry_after`` is when the next window begins.
    """
    window, spent = divmod(int(time.time()), seconds)
    key = f"calls:{who}:{window}"
    try:
        cache.add(key, 0, timeout=seconds)
        count = cache.incr(key)
    except ValueError:
        # It expired in between: a new window.
        return
    except RedisError:
        log.warning("Calls are not counted: Redis is away")
        return
    if count > calls:
        raise TooManyRequests("Too many requests; wait a little", retry_after=seconds - spent)

"""One POST, and what its answer means: what webhooks and Slack share."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from core import egress
from notifications.channels import Answer, Letter, Undelivered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXCERPT = 512  # bytes
LONGEST_PAUSE = 3600  # seconds, whatever a receiver asks for


SHOWN = 8 * 1024  # bytes of what was sent that are kept
HIDDEN = frozenset(
    {"authorization", "webhook-signature", "x-flexstack-signature", "x-flexstack-signature-next"}
)


def letter(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    judge: Callable[[Answer], Answer] | None = None,
    secret_url: bool = False,
) -> Letter:
    """Return a POST that is ready to be sent; ``judge`` may find more in an answer than its status.

    Of what is shown afterwards signatures and keys are left out: those in headers, and in what follows a
    question mark; of a ``secret_url`` all but the host.
    """
    shown = {
        "url": _shown(url, secret_url),
        "headers": [[name, "…" if name.lower() in HIDDEN else value] for name, value in headers.items()],
        "body": body[:SHOWN].decode("utf-8", "replace"),
        "size": len(body),
    }

    def send() -> Answer:
        answer = post(url, body, headers)
        return judge(answer) if judge else answer

    return Letter(send, shown)


def _shown(url: str, secret_url: bool) -> str:
    try:
        where = urlsplit(url)
    except ValueError:
        where = None
    if where is None or not url.isprintable():
        # It is not called either. What in it is a secret cannot be told, nor can a database hold every one.
        return "…"
    path = "/…" if secret_url else where.path + ("?…" if where.query else "")
    return f"{where.scheme}://{where.netloc}{path}"


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """POST ``body``; every 2xx is a success.

    Raises:
        Undelivered: no answer, or another one.
    """
    try:
        reply = egress.post(
            url, body=body, headers=headers, timeout=settings.NOTIFICATION_SECONDS, excerpt=EXCERPT
        )
    except egress.Refused as error:
        raise Undelivered(f"The URL may not be called: {error}", final=True) from error
    except egress.Failed as error:
        raise Undelivered(f"The URL could not be reached: {error}") from error
    answer = Answer(reply.status, reply.seconds, _excerpt(reply.body))
    if 200 <= reply.status < 300:
        return answer
    raise Undelivered(
        f"The URL answered {reply.status}.",
        answer=answer,
        gone=reply.status == 410,
        pause=_pause(reply.headers.get("retry-after", "")),
    )


def _excerpt(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def _pause(text: str) -> int:
    """Return the seconds that ``Retry-After`` asks for, as a number or as a date; 0 if it is neither."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(int(text), LONGEST_PAUSE)
    try:
        seconds = (parsedate_to_datetime(text) - timezone.now()).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return 0
    return max(0, min(ceil(seconds), LONGEST_PAUSE))

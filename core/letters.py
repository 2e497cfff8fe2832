"""How a mail of ours is made: one template as text and as HTML, and a subject that is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUBJECT_MAX = 200  # characters


def letter(
    template: str, *, subject: str, to: Sequence[str], words: Mapping[str, Any], key: str
) -> EmailMultiAlternatives:
    """Return a mail in the language that is spoken now, to be sent by its ``send()``.

    ``template`` names ``mail/NAME.txt`` and ``.html``. ``key`` makes the mail's id: by it mail programs see
    that what was sent twice is one.
    """
    context = {**words, "public_url": settings.PUBLIC_URL}
    message = EmailMultiAlternatives(
        one_line(f"[Muster] {subject}"),
        render_to_string(f"mail/{template}.txt", context),
        # The envelope's sender, to which a mail that nobody can take comes back; people see the other one.
        from_email=settings.MAIL_BOUNCES or settings.DEFAULT_FROM_EMAIL,
        to=list(to),
        headers={
            "From": settings.DEFAULT_FROM_EMAIL,
            "Message-ID": f"<{key}@{urlsplit(settings.PUBLIC_URL).hostname}>",
            # No absence note answers it, also none of Exchange.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(render_to_string(f"mail/{template}.html", context), "text/html")
    return message


def one_line(text: str) -> str:
    """Return one line that can be no second header, whatever people called their things."""
    words = "".join(char if char.isprintable() else " " for char in text).split()
    return " ".join(words)[:SUBJECT_MAX]

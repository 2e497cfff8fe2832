"""The mails whose links work once: for a new password, and for proof of an address."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

# purpose -> subject, where the link leads, and the setting that says for how long it works
KINDS = {
    "recovery": ("[Muster] Set a new password", "recover", "RECOVERY_LINK_SECONDS"),
    "verification": ("[Muster] Confirm your e-mail address", "verify", "VERIFICATION_LINK_SECONDS"),
}


def new_code() -> str:
    """Return a code that nobody can guess, fit for an address."""
    return secrets.token_urlsafe(32)


def send_link(*, purpose: str, to: str, username: str, code: str, key: str) -> None:
    """Mail a link. ``key`` makes the mail's id: should it be sent twice, mail programs see that it is one.

    Raises:
        OSError: the mail was not taken; ``smtplib`` knows no other.
    """
    subject, path, lifetime = KINDS[purpose]
    context = {
        "username": username,
        "link": f"{settings.PUBLIC_URL}/{path}/{code}/",
        "minutes": max(1, getattr(settings, lifetime) // 60),
        "public_url": settings.PUBLIC_URL,
    }
    message = EmailMultiAlternatives(
        subject,
        render_to_string(f"mail/{purpose}.txt", context),
        to=[to],
        headers={
            "Message-ID": f"<link.{key}@{urlsplit(settings.PUBLIC_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string(f"mail/{purpose}.html", context), "text/html")
    message.send()

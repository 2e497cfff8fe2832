"""The mails whose links work once: for a new password, for proof of an address, and to join a team."""

from __future__ import annotations

import secrets
from typing import Any
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
    _send(subject, purpose, to, context, key=f"link.{key}")


def send_invitation(*, to: str, organization: str, team: str, inviter: str, code: str, key: str) -> None:
    """Mail an invitation. The names are path-safe ones: what people typed would be words of ours here.

    Raises:
        OSError: as `send_link`.
    """
    context = {
        "organization": organization,
        "team": team,
        "inviter": inviter,
        "link": f"{settings.PUBLIC_URL}/invitations/{code}/",
        "public_url": settings.PUBLIC_URL,
    }
    _send("[Muster] You are invited to a team", "invitation", to, context, key=f"invitation.{key}")


def _send(subject: str, template: str, to: str, context: dict[str, Any], *, key: str) -> None:
    message = EmailMultiAlternatives(
        subject,
        render_to_string(f"mail/{template}.txt", context),
        to=[to],
        headers={
            "Message-ID": f"<{key}@{urlsplit(settings.PUBLIC_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string(f"mail/{template}.html", context), "text/html")
    message.send()

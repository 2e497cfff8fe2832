"""The mails whose links work once, and those that tell what was done to the safety of an account."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

if TYPE_CHECKING:
    from datetime import datetime

# purpose -> subject, where the link leads, and the setting that says for how long it works
KINDS = {
    "recovery": ("[Muster] Set a new password", "recover", "RECOVERY_LINK_SECONDS"),
    "verification": ("[Muster] Confirm your e-mail address", "verify", "VERIFICATION_LINK_SECONDS"),
}

# what was done to an account -> subject, and the sentence that tells it; ``detail`` as the service gave it
EVENTS = {
    "app_added": ("An authenticator app was set up", "From now on a password alone does not sign you in."),
    "app_removed": ("Your authenticator app was removed", "Its codes do not sign you in any more."),
    "passkey_added": ("A passkey was added", "The passkey {detail} signs you in from now on."),
    "passkey_removed": ("A passkey was removed", "The passkey {detail} does not sign you in any more."),
    "codes_made": ("New recovery codes were made", "The old ones do not work any more."),
    "code_used": ("A recovery code was used", "It signed somebody in as you. You have {detail} left."),
    "password": ("Your password was changed", "All other sessions of yours ended."),
    "email": ("Your e-mail address was changed", "Mails to you go to {detail} from now on."),
    "reset": (
        "Your second factor was reset",
        "An operator took it away. All your sessions ended; your password signs you in.",
    ),
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
    subject = "[Muster] You are invited to a team" if team else "[Muster] You are invited"
    _send(subject, "invitation", to, context, key=f"invitation.{key}")


def send_security_mail(
    *, to: str, username: str, event: str, detail: str, at: datetime, ip: str, browser: str, key: str
) -> None:
    """Mail what was done to an account; ``event`` is one of `EVENTS`.

    Raises:
        OSError: as `send_link`.
    """
    title, sentence = EVENTS[event]
    context = {
        "username": username,
        "title": title,
        "sentence": sentence.format(detail=detail),
        "at": at,
        "ip": ip,
        "browser": browser,
        "public_url": settings.PUBLIC_URL,
    }
    _send(f"[Muster] {title}", "security", to, context, key=f"security.{key}")


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

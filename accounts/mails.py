"""The mails whose links work once, and those that tell what was done to the safety of an account."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.conf import settings

from core.languages import speaking
from core.letters import letter
from core.words import say, told

if TYPE_CHECKING:
    from datetime import datetime

# purpose -> subject, where the link leads, and the setting that says for how long it works
KINDS = {
    "recovery": (say("Set a new password"), "recover", "RECOVERY_LINK_SECONDS"),
    "verification": (say("Confirm your e-mail address"), "verify", "VERIFICATION_LINK_SECONDS"),
}

# what was done to an account -> subject, and the sentence that tells it; ``detail`` as the service gave it
EVENTS = {
    "app_added": (
        say("An authenticator app was set up"),
        say("From now on a password alone does not sign you in."),
    ),
    "app_removed": (say("Your authenticator app was removed"), say("Its codes do not sign you in any more.")),
    "passkey_added": (say("A passkey was added"), say("The passkey {detail} signs you in from now on.")),
    "passkey_removed": (
        say("A passkey was removed"),
        say("The passkey {detail} does not sign you in any more."),
    ),
    "codes_made": (say("New recovery codes were made"), say("The old ones do not work any more.")),
    "code_used": (
        say("A recovery code was used"),
        say("It signed somebody in as you. You have {detail} left."),
    ),
    "password": (say("Your password was changed"), say("All other sessions of yours ended.")),
    "linked": (
        say("Your account was linked to an identity provider"),
        say("From now on {detail} signs you in, too."),
    ),
    "unlinked": (
        say("Your account was unlinked from an identity provider"),
        say("{detail} does not sign you in any more."),
    ),
    "email": (say("Your e-mail address was changed"), say("Mails to you go to {detail} from now on.")),
    "factor_asked": (
        say("An organization asks for your second factor"),
        say("{detail} gives you nothing until you have one."),
    ),
    "reset": (
        say("Your second factor was reset"),
        say("An operator took it away, and all your sessions ended. You sign in as before, without it."),
    ),
}


def new_code() -> str:
    """Return a code that nobody can guess, fit for an address."""
    return secrets.token_urlsafe(32)


def send_link(*, purpose: str, to: str, username: str, code: str, key: str, language: str = "") -> None:
    """Mail a link, in the language of its reader.

    ``key`` makes the mail's id: should it be sent twice, mail programs see that it is one.

    Raises:
        OSError: the mail was not taken; ``smtplib`` knows no other.
    """
    subject, path, lifetime = KINDS[purpose]
    minutes = max(1, getattr(settings, lifetime) // 60)
    context = {
        "username": username,
        "link": f"{settings.PUBLIC_URL}/{path}/{code}/",
        "minutes": minutes,
        # Nobody counts 1440 minutes.
        "hours": minutes // 60 if minutes >= 120 and minutes % 60 == 0 else 0,
    }
    with speaking(language):
        _send(told(subject), purpose, to, context, key=f"link.{key}")


def send_invitation(
    *, to: str, organization: str, team: str, inviter: str, code: str, key: str, language: str = ""
) -> None:
    """Mail an invitation. The names are path-safe ones: what people typed would be words of ours here.

    Raises:
        OSError: as `send_link`.
    """
    context = {
        "organization": organization,
        "team": team,
        "inviter": inviter,
        "link": f"{settings.PUBLIC_URL}/invitations/{code}/",
    }
    with speaking(language):
        subject = say("You are invited to a team") if team else say("You are invited")
        _send(told(subject), "invitation", to, context, key=f"invitation.{key}")


def send_security_mail(
    *,
    to: str,
    username: str,
    event: str,
    detail: str,
    at: datetime,
    ip: str,
    browser: str,
    key: str,
    language: str = "",
) -> None:
    """Mail what was done to an account; ``event`` is one of `EVENTS`.

    Raises:
        OSError: as `send_link`.
    """
    with speaking(language):
        title, sentence = EVENTS[event]
        context = {
            "username": username,
            "title": told(title),
            "sentence": told(sentence).format(detail=detail),
            "at": at,
            "ip": ip,
            "browser": browser,
        }
        template = "factor_asked" if event == "factor_asked" else "security"
        context["detail"] = detail
        _send(told(title), template, to, context, key=f"security.{key}")


def _send(subject: str, template: str, to: str, context: dict[str, Any], *, key: str) -> None:
    letter(template, subject=subject, to=[to], words=context, key=key).send()

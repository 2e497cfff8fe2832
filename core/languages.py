"""Which language people are spoken to in; programs are answered in the first one, always."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import translation

if TYPE_CHECKING:
    from django.http import HttpRequest

# The first part of the addresses at which programs call, and of the back office, which is English alone.
ENGLISH = frozenset({"api", "v1", "v3", "oauth", "csrf_token", "config", "admin", "-"})


def is_for_people(request: HttpRequest) -> bool:
    """Tell whether the address is that of a page for people."""
    return request.path_info.strip("/").partition("/")[0] not in ENGLISH


def asked_by(request: HttpRequest) -> str:
    """Return the language for whoever asks: her own choice, else her browser's, else English."""
    chosen = ""
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        chosen = getattr(request.user, "language", "")
    return chosen if chosen in dict(settings.LANGUAGES) else translation.get_language_from_request(request)


def speaking(language: str) -> translation.override:
    """Speak a language within a ``with``; English where it is empty, or not spoken here."""
    return translation.override(language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE)

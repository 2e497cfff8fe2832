"""Choosing the language of the pages, signed in or not, without a script."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.conf import settings
from django.shortcuts import redirect
from django.views.generic import View
from django.views.i18n import set_language

from accounts import services
from console.room import DIALECT
from core.client import session_actor
from core.errors import DomainError

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class ChooseLanguage(View):
    """The switch at the foot of every page, and the choice in one's account."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Remember the choice, in the browser and for the person, and show the same page in it."""
        actor = session_actor(request, dialect=DIALECT)
        language = request.POST.get("language", "")
        if actor.user is not None and actor.operator is None and not settings.READ_ONLY:
            # Who may change nothing of her own, or asks for what is not spoken here, has the cookie alone; so
            # has everybody while Muster is read-only.
            with suppress(DomainError):
                services.choose_language(actor=actor, language=language)
        if language:
            return set_language(request)
        response = redirect("console:account" if actor.user is not None else "console:home")
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return response

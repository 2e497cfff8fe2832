"""Around every request: its id in the log lines, whom an operator views, the back office's own policy."""

from __future__ import annotations

import secrets
import time
from functools import cache
from typing import TYPE_CHECKING, cast

import structlog
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from accounts import selectors, services
from core import languages
from core.actor import Actor
from core.client import ACTIVE_AT, VIEWING
from core.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse, HttpResponseBase

    Handler = Callable[[HttpRequest], HttpResponse]


def request_context(get_response: Handler) -> Handler:
    """Give every request an id: in its log lines and in the answer's ``X-Request-ID``."""

    def handle(request: HttpRequest) -> HttpResponse:
        request_id = secrets.token_hex(8)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = get_response(request)
        response.headers.setdefault("X-Request-ID", request_id)
        return response

    return handle


# What of the policy an answer may have of its own.
POLICY_OF = frozenset({"_csp_config", "_csp_update", "_csp_replace", "_csp_exempt"})


class ContentSecurityPolicy(CSPMiddleware):
    """Let the back office run what unfold needs, and nothing else anywhere."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Send the policy with the answer; where it has none of its own, as it was put together once."""
        if request.path.startswith("/admin/"):
            response._csp_config = settings.ADMIN_CONTENT_SECURITY_POLICY["DIRECTIVES"]  # type: ignore[attr-defined]
        elif (
            not settings.DEBUG and not hasattr(request, "_csp_nonce") and POLICY_OF.isdisjoint(vars(response))
        ):
            response.headers.setdefault(HEADER, _usual_policy())
            return response
        return super().process_response(request, response)


@cache
def _usual_policy() -> str:
    return build_policy()


class Language(LocaleMiddleware):
    """Speak to people in their language; to programs, and after the request, in English."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the language that is asked for."""
        with translation.override(settings.LANGUAGE_CODE):
            if not languages.is_for_people(request):
                return cast("HttpResponse", self.get_response(request))
            response = cast("HttpResponse", super().__call__(request))
            patch_vary_headers(response, ["Cookie"])
            return response

    def process_request(self, request: HttpRequest) -> None:
        """Choose: there are no addresses by language, so Django's way through them is not gone."""
        translation.activate(languages.asked_by(request))
        request.LANGUAGE_CODE = translation.get_language()


def activity(get_response: Handler) -> Handler:
    """Note now and then that a session is in use, so that its owner sees where it is."""

    def handle(request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and ACTIVE_AT in request.session:
            now = time.time()
            if now - request.session[ACTIVE_AT] >= services.ACTIVE_GRAIN.total_seconds():
                request.session[ACTIVE_AT] = now
                services.note_activity(session_key=request.session.session_key or "")
        return get_response(request)

    return handle


def viewing(get_response: Handler) -> Handler:
    """Find whom an operator looks at Muster as: ``request.viewed``, asked again with every request.

    It ends by itself: with its time, with the operator's sign-in or rights, or with the person.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and VIEWING in request.session:
            whom, until = request.session[VIEWING]
            try:
                if request.user.is_authenticated and timezone.now().isoformat() < until:
                    actor = Actor(user=request.user)
                    request.viewed = selectors.viewed_person(actor=actor, pk=whom)  # type: ignore[attr-defined]
            except DomainError:
                pass
            if not hasattr(request, "viewed"):
                request.session.pop(VIEWING, None)
        return get_response(request)

    return handle

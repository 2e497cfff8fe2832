"""Signing in by the identity provider: off to it, and back with a code."""

from __future__ import annotations

import hmac
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import View

from accounts import provider, selectors, services
from console.proof import link_key, provider_name
from console.room import DIALECT
from console.views.session import show_sign_in, start_session, wanted_by
from core.client import session_actor
from core.errors import BadCredentials, DomainError, FreshLoginRequired, NotFound, Unauthenticated
from core.words import say, told
from permissions.checks import require_fresh

if TYPE_CHECKING:
    from core.actor import Actor

ATTEMPTS = "provider_attempts"  # of this browser: what must come back, by the state that was sent
ATTEMPTS_MAX = 5  # windows
SECONDS = 600
LONG_AGO = datetime.fromtimestamp(0, UTC)
LOST = say("This sign-in was not begun in this browser, or too long ago. Try again.")


@method_decorator(never_cache, name="dispatch")
class ProviderView(View):
    """A step of the way; what goes wrong is told on the sign-in page, or on the account page when linking."""

    actor: Actor
    links = False

    def get(self, request: HttpRequest) -> HttpResponse:
        """Take the step."""
        self.actor = session_actor(request, dialect=DIALECT)
        try:
            if not settings.OIDC_ISSUER:
                raise NotFound("No identity provider is configured")
            return self.step(request)
        except DomainError as error:
            if self.links and not isinstance(error, Unauthenticated):
                messages.error(request, told(error.message))
                return redirect("console:account")
            return show_sign_in(request, problem=told(error.message))

    def step(self, request: HttpRequest) -> HttpResponse:
        """Do what this step is for."""
        raise NotImplementedError


class Begin(ProviderView):
    """Off to the provider: to sign in, to do so anew (``?again=1``), or to link an account (``?link=``)."""

    def step(self, request: HttpRequest) -> HttpResponse:
        """Remember what must come back, and send the browser away."""
        self.links = "link" in request.GET
        if self.links:
            if self.actor.user is None:
                raise Unauthenticated("Sign in first")
            if not constant_time_compare(request.GET["link"], link_key(request)):
                raise BadCredentials(LOST)
            require_fresh(self.actor)
        attempt = provider.begin(redirect_uri=_back(), again="again" in request.GET)
        now = time.time()
        young = {key: one for key, one in _attempts(request).items() if now - one["at"] < SECONDS}
        kept = dict(sorted(young.items(), key=lambda item: -item[1]["at"])[: ATTEMPTS_MAX - 1])
        kept[attempt.state] = {
            "nonce": attempt.nonce,
            "verifier": attempt.verifier,
            "next": wanted_by(request),
            "link": self.actor.user.pk if self.links and self.actor.user else None,
            "again": "again" in request.GET,
            "at": now,
        }
        request.session[ATTEMPTS] = kept
        return redirect(attempt.url)


class Back(ProviderView):
    """Back from the provider, with a code or with what went wrong there."""

    def step(self, request: HttpRequest) -> HttpResponse:
        """Find out who she is; each attempt is good for one answer."""
        attempts = _attempts(request)
        attempt = attempts.pop(request.GET.get("state", ""), None)
        if attempt is None or time.time() - attempt["at"] >= SECONDS:
            raise BadCredentials(LOST)
        request.session[ATTEMPTS] = attempts
        self.links = attempt["link"] is not None
        issuer = request.GET.get("iss", settings.OIDC_ISSUER)
        code = request.GET.get("code", "")
        if not hmac.compare_digest(issuer.encode(), settings.OIDC_ISSUER.encode()) or not code:
            raise BadCredentials("The identity provider did not let you in")
        visitor = provider.finish(
            code=code, verifier=attempt["verifier"], nonce=attempt["nonce"], redirect_uri=_back()
        )
        if self.links:
            if self.actor.user is None or self.actor.user.pk != attempt["link"]:
                raise Unauthenticated(LOST)
            services.link_identity(actor=self.actor, visitor=visitor)
            user = selectors.user_by_key(pk=self.actor.user.pk)
            start_session(request, user, at=self.actor.signed_in_at)
            messages.success(
                request,
                _("You can sign in by {provider_name} from now on.").format(provider_name=provider_name()),
            )
            return redirect("console:account")
        user = services.enter_by_provider(actor=self.actor, visitor=visitor)
        # Who was signed in there for long is let in, and has proved nothing lately.
        start_session(request, user, at=_proved_at(visitor, attempt))
        if attempt.get("again"):
            _say_if_stale(request)
        return redirect(attempt["next"])


def _proved_at(visitor: provider.Visitor, attempt: dict[str, Any]) -> datetime:
    """Return when she proved who she is; long ago where the provider does not say, as it has to."""
    if visitor.signed_in_at is not None:
        return visitor.signed_in_at
    was_asked = attempt.get("again") and not settings.OIDC_REQUIRE_AUTH_TIME
    return timezone.now() if was_asked else LONG_AGO


def _say_if_stale(request: HttpRequest) -> None:
    """Say why a dialog goes on asking whom the provider was to ask anew."""
    try:
        require_fresh(session_actor(request, dialect=DIALECT))
    except FreshLoginRequired:
        words = _(
            "{provider} does not say that it has just asked who you are, so this proves nothing here. "
            "Tell whoever runs this instance."
        )
        messages.error(request, words.format(provider=provider_name()))


def _back() -> str:
    return f"{settings.PUBLIC_URL}{reverse('console:provider-back')}"


def _attempts(request: HttpRequest) -> dict[str, dict[str, Any]]:
    return dict(request.session.get(ATTEMPTS, {}))

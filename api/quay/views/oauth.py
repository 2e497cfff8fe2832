"""The authorization of applications, beside the API's prefix (quay-a.md 4.4)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from rest_framework.response import Response

from accounts import services as accounts
from api.quay.errors import API
from api.quay.scopes import scope_views
from api.quay.shapes import application_avatar, organization_avatar
from api.quay.view import SAFE, QuayView, Refused
from core.actor import Actor
from core.client import session_actor
from core.errors import DomainError, Forbidden, Invalid, NotFound, Unauthenticated
from core.languages import asked_by, speaking
from permissions.scopes import are_dangerous
from tokens import services
from tokens.redirects import origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rest_framework.request import Request

    from api.quay.errors import Shape

LOCAL_PAGE = "/oauth/localapp"
# How long a parameter may be; no other is read.
PARAMETERS = {
    "client_id": 255,
    "redirect_uri": 1024,
    "scope": 1024,
    "response_type": 32,
    "state": 2048,
    "assignment_uuid": 64,
    "code_challenge": 128,
    "code_challenge_method": 16,
    "format": 8,
    "prompt": 16,
    "username": 255,
    "grant_type": 64,
    "client_secret": 255,
    "code": 255,
    "code_verifier": 128,
    "error": 64,
    "access_token": 255,
}


class OAuthView(QuayView):
    """A step of the authorization: for people with a session, or their names and passwords by Basic.

    No page of another site reads the answers, none shows them in a frame, and nothing is kept or passed on.
    """

    errors: ClassVar[dict[str, tuple[int, Shape]]] = {"bad_credentials": (401, API)}
    anonymous_always = True

    def _browser_guard(self, request: Request) -> None:
        """Let browsers in: these are pages."""

    def _caller(self, request: Request) -> Actor:
        actor = self._by_password(request) or session_actor(request._request, dialect=self.dialect)
        if request.method not in SAFE and not self.csrf_exempt:
            self._check_csrf(request)
        return actor

    def _by_password(self, request: Request) -> Actor | None:
        found = _basic(request.META.get("HTTP_AUTHORIZATION", ""))
        if found is None:
            return None
        name, password = found
        user = accounts.sign_in(
            actor=self.here(Actor(), request), username=name, password=accounts.password_of(password)
        )
        return Actor(user=user)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep the answer to who asked: no other origin, no cache, no referrer."""
        response = super().finalize_response(request, response, *args, **kwargs)
        for name in ("Origin", "Methods", "Headers"):
            del response[f"Access-Control-Allow-{name}"]
        del response["Access-Control-Max-Age"]
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        return response

    # What is asked --------------------------------------------------------------------------------------

    def parameters(self, *, query: bool, form: bool) -> dict[str, str]:
        """Return the known parameters that were sent.

        Raises:
            Refused: one was sent twice, is too long, or holds a null character.
        """
        http = self.request._request
        sources = [*([http.GET] if query else []), *([http.POST] if form else [])]
        found: dict[str, str] = {}
        for name, longest in PARAMETERS.items():
            values = [value for source in sources for value in source.getlist(name)]
            if len(values) > 1:
                raise Refused(400, f"{name} was sent more than once")
            if values and (len(values[0]) > longest or "\x00" in values[0]):
                raise Refused(400, f"{name} is too long, or no text")
            if values:
                found[name] = values[0]
        return found

    def wish(self, sent: Mapping[str, str], *, response_type: str = "code") -> services.Wish:
        """Return what an application asks for. Raises Refused for a missing parameter."""
        for name in ("client_id", "redirect_uri", "scope"):
            if not sent.get(name):
                raise Refused(400, f"{name} is missing")
        return services.Wish(
            client_id=sent["client_id"],
            redirect_uri=sent["redirect_uri"],
            scope=sent["scope"],
            own_pages=(self.request.build_absolute_uri(LOCAL_PAGE), settings.PUBLIC_URL + LOCAL_PAGE),
            response_type=sent.get("response_type") or response_type,
            state=sent.get("state", ""),
            assignment=sent.get("assignment_uuid", ""),
            code_challenge=sent.get("code_challenge"),
            code_challenge_method=sent.get("code_challenge_method"),
        )

    # How it is answered ---------------------------------------------------------------------------------

    def granted(self, wish: services.Wish) -> HttpResponse:
        """Grant a wish and send the outcome, in the very order that clients search it for."""
        secret = services.authorize(actor=self.actor, wish=wish)
        told = [("scope", wish.scope)]
        state = [("state", wish.state)] if wish.state else []
        if wish.response_type == "token":
            token = {
                "access_token": secret,
                "token_type": "Bearer",
                "expires_in": services.seconds_of(wish=wish),
            }
            return _redirect(wish.redirect_uri, told + state, urlencode(token))
        return _redirect(wish.redirect_uri, [*told, ("code", secret), *state])

    def refused(self, address: str, error: str, wish: services.Wish) -> HttpResponse:
        """Send an error to a proven address."""
        return _redirect(address, [("error", error), *([("state", wish.state)] if wish.state else [])])

    def page(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """Return a page."""
        # People read it, and they alone: what programs are answered is English.
        with speaking(asked_by(self.request._request)):
            response = render(self.request._request, f"console/{template}.html", context, status=status)
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        # A page must send its origin with its own forms, or they look like another site's.
        response["Referrer-Policy"] = "same-origin"
        return response


class Authorize(OAuthView):
    """``GET /oauth/authorize``: asks the person, or goes on at once if she has granted this before."""

    def get(self, request: Request) -> HttpResponse:
        """Show what an application asks for."""
        sent = self.parameters(query=True, form=False)
        wish = self.wish(sent)
        try:
            asked = services.ask(actor=self.actor, wish=wish)
            if asked.granted_before and self._may_go_on(sent):
                return self.granted(wish)
        except Invalid as error:
            return self._invalid(error, wish)
        except (Unauthenticated, Forbidden, NotFound) as error:
            if sent.get("format") == "json":
                raise
            return self._fault(error, sent)
        context = self._context(asked, wish)
        if sent.get("format") == "json":
            return Response(context)
        return self._consent(asked, wish, context)

    def _may_go_on(self, sent: Mapping[str, str]) -> bool:
        is_asked = sent.get("prompt") == "consent" or sent.get("format") == "json"
        return self.request.method == "GET" and not (is_asked or settings.READ_ONLY)

    def _invalid(self, error: Invalid, wish: services.Wish) -> HttpResponse:
        if error.field == "redirect_uri":
            return self.refused(services.registered_address(wish=wish), "redirect_uri_mismatch", wish)
        if error.field == "scope":
            raise NotFound(error.message)
        raise Refused(400, error.message)

    def _fault(self, error: DomainError, sent: Mapping[str, str]) -> HttpResponse:
        status = {Unauthenticated: 401, Forbidden: 403, NotFound: 404}[type(error)]
        self.note_refusal(error, status)
        # Then she is asked in any case: browsers do not let the form there lead on to other sites.
        wanted = f"{self.request.path}?{urlencode({**sent, 'prompt': 'consent'})}"
        context = {
            "code": status,
            "words": error.message,
            "sign_in": f"{reverse('console:sign-in')}?{urlencode({'next': wanted})}" if status == 401 else "",
        }
        return self.page("oauth_fault", context, status=status)

    def _context(self, asked: services.Asked, wish: services.Wish) -> dict[str, Any]:
        application, organization = asked.application, asked.application.namespace.organization
        return {
            "scopes": scope_views(asked.scopes),
            "has_dangerous_scopes": are_dangerous(asked.scopes),
            "application": {
                "name": application.name,
                "description": application.description,
                "url": application.application_uri,
                "avatar": json.dumps(application_avatar(application)),
                "organization": {
                    "name": organization.slug,
                    "avatar": json.dumps(organization_avatar(organization)),
                },
            },
            "response_type": wish.response_type,
            "client_id": wish.client_id,
            "redirect_uri": wish.redirect_uri,
            "scope": wish.scope,
            "csrf_token_val": get_token(self.request._request),
            "state": wish.state or None,
            "assignment_uuid": wish.assignment or None,
        }

    def _consent(self, asked: services.Asked, wish: services.Wish, context: dict[str, Any]) -> HttpResponse:
        fields = {
            "client_id": wish.client_id,
            "redirect_uri": wish.redirect_uri,
            "response_type": wish.response_type,
            "scope": wish.scope,
            "state": wish.state,
            "assignment_uuid": wish.assignment,
            "code_challenge": wish.code_challenge,
            "code_challenge_method": wish.code_challenge_method,
        }
        user = self.actor.user
        extra = {
            "fields": {name: value for name, value in fields.items() if value},
            "person": user.username if user else "",
            "is_own_page": wish.redirect_uri in wish.own_pages,
            "host": urlsplit(wish.redirect_uri).netloc,
        }
        response = self.page("oauth_consent", context | extra)
        # Browsers hold the policy against where the answer to a form leads, too.
        response._csp_update = {"form-action": [origin(wish.redirect_uri)]}  # type: ignore[attr-defined]
        return response


class AuthorizeApp(OAuthView):
    """``POST /oauth/authorizeapp``: the person has said yes."""

    def post(self, request: Request) -> HttpResponse:
        """Send the token, or a code for it, to the application."""
        wish = self.wish(self.parameters(query=False, form=True))
        if self.actor.is_anonymous:
            raise Unauthenticated("Requires authentication")
        try:
            return self.granted(wish)
        except (Forbidden, NotFound) as error:
            self.note_refusal(error, 403)
            return self.refused(services.way_back(wish=wish), "unauthorized_client", wish)
        except Invalid as error:
            if error.field == "redirect_uri":
                return Response({"error": "invalid_request"}, status=400)
            words = {"scope": "invalid_scope", "response_type": "unsupported_response_type"}
            return self.refused(wish.redirect_uri, words.get(error.field, "invalid_request"), wish)


class DenyApp(OAuthView):
    """``POST /oauth/denyapp``: the person has said no."""

    def post(self, request: Request) -> HttpResponse:
        """Tell the application."""
        wish = self.wish(self.parameters(query=False, form=True))
        if self.actor.is_anonymous:
            raise Unauthenticated("Requires authentication")
        return self.refused(services.way_back(wish=wish), "authorization_denied", wish)


class AccessToken(OAuthView):
    """``POST /oauth/access_token``: an application exchanges its code. It is nobody but itself here."""

    csrf_exempt = True

    def _caller(self, request: Request) -> Actor:
        return Actor()

    def post(self, request: Request) -> Response:
        """Give the token for the code, once."""
        sent = self.parameters(query=True, form=True)
        names = ("grant_type", "client_id", "client_secret", "redirect_uri", "code", "code_verifier", "scope")
        form = {name: sent[name] for name in names if name in sent}
        header = request.META.get("HTTP_AUTHORIZATION", "")
        outcome = services.exchange(actor=self.actor, form=form, authorization=header)
        if outcome.error:
            known = ("invalid_client", "invalid_scope", "unsupported_grant_type")
            error = outcome.error if outcome.error in known else "invalid_grant"
            return Response({"error": error}, status=400)
        body = {
            "access_token": outcome.token,
            "token_type": "Bearer",
            "expires_in": outcome.seconds,
        }
        return Response(body | {"refresh_token": None})


class LocalApp(OAuthView):
    """``GET /oauth/localapp``: the page that shows a token to the person herself."""

    def get(self, request: Request) -> HttpResponse:
        """Show it; the token stands behind the ``#``, which only the browser sees."""
        sent = self.parameters(query=True, form=False)
        if self.actor.is_anonymous:
            if sent.get("format") == "json":
                raise Unauthenticated("Requires authentication")
            context = {"code": 401, "words": "Sign in to see a token.", "sign_in": reverse("console:sign-in")}
            return self.page("oauth_fault", context, status=401)
        if sent.get("format") == "json" and "scope" in sent:
            return Response({"access_token": sent.get("access_token")})
        scopes = sent.get("scope", "").replace(",", " ").split()
        context = {"scopes": scopes, "given_code": sent.get("code", ""), "error": sent.get("error", "")}
        return self.page("oauth_localapp", context)


class AssignUser(OAuthView):
    """``POST /oauth/authorize/assignuser``: offers a token to a person."""

    def post(self, request: Request) -> HttpResponse:
        """Offer it."""
        sent = self.parameters(query=True, form=False)
        wish = self.wish(sent, response_type="token")
        if not sent.get("username"):
            raise Refused(400, "username is missing")
        try:
            services.assign(actor=self.actor, wish=wish, username=sent["username"])
        except Invalid as error:
            if error.field == "redirect_uri":
                return Response({"error": "invalid_request"}, status=400)
            if error.field == "scope":
                raise NotFound(error.message) from error
            raise Refused(400, error.message) from error
        words = f"{sent['username']} is offered the token, and may take it from now on."
        if sent.get("format") == "json":
            return Response({"message": words})
        return self.page("oauth_assigned", {"words": words})


class UnknownStep(OAuthView):
    """Every other path below the prefix."""

    csrf_exempt = True

    def _refuse(self, request: Request, **_: str) -> Response:
        raise NotFound("Not Found")

    get = post = put = delete = patch = _refuse


def _redirect(address: str, query: Iterable[tuple[str, str]], fragment: str = "") -> HttpResponse:
    """Return a redirect to an address with more behind it; everything is escaped, line feeds too."""
    parts = urlsplit(address)
    told = "&".join(filter(None, [parts.query, urlencode(list(query))]))
    return HttpResponseRedirect(urlunsplit((parts.scheme, parts.netloc, parts.path, told, fragment)))


def _basic(header: str) -> tuple[str, str] | None:
    """Return name and password of a Basic header; None for another one, or a broken one."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic" or len(text) > 2048:
        return None
    try:
        name, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon and "\x00" not in name + password else None

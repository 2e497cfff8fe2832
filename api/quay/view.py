"""The Quay wire's transport: tokens, sessions, CSRF, CORS and the order of checks (quay-a.md 1 and 2.1).

Each method of a view bears ``@operation(…)`` (operation.py): its name, tag, scopes, statuses, body and query.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.response import Response

from accounts import selectors as accounts
from accounts import services
from api.base import DialectView
from api.quay import errors
from api.rendering import Renderer
from core.actor import Actor
from core.client import session_actor
from core.errors import Invalid, NotFound, ReadOnly, Unauthenticated
from core.names import is_namespace_name
from permissions.checks import require_fresh
from projects import selectors as projects
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Collection

    from rest_framework.request import Request

    from accounts.models import Namespace, Organization
    from api.quay.errors import Shape
    from permissions.catalogue import Right
    from projects.models import Project

SAFE = ("GET", "HEAD", "OPTIONS")
BROWSER = re.compile(r"Mozilla/.*(Chrome|Firefox|Safari|Edg|OPR|Trident)", re.IGNORECASE)
CSRF_FAILED = "CSRF token was invalid or missing."
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class _Csrf(CsrfViewMiddleware):
    """Django's check, but for the Referer that command-line clients never send; an Origin is checked."""

    def _check_referer(self, request: Any) -> None:
        return None

    def _reject(self, request: Any, reason: str) -> Any:
        return reason


class QuayRenderer(Renderer):
    """The wire's JSON: ASCII alone, and a line feed at the end."""

    ensure_ascii = ascii_only = True

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Return the body; nothing stays nothing."""
        text: bytes = super().render(data, *args, **kwargs)
        return text + b"\n" if text else text


class QuayView(DialectView):
    """A resource of the Quay wire.

    ``errors`` lets a view say a domain error its own way: keys are ``code``, ``code:tag``, ``method code`` or
    ``method code:tag`` (the tag is what was absent, or the field at fault), values (status, shape), where the
    shape may be the very body.
    """

    renderer_classes = (QuayRenderer,)
    dialect = "quay"
    token_kinds: ClassVar[Collection[str]] = (Kind.OAUTH,)
    errors: ClassVar[dict[str, tuple[int, Shape]]] = {}
    anonymous_always: ClassVar[bool] = False
    csrf_exempt: ClassVar[bool] = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Go through the checks that come before every operation, in the wire's order (quay-a.md 2.1)."""
        self.actor = Actor()
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            # No database stores it, and PostgreSQL does not even compare it.
            raise Invalid("A null character cannot be part of an address")
        if not self.is_offered():
            raise NotFound("Not Found")
        if not hasattr(self, (request.method or "").lower()):
            # The router says so, before it asks who calls.
            raise MethodNotAllowed(request.method or "")
        if request.method == "OPTIONS":
            return
        self._browser_guard(request)
        self.actor = self.here(self._caller(request), request)
        if settings.READ_ONLY and request.method not in SAFE:
            raise ReadOnly("The instance is read-only for now")
        if not (settings.ANONYMOUS_ACCESS or self.anonymous_always) and self.actor.is_anonymous:
            raise Refused(401, "Anonymous access is not allowed")

    def is_offered(self) -> bool:
        """Tell whether the instance has this route; one that is switched off is a 404 for whoever asks."""
        return True

    def _browser_guard(self, request: Request) -> None:
        if not settings.BROWSER_CALLS_XHR_ONLY or request.method != "GET":
            return
        agent = request.META.get("HTTP_USER_AGENT", "")
        if BROWSER.search(agent) and request.headers.get("X-Requested-With") != "XMLHttpRequest":
            raise Refused(400, "API calls from a browser must send X-Requested-With: XMLHttpRequest")

    def _caller(self, request: Request) -> Actor:
        scheme, *secrets = request.META.get("HTTP_AUTHORIZATION", "").split() or [""]
        if scheme.lower() == "bearer" and len(secrets) == 1:
            actor = self._by_token(request, secrets[0])
            if not actor.is_anonymous:
                return actor
        else:
            actor = session_actor(request._request, dialect=self.dialect)
            services.note_presence(actor=actor)
        if request.method not in SAFE and not self.csrf_exempt:
            self._check_csrf(request)
        return actor

    def _by_token(self, request: Request, secret: str) -> Actor:
        # An unusable token is no error of its own: the call goes on as nobody (quay-a.md 2.1). An unusable
        # JSON web token is one.
        if _is_web_token(secret):
            try:
                return services.authenticate_web_token(secret)
            except Unauthenticated as error:
                raise Refused(401, "Invalid or expired token") from error
        try:
            return self.recognized(request, secret)
        except Unauthenticated:
            return Actor()

    def _check_csrf(self, request: Request) -> None:
        http = request._request
        given = request.headers.get("X-CSRF-Token") or http.GET.get("_csrf_token")
        if not given and http.content_type in FORMS:
            given = http.POST.get("_csrf_token")
        http.META["HTTP_X_CSRF_TOKEN"] = given or ""
        # DRF marks its views exempt; the wire checks by itself, so the mark must not end the check.
        http._dont_enforce_csrf_checks = getattr(http, "_dont_enforce_csrf_checks", False)  # type: ignore[attr-defined]
        check = _Csrf(lambda _: HttpResponse())
        check.process_request(http)
        if check.process_view(http, _not_exempt, (), {}) is not None:
            raise Refused(403, CSRF_FAILED)

    def handle_exception(self, exc: Exception) -> Response:
        """Speak the dialect whatever was raised."""
        if isinstance(exc, Refused):
            return Response({"error": exc.words}, status=exc.status)
        return errors.answer(self, exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add what every answer of the wire carries: CORS, and no caching of what is personal."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS, POST, DELETE, PUT"
        response["Access-Control-Max-Age"] = "21600"
        response["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Requested-With"
        response["Cache-Control"] = "no-cache, no-store, must-revalidate"
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer a preflight; anybody may ask."""
        return Response(status=200)

    # What most operations begin with ---------------------------------------------------------------------

    def signed_in(self) -> None:
        """Demand that anybody calls at all: what auth-first operations check before the body."""
        if self.actor.is_anonymous:
            raise Unauthenticated("Requires authentication")

    def fresh(self) -> None:
        """Demand a recent sign-in of a session; people without a password pass (quay-a.md 3.2)."""
        if self.actor.user is None or self.actor.user.has_usable_password():
            require_fresh(self.actor)

    def organization(self, name: str, right: Right | None = None) -> Organization:
        """Return the organization of a path, on which the caller has the right."""
        return accounts.organization(actor=self.actor, name=name, right=right)

    def namespace(self, name: str, right: Right | None = None) -> Namespace:
        """Return the namespace of a path, on which the caller has the right."""
        return accounts.namespace(actor=self.actor, name=name, right=right)

    def project(self, path: str, right: Right) -> Project:
        """Return the project of a path ``namespace/name``, on which the caller has the right."""
        namespace, _, slug = path.partition("/")
        return projects.project(actor=self.actor, namespace=namespace, slug=slug, right=right)

    def own_namespace(self) -> Namespace:
        """Return the caller's own namespace. Raises Unauthenticated for nobody."""
        if self.actor.user is None:
            raise Unauthenticated("Requires authentication")
        return self.actor.user.namespace

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean query parameter the way the wire reads it (quay-a.md 1)."""
        value = self.request.query_params.get(name)
        return default if value is None else value not in ("false", "False", "FALSE", "0", "null", "")

    def whole(self, name: str, meaning: str, *, default: int | None = None) -> int | None:
        """Return an integer query parameter; a bad one is told with its meaning (quay-a.md 1)."""
        value = self.request.query_params.get(name)
        if value is None:
            return default
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise errors.BadParameter(name, meaning)
        return int(value)


def wire_name(name: str, *, of: str = "organization") -> str:
    """Return a name that the wire accepts as it is: other spellings are refused, not folded (quay-a.md 7)."""
    if not is_namespace_name(name):
        raise Invalid(f"Invalid {of} name", field="name")
    return name


def _is_web_token(secret: str) -> bool:
    head, *rest = secret.split(".")
    if len(rest) != 2:
        return False
    try:
        header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and str(header.get("typ")).lower() in ("jwt", "at+jwt")


def _not_exempt(request: Any) -> HttpResponse:
    """Stand in for the view that the CSRF check asks about."""
    return HttpResponse()


class Refused(Exception):
    """Refused before any operation, in the shape ``{"error": …}``."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class UnknownRoute(QuayView):
    """Every path below the prefix that is no route: the wire's own 404, for whoever asks."""

    anonymous_always = True
    csrf_exempt = True

    def _refuse(self, request: Request, **_: str) -> Response:
        raise NotFound("Not Found")

    get = post = put = delete = patch = _refuse

"""Signing in and out with a cookie, and the first user (quay-a.md 3.2 and 3.3)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import get_token, rotate_token
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from accounts import services
from api.fields import Text
from api.quay.errors import ERROR, MESSAGE
from api.quay.operation import operation
from api.quay.view import QuayView, Refused, wire_name
from core.actor import Actor
from core.client import ACTIVE_AT, SIGNED_IN_AT
from core.errors import BadCredentials, Invalid, SecondFactorRequired
from core.seal import seal
from permissions.catalogue import ACCOUNT_CHANGE, ACCOUNT_READ, Scope
from permissions.checks import check, require
from tokens import services as tokens

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import User

FIRST_TOKEN_LIFETIME = timedelta(seconds=9000)


def csrf_token(request: HttpRequest) -> JsonResponse:
    """``GET /csrf_token``: the token that writes with a session must send."""
    return JsonResponse({"csrf_token": get_token(request)})


def start_session(view: QuayView, user: User) -> str:
    """Make a fresh session for a person who has just proved herself; return its CSRF token.

    From here on she is who calls.
    """
    http = view.request._request
    is_hers = http.user.is_authenticated and http.user.pk == user.pk
    login(http, user, backend="django.contrib.auth.backends.ModelBackend")
    if is_hers:
        http.session.cycle_key()  # which Django leaves as it is
    http.session[SIGNED_IN_AT] = timezone.now().isoformat()
    http.session[ACTIVE_AT] = time.time()
    if http.session.session_key is None:
        http.session.save()
    view.actor = view.here(Actor(user=user), view.request)
    services.note_session(actor=view.actor, user=user, session_key=http.session.session_key or "")
    return get_token(http)


class Credentials(serializers.Serializer[None]):
    """The body of sign-in."""

    username = Text()
    password = Text()
    invite_code = Text(required=False)
    code = Text(required=False)


class SignIn(QuayView):
    """``POST signin``."""

    anonymous_always = True

    @operation("signin", "user", body=Credentials, also=[403, 429], internal=True)
    def post(self, request: Request) -> Response:
        """Start a session; the next CSRF token comes in ``X-Next-CSRF-Token``.

        Who has a second factor sends a ``code`` of her authenticator app, or a recovery code, as well.
        """
        body = self.body(Credentials)
        user = services.sign_in(
            actor=self.actor,
            username=body["username"],
            password=body["password"],
            code=body.get("code", ""),
        )
        response = Response({"success": True})
        response["X-Next-CSRF-Token"] = start_session(self, user)
        if body.get("invite_code"):
            services.accept_if_invited(actor=self.actor, code=body["invite_code"])
        return response

    def handle_exception(self, exc: Exception) -> Response:
        """Tell wrong credentials in this operation's own shape."""
        if isinstance(exc, SecondFactorRequired):
            body = {"needsEmailVerification": False, "invalidCredentials": False, "message": exc.message}
            return Response(body | {"needsSecondFactor": True}, status=403)
        if isinstance(exc, BadCredentials):
            is_unverified = bool(exc.details.get("unverified"))
            body = {
                "needsEmailVerification": is_unverified,
                "invalidCredentials": not is_unverified,
                "message": exc.message,
            }
            return Response(body, status=403)
        return super().handle_exception(exc)


class Password(serializers.Serializer[None]):
    """The body of sign-in verification."""

    password = Text()


class VerifySignIn(QuayView):
    """``POST signin/verify``: makes the session fresh again."""

    @operation("verifySignin", "user", scopes=[Scope.USER_READ], body=Password, also=[429], internal=True)
    def post(self, request: Request) -> Response:
        """Check the password of who is signed in."""
        require(self.actor, ACCOUNT_READ)
        body = self.body(Password)
        services.verify_password(actor=self.actor, password=body["password"])
        if self.actor.is_session:
            request._request.session[SIGNED_IN_AT] = timezone.now().isoformat()
        return Response({"success": True})

    def handle_exception(self, exc: Exception) -> Response:
        """Tell a wrong password in this operation's own shape."""
        if isinstance(exc, BadCredentials):
            return Response({"message": exc.message, "invalidCredentials": True}, status=403)
        return super().handle_exception(exc)


class SignOut(QuayView):
    """``POST signout``: ends all sessions of the person; nobody signed in is fine.

    A token that may not administer the account ends nothing, and is told nothing else.
    """

    anonymous_always = True

    @operation("signout", "user", internal=True)
    def post(self, request: Request) -> Response:
        """End the sessions."""
        if check(self.actor, ACCOUNT_CHANGE):
            services.sign_out(actor=self.actor)
        if self.actor.is_session:
            logout(request._request)
            rotate_token(request._request)
        return Response({"success": True})


class FirstUser(serializers.Serializer[None]):
    """The body of ``user/initialize``."""

    username = Text()
    password = Text()
    email = Text(required=False, allow_null=True)
    access_token = serializers.JSONField(required=False)


class Initialize(QuayView):
    """``POST user/initialize``: the very first user, while there is none."""

    anonymous_always = True
    csrf_exempt = True
    errors = {"conflict": (400, MESSAGE), "invalid": (400, MESSAGE), "forbidden": (404, ERROR)}

    @operation("initializeUser", "user", body=FirstUser, also=[404], internal=True)
    def post(self, request: Request) -> Response:
        """Create the first user, sign her in, and mint a token if asked."""
        if not settings.USER_INITIALIZE:
            raise Refused(404, "User initialization is not enabled")
        if settings.AUTHENTICATION != "Database":
            raise Invalid("People sign in elsewhere")
        body = self.body(FirstUser)
        email = body.get("email") or ""
        if settings.MAILING and not email:
            raise Invalid("An e-mail address is required", field="email")
        user = services.initialize(
            actor=self.actor,
            username=wire_name(body["username"], of="user"),
            password=body["password"],
            email=email,
        )
        answer = {
            "username": user.username,
            "email": user.email or None,
            "encrypted_password": seal(body["password"]),
        }
        csrf = start_session(self, user)
        if body.get("access_token"):
            _, answer["access_token"] = tokens.issue_api_token(
                actor=self.actor,
                user=user,
                scopes=" ".join(Scope.values),
                expires_at=timezone.now() + FIRST_TOKEN_LIFETIME,
            )
        response = Response(answer)
        response["X-Next-CSRF-Token"] = csrf
        return response

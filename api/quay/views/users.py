"""The caller's own account, other people, and stars' owner (quay-a.md 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors, services
from api.fields import Flag, Text, Whole
from api.quay.errors import MESSAGE, api_error
from api.quay.operation import operation
from api.quay.shapes import organization_avatar, quota_views, user_avatar
from api.quay.view import QuayView, wire_name
from api.quay.views.session import start_session
from core.errors import Invalid, NotFound, Unauthenticated
from core.names import fold
from permissions.catalogue import ACCOUNT_CHANGE, ACCOUNT_DELETE, CREATOR, Ladder, Level, Scope
from permissions.checks import (
    account_level,
    ceiling,
    is_readonly_superuser,
    is_superuser,
    require,
)
from quotas import selectors as quotas

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import User
    from core.actor import Actor


def own_view(actor: Actor, user: User) -> dict[str, Any]:
    """Return the acting person as she sees herself; what is shown depends on the token's scopes (6.1)."""
    level = account_level(actor, user)
    top = ceiling(actor, Ladder.ORGANIZATION)
    body: dict[str, Any] = {
        "anonymous": False,
        "username": user.username,
        "avatar": user_avatar(user),
    }
    if level >= Level.ADMIN:
        body |= {
            "can_create_repo": True,
            "is_me": True,
            "verified": user.is_verified,
            "email": user.email,
            "logins": [
                {"service": one.service, "service_identifier": one.subject, "metadata": {}}
                for one in selectors.identities(user=user)
            ],
            "invoice_email": user.invoice_email,
            "invoice_email_address": user.invoice_email_address,
            "preferred_namespace": False,
            "tag_expiration_s": user.tag_expiration_s,
            "prompts": [],
            "company": user.company or None,
            "family_name": user.family_name or None,
            "given_name": user.given_name or None,
            "location": user.location or None,
            "is_free_account": True,
            "has_password_set": user.has_usable_password(),
        }
        body |= quota_views(quotas.bytes_of(namespace_id=user.namespace_id))
    if level >= Level.READ:
        body["organizations"] = []
        for membership in selectors.own_organizations(actor=actor):
            effective = min(membership.best_level, top)  # type: ignore[attr-defined] # annotated by the selector
            shown = {
                "name": membership.organization.slug,
                "avatar": organization_avatar(membership.organization),
                "can_create_repo": effective >= CREATOR,
                "public": False,
            }
            if level >= Level.ADMIN:
                shown |= {"is_org_admin": effective >= Level.ADMIN, "preferred_namespace": False}
            body["organizations"].append(shown)
    if is_superuser(actor):
        body["super_user"] = True
    if is_readonly_superuser(actor):
        body["global_readonly_super_user"] = True
    return body


class ChangeUser(serializers.Serializer[None]):
    """The body of ``PUT user/``."""

    password = Text(required=False)
    email = Text(required=False)
    invoice_email = Flag(required=False)
    invoice_email_address = Text(required=False, allow_null=True)
    tag_expiration_s = Whole(required=False, min_value=0)
    given_name = Text(required=False, allow_null=True, max_length=255)
    family_name = Text(required=False, allow_null=True, max_length=255)
    company = Text(required=False, allow_null=True, max_length=255)
    location = Text(required=False, allow_null=True, max_length=255)


class NewUser(serializers.Serializer[None]):
    """The body of ``POST user/``."""

    username = Text()
    password = Text()
    email = Text(required=False)
    invite_code = Text(required=False)


class OwnUser(QuayView):
    """``user/``: the caller's own account."""

    anonymous_always = True
    errors = {
        "put invalid": (400, MESSAGE),
        "put conflict": (400, MESSAGE),
        "post invalid": (400, MESSAGE),
        "post conflict": (400, MESSAGE),
        "post forbidden": (404, MESSAGE),
        "delete conflict": (400, MESSAGE),
    }

    @operation("getLoggedInUser", "user", scopes=[Scope.USER_READ])
    def get(self, request: Request) -> Response:
        """Return the caller; nobody, or a token that may not read her account, is a 401 (6.1)."""
        user = self.actor.user
        if user is None or account_level(self.actor, user) < Level.READ:
            words = "Requires authentication"
            return api_error(request, 401, "invalid_token", words, session_required=False)
        return Response(own_view(self.actor, user))

    @operation("changeUserDetails", "user", scopes=[Scope.USER_ADMIN], body=ChangeUser, internal=True)
    def put(self, request: Request) -> Response:
        """Change the caller's account."""
        require(self.actor, ACCOUNT_CHANGE)
        self.fresh()
        body = self.body(ChangeUser)
        user = services.change_own_account(actor=self.actor, changes=body)
        if body.get("password") is not None and self.actor.is_session:
            # A new password ends every session; this one goes on.
            start_session(self, user)
        return Response(own_view(self.actor, user))

    @operation("createNewUser", "user", body=NewUser, also=[404], internal=True)
    def post(self, request: Request) -> Response:
        """Sign up, where the instance lets anyone; a mailed link may come before the first sign-in."""
        if not settings.USER_CREATION:
            raise NotFound("User creation is disabled")
        body = self.body(NewUser)
        if settings.MAILING and not body.get("email"):
            raise Invalid("An e-mail address is required", field="email")
        code = body.pop("invite_code", "")
        wire_name(body["username"], of="user")
        user = services.sign_up(actor=self.actor, **body)
        if settings.MAILING and settings.VERIFY_EMAIL:
            # The code of an invitation is good until she signs in, who is not here yet.
            return Response({"awaiting_verification": True})
        start_session(self, user)
        if code:
            services.accept_if_invited(actor=self.actor, code=code)
        return Response(own_view(self.actor, user))

    @operation("deleteCurrentUser", "user", scopes=[Scope.USER_ADMIN], success=204, also=[400], internal=True)
    def delete(self, request: Request) -> Response:
        """Delete the caller's account."""
        require(self.actor, ACCOUNT_DELETE)
        self.fresh()
        if self.actor.user is None:
            raise Unauthenticated
        services.delete_user(actor=self.actor, user=self.actor.user)
        return Response(status=204)


class OtherUser(QuayView):
    """``GET users/{username}``: anybody may ask (6.2)."""

    errors = {"not_found": (404, MESSAGE)}

    @operation("getUserInformation", "user", also=[404])
    def get(self, request: Request, username: str) -> Response:
        """Return a person; oneself in full."""
        user = self.actor.user
        if user is not None and user.username == fold(username):
            if account_level(self.actor, user) < Level.READ:
                return Response({"anonymous": False, "username": user.username, "avatar": user_avatar(user)})
            return Response(own_view(self.actor, user))
        user = selectors.user(name=username)
        body: dict[str, Any] = {
            "anonymous": False,
            "username": user.username,
            "avatar": user_avatar(user),
        }
        if is_superuser(self.actor):
            # Of oneself alone, and so never here; that the key is there tells the caller what she is.
            body["super_user"] = False
        if is_readonly_superuser(self.actor):
            body["global_readonly_super_user"] = False
        return Response(body)

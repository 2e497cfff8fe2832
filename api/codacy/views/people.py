"""Who calls, her organizations, and her account API tokens (codacy.md 6.6, 7.1, 7.2, 7.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors
from api.codacy.constants import PROVIDERS, ROLES, TOKEN_DAYS_MAX, VERSION
from api.codacy.shapes import organization_view, person_view, token_view, user_view
from api.codacy.view import PAGE, SEARCH, BadParameter, CodacyView, page
from api.fields import Text
from api.openapi import describe
from api.schemas import TEXT, ref, under
from core.actor import Actor
from core.errors import NotFound, Unauthenticated
from core.paging import cut
from permissions.checks import is_superuser, organization_paths
from tokens import selectors as token_selectors
from tokens import services as tokens
from tokens.kinds import Kind

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import User


class Moment(Text):
    """A point of time in the future, at most a year ahead, with its offset from UTC."""

    def to_internal_value(self, data: Any) -> datetime:  # type: ignore[override]
        """Return the time."""
        text = super().to_internal_value(data)
        try:
            found = parse_datetime(text)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise serializers.ValidationError("it is no date and time with an offset")
        now = timezone.now()
        if not now < found <= now + timedelta(days=TOKEN_DAYS_MAX):
            raise serializers.ValidationError("it must lie ahead, at most one year")
        return found


class NewAccountToken(serializers.Serializer[None]):
    """The body that makes an account API token."""

    expiresAt = Moment(required=False, allow_blank=False)


class OfPerson(CodacyView):
    """A route for the person behind an account API token."""

    @property
    def person(self) -> User:
        """The person who calls."""
        if self.actor.user is None:
            raise Unauthenticated("An account API token is needed")
        return self.actor.user


class OwnUser(OfPerson):
    """``user``."""

    @describe("getUser", {200: under("data", ref("User"))})
    def get(self, request: Request) -> Response:
        """Return the person behind the token."""
        return Response({"data": user_view(self.person, is_admin=is_superuser(self.actor))})


class OwnOrganizations(OfPerson):
    """``user/organizations[/{provider}]``."""

    @describe(
        "listUserOrganizations", {200: ref("OrganizationPage")}, query=PAGE, path="/api/v3/user/organizations"
    )
    @describe(
        "listUserOrganizationsOfProvider",
        {200: ref("OrganizationPage")},
        also=[404],
        query=PAGE,
        path="/api/v3/user/organizations/{provider}",
    )
    def get(self, request: Request, provider: str = "") -> Response:
        """Return a page of the caller's organizations by name."""
        code = PROVIDERS.get(provider, "")
        if provider and not code:
            raise NotFound("Provider not found")
        limit, after = self.limit(), self.after()
        found = selectors.linked_organizations(actor=self.actor, provider=code)
        rows, is_more = cut(found.filter(slug__gt=after), limit)
        data = [organization_view(one) for one in rows]
        return page(data, limit=limit, after=rows[-1].slug if is_more else "")


class OwnOrganization(OfPerson):
    """``user/organizations/{provider}/{organization}``."""

    @describe("getUserOrganization", {200: under("data", ref("Organization"))}, also=[403, 404])
    def get(self, request: Request, provider: str, organization: str) -> Response:
        """Return one of the caller's organizations."""
        return Response({"data": organization_view(self.inside(provider, organization))})


class OneOrganization(CodacyView):
    """``organizations/{provider}/{organization}``."""

    @describe("getOrganization", {200: under("data", ref("OrganizationWithMeta"))}, also=[403, 404])
    def get(self, request: Request, provider: str, organization: str) -> Response:
        """Return an organization and the caller's role in it."""
        found = self.inside(provider, organization)
        best = max(organization_paths(self.actor, found), key=lambda path: path.level, default=None)
        role = {4: "owner", 3: "admin", 2: "creator"}.get(best.level if best else 0, "member")
        return Response(
            {
                "data": {
                    "organization": organization_view(found),
                    "membership": {"userRole": ROLES[role]},
                    "analysisConfigurationMinimumPermission": "admin",
                    "subscriptions": [],
                }
            }
        )


class People(CodacyView):
    """``organizations/{provider}/{organization}/people``."""

    @describe("listPeopleFromOrganization", {200: ref("PersonPage")}, also=[403, 404], query=[*PAGE, SEARCH])
    def get(self, request: Request, provider: str, organization: str) -> Response:
        """Return a page of the members by name; administrators see them."""
        found = self.inside(provider, organization)
        limit, after = self.limit(), self.after()
        rows, is_more = cut(
            selectors.people(
                actor=self.actor, organization=found, search=request.query_params.get("search", "")
            ).filter(user__username__gt=after),
            limit,
        )
        data = [person_view(row) for row in rows]
        return page(data, limit=limit, after=rows[-1].user.username if is_more else "")


class AccountTokens(OfPerson):
    """``user/tokens``."""

    @describe("getUserApiTokens", {200: ref("ApiTokenPage")}, query=PAGE)
    def get(self, request: Request) -> Response:
        """Return a page of the caller's tokens, newest first; of their values only the beginning is kept."""
        limit, after = self.limit(), self.after()
        found = token_selectors.own(actor=self.actor).filter(kind=Kind.ACCOUNT)
        if after:
            if not after.isascii() or not after.isdecimal() or len(after) > 18:
                raise BadParameter("The cursor is none of this list's")
            found = found.filter(pk__lt=int(after))
        rows, is_more = cut(found, limit)
        data = [token_view(row, f"{row.hint}…") for row in rows]
        return page(data, limit=limit, after=str(rows[-1].pk) if is_more else "")

    @describe(
        "createUserApiToken", {200: ref("ApiToken")}, also=[402, 409], body=NewAccountToken, optional=True
    )
    def post(self, request: Request) -> Response:
        """Make a token of the caller's; the answer is the bare token, and its value is told this once."""
        body = self.optional(NewAccountToken)
        credential, secret = tokens.create_token(
            actor=self.actor, kind=Kind.ACCOUNT, user=self.person, expires_at=body.get("expiresAt")
        )
        return Response(token_view(credential, secret))


class AccountToken(OfPerson):
    """``user/tokens/{id}``."""

    @describe("deleteUserApiToken", {204: None}, also=[404])
    def delete(self, request: Request, token_id: str) -> Response:
        """End one of the caller's tokens at once."""
        found = token_selectors.own(actor=self.actor).filter(kind=Kind.ACCOUNT, pk=int(token_id)).first()
        if found is None:
            raise NotFound("Token not found")
        tokens.revoke_token(actor=self.actor, credential=found)
        return Response(status=204)


class Anybody(CodacyView):
    """A route that asks nobody who calls."""

    anonymous = True
    counted = False
    schemes = ()

    def caller(self, request: Request) -> Actor:
        """Ask nobody."""
        return Actor()


class Version(Anybody):
    """``version``."""

    @describe("getVersion", {200: under("data", TEXT)})
    def get(self, request: Request) -> Response:
        """Return the version of the wire that is spoken."""
        return Response({"data": VERSION})


class Health(Anybody):
    """``health``."""

    @describe("health", {200: under("data", under("message", TEXT))})
    def get(self, request: Request) -> Response:
        """Tell whether calls are answered; ``/readyz`` tells more."""
        return Response({"data": {"message": "ok"}})

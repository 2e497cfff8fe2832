"""Repositories of an organization, and their API tokens (codacy.md 6.1 to 6.5 and 7.3)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from api.codacy.constants import PROVIDERS, TOKEN_NAME, TOKENS_MAX
from api.codacy.shapes import repository_view, token_view
from api.codacy.view import PAGE, SEARCH, BadParameter, CodacyView, page
from api.codacy.views.people import Moment
from api.fields import Text, Whole
from api.openapi import describe
from api.operation import Query
from api.schemas import listed, ref, under, words
from core import errors
from core.errors import Forbidden, Invalid, NotFound, SecondFactorMissing, Unauthenticated
from permissions.catalogue import ORGANIZATION_ADMINISTER, ORGANIZATION_READ, PROJECT_CHANGE
from permissions.checks import check, require, sees
from projects import selectors
from projects import services as projects
from projects.listed import page_by_name
from tokens import selectors as token_selectors
from tokens import services as tokens
from tokens.kinds import Kind

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Organization
    from projects.models import Project

FILTERS = (
    Query(
        "filter",
        "Those added here; those at the Git provider alone; or all that are added, for administrators",
        default="Synced",
        choices=("Synced", "NotSynced", "AllSynced"),
    ),
    Query("languages", "Names of languages, with commas between; nothing is analysed, and so nothing fits"),
    Query("segments", "Ids of segments, with commas between; nothing is segmented, and so nothing fits"),
)


class NewToken(serializers.Serializer[None]):
    """The newest form of the body that makes a repository API token; the classic form has none."""

    name = Text(required=False)
    expiresAt = Moment(required=False, allow_blank=False)


class Ids(serializers.Serializer[None]):
    """The body of a bulk deletion."""

    ids = serializers.ListField(child=Whole(), max_length=1000)


class NewRepository(serializers.Serializer[None]):
    """The body that adds a repository."""

    provider = Text()
    repositoryFullPath = Text()


class RepositoryView(CodacyView):
    """What the routes of repositories answer with."""

    def view(self, project: Project, organization: Organization) -> dict[str, Any]:
        """Return a repository as the caller sees it."""
        roles = selectors.levels(actor=self.actor, organization=organization, projects=[project])
        return repository_view(
            project,
            organization,
            permission=roles.get(project.pk, ""),
            is_followed=selectors.is_starred(actor=self.actor, project=project),
        )


class Repositories(CodacyView):
    """``organizations/{provider}/{organization}/repositories``."""

    anonymous = True

    @describe(
        "listOrganizationRepositories",
        {200: ref("RepositoryPage")},
        also=[401, 403, 404],
        query=[*PAGE, SEARCH, *FILTERS],
    )
    def get(self, request: Request, provider: str, organization: str) -> Response:
        """List a page of the repositories that the caller sees, by name; public ones to anybody."""
        found = self.linked(provider, organization)
        inside = check(self.actor, ORGANIZATION_READ, found)
        wanted = request.query_params.get("filter", "Synced")
        if wanted not in ("Synced", "NotSynced", "AllSynced"):
            raise BadParameter("filter must be Synced, NotSynced or AllSynced")
        if not inside and not self._shows_any(found):
            # Before anything else is looked at: whatever is asked for, nobody learns that it is here.
            sees(self.actor, ORGANIZATION_READ, found)
            raise NotFound("Organization not found")
        if wanted == "AllSynced":
            if self.actor.is_anonymous:
                raise Unauthenticated("An account API token is needed")
            if not sees(self.actor, ORGANIZATION_READ, found):
                raise NotFound("Organization not found")
            require(self.actor, ORGANIZATION_ADMINISTER, found)
        limit, after = self.limit(), self.after()
        if wanted == "NotSynced" or any(request.query_params.get(name) for name in ("languages", "segments")):
            # The Git provider is not asked, and nothing is analysed or segmented here.
            return page([], limit=limit, total=0)
        text = request.query_params.get("search", "")
        shown, is_more, total = page_by_name(
            actor=self.actor, organization=found, after=after, size=limit, search=text
        )
        roles = selectors.levels(actor=self.actor, organization=found, projects=shown)
        data = [
            repository_view(one, found, permission=roles.get(one.pk, ""), is_followed=one.is_starred)
            for one in shown
        ]
        return page(data, limit=limit, total=total, after=shown[-1].slug if is_more else "")

    def _shows_any(self, organization: Organization) -> bool:
        return bool(page_by_name(actor=self.actor, organization=organization, after="", size=1).projects)


class OneRepository(RepositoryView):
    """``organizations/{provider}/{organization}/repositories/{repository}``."""

    anonymous = True
    by_project = True
    schemes = ("accountToken", "repositoryToken")

    @describe("getRepository", {200: under("data", ref("Repository"))}, also=[403, 404])
    def get(self, request: Request, provider: str, organization: str, repository: str) -> Response:
        """Return a repository that the caller sees."""
        project = self.seen(provider, organization, repository)
        return Response({"data": self.view(project, project.namespace.organization)})

    @describe("deleteRepository", {204: None}, also=[403, 404])
    def delete(self, request: Request, provider: str, organization: str, repository: str) -> Response:
        """Delete a repository with its tokens."""
        if self.actor.user is None:
            raise Unauthenticated("An account API token is needed")
        project = self.seen(provider, organization, repository)
        projects.delete_project(actor=self.actor, project=project)
        return Response(status=204)


class AddRepository(RepositoryView):
    """``repositories``."""

    @describe("addRepository", {200: ref("Repository")}, also=[402, 403, 404, 409], body=NewRepository)
    def post(self, request: Request) -> Response:
        """Add a repository to an organization; the answer is the bare repository."""
        body = self.body(NewRepository)
        owner, _, name = body["repositoryFullPath"].partition("/")
        if body["provider"] not in PROVIDERS or not name:
            raise NotFound("Provider or repository not found")
        organization = self.inside(body["provider"], owner)
        try:
            project = projects.create_project(actor=self.actor, namespace=organization.namespace, slug=name)
        except Invalid as error:
            raise Invalid(error.message, field="repositoryFullPath") from error
        return Response(self.view(project, organization))


class Follow(RepositoryView):
    """``…/{repository}/follow``."""

    @describe("followRepository", {200: under("data", words("Following"))}, also=[403, 404])
    def post(self, request: Request, provider: str, organization: str, repository: str) -> Response:
        """Follow a repository; here it is starred."""
        project = self.seen(provider, organization, repository)
        projects.star_project(actor=self.actor, project=project)
        return Response({"data": "Following"})

    @describe("unfollowRepository", {204: None}, also=[403, 404])
    def delete(self, request: Request, provider: str, organization: str, repository: str) -> Response:
        """Follow a repository no more."""
        project = self.seen(provider, organization, repository)
        projects.unstar_project(actor=self.actor, project=project)
        return Response(status=204)


class TokenRoutes(CodacyView):
    """What the routes of a repository's tokens begin with: without the right it is not there."""

    statuses = {**CodacyView.statuses, errors.Conflict.code: 400}

    def administered(self, provider: str, organization: str, repository: str) -> Project:
        """Return a repository that the caller administers (codacy.md 3, visibility)."""
        try:
            return self.repository(provider, organization, repository, PROJECT_CHANGE)
        except SecondFactorMissing:
            raise
        except Forbidden as error:
            raise NotFound("Repository not found") from error


class RepositoryTokens(TokenRoutes):
    """``…/{repository}/tokens``."""

    @describe("listRepositoryApiTokens", {200: under("data", listed(ref("ApiToken")))}, also=[403, 404])
    def get(self, request: Request, provider: str, organization: str, repository: str) -> Response:
        """List the repository's tokens with their values, newest first."""
        project = self.administered(provider, organization, repository)
        found = token_selectors.of_project(actor=self.actor, project=project, kind=Kind.REPOSITORY)
        return Response({"data": [token_view(one, tokens.reveal(one)) for one in found]})

    @describe(
        "createRepositoryApiToken",
        {201: under("data", ref("ApiToken"))},
        also=[402, 403, 404],
        body=NewToken,
        optional=True,
    )
    def post(self, request: Request, provider: str, organization: str, repository: str) -> Response:
        """Make a token of the repository; without a body, or with a name and an end."""
        project = self.administered(provider, organization, repository)
        body = self.optional(NewToken)
        name = body.get("name", "")
        if "name" in body and not re.fullmatch(TOKEN_NAME, name):
            raise Invalid("letters, digits and dashes, at most 100", field="name")
        credential, secret = tokens.create_token(
            actor=self.actor,
            kind=Kind.REPOSITORY,
            project=project,
            title=name or f"token-{secrets.token_hex(4)}",
            expires_at=body.get("expiresAt"),
            at_most=TOKENS_MAX,
            distinct=True,
        )
        return Response({"data": token_view(credential, secret)}, status=201)


class RepositoryToken(TokenRoutes):
    """``…/{repository}/tokens/{id}``."""

    @describe("deleteRepositoryApiToken", {204: None}, also=[403, 404])
    def delete(
        self, request: Request, provider: str, organization: str, repository: str, token_id: str
    ) -> Response:
        """End a token of the repository at once."""
        project = self.administered(provider, organization, repository)
        found = token_selectors.of_project(actor=self.actor, project=project, kind=Kind.REPOSITORY)
        credential = found.filter(pk=int(token_id)).first()
        if credential is None:
            raise NotFound("Token not found")
        credential.project = project
        tokens.revoke_token(actor=self.actor, credential=credential)
        return Response(status=204)


class DeleteTokens(TokenRoutes):
    """``…/{repository}/tokens/delete``."""

    @describe("deleteRepositoryApiTokens", {204: None}, also=[403, 404], body=Ids)
    def post(self, request: Request, provider: str, organization: str, repository: str) -> Response:
        """End many tokens of the repository; ids that are none of its are passed over."""
        project = self.administered(provider, organization, repository)
        wanted = self.body(Ids)["ids"]
        found = token_selectors.of_project(actor=self.actor, project=project, kind=Kind.REPOSITORY)
        tokens.revoke_tokens(actor=self.actor, project=project, credentials=found.filter(pk__in=wanted))
        return Response(status=204)

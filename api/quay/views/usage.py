"""What projects take up: one's size, as robots report it, and that of everything (quay-b.md 6.4, 6.6).

Reporting sizes is Muster's own: images are stored elsewhere, and whoever stores them says how large they are.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Whole
from api.quay.dates import rfc2822
from api.quay.operation import operation
from api.quay.views.repositories import RepositoryPart
from api.quay.views.superuser import SuperuserView
from core.actor import Actor
from permissions.catalogue import INSTANCE_READ, PROJECT_READ, PROJECT_USAGE_REPORT, QUOTA_MANAGE, Scope
from projects import services as projects
from quotas import selectors, services
from tokens.kinds import Kind

if TYPE_CHECKING:
    from rest_framework.request import Request

    from projects.models import Project


class Size(serializers.Serializer[None]):
    """The body of a report."""

    size_bytes = Whole()


def usage_view(project: Project) -> dict[str, Any]:
    """Return what a project takes up, and since when that is known."""
    return {"size_bytes": project.size_bytes, "last_reported": rfc2822(project.size_reported_at)}


class RepositoryUsage(RepositoryPart):
    """``repository/{repository}/usage``: the one resource that takes robots' tokens.

    They come as a bearer token, or as name and password the way registries take them: ``acme+ci`` and the
    token.
    """

    token_kinds = (Kind.OAUTH, Kind.ROBOT)

    @operation("getRepoUsage", "repository", scopes=[Scope.REPO_READ], anybody=True, also=[401, 403, 404])
    def get(self, request: Request, repository: str) -> Response:
        """Return the size of the repository as it was last reported."""
        return Response(usage_view(self.project(repository, PROJECT_READ)))

    @operation("reportRepoUsage", "repository", scopes=[Scope.SUPER_USER], body=Size, also=[404])
    def put(self, request: Request, repository: str) -> Response:
        """Report the size of the repository, as a robot that is admin of it, or as a superuser."""
        right = QUOTA_MANAGE if self.actor.robot is None else PROJECT_USAGE_REPORT
        project = self.project(repository, right)
        body = self.body(Size)
        return Response(usage_view(projects.report_usage(actor=self.actor, project=project, **body)))

    def _caller(self, request: Request) -> Actor:
        scheme, _, sent = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "basic":
            return super()._caller(request)
        name, token = _name_and_token(sent)
        actor = self._by_token(request, token)
        if actor.robot is None or actor.robot.full_name != name:
            actor = Actor()
            if request.method not in ("GET", "HEAD"):
                self._check_csrf(request)
        return actor

    def _by_token(self, request: Request, secret: str) -> Actor:
        actor = super()._by_token(request, secret)
        if actor.robot is None:
            return actor
        # A robot's token has no scopes: here it may do what the robot may do with repositories.
        return replace(actor, scopes=frozenset({Scope.REPO_ADMIN.value}))


def _name_and_token(sent: str) -> tuple[str, str]:
    try:
        name, _, token = b64decode(sent.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return name, token


class InstanceSize(SuperuserView):
    """``superuser/registrysize/``."""

    @operation("getRegistrySize", "superuser", scopes=[Scope.SUPER_USER])
    def get(self, request: Request) -> Response:
        """Return the size of the whole registry as it was counted last, and whether it is being counted
        now.
        """
        self.may(INSTANCE_READ)
        found = selectors.registry_size(actor=self.actor)
        return Response(
            {
                "size_bytes": found.size_bytes,
                "last_ran": None if found.ran_at is None else int(found.ran_at.timestamp() * 1000),
                "queued": found.status == "queued",
                "running": found.status == "running",
            }
        )

    @operation("countRegistrySize", "superuser", scopes=[Scope.SUPER_USER], success=201, also=[202])
    def post(self, request: Request) -> Response:
        """Have the size of the whole registry counted; 201, or 202 where that is queued or running
        already.
        """
        self.may(QUOTA_MANAGE)
        is_news = services.request_registry_size(actor=self.actor)
        return Response("", status=201 if is_news else 202)

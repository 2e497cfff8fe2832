"""Finding repositories, and what has to do with them, by what people type (quay-b.md 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rest_framework.response import Response

from api.quay.operation import Query, operation
from api.quay.shapes import organization_avatar, team_avatar, user_avatar
from api.quay.view import QuayView
from permissions.catalogue import Scope
from projects import search, selectors

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Namespace, Robot, Team
    from projects.models import Project

PAGE, LAST_PAGE, OF_EACH = 10, 10, 5
TEAM, REPOSITORY, ENTITY = 2, 4, 1  # what a finding of each kind scores
TEXT = Query("query", "What to find")
PAGE_NUMBER = Query("page", "Which page, from 1 to 10", "integer", default=1)
USAGE = Query("includeUsage", "Whether to tell stars and popularity", "boolean", default=False)


def namespace_view(namespace: Namespace, score: float = ENTITY) -> dict[str, Any]:
    """Return a namespace as a finding."""
    if namespace.kind == "organization":
        kind, path, title = "organization", f"/organization/{namespace.name}", "org"
        avatar = organization_avatar(namespace.organization)
    else:
        kind, path, title = "user", f"/user/{namespace.name}", "user"
        avatar = user_avatar(namespace.user)
    return {
        "title": title,
        "kind": kind,
        "avatar": avatar,
        "name": namespace.name,
        "score": score,
        "href": path,
    }


def repository_view(project: Project, score: float = REPOSITORY) -> dict[str, Any]:
    """Return a repository as a finding."""
    return {
        "kind": "repository",
        "title": "repo",
        "namespace": namespace_view(project.namespace),
        "name": project.slug,
        "description": project.description,
        "is_public": project.visibility == "public",
        "score": score,
        "href": f"/repository/{project.full_name}",
    }


def team_view(team: Team, score: float) -> dict[str, Any]:
    """Return a team as a finding."""
    organization = team.organization
    organization.namespace.organization = organization
    return {
        "kind": "team",
        "name": team.slug,
        "organization": namespace_view(organization.namespace),
        "avatar": team_avatar(team),
        "score": score,
        "href": f"/organization/{organization.slug}/teams/{team.slug}",
    }


def robot_view(robot: Robot, score: float) -> dict[str, Any]:
    """Return a robot as a finding; it has no avatar here."""
    space = robot.namespace
    path = "organization" if space.kind == "organization" else "user"
    return {
        "title": "robot",
        "kind": "robot",
        "avatar": None,
        "name": robot.full_name,
        "score": score,
        "href": f"/{path}/{space.name}?tab=robots&showRobot={quote(robot.full_name)}",
        "short_name": robot.shortname,
    }


def _typed_as(robot: Robot, text: str) -> str:
    return robot.full_name if "+" in text else robot.shortname


class FindRepositories(QuayView):
    """``find/repositories``."""

    @operation(
        "conductRepoSearch",
        "search",
        scopes=[Scope.REPO_READ],
        anybody=True,
        also=[400],
        query=[TEXT, PAGE_NUMBER, USAGE],
    )
    def get(self, request: Request) -> Response:
        """Search among the repositories that the caller sees, by a piece of their name or description."""
        page = min(max(self.whole(PAGE_NUMBER.name, PAGE_NUMBER.about, default=1) or 1, 1), LAST_PAGE)
        start = (page - 1) * PAGE
        text = request.query_params.get("query", "")
        rows = search.search(actor=self.actor, text=text, start=start, count=PAGE + 1)
        shown = rows[:PAGE]
        views = [repository_view(project) for project in shown]
        if self.flag("includeUsage"):
            marked, used = search.stars(projects=shown), selectors.popularity(projects=shown)
            for project, view in zip(shown, views, strict=True):
                # Without content nothing was modified, and then the key is left out.
                view |= {
                    "stars": marked.get(project.pk, 0),
                    "popularity": float(used.get(project.pk, 0)),
                }
        body = {
            "results": views,
            "has_additional": len(rows) > PAGE,
            "page": page,
            "page_size": PAGE,
            "start_index": start,
        }
        return Response(body)


class FindAll(QuayView):
    """``find/all``."""

    @operation("conductSearch", "search", scopes=[Scope.REPO_READ], anybody=True, query=[TEXT])
    def get(self, request: Request) -> Response:
        """Search in everything the caller sees; at most five each of the teams, robots, repositories and
        namespaces that hold a text.
        """
        text = request.query_params.get("query", "").strip()
        if not text:
            return Response({"results": []})
        name = text.partition("/")[2] or text
        views = [
            team_view(team, TEAM * search.closeness(team.slug, text))
            for team in search.teams(actor=self.actor, text=text)[:OF_EACH]
        ]
        views += [
            robot_view(robot, ENTITY * search.closeness(_typed_as(robot, text), text))
            for robot in search.robots(actor=self.actor, text=text)[:OF_EACH]
        ]
        views += [
            repository_view(project, REPOSITORY * search.closeness(project.slug, name))
            for project in search.search(actor=self.actor, text=text, count=OF_EACH)
        ]
        views += [
            namespace_view(space, ENTITY * search.closeness(space.name, text))
            for space in search.namespaces(actor=self.actor, text=text)[:OF_EACH]
        ]
        return Response({"results": sorted(views, key=lambda view: -view["score"])})

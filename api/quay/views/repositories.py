"""Repositories (quay-b.md 1.1 to 1.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import get_resolver
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Text, Word
from api.quay.content_shapes import repository_tag_view
from api.quay.errors import EMPTY, MESSAGE
from api.quay.operation import NEXT_PAGE, Query, operation
from api.quay.view import QuayView
from core.errors import Invalid
from core.names import is_project_name
from core.paging import cut, page_token, read_token
from permissions.catalogue import (
    PROJECT_CHANGE,
    PROJECT_CREATE,
    PROJECT_DELETE,
    PROJECT_READ,
    PROJECT_WRITE,
    Level,
    Scope,
)
from permissions.checks import project_level
from projects import content, selectors, services
from projects.content import TagsWanted
from projects.listed import ListedProject, page_of_namespace
from quotas import selectors as quotas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from core.actor import Actor
    from projects.models import Project

PAGE, STARRED_PAGE = 100, 99
TAGS = 500

LISTED = [
    Query("namespace", "Whose repositories alone are meant"),
    Query("public", "Whether to list public repositories of others, too", "boolean", default=False),
    Query("starred", "Whether to list the caller's starred repositories alone", "boolean", default=False),
    Query("last_modified", "Whether to tell when the content last changed", "boolean", default=False),
    Query("popularity", "Whether to tell how much was done in the last days", "boolean", default=False),
    Query("repo_kind", "The kind of repository", default="image", choices=("image",)),
    NEXT_PAGE,
]
SHOWN = [
    Query("includeTags", "Whether to tell the tags", "boolean", default=True),
    Query("includeStats", "Whether to tell what was done on each of the last days", "boolean", default=False),
]


def page_after(token: str) -> int:
    """Return the key after which a page begins; 0 for the first page, and for a token of something else."""
    key = read_token(token).get("after")
    return key if isinstance(key, int) and 0 <= key < 2**63 else 0


def repository_view(actor: Actor, project: Project) -> dict[str, Any]:
    """Return one repository as its own resource shows it (1.3)."""
    namespace = project.namespace
    is_organization = namespace.kind == "organization"
    owner = namespace.organization if is_organization else namespace.user
    level = project_level(actor, project)
    return {
        "namespace": namespace.name,
        "name": project.slug,
        "kind": "image",
        "description": project.description,
        "is_public": project.visibility == "public",
        "is_organization": is_organization,
        "is_starred": selectors.is_starred(actor=actor, project=project),
        "status_token": "" if project.visibility == "public" else str(project.badge),
        "trust_enabled": False,
        "tag_expiration_s": owner.tag_expiration_s,
        "is_free_account": True,
        "state": project.state,
        "can_write": level >= Level.WRITE and project.state == "NORMAL",
        "can_admin": level >= Level.ADMIN,
    }


def listed_views(
    view: QuayView, projects: Sequence[ListedProject], newest: Mapping[int, datetime] | None = None
) -> list[dict[str, Any]]:
    """Return the items of the repository list (1.2), with when content changed where ``newest`` is given.

    Two queries more at any size.
    """
    popular: dict[int, int] = {}
    shows_popularity = view.flag("popularity")
    if shows_popularity:
        popular = selectors.popularity(projects=projects)
    limits: dict[int, int | None] = {}
    if settings.QUOTA_MANAGEMENT:
        found = quotas.bytes_of_many(namespaces={project.namespace_id for project in projects})
        limits = {key: quota.configured for key, quota in found.items()}
    items = []
    for project in projects:
        item: dict[str, Any] = {
            "namespace": project.namespace,
            "name": project.slug,
            "description": project.description,
            "is_public": project.visibility == "public",
            "kind": "image",
            "state": project.state,
        }
        if newest is not None:
            item["last_modified"] = int(newest[project.pk].timestamp()) if project.pk in newest else None
        if shows_popularity:
            item["popularity"] = float(popular.get(project.pk, 0))
        if view.actor.user is not None:
            item["is_starred"] = project.is_starred
        if settings.QUOTA_MANAGEMENT:
            configured = limits.get(project.namespace_id)
            item["quota_report"] = {"quota_bytes": project.size_bytes, "configured_quota": configured}
        items.append(item)
    return items


class NewRepository(serializers.Serializer[None]):
    """The body of repository creation; the namespace is the caller's own where none is given."""

    repository = Text()
    visibility = Word("public", "private")
    description = Text()
    namespace = Text(required=False)
    repo_kind = Word("image", required=False, allow_null=True)


class Repositories(QuayView):
    """``repository``."""

    errors = {"get invalid:starred": (400, MESSAGE), "get invalid:repo_kind": (400, MESSAGE)}

    @operation("listRepos", "repository", scopes=[Scope.REPO_READ], anybody=True, also=[400], query=LISTED)
    def get(self, request: Request) -> Response:
        """List the repositories that the caller sees, a hundred at a time, oldest first."""
        namespace = request.query_params.get("namespace", "")
        starred, public = self.flag("starred"), self.flag("public")
        if not (namespace or starred or public):
            raise Invalid("One of namespace, starred and public must be given")
        if starred and self.actor.is_anonymous:
            raise Invalid("Nobody is signed in whose stars could be listed", field="starred")
        if request.query_params.get("repo_kind", "image") != "image":
            raise Invalid("Only repositories of the kind image are known", field="repo_kind")
        after = page_after(request.query_params.get("next_page", ""))
        shows_last, newest = self.flag("last_modified"), None
        if namespace and not (starred or public or shows_last):
            rows = page_of_namespace(actor=self.actor, namespace=namespace, after=after, size=PAGE + 1)
            rows, is_more = rows[:PAGE], len(rows) > PAGE
        else:
            found = selectors.projects(actor=self.actor, namespace=namespace, public=public, starred=starred)
            found = found.filter(pk__gt=0 if starred else after)
            shown, is_more = cut(found, STARRED_PAGE if starred else PAGE)
            newest = content.here().last_modified(shown) if shows_last else None
            rows = [ListedProject.of(project) for project in shown]
        body: dict[str, Any] = {"repositories": listed_views(self, rows, newest)}
        if is_more and not starred:
            body["next_page"] = page_token({"after": rows[-1].pk})
        return Response(body)

    @operation(
        "createRepo", "repository", scopes=[Scope.REPO_CREATE], body=NewRepository, success=201, also=[404]
    )
    def post(self, request: Request) -> Response:
        """Create a repository; a person who makes one gets an explicit admin permission."""
        body = self.body(NewRepository)
        if self.actor.user is None:
            raise Invalid("Sign in to create a repository")
        namespace = self.namespace(body.get("namespace", self.actor.user.username), PROJECT_CREATE)
        if not is_project_name(body["repository"]):
            raise Invalid("Invalid repository name", field="repository")
        project = services.create_project(
            actor=self.actor,
            namespace=namespace,
            slug=body["repository"],
            description=body["description"],
            visibility=body["visibility"],
        )
        return Response({"namespace": namespace.name, "name": project.slug, "kind": "image"}, status=201)


class Description(serializers.Serializer[None]):
    """The body of a repository's change; nothing else can be changed there."""

    description = Text()


class OneRepository(QuayView):
    """``repository/{repository}``: also what no ending below a repository serves (0.1)."""

    errors = {"delete not_found": (204, EMPTY)}

    @operation(
        "getRepo", "repository", scopes=[Scope.REPO_READ], anybody=True, also=[401, 403, 404], query=SHOWN
    )
    def get(self, request: Request, repository: str) -> Response:
        """Return the repository; its statistics count its entries in the usage log."""
        project = self.project(repository, PROJECT_READ)
        body = repository_view(self.actor, project)
        if self.flag("includeTags", default=True):
            tags = content.here().tags(project, TagsWanted(living=True, limit=TAGS))
            body["tags"] = {tag.name: repository_tag_view(tag) for tag in tags}
        if self.flag("includeStats"):
            days = selectors.activity(project=project)
            body["stats"] = [{"date": day.isoformat(), "count": count} for day, count in days.items()]
        return Response(body)

    @operation("updateRepo", "repository", scopes=[Scope.REPO_WRITE], body=Description, also=[404])
    def put(self, request: Request, repository: str) -> Response:
        """Change the repository's description."""
        project = self.project(repository, PROJECT_WRITE)
        services.set_description(actor=self.actor, project=project, **self.body(Description))
        return Response({"success": True})

    @operation("deleteRepository", "repository", scopes=[Scope.REPO_ADMIN], success=204)
    def delete(self, request: Request, repository: str) -> Response:
        """Delete the repository; a missing one is gone already, for who administers the namespace."""
        services.delete_project(actor=self.actor, project=self.project(repository, PROJECT_DELETE))
        return Response(status=204)


class RepositoryPart(QuayView):
    """Something below a repository. A method that it lacks goes to the next rule for the path (0.1)."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Look for a rule of this path and method; the bare one takes the whole path as a nested name."""
        method = (request.method or "").lower()
        if hasattr(self, method):
            return super().dispatch(request, *args, **kwargs)
        path = request.path_info.partition("/repository/")[2].rstrip("/")
        answer: HttpResponseBase
        for rule in get_resolver("api.quay.urls").url_patterns:
            match = rule.resolve(f"repository/{path}")
            view = getattr(match and match.func, "view_class", QuayView)
            if match is not None and issubclass(view, RepositoryPart) and hasattr(view, method):
                answer = view.as_view()(request, **match.kwargs)
                return answer
        answer = OneRepository.as_view()(request, repository=path)
        return answer


class Visibility(serializers.Serializer[None]):
    """The body of ``changevisibility``."""

    visibility = Word("public", "private")


class ChangeVisibility(RepositoryPart):
    """``repository/{repository}/changevisibility``."""

    @operation("changeRepoVisibility", "repository", scopes=[Scope.REPO_ADMIN], body=Visibility, also=[404])
    def post(self, request: Request, repository: str) -> Response:
        """Make the repository public or private."""
        project = self.project(repository, PROJECT_CHANGE)
        services.set_visibility(actor=self.actor, project=project, **self.body(Visibility))
        return Response({"success": True})


class State(serializers.Serializer[None]):
    """The body of ``changestate``."""

    state = Word("NORMAL", "READ_ONLY", "MIRROR")


class ChangeState(RepositoryPart):
    """``repository/{repository}/changestate``."""

    @operation("changeRepoState", "repository", scopes=[Scope.REPO_ADMIN], body=State, also=[404])
    def put(self, request: Request, repository: str) -> Response:
        """Set what may be done with the repository's content."""
        project = self.project(repository, PROJECT_CHANGE)
        services.set_state(actor=self.actor, project=project, **self.body(State))
        return Response({"success": True})

"""Copies of other registries: mirrors of a repository, caches of an organization (quay-b.md 8.5, 8.6)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors as accounts
from api.fields import Flag, Text, Whole, Word
from api.quay.content_shapes import shown
from api.quay.operation import operation
from api.quay.view import QuayView
from api.quay.views.builds import ContentPart
from core.errors import Conflict
from permissions.catalogue import (
    CONTENT_ADMINISTER,
    CONTENT_MANAGE,
    PROXY_CACHE_CHANGE,
    PROXY_CACHE_READ,
    Scope,
)
from projects import content, services
from projects.content import Change, Verb, known

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Namespace
    from projects.models import Project

SHORTEST_TIMEOUT = 300
REFERENCE = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._-]+)+")
ARCHITECTURES = ("amd64", "arm64", "ppc64le", "s390x")
NO_CACHE = {"upstream_registry": "", "expiration_s": "", "insecure": ""}


class Reference(Text):
    """An image of another registry: host, port if it needs one, and path; no scheme."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse what names no image."""
        reference = super().to_internal_value(data)
        if not REFERENCE.fullmatch(reference):
            raise serializers.ValidationError("external_reference must be host/path, without a scheme")
        return reference


class Moment(Text):
    """A time in UTC, to the second: ``2025-03-01T12:00:00Z``."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse every other spelling."""
        text = super().to_internal_value(data)
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII):
            raise serializers.ValidationError("the time must look like 2025-03-01T12:00:00Z")
        try:
            datetime.fromisoformat(text)
        except ValueError as error:
            raise serializers.ValidationError(f"there is no such time: {error}") from error
        return text


class TagRule(serializers.Serializer[None]):
    """Which tags are copied."""

    rule_kind = Word("tag_glob_csv")
    rule_value = serializers.ListField(child=Text(), allow_empty=False)


class Proxy(serializers.Serializer[None]):
    """Through what the other registry is reached."""

    http_proxy = Text(required=False, allow_null=True)
    https_proxy = Text(required=False, allow_null=True)
    no_proxy = Text(required=False, allow_null=True)


class RegistryConfig(serializers.Serializer[None]):
    """How the other registry is reached."""

    verify_tls = Flag(required=False)
    unsigned_images = Flag(required=False)
    proxy = Proxy(required=False)


class MirrorChange(serializers.Serializer[None]):
    """The body that changes a mirror."""

    is_enabled = Flag(required=False)
    external_reference = Reference(required=False)
    external_registry_username = Text(required=False, allow_null=True)
    external_registry_password = Text(required=False, allow_null=True)
    external_registry_config = RegistryConfig(required=False)
    sync_interval = Whole(required=False, min_value=0)
    sync_start_date = Moment(required=False)
    root_rule = TagRule(required=False)
    robot_username = Text(required=False)
    skopeo_timeout_interval = Whole(required=False, min_value=SHORTEST_TIMEOUT)
    architecture_filter = serializers.ListField(child=Word(*ARCHITECTURES), required=False, allow_null=True)


class NewMirror(MirrorChange):
    """The body that makes a mirror."""

    external_reference = Reference()
    sync_interval = Whole(min_value=0)
    sync_start_date = Moment()
    root_rule = TagRule()
    robot_username = Text(allow_blank=False)
    skopeo_timeout_interval = Whole(min_value=SHORTEST_TIMEOUT)


class MirrorPart(ContentPart):
    """What is done with a repository's mirror."""

    def act(self, project: Project, verb: Verb, given: dict[str, Any]) -> None:
        """Do something to the mirror of a project. Raises NotFound."""
        known(content.here().mirror(project), "mirror")
        services.change_content(actor=self.actor, project=project, change=Change(verb, given=given))


class OneMirror(MirrorPart):
    """``repository/{repository}/mirror``."""

    errors = {"conflict:mirror": (409, {"detail": "The repository is mirrored already"})}

    @operation("getRepoMirrorConfig", "mirror", scopes=[Scope.REPO_ADMIN], also=[404])
    def get(self, request: Request, repository: str) -> Response:
        """Return from where the repository is copied; its password never."""
        project = self.project(repository, CONTENT_ADMINISTER)
        return Response(shown(known(content.here().mirror(project), "mirror")))

    @operation(
        "createRepoMirrorConfig",
        "mirror",
        scopes=[Scope.REPO_ADMIN],
        body=NewMirror,
        success=201,
        also=[404, 409],
    )
    def post(self, request: Request, repository: str) -> Response:
        """Copy the repository from another registry from now on."""
        project = self.project(repository, CONTENT_MANAGE)
        body = self.body(NewMirror)
        if content.here().mirror(project) is not None:
            raise Conflict("The repository is mirrored already", field="mirror")
        services.change_content(
            actor=self.actor, project=project, change=Change(Verb.CREATE_MIRROR, given=body)
        )
        return Response("", status=201)

    @operation(
        "changeRepoMirrorConfig",
        "mirror",
        scopes=[Scope.REPO_ADMIN],
        body=MirrorChange,
        success=201,
        also=[404],
    )
    def put(self, request: Request, repository: str) -> Response:
        """Change how the repository is copied."""
        project = self.project(repository, CONTENT_MANAGE)
        self.act(project, Verb.CHANGE_MIRROR, self.body(MirrorChange))
        return Response("", status=201)


class SyncMirror(MirrorPart):
    """``repository/{repository}/mirror/sync-now``."""

    @operation("syncNow", "mirror", scopes=[Scope.REPO_ADMIN], success=204, also=[404])
    def post(self, request: Request, repository: str) -> Response:
        """Copy the repository from its source now."""
        self.act(self.project(repository, CONTENT_MANAGE), Verb.SYNC_MIRROR, {})
        return Response(status=204)


class CancelSync(MirrorPart):
    """``repository/{repository}/mirror/sync-cancel``."""

    @operation("syncCancel", "mirror", scopes=[Scope.REPO_ADMIN], success=204, also=[404])
    def post(self, request: Request, repository: str) -> Response:
        """Stop the copying that is under way."""
        self.act(self.project(repository, CONTENT_MANAGE), Verb.CANCEL_SYNC, {})
        return Response(status=204)


class Upstream(serializers.Serializer[None]):
    """The body that names another registry for a cache."""

    upstream_registry = Text(allow_blank=False)
    upstream_registry_username = Text(required=False, allow_null=True)
    upstream_registry_password = Text(required=False, allow_null=True)
    expiration_s = Whole(required=False, min_value=0)
    insecure = Flag(required=False)


class ProxyCachePart(QuayView):
    """What is done with an organization's cache of another registry; the body is checked first."""

    def free(self, orgname: str) -> Namespace:
        """Return a namespace that has no cache so far, on which the caller has the right to make one."""
        space = accounts.namespace(actor=self.actor, name=orgname, right=PROXY_CACHE_CHANGE)
        if content.here().proxy_cache(space) is not None:
            raise Conflict("The organization caches a registry already")
        return space

    def act(self, space: Namespace, verb: Verb, given: dict[str, Any]) -> Any:
        """Do something to the cache of a namespace."""
        return services.change_proxy_cache(
            actor=self.actor, namespace=space, change=Change(verb, given=given)
        )


class ProxyCache(ProxyCachePart):
    """``organization/{orgname}/proxycache``."""

    # Clients read no cache out of three empty strings, also where there is no organization (8.6).
    errors = {"get not_found": (200, NO_CACHE)}

    @operation("getProxyCacheConfig", "organization", scopes=[Scope.ORG_ADMIN])
    def get(self, request: Request, orgname: str) -> Response:
        """Return which other registry the organization shows as its own."""
        space = accounts.namespace(actor=self.actor, name=orgname, right=PROXY_CACHE_READ)
        return Response(shown(known(content.here().proxy_cache(space), "proxy cache")))

    @operation(
        "createProxyCacheConfig",
        "organization",
        scopes=[Scope.ORG_ADMIN],
        body=Upstream,
        success=201,
        also=[404],
    )
    def post(self, request: Request, orgname: str) -> Response:
        """Show another registry as the organization's own from now on."""
        body = self.body(Upstream)
        self.act(self.free(orgname), Verb.CREATE_PROXY_CACHE, body)
        return Response("Created", status=201)

    @operation("deleteProxyCacheConfig", "organization", scopes=[Scope.ORG_ADMIN], success=201, also=[404])
    def delete(self, request: Request, orgname: str) -> Response:
        """Show no other registry as the organization's own any more."""
        space = accounts.namespace(actor=self.actor, name=orgname, right=PROXY_CACHE_CHANGE)
        known(content.here().proxy_cache(space), "proxy cache")
        self.act(space, Verb.DELETE_PROXY_CACHE, {})
        return Response("Deleted", status=201)


class ValidateProxyCache(ProxyCachePart):
    """``organization/{orgname}/validateproxycache``."""

    @operation(
        "validateProxyCacheConfig",
        "organization",
        scopes=[Scope.ORG_ADMIN],
        body=Upstream,
        success=202,
        also=[404],
    )
    def post(self, request: Request, orgname: str) -> Response:
        """Try to reach another registry: ``Valid``, or ``Anonymous`` where it wants a sign-in."""
        body = self.body(Upstream)
        return Response(self.act(self.free(orgname), Verb.TRY_PROXY_CACHE, body), status=202)

"""Tags, manifests, labels and what scans of them found (quay-b.md 8.3, 8.4 and 8.7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Flag, Number, Text, Word
from api.quay.content_shapes import manifest_view, shown, tag_view
from api.quay.errors import MESSAGE
from api.quay.operation import Query, operation
from api.quay.views.builds import STATE, ContentPart
from core.errors import Invalid
from permissions.catalogue import CONTENT_CHANGE, CONTENT_MANAGE, PROJECT_READ, Scope
from permissions.checks import require
from projects import content, services
from projects.content import Change, TagsWanted, Verb, known

if TYPE_CHECKING:
    from rest_framework.request import Request

    from api.quay.errors import Shape

PAGE, LONGEST, LAST_PAGE = 50, 100, 10**6
LIMIT = "Limit to the number of results to return per page. Max 100."
NUMBER = "Page index for the results. Default 1."
LISTED = [
    Query("limit", LIMIT, "integer", PAGE),
    Query("page", NUMBER, "integer", 1),
    Query("specificTag", "The tag to return alone"),
    Query("filter_tag_name", "Return the tags by name: like:WORD or eq:NAME"),
    Query("onlyActiveTags", "Leave out the tags of the past", "boolean", default=False),
]
FILTERED = Query("filter", "Return the labels whose key begins with this")
SHOWN = Query("vulnerabilities", "Tell which vulnerabilities were found", "boolean", default=False)
TAG_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LABEL_KEY = re.compile(r"[a-z0-9](([a-z0-9]|[-.](?![.-]))*[a-z0-9])?")
LABEL_MOST = 255
FURTHEST = 2**40
# What cannot be done to a tag that was made immutable, and what its repository's state forbids.
FIXED: dict[str, tuple[int, Shape]] = STATE | {"conflict:immutable": (409, "tag_immutable")}
RESERVED = ("com.docker.", "io.docker.", "org.dockerproject.", "org.opencontainers.")


class Tags(ContentPart):
    """``repository/{repository}/tag/``."""

    errors = STATE | {"get invalid:filter_tag_name": (400, MESSAGE)}

    @operation(
        "listRepoTags", "tag", scopes=[Scope.REPO_READ], anybody=True, also=[400, 401, 403, 404], query=LISTED
    )
    def get(self, request: Request, repository: str) -> Response:
        """Return a page of tags, the newest first; of all times, unless only the living are asked for."""
        asked = request.query_params
        project = self.project(repository, PROJECT_READ)
        limit = min(max(self.whole("limit", LIMIT, default=PAGE) or 1, 1), LONGEST)
        page = min(max(self.whole("page", NUMBER, default=1) or 1, 1), LAST_PAGE)
        how, colon, word = asked.get("filter_tag_name", "").partition(":")
        if asked.get("filter_tag_name") and not (colon and how in ("like", "eq")):
            raise Invalid("filter_tag_name must be like:WORD or eq:NAME", field="filter_tag_name")
        wanted = TagsWanted(
            name=asked.get("specificTag") or (word if how == "eq" else ""),
            like=word if how == "like" else "",
            living=self.flag("onlyActiveTags"),
            offset=(page - 1) * limit,
            limit=limit + 1,
        )
        found = content.here().tags(project, wanted)
        views = [tag_view(tag) for tag in found[:limit]]
        return Response({"tags": views, "page": page, "has_additional": len(found) > limit})


class TagChange(serializers.Serializer[None]):
    """The body of a tag's change."""

    manifest_digest = Text(required=False, allow_null=True)
    expiration = Number(required=False, allow_null=True)
    immutable = Flag(required=False)

    def validate_expiration(self, when: float | None) -> float | None:
        """Refuse what is no second of any calendar."""
        if when is not None and abs(when) > FURTHEST:
            raise serializers.ValidationError("the time is too far away")
        return when


class OneTag(ContentPart):
    """``repository/{repository}/tag/{tag}``."""

    errors = FIXED | {"put invalid:tag": (400, MESSAGE)}

    @operation(
        "changeTag", "tag", scopes=[Scope.REPO_WRITE], body=TagChange, success=201, also=[404, 409, 503]
    )
    def put(self, request: Request, repository: str, tag: str) -> Response:
        """Set a tag to a manifest, or change how long it lives; only admins make it changeable again."""
        project = self.changing(repository, CONTENT_CHANGE)
        body = self.body(TagChange)
        if body.get("immutable") is False:
            require(self.actor, CONTENT_MANAGE, project)
        if not TAG_NAME.fullmatch(tag):
            raise Invalid("A tag's name has up to 128 letters, digits and _ . - after the first", field="tag")
        if body.get("manifest_digest") is not None:
            known(content.here().manifest(project, body["manifest_digest"]), "manifest")
        else:
            known(content.here().tag(project, tag), "tag")
        services.change_content(actor=self.actor, project=project, change=Change(Verb.CHANGE_TAG, tag, body))
        return Response("Updated", status=201)

    @operation("deleteFullTag", "tag", scopes=[Scope.REPO_WRITE], success=204, also=[404, 409, 503])
    def delete(self, request: Request, repository: str, tag: str) -> Response:
        """Delete a tag."""
        project = self.changing(repository, CONTENT_CHANGE)
        known(content.here().tag(project, tag), "tag")
        services.change_content(actor=self.actor, project=project, change=Change(Verb.DELETE_TAG, tag))
        return Response(status=204)


class Restoration(serializers.Serializer[None]):
    """The body that sets a tag to a manifest it had before."""

    manifest_digest = Text()


class RestoreTag(ContentPart):
    """``repository/{repository}/tag/{tag}/restore``."""

    errors = FIXED

    @operation("restoreTag", "tag", scopes=[Scope.REPO_WRITE], body=Restoration, also=[404, 409, 503])
    def post(self, request: Request, repository: str, tag: str) -> Response:
        """Set a tag to a manifest it had before."""
        project = self.changing(repository, CONTENT_CHANGE)
        body = self.body(Restoration)
        known(content.here().manifest(project, body["manifest_digest"]), "manifest")
        services.change_content(actor=self.actor, project=project, change=Change(Verb.RESTORE_TAG, tag, body))
        return Response({})


class OneManifest(ContentPart):
    """``repository/{repository}/manifest/{manifestref}``, where the reference is a digest."""

    @operation("getRepoManifest", "manifest", scopes=[Scope.REPO_READ], anybody=True, also=[401, 403, 404])
    def get(self, request: Request, repository: str, manifestref: str) -> Response:
        """Return a manifest."""
        project = self.project(repository, PROJECT_READ)
        return Response(manifest_view(known(content.here().manifest(project, manifestref), "manifest")))


class NewLabel(serializers.Serializer[None]):
    """The body that adds a label; all three keys are required."""

    key = Text()
    value = Text()
    media_type = Word("text/plain", "application/json", allow_null=True)


class Labels(ContentPart):
    """``repository/{repository}/manifest/{manifestref}/labels``."""

    errors = STATE | {"post invalid:key": (400, MESSAGE)}

    @operation(
        "listManifestLabels",
        "manifest",
        scopes=[Scope.REPO_READ],
        anybody=True,
        also=[401, 403, 404],
        query=[FILTERED],
    )
    def get(self, request: Request, repository: str, manifestref: str) -> Response:
        """Return a manifest's labels."""
        project = self.project(repository, PROJECT_READ)
        known(content.here().manifest(project, manifestref), "manifest")
        found = content.here().labels(project, manifestref, request.query_params.get("filter", ""))
        return Response({"labels": [shown(label) for label in found]})

    @operation(
        "addManifestLabel", "manifest", scopes=[Scope.REPO_WRITE], body=NewLabel, success=201, also=[404, 503]
    )
    def post(self, request: Request, repository: str, manifestref: str) -> Response:
        """Add a label to a manifest."""
        project = self.changing(repository, CONTENT_CHANGE)
        body = self.body(NewLabel)
        if body["key"].startswith(RESERVED):
            raise Invalid("The label's key begins with a word that is reserved", field="key")
        known(content.here().manifest(project, manifestref), "manifest")
        if len(body["key"]) > LABEL_MOST or not LABEL_KEY.fullmatch(body["key"]):
            raise Invalid("The label's key is not in a form that labels have", field="key")
        label = services.change_content(
            actor=self.actor, project=project, change=Change(Verb.ADD_LABEL, manifestref, body)
        )
        where = f"/api/v1/repository/{repository}/manifest/{manifestref}/labels/{label.id}"
        return Response({"label": shown(label)}, status=201, headers={"Location": where})


class OneLabel(ContentPart):
    """``repository/{repository}/manifest/{manifestref}/labels/{labelid}``."""

    @operation("getManifestLabel", "manifest", scopes=[Scope.REPO_READ], anybody=True, also=[401, 403, 404])
    def get(self, request: Request, repository: str, manifestref: str, labelid: str) -> Response:
        """Return a label of a manifest."""
        project = self.project(repository, PROJECT_READ)
        return Response(shown(known(content.here().label(project, manifestref, labelid), "label")))

    @operation("deleteManifestLabel", "manifest", scopes=[Scope.REPO_WRITE], success=204, also=[404, 503])
    def delete(self, request: Request, repository: str, manifestref: str, labelid: str) -> Response:
        """Remove a label from a manifest."""
        project = self.changing(repository, CONTENT_CHANGE)
        known(content.here().label(project, manifestref, labelid), "label")
        change = Change(Verb.DELETE_LABEL, labelid, {"manifest_digest": manifestref})
        services.change_content(actor=self.actor, project=project, change=change)
        return Response(status=204)


class Security(ContentPart):
    """``repository/{repository}/manifest/{manifestref}/security``."""

    @operation(
        "getRepoManifestSecurity",
        "secscan",
        scopes=[Scope.REPO_READ],
        anybody=True,
        also=[401, 403, 404],
        query=[SHOWN],
    )
    def get(self, request: Request, repository: str, manifestref: str) -> Response:
        """Return what scans of a manifest found."""
        project = self.project(repository, PROJECT_READ)
        found = content.here().report(project, manifestref, vulnerabilities=self.flag("vulnerabilities"))
        return Response(shown(known(found, "manifest")))

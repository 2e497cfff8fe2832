"""A registry for tests: it holds what a test puts on it, by the seam that any other registry would use."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.errors import Conflict
from logs.kinds import LogKind
from projects.content import (
    Build,
    BuildLog,
    Change,
    Label,
    Layer,
    Manifest,
    Mirror,
    NoContent,
    Outcome,
    ProxyCache,
    Report,
    Tag,
    TagsWanted,
    Trigger,
    Verb,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from accounts.models import Namespace
    from projects.models import Project

THEN = datetime(2025, 3, 5, 14, 3, 11, tzinfo=UTC)
DELETE_TAG = LogKind("delete_tag", "{performer} deleted the tag {tag}", frozenset({"tag", "repo"}), "change")
CACHE = LogKind("create_proxy_cache_config", "{performer} cached", frozenset({"upstream_registry"}), "change")


def a_tag(name: str, digest: str, **fields: Any) -> Tag:
    return Tag(name=name, manifest_digest=digest, start_ts=1741183391, last_modified=THEN, size=7, **fields)


def a_manifest(digest: str) -> Manifest:
    layer = Layer(index=0, compressed_size=7, blob_digest=digest, command=["RUN true"], created_datetime=THEN)
    return Manifest(digest=digest, manifest_data="{}", layers_compressed_size=7, layers=[layer])


def a_build(project: Project, uuid: str, **fields: Any) -> Build:
    return Build(
        project=project, id=uuid, phase="waiting", started=THEN, display_name="a1b2c3d", tags=["v1"], **fields
    )


@dataclass
class Shelf(NoContent):
    """One project's content, and one namespace's proxy cache."""

    project: Project
    held_tags: list[Tag] = field(default_factory=list)
    held_manifest: Manifest | None = None
    held_label: Label | None = None
    held_builds: list[Build] = field(default_factory=list)
    held_trigger: Trigger | None = None
    held_mirror: Mirror | None = None
    held_cache: ProxyCache | None = None
    asked: list[TagsWanted] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def last_modified(self, projects: Collection[Project]) -> dict[int, datetime]:
        """Tell of the one project."""
        return {one.pk: THEN for one in projects if one == self.project}

    def tags(self, project: Project, wanted: TagsWanted) -> Sequence[Tag]:
        """Return a page of all tags."""
        self.asked.append(wanted)
        found = self.held_tags if project == self.project else []
        return found[wanted.offset : wanted.offset + wanted.limit]

    def tag(self, project: Project, name: str) -> Tag | None:
        """Find a tag."""
        return next((one for one in self.held_tags if project == self.project and one.name == name), None)

    def manifest(self, project: Project, digest: str) -> Manifest | None:
        """Return the one manifest."""
        held = self.held_manifest
        return held if held and project == self.project and held.digest == digest else None

    def labels(self, project: Project, digest: str, begins: str) -> Sequence[Label]:
        """Return the one label."""
        return [one for one in [self.held_label] if one is not None and one.key.startswith(begins)]

    def label(self, project: Project, digest: str, label_id: str) -> Label | None:
        """Return the one label."""
        return self.held_label

    def report(self, project: Project, digest: str, *, vulnerabilities: bool) -> Report | None:
        """Tell that the one manifest waits."""
        return Report(status="queued") if self.manifest(project, digest) else None

    def builds(
        self, project: Project, *, limit: int, since: int | None = None, trigger: str = ""
    ) -> Sequence[Build]:
        """Return the first builds."""
        return self.held_builds[:limit]

    def build(self, uuid: str) -> Build | None:
        """Find a build."""
        return next((one for one in self.held_builds if one.id == uuid), None)

    def build_log(self, uuid: str, start: int) -> BuildLog | None:
        """Return a line."""
        line = {"type": "phase", "message": "waiting", "data": {}}
        return BuildLog(start=start, total=1, logs=[line]) if self.build(uuid) else None

    def triggers(self, project: Project) -> Sequence[Trigger]:
        """Return the one trigger."""
        return [one for one in [self.held_trigger] if one is not None]

    def trigger(self, project: Project, uuid: str) -> Trigger | None:
        """Return the one trigger."""
        return self.held_trigger

    def mirror(self, project: Project) -> Mirror | None:
        """Return the one mirror."""
        return self.held_mirror

    def proxy_cache(self, namespace: Namespace) -> ProxyCache | None:
        """Return the one cache."""
        return self.held_cache

    def change(self, target: Project | Namespace, change: Change) -> Outcome:
        """Note the change; do some."""
        self.changes.append(change)
        if change.verb == Verb.CANCEL_BUILD and change.subject == "b1":
            raise Conflict("The build has begun")
        if change.subject == "fixed":
            raise Conflict("The tag is immutable", field="immutable")
        if change.verb == Verb.DELETE_TAG:
            self.held_tags = [one for one in self.held_tags if one.name != change.subject]
            return Outcome(told=[(DELETE_TAG, {"tag": change.subject, "repo": self.project.slug})])
        if change.verb == Verb.CREATE_PROXY_CACHE:
            upstream = change.given["upstream_registry"]
            return Outcome(told=[(CACHE, {"upstream_registry": upstream})])
        if change.verb == Verb.TRY_PROXY_CACHE:
            return Outcome(item="Anonymous")
        if change.verb == Verb.ADD_LABEL:
            return Outcome(item=Label(id="l1", **change.given))
        if change.verb in (Verb.START_BUILD, Verb.START_TRIGGER):
            return Outcome(item=a_build(self.project, "b9"))
        if self.held_trigger is not None and change.verb in (Verb.TOGGLE_TRIGGER, Verb.ACTIVATE_TRIGGER):
            return Outcome(item=replace(self.held_trigger, enabled=change.given.get("enabled", True)))
        return Outcome()

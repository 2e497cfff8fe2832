"""How the Quay wire shows what a registry holds (quay-b.md 8)."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from api.quay.dates import rfc2822
from permissions.catalogue import Level
from permissions.checks import project_level

if TYPE_CHECKING:
    from core.actor import Actor
    from projects.content import Build, BuildLog, Manifest, Tag, Trigger


def shown(item: Any, *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields of what a registry answered; ``optional`` ones are left out where nothing is set."""
    view = {one.name: getattr(item, one.name) for one in fields(item)}
    view = {key: rfc2822(value) if isinstance(value, datetime) else value for key, value in view.items()}
    return {key: value for key, value in view.items() if value is not None or key not in optional}


def tag_view(tag: Tag) -> dict[str, Any]:
    """Return a tag as its list shows it (8.4)."""
    return shown(tag, optional=("end_ts", "expiration"))


def repository_tag_view(tag: Tag) -> dict[str, Any]:
    """Return a tag as its repository shows it (1.3)."""
    view = tag_view(tag)
    keys = ("name", "size", "last_modified", "expiration", "manifest_digest")
    return {key: view[key] for key in keys if key in view}


def manifest_view(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest with its layers; a list of images has none of its own (8.3)."""
    layers = None if manifest.layers is None else [shown(layer) for layer in manifest.layers]
    return shown(manifest) | {"layers": layers}


def _robot(name: str | None) -> dict[str, Any] | None:
    return None if name is None else {"name": name, "kind": "user", "is_robot": True}


def trigger_view(trigger: Trigger) -> dict[str, Any]:
    """Return a build trigger (8.2)."""
    view = shown(trigger, optional=("pull_robot",))
    if trigger.pull_robot is not None:
        view["pull_robot"] = _robot(trigger.pull_robot)
    return view


def build_view(actor: Actor, build: Build) -> dict[str, Any]:
    """Return a build; where its source lies is told to writers alone (8.1)."""
    project = build.project
    is_writer = project_level(actor, project) >= Level.WRITE
    view = shown(build, optional=("archive_url",)) | {
        "tags": list(build.tags),
        "is_writer": is_writer,
        "trigger": None if build.trigger is None else trigger_view(build.trigger),
        "pull_robot": _robot(build.pull_robot),
        "repository": {"namespace": project.namespace.name, "name": project.slug},
    }
    del view["project"]
    if not is_writer:
        view.pop("archive_url", None)
    return view


def build_log_view(found: BuildLog) -> dict[str, Any]:
    """Return the lines of a build, or where all of them are (8.1)."""
    if found.logs_url:
        return {"logs_url": found.logs_url}
    return {"start": found.start, "total": found.total, "logs": list(found.logs)}

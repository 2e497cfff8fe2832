"""The seam to a registry: what is inside of projects, and who would know (docs/adr/0007).

Muster keeps no images and builds none. Whoever asks what a project holds asks the backend that is installed
here, and the present one, `NoContent`, knows of nothing and refuses to keep anything. The names of fields are
those that registries use. Callers have checked a right on the project or namespace; changes go through
`projects.services`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from core.errors import Conflict, Invalid, NotFound
from core.words import say

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from accounts.models import Namespace
    from logs.kinds import LogKind
    from projects.models import Project

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A name of a manifest for some time; one without an end is living."""

    name: str
    manifest_digest: str
    is_manifest_list: bool = False
    size: int = 0
    start_ts: int
    end_ts: int | None = None
    reversion: bool = False
    last_modified: datetime
    expiration: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TagsWanted:
    """Which tags of a project are asked for, newest first: ``name`` exactly, ``like`` by a piece."""

    name: str = ""
    like: str = ""
    living: bool = False
    offset: int = 0
    limit: int


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of a manifest, the lowest first."""

    index: int
    compressed_size: int
    is_remote: bool = False
    urls: list[str] | None = None
    command: list[str] | None = None
    comment: str | None = None
    author: str | None = None
    blob_digest: str
    created_datetime: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """An image, or a list of images, by the digest of its text."""

    digest: str
    is_manifest_list: bool = False
    manifest_data: str
    config_media_type: str | None = None
    layers_compressed_size: int = 0
    layers: Sequence[Layer] | None = None


@dataclass(frozen=True, kw_only=True)
class Label:
    """What somebody wrote on a manifest; only labels from the API can be removed."""

    id: str
    key: str
    value: str
    source_type: str = "api"
    media_type: str = "text/plain"


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a scan of a manifest ended, and what it found."""

    status: str
    data: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What starts builds of a project when its source changes."""

    id: str
    service: str
    is_active: bool = True
    build_source: str | None = None
    repository_url: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    can_invoke: bool = False
    enabled: bool = True
    disabled_reason: str | None = None
    pull_robot: str | None = None


@dataclass(frozen=True, kw_only=True)
class Build:
    """One building of an image in a project."""

    project: Project
    id: str
    phase: str
    started: datetime
    display_name: str
    status: dict[str, Any] = field(default_factory=dict)
    subdirectory: str = "/Dockerfile"
    dockerfile_path: str = "/Dockerfile"
    context: str = "/"
    tags: Sequence[str] = ()
    manual_user: str | None = None
    trigger: Trigger | None = None
    trigger_metadata: dict[str, Any] = field(default_factory=dict)
    resource_key: str | None = None
    pull_robot: str | None = None
    error: str | None = None
    archive_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class BuildLog:
    """Lines of a build from ``start`` on, or where all of them are kept."""

    start: int = 0
    total: int = 0
    logs: Sequence[dict[str, Any]] = ()
    logs_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """Where a project is copied from, how often, and how that goes. Never holds the password."""

    is_enabled: bool
    mirror_type: str = "PULL"
    external_reference: str
    external_registry_username: str | None = None
    external_registry_config: dict[str, Any] = field(default_factory=dict)
    sync_interval: int
    sync_start_date: str
    sync_expiration_date: str | None = None
    sync_retries_remaining: int
    sync_status: str
    root_rule: dict[str, Any]
    robot_username: str
    skopeo_timeout_interval: int
    architecture_filter: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ProxyCache:
    """Which other registry a namespace shows as its own. Never holds the password."""

    upstream_registry: str
    expiration_s: int
    insecure: bool


class Verb(Enum):
    """What can be done to content."""

    START_BUILD = "start a build"
    CANCEL_BUILD = "cancel a build"
    ACTIVATE_TRIGGER = "activate a build trigger"
    TOGGLE_TRIGGER = "switch a build trigger"
    START_TRIGGER = "start a build by its trigger"
    DELETE_TRIGGER = "delete a build trigger"
    ADD_LABEL = "add a label"
    DELETE_LABEL = "delete a label"
    CHANGE_TAG = "change a tag"
    DELETE_TAG = "delete a tag"
    RESTORE_TAG = "restore a tag"
    CREATE_MIRROR = "mirror a repository"
    CHANGE_MIRROR = "change a mirror"
    SYNC_MIRROR = "synchronize a mirror"
    CANCEL_SYNC = "cancel a mirror's synchronization"
    CREATE_PROXY_CACHE = "cache another registry"
    DELETE_PROXY_CACHE = "end the cache of another registry"
    TRY_PROXY_CACHE = "reach another registry"


@dataclass(frozen=True)
class Change:
    """Something to be done: ``subject`` names what it is done to, ``given`` is what the caller said."""

    verb: Verb
    subject: str = ""
    given: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a change: what the usage log is to tell, and the thing as it is now."""

    told: Sequence[tuple[LogKind, dict[str, Any]]] = ()
    item: Any = None


class Content(Protocol):
    """What a registry answers. Missing things are None; lists are the newest first."""

    def last_modified(self, projects: Collection[Project]) -> dict[int, datetime]:
        """Return when each project's newest tag was set, by key; projects without tags are left out."""

    def tags(self, project: Project, wanted: TagsWanted) -> Sequence[Tag]:
        """Return a page of tags."""

    def tag(self, project: Project, name: str) -> Tag | None:
        """Return the living tag of a name."""

    def manifest(self, project: Project, digest: str) -> Manifest | None:
        """Return a manifest."""

    def labels(self, project: Project, digest: str, begins: str) -> Sequence[Label]:
        """Return the labels of a manifest whose key begins so."""

    def label(self, project: Project, digest: str, label_id: str) -> Label | None:
        """Return a label of a manifest."""

    def report(self, project: Project, digest: str, *, vulnerabilities: bool) -> Report | None:
        """Return what is known of a manifest's safety."""

    def builds(
        self, project: Project, *, limit: int, since: int | None = None, trigger: str = ""
    ) -> Sequence[Build]:
        """Return builds, of one trigger if it is named, since the second ``since`` of the epoch."""

    def build(self, uuid: str) -> Build | None:
        """Return a build of whatever project."""

    def build_log(self, uuid: str, start: int) -> BuildLog | None:
        """Return the log of a build."""

    def triggers(self, project: Project) -> Sequence[Trigger]:
        """Return the build triggers."""

    def trigger(self, project: Project, uuid: str) -> Trigger | None:
        """Return a build trigger."""

    def mirror(self, project: Project) -> Mirror | None:
        """Return where the project is copied from."""

    def proxy_cache(self, namespace: Namespace) -> ProxyCache | None:
        """Return which registry the namespace shows as its own."""

    def change(self, target: Project | Namespace, change: Change) -> Outcome:
        """Do something to the content of a project or namespace.

        Raises:
            Conflict: it cannot be done as things are, with ``field="immutable"`` where a tag is fixed.
            NotFound, Invalid: what is meant is gone, or a value is not acceptable.
        """


class NoContent:
    """No registry: there is nothing in any project, and nothing can be put there."""

    def last_modified(self, projects: Collection[Project]) -> dict[int, datetime]:
        """Return nothing: no tags."""
        return {}

    def tags(self, project: Project, wanted: TagsWanted) -> Sequence[Tag]:
        """Return none."""
        return ()

    def tag(self, project: Project, name: str) -> Tag | None:
        """Know none."""
        return None

    def manifest(self, project: Project, digest: str) -> Manifest | None:
        """Know none."""
        return None

    def labels(self, project: Project, digest: str, begins: str) -> Sequence[Label]:
        """Return none."""
        return ()

    def label(self, project: Project, digest: str, label_id: str) -> Label | None:
        """Know none."""
        return None

    def report(self, project: Project, digest: str, *, vulnerabilities: bool) -> Report | None:
        """Know of none."""
        return None

    def builds(
        self, project: Project, *, limit: int, since: int | None = None, trigger: str = ""
    ) -> Sequence[Build]:
        """Return none."""
        return ()

    def build(self, uuid: str) -> Build | None:
        """Know none."""
        return None

    def build_log(self, uuid: str, start: int) -> BuildLog | None:
        """Know none."""
        return None

    def triggers(self, project: Project) -> Sequence[Trigger]:
        """Return none."""
        return ()

    def trigger(self, project: Project, uuid: str) -> Trigger | None:
        """Know none."""
        return None

    def mirror(self, project: Project) -> Mirror | None:
        """Know of none."""
        return None

    def proxy_cache(self, namespace: Namespace) -> ProxyCache | None:
        """Know of none."""
        return None

    def change(self, target: Project | Namespace, change: Change) -> Outcome:
        """Refuse."""
        raise Invalid(
            say("Cannot {verb}: this instance has no registry behind it", verb=change.verb.value),
            field="content",
        )


_installed: list[Content] = [NoContent()]


def here() -> Content:
    """Return the installed backend."""
    return _installed[-1]


def install(backend: Content) -> None:
    """Ask this backend from now on; called once, when its app is ready."""
    _installed.append(backend)


def known(found: Found | None, what: str) -> Found:
    """Return what a backend found. Raises NotFound, with ``what`` as the tag, where it found nothing."""
    if found is None:
        raise NotFound(say("{what} not found", what=what.capitalize()), absent=what)
    return found


def require_normal(project: Project) -> None:
    """Pass a project whose content may be changed. Raises Conflict with ``field="state"``."""
    if project.state != "NORMAL":
        raise Conflict(
            say("The repository is in the state {state} and cannot be changed", state=project.state),
            field="state",
        )

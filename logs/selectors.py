"""Reading the usage log: entries by page, counts by day, and exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Count, DateField, F, Func, Q, QuerySet

from accounts.models import Namespace
from core.actor import Actor
from core.errors import Invalid, NotFound
from core.names import fold
from core.paging import cut, page_token, read_token
from core.prepared import Given, Prepared
from logs import counts
from logs.models import LogEntry, LogExport, LogView
from logs.text import holding
from permissions.catalogue import (
    INSTANCE_LOG_EXPORT,
    INSTANCE_READ,
    LOG_EXPORT,
    LOG_READ,
    PROJECT_LOG_EXPORT,
    PROJECT_LOG_READ,
)
from permissions.checks import check, require

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from core.actor import Actor
    from logs.models import LogExportPart
    from permissions.catalogue import Right
    from projects.models import Project

PAGE_SIZE = 20


@dataclass(frozen=True)
class Page:
    """A page of entries; ``next_page`` is empty on the last one."""

    entries: Sequence[LogEntry]
    next_page: str


@dataclass(frozen=True, slots=True)
class DayCount:
    """How often something happened on one day (UTC)."""

    kind: str
    day: date
    count: int


# Entries -------------------------------------------------------------------------------------------------


def entries(
    *,
    actor: Actor,
    namespace: Namespace | None = None,
    project: Project | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    performer: str = "",
    kinds: Collection[str] = (),
    search: str = "",
    about: str = "",
    credential: str = "",
    door: str = "",
    ip: str = "",
    space: str = "",
) -> QuerySet[LogEntry]:
    """Return the entries of a project, of a namespace or, without both, of the instance; newest first.

    ``starts_at <= at < ends_at``. ``performer``, ``about`` (a project's slug), ``credential`` (the name of a
    token) and ``door`` (where the call came in: a dialect, or ``console``) are exact names as they were then,
    ``ip`` an address, ``space`` the name of a namespace, or of dead ones that had it; ``search`` looks for a
    piece of text in names, kinds, addresses and metadata. Entries carry the names of what they tell about, so
    showing them costs no further query.

    Raises:
        Unauthenticated, Forbidden: the log is not the actor's to read.
        Invalid: the range ends before it starts.
    """
    require_reader(actor, namespace, project)
    check_range(starts_at, ends_at)
    found = matching(
        namespace_id=namespace.pk if namespace else None,
        project_id=project.pk if project else None,
        starts_at=starts_at,
        ends_at=ends_at,
        performer=performer,
        kinds=kinds,
        search=search,
        about=about,
        credential=credential,
        door=door,
        ip=ip,
        space=space,
    )
    return found.order_by("-at", "-id")


def page(rows: QuerySet[LogEntry], *, next_page: str = "", size: int = PAGE_SIZE) -> Page:
    """Return the page of `entries` that a token asks for, with one query.

    An empty, altered or expired token is the first page (quay-b.md 0.4).
    """
    after = _position(next_page)
    rows = rows if after is None else _behind(*after) & rows
    return _page_of(*cut(rows, size))


def _behind(at: Any, pk: Any) -> QuerySet[LogEntry]:
    # It has to stand first: of two bounds of one kind, SQLite begins at the one it reads first.
    return LogEntry.objects.filter(Q(at__lt=at) | Q(id__lt=pk), at__lte=at)


def _page_of(found: Sequence[LogEntry], more: bool) -> Page:
    if not more:
        return Page(found, "")
    return Page(found, page_token({"at": found[-1].at.isoformat(), "id": found[-1].pk}))


def page_of_namespace(
    *, actor: Actor, namespace: Namespace, starts_at: datetime, ends_at: datetime, next_page: str = ""
) -> Page:
    """Return the `page` of all `entries` of a namespace in a range, by a query compiled once.

    Raises: as `entries`.
    """
    require_reader(actor, namespace, None)
    check_range(starts_at, ends_at)
    given = {"namespace": namespace.pk, "starts_at": starts_at, "ends_at": ends_at}
    after = _position(next_page)
    found = _first_page(**given) if after is None else _next_page(**given, at=after[0], id=after[1])
    return _page_of(found[:PAGE_SIZE], len(found) > PAGE_SIZE)


def _given_page() -> QuerySet[LogEntry]:
    starts_at, ends_at = Given("starts_at", LogEntry.at), Given("ends_at", LogEntry.at)
    found = LogEntry.objects.filter(namespace=Given("namespace", Namespace.id))
    return found.filter(at__gte=starts_at).filter(at__lt=ends_at).order_by("-at", "-id")


# Planned anew each time: which index is best hangs on how much of the log is the namespace's.
_first_page: Prepared[LogEntry] = Prepared(lambda: _given_page()[: PAGE_SIZE + 1], planned=False)
_next_page: Prepared[LogEntry] = Prepared(
    lambda: (_behind(Given("at", LogEntry.at), Given("id", LogEntry.id)) & _given_page())[: PAGE_SIZE + 1],
    planned=False,
)


def by_day(
    *,
    actor: Actor,
    namespace: Namespace | None = None,
    project: Project | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    performer: str = "",
    kinds: Collection[str] = (),
    search: str = "",
    about: str = "",
    credential: str = "",
    door: str = "",
    ip: str = "",
    space: str = "",
) -> list[DayCount]:
    """Return how often each kind happened on each day (UTC), in one query; quiet days have no row.

    Takes and raises what `entries` does. Sorted by day and kind. What is narrowed by nothing but namespace,
    kinds and range comes from sums (`logs.counts`), at any size of the log; all else is counted.
    """
    require_reader(actor, namespace, project)
    check_range(starts_at, ends_at)
    asked: dict[str, Any] = {
        "namespace_id": namespace.pk if namespace else None,
        "project_id": project.pk if project else None,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "performer": performer,
        "kinds": kinds,
        "search": search,
        "about": about,
        "credential": credential,
        "door": door,
        "ip": ip,
        "space": space,
    }
    summed = sums(**asked)
    if summed is not None:
        return summed
    # SQLite keeps UTC, and PostgreSQL is spoken to in UTC: both know DATE(), far faster than a truncation
    # that SQLite has to ask Python for.
    day = Func(F("at"), function="DATE", output_field=DateField())
    counted = matching(**asked).values("kind", day=day).annotate(count=Count("*")).order_by("day", "kind")
    return [DayCount(row["kind"], row["day"], row["count"]) for row in counted]


def sums(
    *,
    namespace_id: int | None = None,
    project_id: int | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    kinds: Collection[str] = (),
    space: str = "",
    **narrowed: str,
) -> list[DayCount] | None:
    """Return what `by_day` does, whoever asks, from sums; None of what is narrower, and has to be counted."""
    if project_id is not None or any(narrowed.values()):
        return None
    whose = [namespace_id]
    if space:
        whose = [pk for pk in _bearers(space) if namespace_id is None or pk == namespace_id]
    # Of a name that several bore, one after the other, the sums of each would have to be added up.
    if len(whose) != 1:
        return None
    found = counts.by_day(namespace_id=whose[0], starts_at=starts_at, ends_at=ends_at, kinds=kinds)
    return None if found is None else [DayCount(*one) for one in found]


def matching(
    *,
    namespace_id: int | None = None,
    project_id: int | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    performer: str = "",
    kinds: Collection[str] = (),
    search: str = "",
    about: str = "",
    credential: str = "",
    door: str = "",
    ip: str = "",
    space: str = "",
) -> QuerySet[LogEntry]:
    """Return entries in no order, whoever asks: for `entries` and for the worker that writes exports."""
    found = LogEntry.objects.all()
    if project_id is not None:
        found = found.filter(project=project_id)
    elif namespace_id is not None:
        found = found.filter(namespace=namespace_id)
    if starts_at is not None:
        found = found.filter(at__gte=starts_at)
    if ends_at is not None:
        found = found.filter(at__lt=ends_at)
    if performer:
        found = found.filter(performer_name=performer)
    if kinds:
        found = found.filter(kind__in=kinds)
    if space:
        # By key, not by the copied name: entries of one namespace lie together in the index.
        found = found.filter(namespace__in=_bearers(space))
    exact = {"project_name": about, "credential_name": credential, "dialect": door, "ip": ip}
    found = found.filter(**{field: value for field, value in exact.items() if value})
    return holding(search, found) if search else found


def _bearers(space: str) -> list[int]:
    """Return the keys of the namespace of a name, and of the dead ones that had it."""
    return list(Namespace.objects.filter(key=fold(space)).values_list("pk", flat=True))


def _position(token: str) -> tuple[datetime, int] | None:
    told = read_token(token)
    try:
        at, pk = datetime.fromisoformat(told["at"]), told["id"]
    except (KeyError, TypeError, ValueError):
        return None
    return (at.astimezone(UTC), pk) if isinstance(pk, int) and at.tzinfo else None


def check_range(starts_at: datetime | None, ends_at: datetime | None) -> None:
    """Raise Invalid for a range that ends before it starts."""
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise Invalid("The end of the range lies before its start", field="endtime")


# Who may -------------------------------------------------------------------------------------------------


def require_reader(actor: Actor, namespace: Namespace | None, project: Project | None) -> None:
    """Pass, or raise: who reads a log is asked by where it belongs."""
    if project is not None:
        require(actor, PROJECT_LOG_READ, project)
    elif namespace is not None:
        require(actor, LOG_READ, namespace)
    else:
        require(actor, INSTANCE_READ)


def require_exporter(actor: Actor, namespace: Namespace | None, project: Project | None) -> None:
    """Pass, or raise: as `require_reader`, for exports."""
    if project is not None:
        require(actor, PROJECT_LOG_EXPORT, project)
    elif namespace is not None:
        require(actor, LOG_EXPORT, namespace)
    else:
        require(actor, INSTANCE_LOG_EXPORT)


# Views ---------------------------------------------------------------------------------------------------


def views(*, actor: Actor, namespace: Namespace | None = None) -> QuerySet[LogView]:
    """Return a person's views of a log and those that others share there, by name; with who made them.

    Raises:
        Unauthenticated, Forbidden: the log is not the actor's to read.
    """
    require_reader(actor, namespace, None)
    shown = Q(user=actor.user) | Q(is_shared=True)
    found = LogView.objects.filter(shown, namespace=namespace).select_related("user")
    return found.order_by("is_shared", "name", "pk")


def view(*, actor: Actor, namespace: Namespace | None = None, uuid: UUID | str) -> LogView:
    """Return one of `views`. Raises what that does, and NotFound."""
    try:
        found = views(actor=actor, namespace=namespace).filter(uuid=UUID(str(uuid))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such view")
    return found


# Exports -------------------------------------------------------------------------------------------------


def exports(
    *, actor: Actor, namespace: Namespace | None = None, project: Project | None = None
) -> QuerySet[LogExport]:
    """Return the exports of a project, of a namespace with its projects, or of the instance; newest first.

    Raises:
        Unauthenticated, Forbidden: the actor may not read the log there.
    """
    require_reader(actor, namespace, project)
    found = LogExport.objects.order_by("-id")
    if project is not None:
        return found.filter(project=project)
    return found.filter(namespace=namespace) if namespace is not None else found


def export(*, actor: Actor, uuid: UUID | str) -> LogExport:
    """Return one export, with its namespace and project.

    Raises:
        NotFound: there is none, or not for this actor.
    """
    found = by_uuid(uuid)
    # Who sees the whole instance has it in the list of all exports, whatever else she may read.
    if found is None or not (check(actor, *_guard(found)) or check(actor, INSTANCE_READ)):
        raise NotFound("There is no such export")
    return found


def by_uuid(uuid: UUID | str) -> LogExport | None:
    """Return an export, whoever asks, or None: for `export` and for links, which carry their own proof."""
    try:
        wanted = UUID(str(uuid))
    except ValueError:
        return None
    return (
        LogExport.objects.select_related(
            "namespace__organization", "namespace__user", "project__namespace__organization", "requested_by"
        )
        .filter(uuid=wanted)
        .first()
    )


def parts_of(found: LogExport) -> list[LogExportPart]:
    """Return the parts of an export's file, in order, whoever asks: for links, as `by_uuid`."""
    return list(found.parts.order_by("number"))


def _guard(found: LogExport) -> tuple[Right, Any]:
    # Of a deleted project the namespace is left; of a deleted namespace, the instance.
    if found.project is not None:
        return PROJECT_LOG_READ, found.project
    if found.namespace is not None:
        return LOG_READ, found.namespace
    return INSTANCE_READ, None


def is_revoked(found: LogExport) -> bool:
    """Tell whether an export must not be had any more: it asks what is left of its subject and its asker.

    The subject is gone; or who asked for it is, or she may not read that log any more.
    """
    if found.namespace_name and (found.namespace is None or found.namespace.deleted_at is not None):
        return True
    if found.project_name and (found.project is None or found.project.deleted_at is not None):
        return True
    person = found.requested_by
    if person is None:
        return bool(found.requested_by_name)
    if not person.is_active or person.deleted_at is not None:
        return True
    # Read, not export: an auditor asks for no more, and what she has is not taken away.
    return not check(Actor(user=person), *_guard(found))

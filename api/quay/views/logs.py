"""The usage log: lists, counts by day, and exports (quay-b.md 5, quay-a.md 11.4)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors as accounts
from api.fields import Text
from api.quay.dates import day, rfc2822
from api.quay.errors import API, MESSAGE
from api.quay.operation import NEXT_PAGE, Query, operation
from api.quay.view import QuayView
from api.quay.views.repositories import RepositoryPart
from core.avatars import avatar
from core.errors import DomainError, Invalid, Unauthenticated
from logs import selectors, services
from logs.kinds import KINDS
from logs.performers import performer as performer_view
from permissions.catalogue import (
    INSTANCE_READ,
    LOG_EXPORT,
    LOG_READ,
    PROJECT_LOG_EXPORT,
    PROJECT_LOG_READ,
    Scope,
)
from permissions.checks import require

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Namespace
    from api.quay.errors import Shape
    from logs.models import LogEntry
    from projects.models import Project

DAY = timedelta(days=1)
LAST_DAY = datetime(9999, 12, 30, tzinfo=UTC)
AGGREGATED_MOST = 31 * DAY
# A range that ends before it starts is told in another shape where something is read.
READING_ERRORS: dict[str, tuple[int, Shape]] = {
    "get invalid:endtime": (400, MESSAGE),
    "get invalid:starttime": (400, MESSAGE),
}

DAYS = [
    Query("starttime", "The first day, as mm/dd/yyyy in UTC; the day before now where none is given"),
    Query("endtime", "The last day, as mm/dd/yyyy in UTC; today where none is given"),
]
PERFORMER = Query("performer", "Whose doings alone are meant")
PAGE = Query("page", "The page of the list, which is not looked at", "integer")


def window(request: Request) -> tuple[datetime, datetime]:
    """Return what the call asks for: the last day where it names none; the end's day belongs to it (5.1)."""
    now = timezone.now()
    start = day(request.query_params.get("starttime")) or now - DAY
    end = day(request.query_params.get("endtime")) or now
    return start, min(end, LAST_DAY) + DAY


def entry_view(entry: LogEntry, *, with_namespace: bool) -> dict[str, Any]:
    """Return one entry; whose it is, is told in the list of the whole instance alone (5.2)."""
    view: dict[str, Any] = {
        "kind": entry.kind if entry.kind in KINDS else "unknown",
        "metadata": entry.metadata,
        "ip": entry.ip,
        "datetime": rfc2822(entry.at),
    }
    who = performer_view(entry.performer_kind, entry.performer_name, entry.performer_email)
    if who is not None:
        view["performer"] = who
    if with_namespace and entry.namespace_name:
        kind = "org" if entry.namespace_kind == "organization" else "user"
        name = entry.namespace_name
        view["namespace"] = {"kind": kind, "name": name, "avatar": avatar(name, kind=kind)}
    return view


class LogView(QuayView):
    """What all logs answer."""

    errors = READING_ERRORS

    def listed(
        self, *, namespace: Namespace | None = None, project: Project | None = None, performer: str = ""
    ) -> Response:
        """Return a page of entries, newest first; without an owner, of the whole instance."""
        start, end = window(self.request)
        asked: dict[str, Any] = {"actor": self.actor, "starts_at": start, "ends_at": end}
        next_page = self.request.query_params.get("next_page", "")
        if namespace is not None and not (project or performer):
            page = selectors.page_of_namespace(**asked, namespace=namespace, next_page=next_page)
        else:
            found = selectors.entries(**asked, namespace=namespace, project=project, performer=performer)
            page = selectors.page(found, next_page=next_page)
        is_whole = namespace is None and project is None
        body: dict[str, Any] = {
            "start_time": rfc2822(start),
            "end_time": rfc2822(end),
            "logs": [entry_view(entry, with_namespace=is_whole) for entry in page.entries],
        }
        if page.next_page:
            body["next_page"] = page.next_page
        return Response(body)

    def aggregated(
        self, *, namespace: Namespace | None = None, project: Project | None = None, performer: str = ""
    ) -> Response:
        """Return how often each kind happened on each day of at most 31."""
        start, end = window(self.request)
        if end - start > AGGREGATED_MOST:
            raise Invalid("At most 31 days can be counted at once", field="starttime")
        if performer and not accounts.is_known(name=performer):
            performer = ""  # counts ignore a performer that nobody knows; lists are empty then (5.2)
        found = selectors.by_day(
            actor=self.actor,
            namespace=namespace,
            project=project,
            starts_at=start,
            ends_at=end,
            performer=performer,
        )
        days = {day: rfc2822(datetime.combine(day, time(), tzinfo=UTC)) for day in {one.day for one in found}}
        counts = [
            {
                "kind": one.kind if one.kind in KINDS else "unknown",
                "count": one.count,
                "datetime": days[one.day],
            }
            for one in found
        ]
        return Response({"aggregated": counts})

    @property
    def performer(self) -> str:
        """The name to which the log is narrowed, if any."""
        return self.request.query_params.get("performer", "")


class RepositoryLogView(LogView, RepositoryPart):
    """A log below a repository."""


class RepositoryLogs(RepositoryLogView):
    """``repository/{repository}/logs``."""

    @operation("listRepoLogs", "logs", scopes=[Scope.REPO_ADMIN], also=[400, 404], query=[*DAYS, NEXT_PAGE])
    def get(self, request: Request, repository: str) -> Response:
        """Return the entries attached to the repository."""
        return self.listed(project=self.project(repository, PROJECT_LOG_READ))


class RepositoryAggregatedLogs(RepositoryLogView):
    """``repository/{repository}/aggregatelogs``."""

    @operation("getAggregateRepoLogs", "logs", scopes=[Scope.REPO_ADMIN], also=[400, 404], query=DAYS)
    def get(self, request: Request, repository: str) -> Response:
        """Count the entries attached to the repository."""
        return self.aggregated(project=self.project(repository, PROJECT_LOG_READ))


class UserLogs(LogView):
    """``user/logs``."""

    @operation(
        "listUserLogs", "logs", scopes=[Scope.USER_ADMIN], also=[400], query=[*DAYS, PERFORMER, NEXT_PAGE]
    )
    def get(self, request: Request) -> Response:
        """Return the entries of the caller's own namespace."""
        return self.listed(namespace=self.own_namespace(), performer=self.performer)


class UserAggregatedLogs(LogView):
    """``user/aggregatelogs``."""

    @operation(
        "getAggregateUserLogs", "logs", scopes=[Scope.USER_ADMIN], also=[400], query=[*DAYS, PERFORMER]
    )
    def get(self, request: Request) -> Response:
        """Count the entries of the caller's own namespace."""
        return self.aggregated(namespace=self.own_namespace(), performer=self.performer)


class OrganizationLogView(LogView):
    """A log of an organization; a missing one is a 400 to who may learn that (5.2)."""

    errors = READING_ERRORS | {"get not_found:organization": (400, MESSAGE)}


class OrganizationLogs(OrganizationLogView):
    """``organization/{orgname}/logs``."""

    @operation(
        "listOrgLogs", "logs", scopes=[Scope.ORG_ADMIN], also=[400], query=[*DAYS, PERFORMER, NEXT_PAGE]
    )
    def get(self, request: Request, orgname: str) -> Response:
        """Return the entries of the organization."""
        namespace = self.organization(orgname, LOG_READ).namespace
        return self.listed(namespace=namespace, performer=self.performer)


class OrganizationAggregatedLogs(OrganizationLogView):
    """``organization/{orgname}/aggregatelogs``."""

    @operation("getAggregateOrgLogs", "logs", scopes=[Scope.ORG_ADMIN], also=[400], query=[*DAYS, PERFORMER])
    def get(self, request: Request, orgname: str) -> Response:
        """Count the entries of the organization."""
        namespace = self.organization(orgname, LOG_READ).namespace
        return self.aggregated(namespace=namespace, performer=self.performer)


class AllLogs(LogView):
    """``superuser/logs``."""

    @operation(
        "listAllLogs", "superuser", scopes=[Scope.SUPER_USER], also=[400], query=[*DAYS, NEXT_PAGE, PAGE]
    )
    def get(self, request: Request) -> Response:
        """Return the entries of everybody."""
        require(self.actor, INSTANCE_READ)
        self.fresh()
        self.whole(PAGE.name, PAGE.about)
        return self.listed()


class AllAggregatedLogs(LogView):
    """``superuser/aggregatelogs``."""

    @operation("getAggregateAllLogs", "superuser", scopes=[Scope.SUPER_USER], also=[400], query=DAYS)
    def get(self, request: Request) -> Response:
        """Count the entries of everybody."""
        require(self.actor, INSTANCE_READ)
        self.fresh()
        return self.aggregated()


# Exports -------------------------------------------------------------------------------------------------


class Callback(serializers.Serializer[None]):
    """Whom to tell when an export is there; nobody is fine."""

    callback_url = Text(required=False)
    callback_email = Text(required=False)


class ExportView(QuayView):
    """A request for an export. What is refused is told in the log of what it aimed at (5.4)."""

    sent: dict[str, Any]
    namespace_asked: Namespace | None = None
    repository_asked = ""

    def ask(self, *, namespace: Namespace, project: Project | None = None) -> Response:
        """Queue the export; the days are those of the query, never of the body."""
        self.namespace_asked = namespace
        start, end = window(self.request)
        export = services.request_export(
            actor=self.actor,
            namespace=namespace,
            project=project,
            starts_at=start,
            ends_at=end,
            callback_url=self.sent.get("callback_url", ""),
            callback_email=self.sent.get("callback_email", ""),
        )
        return Response({"export_id": str(export.uuid)})

    def handle_exception(self, exc: Exception) -> Response:
        """Record the refusal, then speak of it."""
        if isinstance(exc, DomainError) and not isinstance(exc, Unauthenticated):
            namespace = self.namespace_asked or exc.namespace
            if namespace is not None:
                sent = getattr(self, "sent", {})
                services.record_refused_export(
                    actor=self.actor,
                    error=exc.message,
                    namespace=namespace,
                    project=self.repository_asked,
                    callback_url=sent.get("callback_url", ""),
                    callback_email=sent.get("callback_email", ""),
                )
        return super().handle_exception(exc)


class ExportRepositoryLogs(ExportView, RepositoryPart):
    """``repository/{repository}/exportlogs``."""

    @operation("exportRepoLogs", "logs", scopes=[Scope.REPO_ADMIN], body=Callback, also=[404], query=DAYS)
    def post(self, request: Request, repository: str) -> Response:
        """Export the entries attached to the repository."""
        self.repository_asked = repository.partition("/")[2]
        project = self.project(repository, PROJECT_LOG_EXPORT)
        self.sent = self.body(Callback)
        return self.ask(namespace=project.namespace, project=project)


class ExportUserLogs(ExportView):
    """``user/exportlogs``."""

    @operation("exportUserLogs", "logs", scopes=[Scope.USER_ADMIN], body=Callback, query=DAYS)
    def post(self, request: Request) -> Response:
        """Export the entries of the caller's own namespace."""
        namespace = self.own_namespace()
        require(self.actor, LOG_EXPORT, namespace)
        self.sent = self.body(Callback)
        return self.ask(namespace=namespace)


class ExportOrganizationLogs(ExportView):
    """``organization/{orgname}/exportlogs``: the body is looked at before anything else (0.3)."""

    errors = {"not_found:organization": (400, API)}

    @operation("exportOrgLogs", "logs", scopes=[Scope.ORG_ADMIN], body=Callback, query=DAYS)
    def post(self, request: Request, orgname: str) -> Response:
        """Export the entries of the organization."""
        self.sent = self.body(Callback)
        return self.ask(namespace=self.organization(orgname, LOG_EXPORT).namespace)

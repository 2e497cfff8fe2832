"""An organization at a glance."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import selectors as accounts
from console import attention, charts, entries
from console.room import Room
from core.words import told
from logs import selectors as logs
from permissions.catalogue import LOG_READ, MEMBER_CHANGE, MEMBER_LIST, ORGANIZATION_READ, PROJECT_CREATE
from permissions.checks import check, organization_paths, sees
from projects import selectors as projects
from quotas.selectors import by_name_limit_of, limit_of
from quotas.services import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accounts.models import Team
    from quotas.models import Quota

DAYS = 30
FEED = 8
NEAR = 6


class Overview(Room):
    """Numbers, what needs attention, the last month's activity, limits, and what happened last."""

    room = "overview"
    template = "console/overview.html"

    def get(self, request: HttpRequest, orgname: str) -> HttpResponse:
        """Show the page; who is not inside sees the projects that are open to her."""
        organization = self.enter()
        if not sees(self.actor, ORGANIZATION_READ, organization):
            return redirect("console:projects", organization.slug)
        limits = meters(self.numbers.values())
        teams = accounts.teams(organization=organization)
        context: dict[str, Any] = {
            "numbers": {name: row.used for name, row in self.numbers.items()},
            "stored": self._stored(),
            "teams": len(teams),
            "meters": [meter for resource, meter in limits],
            "may_create": check(self.actor, PROJECT_CREATE, organization.namespace),
            "may_add": check(self.actor, MEMBER_CHANGE, organization),
            "sees_members": check(self.actor, MEMBER_LIST, organization),
        }
        if context["sees_members"]:
            context["attention"] = attention.of(actor=self.actor, organization=organization, limits=limits)
        if check(self.actor, LOG_READ, organization):
            return self.page(context | self._activity())
        return self.page(context | self._own(teams))

    def _stored(self) -> str:
        """Return what is said beside the number of projects, once sizes are reported."""
        row = self.numbers.get(Resource.BYTES)
        return charts.size(row.used) if row is not None and row.used else ""

    def _room(self, name: str) -> str:
        return reverse(f"console:{name}", args=[self.organization.slug])

    def _activity(self) -> dict[str, Any]:
        """Return the last month's chart and the newest entries, for who may read the log."""
        namespace = self.organization.namespace
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = today - timedelta(days=DAYS - 1)
        found = logs.by_day(actor=self.actor, namespace=namespace, starts_at=since)
        link = partial(_day, self._room("logs"))
        newest = logs.entries(actor=self.actor, namespace=namespace)
        return {
            "chart": entries.daily_chart("activity", found, since.date(), today.date(), link),
            "feed": [entries.Line(entry) for entry in logs.page(newest, size=FEED).entries],
        }

    def _own(self, teams: list[Team]) -> dict[str, Any]:
        """Return the teams and projects of the person, for who sees no more."""
        own = {path.team for path in organization_paths(self.actor, self.organization)}
        near = projects.projects(actor=self.actor, namespace=self.organization.slug).order_by("slug")
        return {"own_teams": [team for team in teams if team.slug in own], "own_projects": near[:NEAR]}


def meters(numbers: Iterable[Quota]) -> list[tuple[str, charts.Meter]]:
    """Return a meter for every limit, the fullest first; that of projects by name once it is near."""
    found = []
    for row in numbers:
        if (limit := limit_of(row)) is not None:
            unit = "bytes" if row.resource == Resource.BYTES else ""
            label = told(Resource(row.resource).label.capitalize())
            found.append((row.resource, charts.meter(label, row.used, limit, unit=unit)))
        if row.resource == Resource.PROJECTS and (most := by_name_limit_of(row)) is not None:
            meter = charts.meter(_("Projects made by name"), row.used, most)
            found += [(row.resource, meter)] if meter.tone else []
    return sorted(found, key=lambda pair: -pair[1].percent)


def _day(base: str, day: date) -> str:
    return f"{base}?{urlencode({'since': day.isoformat(), 'until': day.isoformat()})}"

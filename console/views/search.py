"""Going anywhere by a piece of its name: pages, and what of all organizations the person may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import listing
from console.frame import Frame
from console.room import Room
from console.views.find import Hit
from core.errors import TooManyRequests
from core.names import plain
from core.throttle import spend
from permissions.catalogue import (
    ACCESS_READ,
    DEFAULT_GRANT_LIST,
    MEMBER_LIST,
    ORGANIZATION_CREATE,
    ORGANIZATION_READ,
)
from permissions.checks import check
from projects import selectors as projects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse

    from accounts.models import Organization
    from core import errors

CALLS, SECONDS = 240, 60  # of one person: somebody who types asks a few times a second
TEXT_MAX = 100
PAGES_MAX = 8


@dataclass(frozen=True)
class Section:
    """What was found of one sort."""

    label: str
    hits: list[Hit]


class Search(Room):
    """What fits the text, by its sort; without a text, the pages that one can go to.

    ``in`` names the organization from which somebody asks: its pages are offered, and what is in it stands
    first. The same address fills the list below the search field of every page.
    """

    template = "console/search.html"
    part = "console/search_list.html"
    palette = "console/palette.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what was found."""
        spend(f"search-{self.actor.user.pk if self.actor.user else ''}", calls=CALLS, seconds=SECONDS)
        text = self.asked("q")[:TEXT_MAX]
        name = self.asked("in")
        near = listing.inside(actor=self.actor, name=name) if name else None
        sections = [section for section in self._sections(text, near) if section.hits]
        return self._show({"search": text, "near": near, "sections": sections})

    def refuse(self, error: errors.DomainError) -> HttpResponse:
        """Answer a refused call; who asked too often is told so in the place of what was found."""
        if isinstance(error, TooManyRequests):
            return self._show({"search": self.asked("q")[:TEXT_MAX], "is_busy": True}, status=429)
        return super().refuse(error)

    def _show(self, context: dict[str, object], status: int = 200) -> HttpResponse:
        is_palette = self.request.headers.get("HX-Target") == "palette"
        return self.page(context, status=status, part=self.palette if is_palette else self.part)

    def _sections(self, text: str, near: Organization | None) -> Iterator[Section]:
        pages = [page for page in self._pages(near) if plain(text) in plain(page.name)]
        yield Section(_("Pages"), pages if not text else pages[:PAGES_MAX])
        if not plain(text):
            return
        found = listing.find_everywhere(actor=self.actor, text=text, near=near)
        space = near.namespace if near else None
        near_projects = projects.find_everywhere(actor=self.actor, text=text, near=space)
        yield Section(
            _("Organizations"),
            [
                Hit("organization", "building-office-2", one.slug, _at("overview", one.slug), one.name)
                for one in found.organizations
            ],
        )
        yield Section(
            _("Projects"),
            [
                Hit(
                    "project",
                    "folder",
                    one.slug,
                    _at("project", one.namespace.name, one.slug),
                    one.namespace.name,
                )
                for one in near_projects[: listing.FOUND_MAX]
            ],
        )
        yield Section(
            _("Teams"),
            [
                Hit(
                    "team",
                    "user-group",
                    one.slug,
                    _at("team", one.organization.slug, one.slug),
                    one.organization.slug,
                )
                for one in found.teams
            ],
        )
        robots = []
        for robot in found.robots:
            name = robot.namespace.name
            url = f"{_at('robots', name)}?{urlencode({'q': robot.shortname})}"
            if robot.is_open:  # type: ignore[attr-defined]
                url = _at("robot", name, robot.shortname)
            robots.append(Hit("robot", "cpu-chip", robot.full_name, url, robot.description))
        yield Section(_("Robots"), robots)
        people = []
        for user in found.people:
            place: str = user.place  # type: ignore[attr-defined]
            url = f"{_at('members', place)}?{urlencode({'q': user.username})}"
            note = f"{user.name} · {place}" if user.name.casefold() != user.username else place
            people.append(Hit("person", "user", user.username, url, note))
        yield Section(_("People"), people)

    def _pages(self, near: Organization | None) -> Iterator[Hit]:
        for group in Frame(self.actor, near).places():
            for place in group.places:
                if not place.post:
                    inside = near is not None and place.url.startswith(_at("overview", near.slug))
                    yield Hit(
                        "page", place.icon, place.label, place.url, near.slug if near and inside else ""
                    )
        if near:
            inner = {
                "invitations": (_("Invitations"), "envelope", MEMBER_LIST),
                "defaults": (_("Default permissions"), "adjustments-horizontal", DEFAULT_GRANT_LIST),
                "matrix": (_("Everybody by project"), "table-cells", ACCESS_READ),
                "rights": (_("My rights"), "question-mark-circle", ORGANIZATION_READ),
            }
            for room, (label, icon, right) in inner.items():
                if check(self.actor, right, near):
                    yield Hit("page", icon, label, _at(room, near.slug), near.slug)
        own = {
            "security": (_("Security"), "lock-closed"),
            "sessions": (_("Sessions"), "computer-desktop"),
            "stars": (_("Starred"), "star"),
            "my-logs": (_("My usage log"), "document-text"),
            "my-trash": (_("My trash"), "trash"),
        }
        if check(self.actor, ORGANIZATION_CREATE):
            own["organization-new"] = (_("New organization"), "plus")
        for room, (label, icon) in own.items():
            yield Hit("page", icon, label, _at(room))


def _at(room: str, *names: str) -> str:
    return reverse(f"console:{room}", args=names)

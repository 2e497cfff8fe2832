"""Finding a team, project, person or robot of an organization by its name: to go there, or to name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts import listing
from accounts import selectors as accounts
from console.room import Room
from permissions.catalogue import ORGANIZATION_READ, ROBOT_READ
from permissions.checks import check
from projects import selectors as projects

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Hit:
    """Something that was found: where it is, and what is said about it."""

    kind: str
    icon: str
    name: str
    url: str
    note: str = ""


class Find(Room):
    """What fits the text; the only hit, and the one of exactly that name, is gone to at once."""

    template = "console/find.html"
    part = "console/find_list.html"

    def get(self, request: HttpRequest, orgname: str) -> HttpResponse:
        """Show what was found, or go there."""
        self.enter(ORGANIZATION_READ)
        text = self.asked("q")
        hits = list(self._hits(text)) if text else []
        exact = [hit for hit in hits if hit.name == text.casefold()]
        if not self.asks_for_part:
            for only in (exact, hits):
                if len(only) == 1:
                    return redirect(only[0].url)
        return self.page({"search": text, "hits": hits})

    def _hits(self, text: str) -> Iterator[Hit]:
        organization, name = self.organization, self.organization.slug
        found = listing.find(actor=self.actor, organization=organization, text=text)
        for team in found.teams:
            url = reverse("console:team", args=[name, team.slug])
            yield Hit("team", "user-group", team.slug, url, team.description)
        near = projects.find(actor=self.actor, namespace=name, text=text)
        for project in near[: listing.FOUND_MAX]:
            url = reverse("console:project", args=[name, project.slug])
            yield Hit("project", "folder", project.slug, url, project.description)
        for row in found.people:
            user = row.user
            url = f"{reverse('console:members', args=[name])}?{urlencode({'q': user.username})}"
            note = user.name if user.name.casefold() != user.username else ""
            yield Hit("person", "user", user.username, url, note)
        sees_robots = check(self.actor, ROBOT_READ, organization.namespace)
        for robot in found.robots:
            url = reverse("console:robot", args=[name, robot.shortname])
            if not sees_robots:
                url = f"{reverse('console:robots', args=[name])}?{urlencode({'q': robot.shortname})}"
            yield Hit("robot", "cpu-chip", robot.full_name, url, robot.description)


class Suggest(Room):
    """Names for a field to offer: people, and where ``kinds`` asks for it robots and teams; or projects.

    Not a page: options for a list. People are those of the whole instance, as the wires find them, too.
    """

    def get(self, request: HttpRequest, orgname: str) -> HttpResponse:
        """Return up to ten of each sort that begin with what was typed, teams by an @ before."""
        organization = self.enter(ORGANIZATION_READ)
        fields = ("holder", "username", "who", "project")
        typed = next((self.asked(name) for name in fields if self.asked(name)), "")
        kinds = self.asked("kinds").split(",")
        names: list[tuple[str, str]] = []
        if kinds == ["projects"]:
            if typed:
                near = projects.find(actor=self.actor, namespace=organization.slug, text=typed)
                names = [(project.slug, project.description) for project in near[: listing.FOUND_MAX]]
            return render(request, "console/suggestions.html", {"names": names})
        if typed.removeprefix("@"):
            found = accounts.entities(
                actor=self.actor,
                prefix=typed.removeprefix("@"),
                namespace_name=organization.slug,
                teams="teams" in kinds,
            )
            if not typed.startswith("@"):
                names += [(user.username, user.name) for user in found.users]
                names += [(robot.full_name, robot.description) for robot in found.robots if "robots" in kinds]
            names += [(f"@{team.slug}", team.description) for team in found.teams]
        return render(request, "console/suggestions.html", {"names": names})

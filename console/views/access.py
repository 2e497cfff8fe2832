"""Why somebody has access to a project, or has not; what one may reach, and who reaches one project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.fields import suggest
from console.paging import paging, start_of
from console.room import Room
from core.names import fold
from core.words import told
from permissions.catalogue import ACCESS_READ, PROJECT_ROLE_OF_LEVEL, Level
from permissions.checks import check
from permissions.matrix import Filter, Matrix
from permissions.resolver import PERSON, ROBOT, TEAM, openings
from permissions.selectors import facts as read_facts

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import Organization
    from core.actor import Actor
    from permissions.paths import Path
    from permissions.resolver import Bearer, Facts, Key

SHOWN = 50
CANDIDATES = 8
OPENINGS = 8
ICONS = {PERSON: "user", TEAM: "user-group", ROBOT: "cpu-chip"}


class ChooseForm(forms.Form):
    """Whom and what the question is about; either may be left empty."""

    who = forms.CharField(
        label=gettext_lazy("Who"),
        required=False,
        max_length=511,
        help_text=gettext_lazy("A user name, a robot as organization+robot, or a team as @team."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    project = forms.CharField(
        label=gettext_lazy("Project"),
        required=False,
        max_length=255,
        help_text=gettext_lazy("Its name in the address, or a piece of it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@dataclass(frozen=True)
class Reason:
    """One way in words, with the role that it gives."""

    role: str
    words: str
    deciding: bool
    team: str


@dataclass(frozen=True)
class Line:
    """One bearer or one project of a list, with the role and what decides."""

    name: str
    note: str
    icon: str
    role: str
    words: str
    url: str


def role_of(level: Level) -> str:
    """Return the role on a project that a level is, "" for none."""
    return str(PROJECT_ROLE_OF_LEVEL.get(min(level, Level.ADMIN), ""))


def reason(path: Path) -> Reason:
    """Return a way in words."""
    words = told(path.words)
    words = words[:1].upper() + words[1:]
    return Reason(role_of(path.level), words, path.deciding, path.team)


def address_of(actor: Actor, organization: Organization, who: str) -> str:
    """Return where all that somebody reaches is shown, for those who may see it; else ""."""
    if not check(actor, ACCESS_READ, organization):
        return ""
    return f"{reverse('console:access', args=[organization.slug])}?{urlencode({'who': who})}"


class Access(Room):
    """The question why: for somebody and a project, for somebody alone, or for a project alone."""

    room = "access"
    template = "console/access.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the answer, or what the names might have meant."""
        organization = self.enter(ACCESS_READ)
        who, project = fold(self.asked("who")), fold(self.asked("project"))
        is_person = bool(who) and "+" not in who and not who.startswith("@")
        facts = read_facts(
            actor=self.actor, organization=organization, outsider=who[:255] if is_person else ""
        )
        key = facts.named(who) if who else None
        place = facts.project_named(project) if project else None
        context: dict[str, Any] = {"form": self._form(), "who": who, "project": project}
        if who and key is None:
            context["candidates"] = self._candidates(facts, who)
        if project and place is None:
            context["places"] = self._places(facts, project)
        if key is not None:
            context |= {"bearer": facts.bearers[key], "kind": key.kind, "is_inside": facts.is_inside(key)}
            context["withheld"] = _("no second factor") if facts.withholds(key) else ""
        if (who and key is None) or (project and place is None):
            return self.page(context)
        if key is not None and place is not None:
            context |= self._both(facts, key, place)
        elif key is not None:
            context |= self._of_bearer(facts, key)
        elif place is not None:
            context |= self._of_project(facts, place)
        return self.page(context)

    def _form(self) -> ChooseForm:
        form = ChooseForm(initial={"who": self.asked("who"), "project": self.asked("project")})
        suggest(form.fields["who"], self.organization.slug, "people,robots,teams")
        suggest(form.fields["project"], self.organization.slug, "projects")
        return form

    def _address(self, who: str, project: str) -> str:
        query = urlencode({name: value for name, value in (("who", who), ("project", project)) if value})
        return f"{reverse('console:access', args=[self.organization.slug])}?{query}"

    def _candidates(self, facts: Facts, text: str) -> list[Line]:
        text = text.removeprefix("@")
        found = [key for key in facts.holders() if _is_called(facts.bearers[key], text)]
        return [
            Line(
                facts.bearers[key].name,
                facts.bearers[key].title,
                ICONS[key.kind],
                "",
                "",
                self._address(facts.bearers[key].name, self.asked("project")),
            )
            for key in found[:CANDIDATES]
        ]

    def _places(self, facts: Facts, text: str) -> list[Line]:
        found = [place for place in facts.projects.values() if text in place.slug]
        return [
            Line(place.slug, "", "folder", "", "", self._address(self.asked("who"), place.slug))
            for place in found[:CANDIDATES]
        ]

    def _both(self, facts: Facts, key: Key, place: int) -> dict[str, Any]:
        ways = facts.ways(key)
        found = openings(facts, key, place)
        return {
            "place": facts.projects[place],
            "role": role_of(ways.level(place)),
            "reasons": [reason(path) for path in ways.paths(place)],
            "openings": [(one, role_of(one.level)) for one in found[:OPENINGS]],
            "more_openings": max(len(found) - OPENINGS, 0),
        }

    def _of_bearer(self, facts: Facts, key: Key) -> dict[str, Any]:
        ways, name = facts.ways(key), facts.bearers[key].name
        reached = [pk for pk in facts.projects if ways.level(pk)]
        start = start_of(self)
        lines = []
        for pk in reached[start : start + SHOWN]:
            first, slug = ways.paths(pk)[0], facts.projects[pk].slug
            url = self._address(name, slug)
            lines.append(Line(slug, "", "folder", role_of(ways.level(pk)), told(told(first.words)), url))
        return {
            "lines": lines,
            "noun": "project",
            "paging": paging(self, found=len(reached), size=SHOWN),
            "teams": [team for depth, team in facts.teams_of(key)],
        }

    def _of_project(self, facts: Facts, place: int) -> dict[str, Any]:
        slug = facts.projects[place].slug
        # What is public would list everybody: then only who may do more is worth a line.
        keys = [
            key
            for key in Matrix(facts, Filter()).keys
            if facts.level(facts.reach(key), place) > (Level.READ if facts.projects[place].public else 0)
        ]
        start = start_of(self)
        lines = []
        for key in keys[start : start + SHOWN]:
            bearer, ways = facts.bearers[key], facts.ways(key)
            first = ways.paths(place)[0]
            lines.append(
                Line(
                    bearer.name,
                    bearer.title,
                    ICONS[key.kind],
                    role_of(ways.level(place)),
                    told(told(first.words)),
                    self._address(bearer.name, slug),
                )
            )
        return {
            "place": facts.projects[place],
            "lines": lines,
            "noun": "holder",
            "paging": paging(self, found=len(keys), size=SHOWN),
        }


def _is_called(bearer: Bearer, text: str) -> bool:
    return text in bearer.name or text in bearer.title.casefold()

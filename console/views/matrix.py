"""Everybody by every project: who may do what, at one look or as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from console.page import CSV_TYPE, file_response
from console.paging import DIGITS_MAX, Paging, paging, start_of
from console.room import FormRoom
from core.words import told
from permissions.catalogue import ACCESS_READ
from permissions.matrix import KINDS, SOURCES, Filter, Matrix
from permissions.resolver import PERSON, ROBOT, TEAM
from permissions.selectors import facts as read_facts
from permissions.services import CSV, JSON, export_access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from permissions.matrix import Cell
    from permissions.resolver import Bearer

ROWS, COLUMNS = 25, 10
LEVELS = ("read", "write", "admin")
ICONS = {PERSON: "user", TEAM: "user-group", ROBOT: "cpu-chip"}
CHIPS = [
    ("", gettext_lazy("All")),
    (PERSON, gettext_lazy("People")),
    (TEAM, gettext_lazy("Teams")),
    (ROBOT, gettext_lazy("Robots")),
]
TYPES = {CSV: CSV_TYPE, JSON: "application/json"}


class FilterForm(forms.Form):
    """What of the matrix is shown; the address carries it."""

    project = forms.CharField(required=False, max_length=255)
    q = forms.CharField(required=False, max_length=255)
    level = forms.ChoiceField(
        required=False,
        choices=[
            ("", gettext_lazy("Any role")),
            ("read", gettext_lazy("Read")),
            ("write", gettext_lazy("Write")),
            ("admin", gettext_lazy("Admin")),
        ],
        widget=forms.Select(attrs={"aria-label": gettext_lazy("Role")}),
    )
    source = forms.ChoiceField(
        required=False,
        choices=[
            ("", gettext_lazy("From anywhere")),
            ("direct", gettext_lazy("Granted directly")),
            ("outside", gettext_lazy("Outside collaborators")),
            ("synced", gettext_lazy("By a directory's group")),
        ],
        widget=forms.Select(attrs={"aria-label": gettext_lazy("Where it comes from")}),
    )


class ExportForm(forms.Form):
    """Nothing but the wish itself."""


@dataclass(frozen=True)
class Shown:
    """A cell: what it says, why in words, and where that is explained in full."""

    cell: Cell
    project: str
    why: str
    url: str


class AccessMatrix(FormRoom):
    """The matrix, a page of rows and a page of columns at a time, and its files."""

    room = "access"
    template = "console/matrix.html"
    part = "console/matrix_list.html"
    dialogs = {CSV: ExportForm, JSON: ExportForm}
    asking = frozenset({CSV, JSON})

    def wanted(self) -> Filter:
        """Return what the address narrows by; what it cannot mean narrows nothing."""

        def one_of(name: str, known: tuple[str, ...]) -> str:
            asked = self.asked(name)
            return asked if asked in known else ""

        return Filter(
            project=self.asked("project")[:255],
            holder=self.asked("q")[:255].removeprefix("@"),
            kind=one_of("kind", KINDS),
            level=one_of("level", LEVELS),
            source=one_of("source", SOURCES),
        )

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the rows and columns of this page."""
        organization = self.enter(ACCESS_READ)
        wanted = self.wanted()
        matrix = Matrix(read_facts(actor=self.actor, organization=organization), wanted)
        start, left = start_of(self), _number(self.asked("from"))
        facts, keys = matrix.facts, matrix.keys
        columns = matrix.projects[left : left + COLUMNS]
        why = reverse("console:access", args=[organization.slug])
        rows = [
            (
                facts.bearers[key],
                ICONS[key.kind],
                key.kind,
                facts.is_inside(key),
                f"{why}?{urlencode({'who': facts.bearers[key].name})}",
                [
                    _shown(matrix.cell(key, pk), facts.projects[pk].slug, facts.bearers[key], why)
                    for pk in columns
                ],
            )
            for key in keys[start : start + ROWS]
        ]
        return {
            "rows": rows,
            "columns": [(facts.projects[pk], f"{why}?{_project(facts.projects[pk].slug)}") for pk in columns],
            "paging": paging(self, found=len(keys), size=ROWS),
            "sideways": self._sideways(len(matrix.projects), left),
            "filter": FilterForm(self.request.GET),
            "is_narrowed": bool(wanted.told()),
            "kind": wanted.kind,
            "chips": [
                (name, label, None, self.here(kind=name, start="", **{"from": ""})) for name, label in CHIPS
            ],
            "forms": self.all_forms(sent),
        }

    def _sideways(self, found: int, left: int) -> Paging:
        return Paging(
            first=left + 1,
            last=min(left + COLUMNS, found),
            found=found,
            newer=self.here(**{"from": str(max(left - COLUMNS, 0) or "")}) if left else "",
            older=self.here(**{"from": str(left + COLUMNS)}) if left + COLUMNS < found else "",
        )

    def save_csv(self, data: dict[str, Any]) -> HttpResponse:
        """Send the matrix, as it is narrowed, for a spreadsheet."""
        return self._file(CSV)

    def save_json(self, data: dict[str, Any]) -> HttpResponse:
        """Send the matrix, as it is narrowed, for a program."""
        return self._file(JSON)

    def _file(self, form: str) -> HttpResponse:
        organization = self.enter(ACCESS_READ)
        pieces = export_access(actor=self.actor, organization=organization, form=form, wanted=self.wanted())
        name = f"{organization.slug}-access-{timezone.now():%Y-%m-%d}.{form}"
        return file_response(pieces, name=name, content_type=TYPES[form])


def _shown(cell: Cell, project: str, bearer: Bearer, why: str) -> Shown:
    words = told(cell.path.words) if cell.path is not None else ""
    address = f"{why}?{urlencode({'who': bearer.name, 'project': project})}"
    return Shown(cell, project, words[:1].upper() + words[1:], address)


def _project(slug: str) -> str:
    return urlencode({"project": slug})


def _number(asked: str) -> int:
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= DIGITS_MAX else 0

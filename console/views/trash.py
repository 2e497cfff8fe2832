"""The trash: what was deleted lately, restored or deleted for good."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import services as accounts
from console import charts
from console.bulk import BulkRoom
from console.comeback import without_room
from console.nouns import listed
from console.paging import paging, start_of
from core.errors import Invalid, NotFound
from core.words import say, told
from permissions.catalogue import TRASH_CHANGE, TRASH_READ
from permissions.checks import check, require
from projects import services as projects
from trash import selectors, services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from accounts.models import Namespace
    from trash.models import Trashed
    from trash.services import Dropped

SHOWN = 50
BACK = {
    "project": gettext_lazy("The project {name} is back."),
    "team": gettext_lazy("The team {name} is back."),
    "robot": gettext_lazy("The robot {name} is back."),
}
ENDED = {
    "project": gettext_lazy("The project {name} is deleted for good."),
    "team": gettext_lazy("The team {name} is deleted for good."),
    "robot": gettext_lazy("The robot {name} is deleted for good."),
}
CHIPS = [
    ("", gettext_lazy("All")),
    ("project", gettext_lazy("Projects")),
    ("team", gettext_lazy("Teams")),
    ("robot", gettext_lazy("Robots")),
]
ICONS = {"project": "folder", "team": "user-group", "robot": "cpu-chip", "organization": "squares-2x2"}
TOLD = 5
# What others hang on comes back before them.
ORDER = ("robot", "team", "project")
RESTORE: dict[str, Callable[..., tuple[Any, list[Dropped]]]] = {
    "project": projects.restore_project,
    "team": accounts.restore_team,
    "robot": accounts.restore_robot,
    "organization": accounts.restore_organization,
}


class RestoreForm(forms.Form):
    """What comes back, and under which name."""

    uuid = forms.CharField(widget=forms.HiddenInput)
    name = forms.CharField(
        max_length=255,
        help_text=gettext_lazy("If somebody has taken the name meanwhile, give it another."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class EndForm(forms.Form):
    """Typing the name proves that one means it."""

    uuid = forms.CharField(widget=forms.HiddenInput)
    name = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))


def lost(dropped: Iterable[Dropped]) -> str:
    """Return in words what could not come back, empty if all did."""
    gone = sorted({_lost(one) for one in dropped})
    if not gone:
        return ""
    return " " + _("What could not come back: {things}.").format(things=listed(gone, at_most=TOLD))


def _lost(one: Dropped) -> str:
    what = told(one.what)
    return _("{what} of {whom}").format(what=what, whom=one.whom) if one.whom else what


def fill(form: forms.Form, thing: Trashed | None, name: str) -> None:
    """Fill the form that restores or ends a thing with what it is."""
    if thing is None:
        return
    form.initial = {"uuid": str(thing.uuid)}
    if name == "restore":
        form.initial["name"] = thing.name
    elif name == "end":
        form.fields["name"].label = _("Type {name} to confirm").format(name=thing.name)


class Trash(BulkRoom):
    """What was deleted in an organization."""

    noun = "thing"
    room = "trash"
    template = "console/trash.html"
    part = "console/trash_list.html"
    dialogs = {"restore": RestoreForm, "end": EndForm}
    fresh = frozenset({"end"})

    @cached_property
    def namespace(self) -> Namespace:
        """Whose trash this is."""
        return self.enter(TRASH_READ).namespace

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save the form that was sent by somebody who may see this; the services ask for more."""
        self.namespace  # noqa: B018 - raises
        return super().post(request, *args, **kwargs)

    @cached_property
    def found(self) -> dict[str, Trashed]:
        """What was looked up already."""
        return {}

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the forms with what is meant."""
        form = super().make_form(name, data)
        if name in ("restore", "end"):
            fill(form, self._meant(data["uuid"] if data and "uuid" in data else ""), name)
        return form

    def _meant(self, uuid: str = "") -> Trashed | None:
        uuid = uuid or self.asked("restore") or self.asked("end")
        if not uuid:
            return None
        if uuid not in self.found:
            self.found[uuid] = selectors.trashed_thing(actor=self.actor, namespace=self.namespace, uuid=uuid)
        return self.found[uuid]

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of the trash, narrowed by name and kind; the dialog of one thing, if one is meant."""
        namespace = self.namespace
        search, kind = self.asked("q"), self.asked("kind")
        page = selectors.trash_page(
            actor=self.actor, namespace=namespace, kind=kind, search=search, start=start_of(self), size=SHOWN
        )
        return {
            "things": [thing_row(thing) for thing in page.things],
            "paging": paging(self, found=page.found, size=SHOWN),
            "has_any": bool(page.counts) or bool(search),
            "chips": [
                (
                    one,
                    label,
                    page.counts.get(one, 0) if one else sum(page.counts.values()),
                    self.here(kind=one, start=""),
                )
                for one, label in CHIPS
            ],
            "kind": kind,
            "search": search,
            "days": settings.TRASH_DAYS,
            "owner": namespace.name,
            "restorer": self.opener("restore"),
            "ender": self.opener("end"),
            "verbs": self.verbs,
            "noun": self.noun,
            "may_change": check(self.actor, TRASH_CHANGE, namespace),
            "forms": self.all_forms(sent),
            **self._one(sent),
        }

    def _one(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        form = sent.get("restore") or sent.get("end")
        thing = self._meant(str(form.data.get("uuid", ""))) if form else self._meant()
        if thing is None:
            return {}
        opened = next(iter(sent), "") or ("restore" if self.asked("restore") else "end")
        return {"thing": thing, "meant": thing_row(thing), "open": opened}

    def done_with(self, thing: Trashed, made: Any, words: str) -> HttpResponse:
        """Say what is back, and show it."""
        messages.success(self.request, words)
        if thing.kind == "team":
            return redirect("console:team", thing.namespace.name, made.slug)
        if thing.kind == "robot":
            return redirect("console:robot", thing.namespace.name, made.shortname)
        return redirect("console:project", thing.namespace.name, made.slug)

    def save_restore(self, data: dict[str, Any]) -> HttpResponse:
        """Bring it back."""
        thing = self._meant(data["uuid"])
        if thing is None:
            raise NotFound(selectors.GONE)
        made, dropped = RESTORE[thing.kind](actor=self.actor, thing=thing, name=data["name"].strip())
        words = BACK[thing.kind].format(name=data["name"].strip()) + lost(dropped)
        return self.done_with(thing, made, words)

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """Delete it for good, if its name was typed."""
        thing = self._meant(data["uuid"])
        if thing is None:
            raise NotFound(selectors.GONE)
        if data["name"] != thing.name:
            raise Invalid(say("Type {name} to confirm", name=thing.name), field="name")
        services.purge_trashed(actor=self.actor, thing=thing)
        return self.done(ENDED[thing.kind].format(name=thing.name))

    def bulk_rows(self) -> QuerySet[Trashed]:
        """Return all that fits the filter, to who may restore it."""
        require(self.actor, TRASH_CHANGE, self.namespace)
        found = selectors.matching(
            actor=self.actor, namespace=self.namespace, kind=self.asked("kind"), search=self.asked("q")
        )
        return selectors.with_taken(found)

    def bulk_found(self, keys: list[str]) -> dict[str, Trashed]:
        """Return those that lie in this trash."""
        found = selectors.trashed_among(actor=self.actor, namespace=self.namespace, uuids=keys)
        return {self.bulk_key(thing): thing for thing in selectors.with_taken(found)}

    def bulk_key(self, row: Trashed) -> str:
        """Return its UUID."""
        return str(row.uuid)

    def bulk_name(self, row: Trashed) -> str:
        """Return its name; what sort of thing it is stands beside the others of that name."""
        return f"{row.name} ({told(row.kind)})"

    def bulk_spared(self, verb: str, row: Trashed) -> str:
        """Say that it cannot come back under its name."""
        is_taken = verb == "restore" and getattr(row, "is_taken", False)
        return _("its name is taken by now: restore it by itself, under another one") if is_taken else ""

    def bulk_hindered(self, verb: str, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those whose names are taken by now."""
        return rows.filter(is_taken=True) if verb == "restore" else rows.none()

    def bulk_effects(self, verb: str, rows: list[Any]) -> list[str]:
        """Say of which kinds the limits leave no room for all of them."""
        if verb != "restore":
            return []
        coming = self.bulk_order(row for row in rows if not self.bulk_spared(verb, row))
        return without_room(self.namespace, coming)

    def bulk_order(self, rows: Iterable[Trashed]) -> list[Trashed]:
        """Return what others hang on before them; of one kind, what was deleted last first."""
        return sorted(rows, key=lambda thing: (ORDER.index(thing.kind), -thing.pk))


class MyTrash(Trash):
    """What somebody deleted of her own."""

    room = "account"

    @cached_property
    def namespace(self) -> Namespace:
        """Her own namespace."""
        if self.actor.user is None:
            raise NotFound(selectors.GONE)
        return self.actor.user.namespace

    def done_with(self, thing: Trashed, made: Any, words: str) -> HttpResponse:
        """Say what is back; what people own has no room of its own."""
        return self.done(words)


def thing_row(thing: Trashed) -> dict[str, Any]:
    """Return what the list shows of a thing."""
    days = selectors.days_left(thing)
    return {
        "uuid": str(thing.uuid),
        "kind": thing.kind,
        "icon": ICONS[thing.kind],
        "name": thing.name,
        "title": thing.title if thing.title != thing.name else "",
        "size": charts.size(thing.size_bytes) if thing.size_bytes else "",
        "by": thing.deleted_by_name,
        "at": thing.deleted_at,
        "days": days,
        "tone": "bad" if days <= 3 else "warn" if days <= 7 else "",
        "tokens": thing.details.get("tokens", ()),
    }

"""The trash: what was deleted lately, restored or deleted for good."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import services as accounts
from console import charts
from console.nouns import listed
from console.paging import paging, start_of
from console.room import CORRECTABLE, FormRoom
from core.errors import Invalid, NotFound
from core.words import say, told
from permissions.catalogue import TRASH_CHANGE, TRASH_READ
from permissions.checks import check
from projects import services as projects
from runs import services as runs
from trash import selectors, services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

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
TOLD, NAMED = 5, 12
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


class ChosenForm(forms.Form):
    """Several of the list, or all that fits and lay there when it was shown."""

    chosen = forms.MultipleChoiceField(required=False)
    all = forms.BooleanField(required=False)
    at = forms.DateTimeField(required=False)
    key = forms.UUIDField(required=False)


class EndChosenForm(forms.Form):
    """Several of the list, and the proof that one means it."""

    uuids = forms.CharField(widget=forms.HiddenInput, required=False)
    all = forms.BooleanField(required=False, widget=forms.HiddenInput)
    at = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    key = forms.UUIDField(required=False, widget=forms.HiddenInput)
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


class Trash(FormRoom):
    """What was deleted in an organization."""

    room = "trash"
    template = "console/trash.html"
    part = "console/trash_list.html"
    dialogs = {
        "restore": RestoreForm,
        "end": EndForm,
        "restore_chosen": ChosenForm,
        "ask_end": ChosenForm,
        "end_chosen": EndChosenForm,
    }
    fresh = frozenset({"end", "end_chosen"})
    takes_all = True  # runs have their pages in organizations

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
        elif name in ("restore_chosen", "ask_end") and data is not None:
            # The selector tells which of them are there, and hers.
            chosen = [(one, one) for one in data.getlist("chosen")]
            form.fields["chosen"].choices = chosen  # type: ignore[attr-defined]
        elif name == "end_chosen":
            form.fields["name"].label = _("Type {name} to confirm").format(name=self.namespace.name)
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
            "now": timezone.now().isoformat(),
            "key": uuid4(),
            "offers_all": self.takes_all and page.found > len(page.things),
            "may_change": check(self.actor, TRASH_CHANGE, namespace),
            "doomed": self._doomed(sent["end_chosen"]) if "end_chosen" in sent else "",
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

    def _among(self, uuids: Iterable[str]) -> list[Trashed]:
        found = selectors.trashed_among(actor=self.actor, namespace=self.namespace, uuids=list(uuids)[:SHOWN])
        return sorted(found, key=lambda thing: ORDER.index(thing.kind))

    def _each(self, uuids: list[str], act: Callable[[Trashed], str]) -> int:
        """Do something to each that was chosen; tell of those that are gone, or that it is refused for."""
        things, count = self._among(uuids), 0
        if len(things) < len(set(uuids[:SHOWN])):
            messages.error(self.request, told(selectors.GONE))
        for thing in things:
            try:
                words = act(thing)
            except (*CORRECTABLE, NotFound) as error:
                messages.error(self.request, f"{thing.name}: {told(error.message)}")
                continue
            count += 1
            if words:
                messages.warning(self.request, _("{name} is back.").format(name=thing.name) + words)
        return count

    def _tick_first(self) -> HttpResponse:
        messages.error(self.request, _("Tick what you mean first."))
        return redirect(self.here())

    def _fitting(self, at: datetime | None) -> QuerySet[Trashed]:
        """Return all that fits the filter of the address and lay there at a moment."""
        found = selectors.matching(
            actor=self.actor, namespace=self.namespace, kind=self.asked("kind"), search=self.asked("q")
        )
        return found.filter(deleted_at__lte=at or timezone.now())

    def _doomed(self, form: forms.Form) -> str:
        """Return the names of what a form would delete for good."""
        if form["all"].value() in (True, "True"):
            things: Iterable[Trashed] = self._fitting(None)
        else:
            things = self._among((form["uuids"].value() or "").split())
        return listed([thing.name for thing in things], at_most=NAMED)

    def _run(self, verb: str, data: dict[str, Any]) -> HttpResponse:
        """Let a worker do something to all that fits, and show how far it is."""
        found = self._fitting(data["at"]).order_by("pk")
        rows = sorted(found[: runs.MOST + 1], key=lambda thing: ORDER.index(thing.kind))
        run = runs.begin_run(
            actor=self.actor,
            namespace=self.namespace,
            action=f"thing.{verb}",
            things=[runs.Thing(thing.pk, thing.name) for thing in rows],
            uuid=data["key"],
        )
        runs.work_now(run)
        return redirect("console:run", self.organization.slug, run.uuid)

    def save_restore_chosen(self, data: dict[str, Any]) -> HttpResponse:
        """Bring back what was chosen, each by itself."""
        if data["all"] and self.takes_all:
            return self._run("restore", data)
        if not data["chosen"]:
            return self._tick_first()

        def restore(thing: Trashed) -> str:
            return lost(RESTORE[thing.kind](actor=self.actor, thing=thing)[1])

        count = self._each(data["chosen"], restore)
        if not count:
            return redirect(self.here())
        return self.done(
            ngettext("{count} thing is back.", "{count} things are back.", count).format(count=count)
        )

    def save_ask_end(self, data: dict[str, Any]) -> HttpResponse:
        """Ask whether one means it."""
        everything = data["all"] and self.takes_all
        if not data["chosen"] and not everything:
            return self._tick_first()
        context = self.context({})
        form = context["forms"]["end_chosen"]
        form.initial = {
            "uuids": "" if everything else " ".join(data["chosen"][:SHOWN]),
            "all": everything,
            "at": data["at"].isoformat() if data["at"] else "",
            "key": data["key"],
        }
        more = {"open": "end_chosen", "ends_all": everything, "doomed": self._doomed(form)}
        return self.page({**context, **more})

    def save_end_chosen(self, data: dict[str, Any]) -> HttpResponse:
        """Delete for good what was chosen."""
        if data["name"] != self.namespace.name:
            raise Invalid(say("Type {name} to confirm", name=self.namespace.name), field="name")
        if data["all"] and self.takes_all:
            return self._run("purge", data)

        def end(thing: Trashed) -> str:
            services.purge_trashed(actor=self.actor, thing=thing)
            return ""

        count = self._each(data["uuids"].split(), end)
        if not count:
            return redirect(self.here())
        return self.done(
            ngettext(
                "{count} thing is deleted for good.", "{count} things are deleted for good.", count
            ).format(count=count)
        )


class MyTrash(Trash):
    """What somebody deleted of her own."""

    room = "account"
    takes_all = False

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

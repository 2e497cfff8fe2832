"""Runs over many things: what is under way, what became of each thing, and what can be done about it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.bulk import NAMED, BeginRoom
from console.charts import full
from console.nouns import things
from console.paging import paging, start_of
from console.room import Room
from console.verbs import VERBS, Verb
from core.errors import NotFound
from core.paging import cut, page_token, read_token
from permissions.catalogue import ORGANIZATION_READ, RUN_READ
from permissions.checks import check
from runs import selectors, services

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest, HttpResponse

    from accounts.models import Namespace, Organization
    from permissions.catalogue import Right
    from runs.models import Run

SHOWN = 50
CODE = "code.apply"
LISTS = {"member": "members", "robot": "robots", "credential": "credentials", "project": "projects"}
LISTS |= {"thing": "trash", "code": "code", "invitation": "invitations", "team": "teams"}
TONES = {"waiting": "", "done": "good", "failed": "bad", "spared": ""}
TONES |= {"added": "good", "changed": "info", "removed": "bad"}
RUN_TONES = {"queued": "info", "running": "info", "done": "good", "cancelled": ""}
STATES = {
    "queued": gettext_lazy("waiting"),
    "running": gettext_lazy("under way"),
    "done": gettext_lazy("done"),
    "cancelled": gettext_lazy("cancelled"),
}


class RunRoom(Room):
    """A page about runs over things of an organization."""

    room = "runs"

    @property
    def namespace(self) -> Namespace:
        """Whose things these are."""
        return self.enter(RUN_READ).namespace

    def list_of(self, noun: str) -> str:
        """Return the address of the list of such things, empty if there is none."""
        return reverse(f"console:{LISTS[noun]}", args=[self.organization.slug]) if noun in LISTS else ""

    def way_back(self, run: Run) -> str:
        """Return the address of the list from which things were chosen, narrowed as it was then.

        Only the query is kept, and so the way leads nowhere else.
        """
        noun = run.arguments.get("noun") or run.action.partition(".")[0]
        url, listed = self.list_of(noun), run.arguments.get("listed", "")
        return f"{url}?{listed}" if url and listed else url

    @property
    def runs_url(self) -> str:
        """The address of all of these runs."""
        return reverse("console:runs", args=[self.organization.slug])

    def enter(self, right: Right | None = None) -> Organization:
        """Return the organization of the address; to who is not in it there is none."""
        found = super().enter()
        if right is not None and not check(self.actor, ORGANIZATION_READ, found):
            raise NotFound("Organization not found")
        return super().enter(right)


class Runs(RunRoom):
    """What was asked for lately."""

    template = "console/runs.html"
    part = "console/runs_list.html"

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Show a page of them; htmx asks again every two seconds while one of them is open."""
        found = selectors.runs(actor=self.actor, namespace=self.namespace)
        before = read_token(self.asked("before")).get("pk")
        if isinstance(before, int):
            found = found.filter(pk__lt=before)
        shown, more = cut(found, SHOWN)
        context = {
            "runs": [
                {
                    "run": run,
                    "url": self.run_url(run.uuid),
                    "title": title_of(run),
                    "state": STATES[run.status],
                    "tone": RUN_TONES[run.status],
                    "percent": percent_of(run),
                }
                for run in shown
            ],
            "is_running": any(run.is_open for run in shown),
            "older": self.here(before=page_token({"pk": shown[-1].pk})) if more else "",
            "newest": self.here(before="") if before else "",
        }
        return self.page(context)


class OneRun(RunRoom, BeginRoom):
    """One run: how far it is, and what became of each thing."""

    template = "console/run.html"
    part = "console/run_state.html"

    def _run(self) -> Run:
        return selectors.run(actor=self.actor, namespace=self.namespace, uuid=self.kwargs["uuid"])

    def get(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Show it; htmx asks again every second while it is open."""
        run = self._run()
        numbers = numbers_of(run)
        status = self.asked("state") if numbers.get(self.asked("state")) else ""
        start = start_of(self)
        found = selectors.items(actor=self.actor, run=run, status=status)
        noun = run.action.partition(".")[0]
        context = {
            "run": run,
            "title": title_of(run),
            "heading": heading_of(run),
            "noun": noun,
            "about": _("Fields") if noun == "code" else _("Why"),
            "state": STATES[run.status],
            "percent": percent_of(run),
            "items": [(item, item_state(run, item.status)) for item in found[start : start + SHOWN]],
            "paging": paging(self, found=numbers[status], size=SHOWN),
            "chips": [
                (key, label, numbers[key], self.here(state=key, start=""))
                for key, label in (
                    ("", _("All")),
                    ("failed", _("Failed")),
                    ("done", _("Done")),
                    ("spared", _("Unchanged")),
                    ("added", _("Added")),
                    ("changed", _("Changed")),
                    ("removed", _("Removed")),
                    ("waiting", _("Waiting") if run.is_open else _("Left out")),
                )
                if not key or numbers.get(key)
            ],
            "chosen": status,
            "runs_url": self.runs_url,
            "list_url": self.way_back(run),
            "origin_url": self.run_url(run.origin.uuid) if run.origin else "",
            "may_cancel": run.is_open and services.may_follow(actor=self.actor, run=run),
            "may_retry": services.retryable(actor=self.actor, run=run),
            "may_undo": services.undoable(actor=self.actor, run=run),
        }
        return self.page(context)

    def post(self, request: HttpRequest, **kwargs: str) -> HttpResponse:
        """Cancel it, do again what failed, or undo it."""
        run = self._run()
        wanted = request.POST.get("do", "")
        if wanted == "cancel":
            services.cancel_run(actor=self.actor, run=run)
            return self.done(_("The run is cancelled. What was done stays done."))
        if wanted == "undo":
            return self._begun(services.undo_run(actor=self.actor, run=run))
        if wanted != "retry":
            raise NotFound("There is nothing to do here by that name")
        if not verb_of(run).is_final:
            return self._retry(run)
        return self.confirm(verb_of(run), partial(self._retry_preview, run), partial(self._retry, run))

    def _retry(self, run: Run) -> HttpResponse:
        return self._begun(services.retry_run(actor=self.actor, run=run))

    def _retry_preview(self, run: Run, form: forms.Form | None) -> HttpResponse:
        names, number = services.to_retry(actor=self.actor, run=run, at_most=NAMED)
        verb, noun = verb_of(run), run.action.partition(".")[0]
        heading = f"{verb.of(things(noun, number))}?"
        shown = [(name, "") for name in names]
        return self.preview(verb, heading, shown, number=number, form=form, sent={"do": "retry"})

    def _begun(self, run: Run) -> HttpResponse:
        """Do it at once if it is small, and show it."""
        services.work_now(run)
        return redirect(self.run_url(run.uuid))


class OwnRuns(RunRoom):
    """A page about runs over what somebody owns herself: that is what she deleted."""

    room = "account"

    @property
    def namespace(self) -> Namespace:
        """Her own namespace."""
        if self.actor.user is None:
            raise NotFound(selectors.MISSING)
        return self.actor.user.namespace

    def list_of(self, noun: str) -> str:
        """Return the address of her trash."""
        return reverse("console:my-trash")

    @property
    def runs_url(self) -> str:
        """The address of all of them."""
        return reverse("console:my-runs")


class MyRuns(OwnRuns, Runs):
    """What she asked for lately."""


class MyRun(OwnRuns, OneRun):
    """One of these runs."""


def verb_of(run: Run) -> Verb:
    """Return what is done to each thing of a run."""
    noun, _dot, name = run.action.partition(".")
    return VERBS[noun][name]


def title_of(run: Run) -> str:
    """Return what is asked for: Disable 6 robots."""
    return verb_of(run).of(things(run.action.partition(".")[0], run.number))


def heading_of(run: Run) -> str:
    """Return what is asked for, or what was done once it has ended: 5 robots disabled, 1 unchanged, 1 not."""
    if run.is_open:
        return title_of(run)
    done = f"{things(run.action.partition('.')[0], run.done)} {verb_of(run).done}"
    if run.spared:
        done = _("{done}, {number} unchanged").format(done=done, number=full(run.spared))
    others = run.number - run.done - run.spared
    return _("{done}, {number} not").format(done=done, number=full(others)) if others else done


def numbers_of(run: Run) -> dict[str, int]:
    """Return of how many things what became, by which the list is narrowed."""
    numbers = {"": run.number, "failed": run.failed, "done": run.done, "spared": run.spared}
    numbers["waiting"] = run.left
    if run.action == CODE:
        numbers |= {name: run.arguments.get(name, 0) for name in ("added", "changed", "removed")}
        numbers["done"] = 0  # told apart
    return numbers


def percent_of(run: Run) -> int:
    """Return how far it is, whatever became of the things."""
    return 100 * (run.number - run.left) // run.number if run.number else 100


def item_state(run: Run, status: str) -> tuple[str, str]:
    """Return in one word what became of a thing, and its tone."""
    if status == "waiting" and not run.is_open:
        return _("left out"), ""
    words = {
        "waiting": _("waiting"),
        "done": _("done"),
        "failed": _("failed"),
        "spared": _("unchanged"),
        "added": _("added"),
        "changed": _("changed"),
        "removed": _("removed"),
    }
    return words[status], TONES[status]

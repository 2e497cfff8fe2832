"""Doing something to many rows of a list at once: choosing, looking at what will happen, asking for a run.

A list is one form: its rows have boxes named ``pick``, and its foot is ``components/bulk_bar.html``. What is
chosen, or everything that fits the filter, is shown first; then it becomes a run, whose page tells the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from console.nouns import things
from console.room import FormRoom
from console.verbs import VERBS, Verb
from core import errors
from runs import services as runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

LIMIT = 200  # that are ticked one by one: a form has only so many fields
NAMED = 20
DIGITS_MAX = 18


class BulkRoom(FormRoom):
    """A room whose list is worked on many rows at a time. A row is addressed by a key, never by its id."""

    noun: ClassVar[str]

    @property
    def verbs(self) -> dict[str, Verb]:
        """What may be done to the rows."""
        return VERBS[self.noun]

    def bulk_rows(self) -> QuerySet[Any]:
        """Return everything that fits the filter of the address, having asked for the right."""
        raise NotImplementedError

    def bulk_found(self, keys: list[str]) -> dict[str, Any]:
        """Return rows of this organization by their keys; unknown keys, and others' rows, are left out."""
        raise NotImplementedError

    def bulk_key(self, row: Any) -> str:
        """Return what a row is addressed by."""
        raise NotImplementedError

    def bulk_name(self, row: Any) -> str:
        """Return what people call a row."""
        return self.bulk_key(row)

    def bulk_spared(self, verb: str, row: Any) -> str:
        """Return why nothing would happen to a row, or nothing."""
        return ""

    def bulk_target(self, row: Any) -> int:
        """Return the key of the thing that a row is, by which a run finds it again."""
        key: int = row.pk
        return key

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save the form that was sent, or do what is asked to many rows."""
        if request.POST.get("do") != "bulk":
            return super().post(request, *args, **kwargs)
        name = request.POST.get("verb", "")
        if name not in self.verbs:
            raise errors.NotFound("There is nothing to do here by that name")
        everything, keys = self.bulk_rows(), self._keys()
        if len(keys) > LIMIT:
            messages.error(request, _("At most {limit} at once.").format(limit=LIMIT))
            return redirect(self.here())
        if request.POST.get("all"):
            return self._all(name, everything)
        if not keys:
            messages.error(request, _("Tick what you mean first."))
            return redirect(self.here())
        rows = self.bulk_found(keys)
        if request.POST.get("confirmed"):
            return self._begin(name, [self._thing(rows[key]) if key in rows else gone(key) for key in keys])
        return self._preview(name, list(rows.values()), number=len(rows), keys=" ".join(rows))

    def _keys(self) -> list[str]:
        sent = [*self.request.POST.getlist("pick"), *self.request.POST.get("keys", "").split()]
        kept = (key.replace("\0", "").strip() for key in sent)
        return list(dict.fromkeys(key for key in kept if key))

    def _whole(self, name: str) -> int:
        sent = self.request.POST.get(name, "")
        return int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= DIGITS_MAX else 0

    def _key(self) -> UUID | None:
        """Return the key that the form was shown with, by which it is one run however often it is sent."""
        try:
            return UUID(self.request.POST.get("key", ""))
        except ValueError:
            return None

    def _all(self, name: str, everything: QuerySet[Any]) -> HttpResponse:
        """Show, or do, the verb to all that fits. What came after it was shown stays untouched."""
        found = everything.order_by("pk")
        if not self.request.POST.get("confirmed"):
            last = found.last()
            return self._preview(name, found[:NAMED], number=found.count(), upto=last.pk if last else 0)
        found = found.filter(pk__lte=self._whole("upto"))
        return self._begin(name, map(self._thing, found[: runs.MOST + 1]))

    def _thing(self, row: Any) -> runs.Thing:
        return runs.Thing(self.bulk_target(row), self.bulk_name(row))

    def _begin(self, verb: str, chosen: Iterable[runs.Thing]) -> HttpResponse:
        """Ask for the run, and show it; do it at once if it is small."""
        run = runs.begin_run(
            actor=self.actor,
            namespace=self.organization.namespace,
            action=f"{self.noun}.{verb}",
            things=list(chosen),
            uuid=self._key(),
        )
        runs.work_now(run)
        return redirect("console:run", self.organization.slug, run.uuid)

    def _preview(self, name: str, rows: Any, *, number: int, keys: str = "", upto: int = 0) -> HttpResponse:
        verb = self.verbs[name]
        shown = [(self.bulk_name(row), self.bulk_spared(name, row)) for row in list(rows)[:NAMED]]
        context = {
            "verb": verb,
            "verb_name": name,
            "heading": _("{verb} {things}?").format(verb=verb.label, things=things(self.noun, number)),
            "shown": shown,
            "more": number - len(shown),
            "keys": keys,
            "upto": upto,
            "key": uuid4(),
        }
        return self.page(context, template="console/bulk.html")


def gone(key: str) -> runs.Thing:
    """Return what stands for a row that is not there."""
    return runs.Thing(0, key[:80])

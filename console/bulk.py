"""Doing something to many rows of a list at once: choosing, looking at what will happen, doing, trying again.

A list is one form: its rows have boxes named ``pick``, and its foot is ``components/bulk_bar.html``. What is
chosen, or everything that fits the filter, is shown first; then it is done row by row, each in a transaction
of its own, and what failed is listed with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from console.charts import full
from console.nouns import things
from console.room import FormRoom
from core import errors
from core.words import told

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django_stubs_ext import StrOrPromise

LIMIT = 200  # in one go: a page must not take minutes
NAMED = 20
DIGITS_MAX = 18


@dataclass(frozen=True)
class Verb:
    """Something that is done to rows: on a button, as what is done, and what it means."""

    label: StrOrPromise
    done: StrOrPromise
    words: StrOrPromise
    danger: bool = False


@dataclass
class Outcome:
    """What became of the rows: how many are done, and which failed, each by key, name and reason."""

    done: int = 0
    failed: list[tuple[str, str, str]] = field(default_factory=list)


class BulkRoom(FormRoom):
    """A room whose list is worked on many rows at a time. A row is addressed by a key, never by its id."""

    noun: ClassVar[str]
    verbs: ClassVar[dict[str, Verb]]

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

    def bulk_do(self, verb: str, row: Any) -> None:
        """Do it to one row. Raises what its service does."""
        raise NotImplementedError

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
            return self._outcome(name, self._run(name, keys, rows))
        return self._preview(name, list(rows.values()), number=len(rows), keys=" ".join(rows))

    def _keys(self) -> list[str]:
        sent = [*self.request.POST.getlist("pick"), *self.request.POST.get("keys", "").split()]
        kept = (key.replace("\0", "").strip() for key in sent)
        return list(dict.fromkeys(key for key in kept if key))

    def _whole(self, name: str) -> int:
        sent = self.request.POST.get(name, "")
        return int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= DIGITS_MAX else 0

    def _all(self, name: str, everything: QuerySet[Any]) -> HttpResponse:
        """Show, or do, the verb to all that fits. What came after it was shown stays untouched."""
        found = everything.order_by("pk").filter(pk__gt=self._whole("after"))
        if not self.request.POST.get("confirmed"):
            last = found.last()
            return self._preview(name, found[:NAMED], number=found.count(), upto=last.pk if last else 0)
        upto = self._whole("upto")
        found = found.filter(pk__lte=upto)
        rows = {self.bulk_key(row): row for row in found[:LIMIT]}
        outcome = self._run(name, list(rows), rows)
        after = max((row.pk for row in rows.values()), default=0)
        return self._outcome(name, outcome, after=after, upto=upto, left=found.filter(pk__gt=after).count())

    def _run(self, verb: str, keys: list[str], rows: dict[str, Any]) -> Outcome:
        outcome = Outcome()
        for key in keys:
            row = rows.get(key)
            if row is None:
                outcome.failed.append(("", key[:80], _("It is not here, or not any more.")))
                continue
            try:
                self.bulk_do(verb, row)
            except errors.FreshLoginRequired:
                raise
            except errors.DomainError as error:
                outcome.failed.append((key, self.bulk_name(row), told(error.message)))
            else:
                outcome.done += 1
        return outcome

    def _preview(self, name: str, rows: Any, *, number: int, keys: str = "", upto: int = 0) -> HttpResponse:
        shown = [(self.bulk_name(row), self.bulk_spared(name, row)) for row in list(rows)[:NAMED]]
        context = {
            "shown": shown,
            "more": number - len(shown),
            "number": number,
            "keys": keys,
            "upto": upto,
            "goes": max(1, -(-number // LIMIT)),
        }
        return self._bulk_page(name, context)

    def _outcome(self, name: str, outcome: Outcome, **more: int) -> HttpResponse:
        again = " ".join(key for key, name, reason in outcome.failed if key)
        return self._bulk_page(name, {"outcome": outcome, "keys": again, **more})

    def _bulk_page(self, name: str, context: dict[str, Any]) -> HttpResponse:
        verb = self.verbs[name]
        if outcome := context.get("outcome"):
            heading = f"{things(self.noun, outcome.done)} {verb.done}"
            if outcome.failed:
                heading = _("{done}, {number} not").format(done=heading, number=full(len(outcome.failed)))
        else:
            rows = things(self.noun, context["number"])
            heading = _("{verb} {things}?").format(verb=verb.label, things=rows)
        context |= {"verb": verb, "verb_name": name, "noun": self.noun, "heading": heading}
        return self.page(context, template="console/bulk.html")

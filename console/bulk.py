"""Doing something to many rows of a list at once: choosing, looking at what will happen, asking for a run.

A list is one form: its rows have boxes named ``pick``, and its foot is ``components/bulk_bar.html``. What is
chosen, or everything that fits the filter, is shown first; then it becomes a run, whose page tells the rest.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from console.nouns import things
from console.room import FormRoom
from console.verbs import VERBS, Verb
from core import errors
from runs import services as runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from accounts.models import Namespace

LIMIT = 200  # that are ticked one by one: a form has only so many fields
NAMED = 20
DIGITS_MAX = 18
SURE = "sure"


class SureForm(forms.Form):
    """The name of whose things they are, typed, proves that one means it."""

    expected = ""
    name = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def expect(self, name: str) -> None:
        """Ask for a name."""
        self.expected = name
        self.fields["name"].label = _("Type {name} to confirm").format(name=name)

    def clean_name(self) -> str:
        """Take nothing else."""
        typed: str = self.cleaned_data["name"]
        if typed != self.expected:
            raise forms.ValidationError(_("Type {name} to confirm").format(name=self.expected))
        return typed


class BeginRoom(FormRoom):
    """A room in which runs are begun, by a list or after another run: what is final asks the same in each."""

    @property
    def namespace(self) -> Namespace:
        """Whose things these are."""
        raise NotImplementedError

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Return the form of that name, of a dialog or of what is final."""
        if name != SURE:
            return super().make_form(name, data)
        form = SureForm(data)
        form.expect(self.namespace.name)
        return form

    def wants_proof(self, name: str) -> bool:
        """Tell whether the form of that name asks for a recent sign-in: what is final does."""
        return name == SURE or super().wants_proof(name)

    def confirm(
        self,
        verb: Verb,
        preview: Callable[[forms.Form | None], HttpResponse],
        begin: Callable[[], HttpResponse],
    ) -> HttpResponse:
        """Show what will happen, until it is confirmed, and what the verb asks is answered; then begin it."""
        is_confirmed = bool(self.request.POST.get("confirmed"))
        form = self._form(SURE, self.request.POST if is_confirmed else None) if verb.is_final else None
        if not is_confirmed:
            return preview(form)
        if form is None:
            return begin()
        return self.attempt(form, lambda data: begin()) or preview(form)

    def preview(
        self,
        verb: Verb,
        heading: str,
        shown: Sequence[tuple[str, str]],
        *,
        number: int,
        form: forms.Form | None,
        sent: Mapping[str, Any],
        **more: Any,
    ) -> HttpResponse:
        """Show what will happen to things, each with why nothing does; ``sent`` is what confirms it."""
        context = {
            "verb": verb,
            "heading": heading,
            "shown": shown,
            "more": number - len(shown),
            "form": form,
            "sent": {**sent, "confirmed": "1"},
            **more,
        }
        return self.page(context, template="console/bulk.html")


class BulkRoom(BeginRoom):
    """A room whose list is worked on many rows at a time. A row is addressed by a key, never by its id."""

    noun: ClassVar[str]

    @cached_property
    def namespace(self) -> Namespace:
        """Whose rows these are."""
        return self.organization.namespace

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

    def bulk_look(self, verb: str, rows: Iterable[Any]) -> None:
        """Look at all rows, in the order in which it is done to them, before the next two are asked."""

    def bulk_spared(self, verb: str, row: Any) -> str:
        """Return why nothing would happen to a row, or nothing."""
        return ""

    def bulk_hindered(self, verb: str, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those of many rows to which nothing would happen, where one query tells."""
        return rows.none()

    def bulk_effects(self, verb: str, rows: list[Any]) -> list[str]:
        """Return in sentences what else it does to these rows; asked of so many only as may be ticked."""
        return []

    def bulk_target(self, row: Any) -> int:
        """Return the key of the thing that a row is, by which a run finds it again."""
        key: int = row.pk
        return key

    def bulk_order(self, rows: Iterable[Any]) -> Iterable[Any]:
        """Return rows in the order in which it is done to them."""
        return rows

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
        return self._ticked(name, self.bulk_found(keys), keys)

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
        found, upto = everything.order_by("pk"), self._whole("upto")
        is_confirmed = bool(self.request.POST.get("confirmed"))
        if not is_confirmed:
            last = found.last()
            upto = last.pk if last else 0
        found = found.filter(pk__lte=upto)

        def preview(form: forms.Form | None) -> HttpResponse:
            self.bulk_look(name, found)
            hindered = self.bulk_hindered(name, found)
            number = found.count()
            most = LIMIT if number <= LIMIT else NAMED
            rows = [*hindered[:most], *found.exclude(pk__in=hindered.values("pk"))[:most]]
            return self._preview(name, rows, form, number=number, hindered=hindered.count(), upto=upto)

        return self._confirm(name, preview, lambda: map(self._thing, self._ordered(found)))

    def _ordered(self, found: QuerySet[Any]) -> Iterable[Any]:
        return self.bulk_order(found[: runs.MOST + 1])

    def _ticked(self, name: str, rows: dict[str, Any], keys: list[str]) -> HttpResponse:
        """Show, or do, the verb to what was ticked."""

        def preview(form: forms.Form | None) -> HttpResponse:
            self.bulk_look(name, rows.values())
            # Those first to which nothing happens: the others need no looking at.
            chosen = sorted(rows.values(), key=lambda row: not self.bulk_spared(name, row))
            hindered = sum(bool(self.bulk_spared(name, row)) for row in chosen)
            missing = len(keys) - len(rows)
            return self._preview(
                name,
                chosen,
                form,
                number=len(rows),
                hindered=hindered,
                missing=missing,
                keys=" ".join(rows),
            )

        def ticked() -> list[runs.Thing]:
            here = [self._thing(row) for row in self.bulk_order(rows[key] for key in keys if key in rows)]
            return here + [gone(key) for key in keys if key not in rows]

        return self._confirm(name, preview, ticked)

    def _confirm(
        self,
        verb: str,
        preview: Callable[[forms.Form | None], HttpResponse],
        chosen: Callable[[], Iterable[runs.Thing]],
    ) -> HttpResponse:
        return self.confirm(self.verbs[verb], preview, lambda: self._begin(verb, chosen()))

    def _thing(self, row: Any) -> runs.Thing:
        return runs.Thing(self.bulk_target(row), self.bulk_name(row))

    def _begin(self, verb: str, chosen: Iterable[runs.Thing]) -> HttpResponse:
        """Ask for the run, and show it; do it at once if it is small."""
        run = runs.begin_run(
            actor=self.actor,
            namespace=self.namespace,
            action=f"{self.noun}.{verb}",
            things=list(chosen),
            uuid=self._key(),
            # Where the page of the list began says nothing once rows are gone.
            listed=urlsplit(self.here(start="", after="")).query,
        )
        runs.work_now(run)
        return redirect(self.run_url(run.uuid))

    def _preview(
        self,
        name: str,
        rows: list[Any],
        form: forms.Form | None,
        *,
        number: int,
        hindered: int = 0,
        missing: int = 0,
        keys: str = "",
        upto: int = 0,
    ) -> HttpResponse:
        verb = self.verbs[name]
        shown = [(self.bulk_name(row), self.bulk_spared(name, row)) for row in rows[:NAMED]]
        chosen = {"all": "1", "upto": upto} if upto else {"keys": keys}
        return self.preview(
            verb,
            f"{verb.of(things(self.noun, number))}?",
            shown,
            number=number,
            form=form,
            sent={"do": "bulk", "verb": name, "key": uuid4(), **chosen},
            effects=self.bulk_effects(name, rows) if len(rows) == number else [],
            hindered=hindered,
            missing=missing,
        )


def gone(key: str) -> runs.Thing:
    """Return what stands for a row that is not there."""
    return runs.Thing(0, key[:80])

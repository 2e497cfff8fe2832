"""The one kind of admin class: it shows rows and never saves one. What changes them are verbs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import flatten_fieldsets, quote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.enums import ActionVariant

from accounts import services as accounts
from accounts.selectors import keeper
from core.client import SIGNED_IN_AT, session_actor
from core.errors import BadCredentials, DomainError, Forbidden, FreshLoginRequired, TooManyRequests
from logs.record import record_denial
from permissions.checks import may_change_in_back_office, require_fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern
    from django.utils.safestring import SafeString

    from backoffice.verbs import Verb, VerbForm
    from core.actor import Actor

Method = TypeVar("Method", bound="Callable[..., Any]")

DIALECT = "admin"
LOOKUPS = {"", *(f"__{one}" for one in ("exact", "isnull", "in", "gte", "lt", "year", "month", "day"))}
AT_ONCE = 500
KEY_DIGITS = 18
NAMED = 20


@dataclass(frozen=True)
class Figure:
    """A number on the first page, sorted by ``rank``. ``mood`` is "", "warning" or "danger"."""

    label: str
    value: int | str
    note: str = ""
    url: str = ""
    mood: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Neighbour:
    """A link from a row to the rows of another desk: those whose ``lookup`` is the row's ``attribute``."""

    label: str
    desk: str
    lookup: str
    attribute: str = "pk"


def link(row: Model | None, text: str = "") -> SafeString | str:
    """Return a link to a row's page, or the sign for nothing."""
    if row is None:
        return "-"
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote(row.pk)])
    return format_html('<a href="{}" class="text-link">{}</a>', address, text or str(row))


def column(**how: Any) -> Callable[[Method], Method]:
    """Say how a method's value is shown: unfold's ``display``, with types."""
    decorate: Callable[[Method], Method] = display(**how)
    return decorate


class Desk(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Shows a model's rows to superusers. Nothing can be added, changed or deleted past the services."""

    verbs: ClassVar[Sequence[Verb]] = ()
    neighbours: ClassVar[Sequence[Neighbour]] = ()
    related: ClassVar[Sequence[str]] = ()  # followed for every row, so that a list costs the same at any size
    actions: ClassVar[Sequence[str]] = ()
    list_per_page = 50
    list_filter_submit = True
    view_on_site = False

    # What Django asks ------------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_staff)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell whether verbs may be used: by superusers, not by read-only ones."""
        return may_change_in_back_office(request.user)  # type: ignore[arg-type]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        raise PermissionDenied("The back office saves nothing past the services")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise PermissionDenied("The back office deletes nothing past the services")

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        raise PermissionDenied("The back office deletes nothing past the services")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404("The usage log is the history")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Leave it to the services."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Leave it to the services."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Leave it to the services."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(*self.related) if self.related else rows

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Allow what filters and links use. Django allows any field, so that secrets could be guessed."""
        first = lookup.partition("__")[0]
        if lookup in {getattr(one, "parameter_name", None) for one in self.list_filter}:
            return True
        if first not in {field.name for field in self.opts.get_fields()}:
            return True  # it finds no field
        if lookup.removeprefix(first) == "__id__exact":
            return True  # by the key of a related row
        filters = [one[0] if isinstance(one, tuple) else one for one in self.list_filter]
        paths = [one for one in (self.date_hierarchy, *filters) if isinstance(one, str)]
        return any(lookup.removeprefix(path) in LOOKUPS for path in paths)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown: list[Any] = list(super().get_fieldsets(request, obj))
        if self.neighbours:
            shown.append(("See also", {"fields": ["see_also"]}))
        return shown

    @column(description="Go to")
    def see_also(self, row: Any) -> SafeString:
        return format_html_join(
            " · ",
            '<a href="{}?{}={}" class="text-link">{}</a>',
            [
                (reverse(f"admin:{one.desk}_changelist"), one.lookup, getattr(row, one.attribute), one.label)
                for one in self.neighbours
            ],
        )

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        """Return this desk's numbers for the first page."""
        return ()

    # Where verbs are offered -----------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if not self.has_operate_permission(request):
            return {}
        return {
            verb.name: (partial(_chosen, verb), verb.name, verb.label)
            for verb in self.verbs
            if not (verb.single or verb.of_list)
        }

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        asked = [str(value) for name, value in request.GET.items() if name.endswith("__exact")]
        if any(value.isdecimal() and len(value) > KEY_DIGITS for value in asked):
            # No row has such a key, and unfold's filters would ask the database for it.
            return HttpResponseRedirect(f"{request.path}?e=1")
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        response: HttpResponse = super().changelist_view(request, {**title, **(extra_context or {})})
        shown = response.context_data if isinstance(response, TemplateResponse) else None
        if shown is not None and "cl" in shown and self.has_operate_permission(request):
            shown["actions_list"] = [self._offer(verb) for verb in self.verbs if verb.of_list]
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context.get("original")
        if row is not None and self.has_operate_permission(request):
            offers = [self._offer(verb, row) for verb in self.verbs if not verb.of_list and verb.fits(row)]
            if len(offers) > 3:
                offers = [
                    {"title": "Actions", "icon": "bolt", "variant": ActionVariant.PRIMARY, "items": offers}
                ]
            context["actions_detail"] = offers
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def _offer(self, verb: Verb, row: Any = None) -> dict[str, Any]:
        address = reverse(self._route("do"), args=[verb.name])
        variant = ActionVariant.PRIMARY if verb.of_list else ActionVariant.DEFAULT
        return {
            "title": verb.label,
            "icon": verb.icon,
            "variant": ActionVariant.DANGER if verb.danger else variant,
            "attrs": {},
            "path": address if row is None else f"{address}?id={quote(row.pk)}&back=row",
        }

    def _route(self, name: str) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"

    def get_urls(self) -> list[URLPattern]:
        route = path(
            "do/<slug:name>/", self.admin_site.admin_view(self.verb_view), name=self._route("do")[6:]
        )
        return [route, *super().get_urls()]

    # Doing -----------------------------------------------------------------------------------------------

    def verb_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask for what a verb needs and say what it will do; on POST, do it."""
        verb = next((one for one in self.verbs if one.name == name), None)
        if verb is None:
            raise Http404("There is no such action")
        told = request.POST if request.method == "POST" else request.GET
        rows = [] if verb.of_list else self._rows(request, told.getlist("id"))
        return self.ask(request, verb, rows, back=told.get("back", ""))

    def _rows(self, request: HttpRequest, keys: list[str]) -> list[Any]:
        known = [int(key) for key in keys[: AT_ONCE + 1] if key.isdecimal() and len(key) <= KEY_DIGITS]
        found = self.get_queryset(request).filter(pk__in=known)
        return list(found.order_by("pk")[: AT_ONCE + 1])

    def ask(self, request: HttpRequest, verb: Verb, rows: list[Any], back: str = "") -> HttpResponse:
        """Show a verb's page, or do it when the page is sent back complete."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        fitting = [row for row in rows if verb.fits(row)]
        refusal = self._refusal(verb, rows, fitting)
        if refusal:
            messages.warning(request, refusal)
            return HttpResponseRedirect(self._way_back(back, rows))
        actor = session_actor(request, dialect=DIALECT)
        is_sent = request.method == "POST" and request.POST.get("sure") == verb.name
        initial = verb.initial(fitting[0]) if verb.single else None
        form = verb.form(request.POST if is_sent else None, initial=initial)
        if verb.sensitive and not _is_fresh(actor):
            keys = [("id", row.pk) for row in rows]
            here = f"{reverse(self._route('do'), args=[verb.name])}?{urlencode([*keys, ('back', back)])}"
            form.ask_for_proof(keeper(actor=actor), here)
        if is_sent and form.is_valid() and _is_her(request, actor, form):
            refusals = self._do(request, actor, verb, fitting, form.cleaned_data)
            if not (refusals and (verb.of_list or verb.single)):
                for words in refusals:
                    messages.error(request, words)
                return HttpResponseRedirect(self._way_back(back, fitting))
            form.add_error(None, refusals)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": verb.label,
            "verb": verb,
            "form": form,
            "media": self.media + form.media,
            "keys": [row.pk for row in fitting],
            "named": [link(row) for row in fitting[:NAMED]],
            "others": max(0, len(fitting) - NAMED),
            "left_out": len(rows) - len(fitting),
            "back": back,
            "back_url": self._way_back(back, rows),
            "address": reverse(self._route("do"), args=[verb.name]),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "backoffice/verb.html", context, status=200 if not is_sent else 422)

    def _refusal(self, verb: Verb, rows: list[Any], fitting: list[Any]) -> str:
        if settings.READ_ONLY:
            return "The instance is read-only for now."
        if verb.of_list:
            return ""
        if len(rows) > AT_ONCE:
            return f"At most {AT_ONCE} rows at once."
        if not fitting:
            return f"“{verb.label}” does not apply to what you chose."
        if verb.single and len(fitting) > 1:
            return f"“{verb.label}” takes one row at a time."
        return ""

    def _way_back(self, back: str, rows: list[Any]) -> str:
        if back == "row" and len(rows) == 1 and self.model._default_manager.filter(pk=rows[0].pk).exists():
            return reverse(self._route("change"), args=[quote(rows[0].pk)])
        query = back.removeprefix("?") if back.startswith("?") else ""
        return reverse(self._route("changelist")) + (f"?{query}" if query else "")

    def _do(
        self, request: HttpRequest, actor: Actor, verb: Verb, rows: list[Any], data: dict[str, Any]
    ) -> list[str]:
        done: list[str] = []
        refusals: list[str] = []
        for row in rows or [None]:
            name = str(row) if row is not None else ""
            # Each row is a change of its own: one that is refused does not undo the others.
            try:
                made = verb.run(replace(actor, memo={}), row, data)
            except DomainError as error:
                refusals.append(f"{name}: {error.message}" if name else error.message)
                _note_denial(request, actor, error)
            else:
                done.append(name or str(made))
        if done:
            rest = f" and {len(done) - NAMED} more" if len(done) > NAMED else ""
            messages.success(request, f"{verb.done}: {', '.join(done[:NAMED])}{rest}.")
        left = len(refusals) - NAMED
        return refusals if left <= 0 else [*refusals[:NAMED], f"… and {left} more could not be done."]


def _note_denial(request: HttpRequest, actor: Actor, error: DomainError) -> None:
    if isinstance(error, Forbidden):
        with transaction.atomic():
            record_denial(
                actor=actor,
                right=error.right,
                reason=error.message,
                method=request.method or "",
                path=request.path,
                status=403,
                namespace=error.namespace,
            )


def _chosen(verb: Verb, desk: Desk, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
    query = request.GET.urlencode()
    return desk.ask(request, verb, list(rows[: AT_ONCE + 1]), back=f"?{query}" if query else "")


def _is_fresh(actor: Actor) -> bool:
    try:
        require_fresh(actor)
    except FreshLoginRequired:
        return False
    return True


def _is_her(request: HttpRequest, actor: Actor, form: VerbForm) -> bool:
    """Check the proof that was asked for, if any, and make the sign-in fresh again."""
    password = form.cleaned_data.pop(form.PASSWORD, None)
    if password is None:
        return True
    try:
        accounts.prove_again(actor=actor, proof=password)
    except (BadCredentials, TooManyRequests) as error:
        form.add_error(form.PASSWORD, error.message)
        return False
    request.session[SIGNED_IN_AT] = timezone.now().isoformat()
    del form.fields[form.PASSWORD]
    return True

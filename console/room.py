"""What every page of the console shares: who is here, refusals in plain words, forms saved by services."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.gzip import gzip_page
from django.views.generic import View

from accounts import selectors as accounts
from accounts import services
from console import calls, passkeys, reasons
from console.frame import Frame
from console.page import refused_part, render_page, wants_part
from console.proof import NOT_HER, PASSKEY, PROOF, proof_fields
from console.shell import Shell
from core import errors
from core.client import SIGNED_IN_AT, session_actor
from core.targets import Refused
from core.words import told
from logs.record import record_denial
from permissions.catalogue import CREATOR, MEMBER_LIST
from permissions.checks import audits, check, organization_level, require_fresh, require_herself
from permissions.reasons import refusal
from quotas import selectors as quotas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from accounts.models import Organization
    from accounts.selectors.security import SecondFactor
    from core.actor import Actor
    from permissions.catalogue import Right
    from quotas.models import Quota

DIALECT = "console"
CORRECTABLE = (
    errors.Invalid,
    errors.Conflict,
    errors.QuotaExceeded,
    errors.BadCredentials,
    errors.TooManyRequests,
    errors.Unreachable,
)
# What opens a dialog by the address; gone once its form is saved.
OPENERS = (
    *("person", "holder", "as", "token", "rename", "remove", "restore", "end", "preview", "of", "rule"),
    *("webhook", "receiver", "leave", "give_up"),
)
# Where wires call a field otherwise than the forms here.
FIELDS = {
    "robot_shortname": "shortname",
    "membername": "username",
    "callback_email": "email",
    "config.url": "url",
    "config.channel_id": "channel_id",
}


@method_decorator(gzip_page, name="dispatch")
class Room(View):
    """A page for signed-in people. ``actor`` is who looks; domain errors become pages that say why."""

    actor: Actor
    room: ClassVar[str] = ""
    template: ClassVar[str] = ""
    part: ClassVar[str] = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Let signed-in people in, and turn what was refused into a page."""
        self.actor = session_actor(request, dialect=DIALECT)
        try:
            if self.actor.is_anonymous:
                raise errors.Unauthenticated
            if settings.READ_ONLY and self.changes_something():
                raise errors.ReadOnly("Muster is read-only for now")
            services.note_presence(actor=self.actor)
            response: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[assignment]
        except errors.DomainError as error:
            response = self.refuse(error)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def changes_something(self) -> bool:
        """Tell whether the request would change anything; what only asks does not."""
        return self.request.method not in ("GET", "HEAD", "OPTIONS")

    def refuse(self, error: errors.DomainError) -> HttpResponse:
        """Answer a refused call: the way to sign in, or the reason."""
        request = self.request
        if isinstance(error, errors.Unauthenticated | errors.FreshLoginRequired):
            query = urlencode({"next": request.get_full_path()})
            where = f"{reverse('console:sign-in')}?{query}"
            if request.headers.get("HX-Request"):
                # A redirect would put the sign-in page into a part of this one.
                return HttpResponse(status=204, headers={"HX-Redirect": where})
            return HttpResponseRedirect(where)
        if isinstance(error, CORRECTABLE):
            messages.error(request, told(error.message))
            return redirect(request.get_full_path())
        if isinstance(error, errors.Forbidden):
            with transaction.atomic():
                record_denial(
                    actor=self.actor,
                    right=error.right,
                    reason=error.message,
                    method=request.method or "",
                    path=request.path,
                    status=403,
                    namespace=error.namespace,
                )
            return self._not_allowed(error)
        if isinstance(error, errors.ReadOnly):
            return self._say("503_readonly.html", {"reason": told(error.message)}, status=503)
        return render(request, "404.html", {"reason": told(error.message)}, status=404)

    def _not_allowed(self, error: errors.Forbidden) -> HttpResponse:
        why = refusal(
            actor=self.actor,
            right=error.right,
            target=error.details.get("target"),
            namespace=error.namespace,
        )
        context: dict[str, Any] = {
            "reason": told(error.message),
            "why": why and reasons.refusal(why),
            "actor": self.actor,
        }
        if why is not None and why.organization:
            context["sees_members"] = check(self.actor, MEMBER_LIST, error.namespace)
            context["is_inside"] = bool(why.givers)
        return self._say("403.html", context, status=403)

    def _say(self, template: str, context: Mapping[str, Any], *, status: int) -> HttpResponse:
        """Answer with a page that says why not, or with the same in a dialog where a part was asked for."""
        if not self.asks_for_part:
            return render(self.request, template, context, status=status)
        context = {**context, "fault": template}
        return refused_part(render(self.request, "console/refused.html", context, status=403))

    @cached_property
    def organization(self) -> Organization:
        """The organization of the address."""
        return self.enter()

    def enter(self, right: Right | None = None) -> Organization:
        """Return the organization of the address, on which the person has the right."""
        found = accounts.organization(actor=self.actor, name=self.kwargs["orgname"], right=right)
        self.__dict__["organization"] = found
        return found

    @cached_property
    def numbers(self) -> Mapping[str, Quota]:
        """How much of each resource the organization uses."""
        return quotas.of_namespace(namespace=self.organization.namespace)

    def asked(self, name: str) -> str:
        """Return what the address says for ``name``, without what no database takes."""
        return self.request.GET.get(name, "").replace("\0", "").strip()

    def here(self, **changes: str) -> str:
        """Return the address of this page with other values; empty ones, and open dialogs, are left out."""
        query = self.request.GET.copy()
        for name in (*OPENERS, *changes):
            query.pop(name, None)
        for name, value in changes.items():
            if value:
                query[name] = value
        return f"{self.request.path}?{query.urlencode()}" if query else self.request.path

    def opener(self, name: str) -> str:
        """Return the address of this page up to the value of ``name``, which opens a dialog."""
        here = self.here()
        return f"{here}{'&' if '?' in here else '?'}{name}="

    def run_url(self, uuid: UUID | str) -> str:
        """Return the address of a run over things of the organization of this page, or of one's own."""
        if "orgname" in self.kwargs:
            return reverse("console:run", args=[self.organization.slug, uuid])
        return reverse("console:my-run", args=[uuid])

    @property
    def asks_for_part(self) -> bool:
        """Tell whether htmx wants only a part of the page."""
        return wants_part(self.request)

    @property
    def is_read_only(self) -> bool:
        """Tell whether an auditor of the organization is here, who is nothing more in it."""
        actor, organization = self.actor, self.organization
        return audits(actor, organization) and organization_level(actor, organization) < CREATOR

    def frame(self) -> Frame:
        """Return what surrounds the page."""
        if "orgname" in self.kwargs:
            return Frame(self.actor, self.organization, self.numbers, is_read_only=self.is_read_only)
        return Frame(self.actor)

    def page(
        self, context: Mapping[str, Any], *, status: int = 200, part: str = "", template: str = ""
    ) -> HttpResponse:
        """Draw the page (by another ``template``), or only its changing part (or ``part``) for htmx."""
        organization = self.organization if "orgname" in self.kwargs else None
        part = part or ("" if template else self.part)
        is_part = bool(part) and wants_part(self.request)
        return render_page(
            self.request,
            template or self.template,
            {"organization": organization, "actor": self.actor, "here": self.here(), **context},
            # What surrounds the page costs queries, and a part of it stands in none.
            shell=Shell() if is_part else self._shell(context),
            part=part,
            status=status,
        )

    def _shell(self, context: Mapping[str, Any]) -> Shell:
        match = self.request.resolver_match
        page = (match.url_name if match else "") or ""
        organization = self.organization if "orgname" in self.kwargs else None
        names = calls.names_of(
            organization=organization,
            project=context.get("project") if page == "project" else None,
            parts=self.kwargs,
        )
        found = list(calls.commands(calls.PAGES.get(page, ()), names))
        return replace(self.frame().shell(self.room), calls=found)

    def done(self, words: str, *where: str) -> HttpResponse:
        """Say what was done and show the page that ``where`` names, or this one again."""
        messages.success(self.request, words)
        if where:
            return redirect(where[0], *where[1:])
        return redirect(self.here())


class FormRoom(Room):
    """A page with dialogs: each posts ``do`` with its name, and its form is saved by ``save_<name>``.

    ``dialogs`` names them. A form that is refused is shown again with the reason, its dialog open.
    ``fresh`` names those that ask for a recent sign-in: who signed in long ago enters her password in the
    same dialog. So does, after the fact, who is told so by a service. ``asking`` names those that change
    nothing, and so are open while Muster is read-only.
    """

    dialogs: ClassVar[dict[str, type[forms.Form]]] = {}
    fresh: ClassVar[frozenset[str]] = frozenset()
    asking: ClassVar[frozenset[str]] = frozenset()

    def changes_something(self) -> bool:
        """Tell whether the request would change anything."""
        return super().changes_something() and self.request.POST.get("do", "") not in self.asking

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save the form that was sent."""
        name = request.POST.get("do", "")
        if name not in self.dialogs:
            raise errors.NotFound("There is nothing to do here by that name")
        form = self._form(name, request.POST)
        saved = self.attempt(form, getattr(self, f"save_{name}"))
        if saved is not None:
            return saved
        if not form.visible_fields():
            # Sent by a button alone: there is no field to say it at.
            messages.error(request, " ".join(str(words) for found in form.errors.values() for words in found))
            return redirect(request.get_full_path())
        return self.page(self.context({name: form}), status=422 if request.headers.get("HX-Request") else 200)

    def attempt(self, form: forms.Form, act: Callable[[dict[str, Any]], HttpResponse]) -> HttpResponse | None:
        """Do what a form asks for; where it is refused, the form says why, and nothing is returned."""
        if not form.is_valid():
            return None
        try:
            self._prove(form)
            return act(form.cleaned_data)
        except CORRECTABLE as error:
            form.add_error(_field(form, error), told(error.message))
        except errors.FreshLoginRequired:
            require_herself(self.actor)
            self._ask_for_proof(form)
            form.add_error(PROOF, _("It is a while since you signed in. Enter this to go on."))
        return None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page."""
        return self.page(self.context({}))

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Return the form of that name; pages whose forms need choices override this."""
        return self.dialogs[name](data)

    def all_forms(self, sent: Mapping[str, forms.Form]) -> dict[str, forms.Form]:
        """Return every form by its name, the sent one with its errors."""
        return {name: sent.get(name) or self._form(name) for name in self.dialogs}

    def wants_proof(self, name: str) -> bool:
        """Tell whether the form of that name asks for a recent sign-in."""
        return name in self.fresh

    def _form(self, name: str, data: Any = None) -> forms.Form:
        form = self.make_form(name, data)
        form.auto_id = f"{name}_%s"  # several forms on one page may have a field of one name
        if (self.wants_proof(name) or (data and PROOF in data)) and not self._is_fresh():
            self._ask_for_proof(form)
        return form

    def _ask_for_proof(self, form: forms.Form) -> None:
        has, passkey, keeper = self._factors
        here = self.request.get_full_path()
        form.fields |= proof_fields(keeper=keeper, with_code=has.app is not None, passkey=passkey, here=here)
        if passkey:
            form.passkey_proof = passkey  # type: ignore[attr-defined] # what the button of the dialog asks for

    @cached_property
    def _factors(self) -> tuple[SecondFactor, str, accounts.Keeper]:
        """What she has beside her password, what a passkey of hers is asked, who keeps the password; once."""
        has = accounts.second_factor(actor=self.actor)
        passkey = passkeys.ask(self.request, self.actor.user) if has.passkeys else ""
        return has, passkey, accounts.keeper(actor=self.actor)

    def _is_fresh(self) -> bool:
        if self.actor.operator is not None:
            # She proves nothing in the name of whom she views; what she sends is refused.
            return True
        try:
            require_fresh(self.actor)
        except errors.FreshLoginRequired:
            return False
        return True

    def _prove(self, form: forms.Form) -> None:
        """Check the password or passkey that was asked for, if any, and make the sign-in fresh again."""
        password = form.cleaned_data.pop(PROOF, None)
        answer = form.cleaned_data.pop(PASSKEY, "")
        if password is None:
            return
        proof = passkeys.answered(self.request, answer) if answer else {"proof": password}
        try:
            services.prove_again(actor=self.actor, **proof)
        except errors.BadCredentials as error:
            words = NOT_HER[accounts.keeper(actor=self.actor)]
            raise errors.BadCredentials(words, field=PROOF) from error
        now = timezone.now()
        self.request.session[SIGNED_IN_AT] = now.isoformat()
        self.actor = replace(self.actor, signed_in_at=now)
        del form.fields[PROOF]
        form.fields.pop(PASSKEY, None)

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return what the template shows; ``sent`` holds a form that was refused."""
        raise NotImplementedError


def _field(form: forms.Form, error: errors.DomainError) -> str | None:
    """Return the field at fault, if it is one of these: a form calls an address ``url``."""
    names = (error.field, FIELDS.get(error.field), "url" if isinstance(error, Refused) else None)
    return next((name for name in names if name in form.fields), None)

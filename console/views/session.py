"""Signing in, signing out, and the first run."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.gzip import gzip_page
from django.views.generic import View

from accounts import selectors, services
from console import passkeys
from console.proof import provider_name
from console.room import DIALECT
from core.client import ACTIVE_AT, SIGNED_IN_AT, session_actor
from core.errors import DomainError, NotFound
from core.words import told

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import User


class SignInForm(forms.Form):
    """Name and password."""

    username = forms.CharField(
        label=gettext_lazy("Name or e-mail"),
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


def start_session(request: HttpRequest, user: User, *, at: datetime | None = None) -> None:
    """Make a fresh session for somebody who has proved herself just now, or elsewhere at that moment."""
    is_hers = request.user.is_authenticated and request.user.pk == user.pk
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    if is_hers:
        request.session.cycle_key()  # which Django leaves as it is
    request.session[SIGNED_IN_AT] = (at or timezone.now()).isoformat()
    request.session[ACTIVE_AT] = time.time()
    if request.session.session_key is None:
        request.session.save()
    actor = session_actor(request, dialect=DIALECT)
    services.note_session(actor=actor, user=user, session_key=request.session.session_key or "")


@method_decorator([gzip_page, never_cache, sensitive_post_parameters("password")], name="dispatch")
class SignIn(View):
    """The sign-in page."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        if services.first_run_is_open():
            return redirect("console:setup")
        return show_sign_in(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in and go where the person wanted to be."""
        form = SignInForm(request.POST)
        if form.is_valid():
            actor = session_actor(request, dialect=DIALECT)
            try:
                user, is_in = services.begin_sign_in(actor=actor, **form.cleaned_data)
            except DomainError as error:
                form.add_error(None, told(error.message))
            else:
                if not is_in:
                    remember_half(request, user)
                    return redirect("console:sign-in-second")
                start_session(request, user)
                return redirect(wanted_by(request))
        return show_sign_in(request, form)


HALF = "half_signed_in"  # who has entered her password in this browser, and owes her second factor
HALF_SECONDS = 600
INVITATION = re.compile(r"/invitations/([^/?#]+)/")  # where mailed links lead


def remember_half(request: HttpRequest, user: User) -> None:
    """Note who has entered her password here, and where she wants to go; a new password ends that."""
    request.session.cycle_key()
    request.session[HALF] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "next": wanted_by(request),
        "at": time.time(),
    }


def half_signed_in(request: HttpRequest) -> User | None:
    """Return who has entered her password in this browser lately, and nothing else so far."""
    half = request.session.get(HALF)
    if half is None or time.time() - half["at"] >= HALF_SECONDS:
        return None
    user = _living(half["user"])
    if user is None or not constant_time_compare(half["hash"], user.get_session_auth_hash()):
        return None
    return user


def _living(pk: int) -> User | None:
    try:
        return selectors.user_by_key(pk=pk)
    except NotFound:
        return None


class CodeForm(forms.Form):
    """A code of one's app, or a recovery code."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=32,
        help_text=gettext_lazy(
            "Six digits that your authenticator app shows, or one of your recovery codes."
        ),
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )


@method_decorator([gzip_page, never_cache], name="dispatch")
class ByPasskey(View):
    """Signing in by a passkey alone, which stands for both factors."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the way in: who was refused may load that page again, or in another language."""
        return redirect("console:sign-in")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in, and go where the person wanted to be."""
        actor = session_actor(request, dialect=DIALECT)
        try:
            sent = passkeys.answered(request, request.POST.get("passkey", ""))
            user = services.sign_in_by_passkey(actor=actor, **sent)
        except DomainError as error:
            return show_sign_in(request, problem=told(error.message))
        start_session(request, user)
        return redirect(wanted_by(request))


@method_decorator([gzip_page, never_cache, sensitive_post_parameters("code")], name="dispatch")
class SecondStep(View):
    """The second step of signing in, for who has entered her password."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        user = half_signed_in(request)
        if user is None:
            return redirect("console:sign-in")
        return self._show(user, self._form(user))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in, and go where the person wanted to be."""
        user = half_signed_in(request)
        if user is None:
            return show_sign_in(request, problem=_("This took too long. Sign in again."))
        form = self._form(user, request.POST)
        answer = request.POST.get("passkey", "")
        if form.is_valid() or answer:
            actor = session_actor(request, dialect=DIALECT)
            sent = passkeys.answered(request, answer) if answer else {"code": form.cleaned_data["code"]}
            form.errors.clear()
            had = selectors.factors_of(user=user).codes_left
            try:
                services.finish_sign_in(actor=actor, user=user, **sent)
            except DomainError as error:
                form.add_error("code" if error.field and not answer else None, told(error.message))
            else:
                wanted = request.session.pop(HALF)["next"]
                start_session(request, user)
                left = selectors.factors_of(user=user).codes_left
                if left < had:
                    words = ngettext(
                        "You signed in with a recovery code; {number} is left. Security has new ones.",
                        "You signed in with a recovery code; {number} are left. Security has new ones.",
                        left,
                    )
                    messages.warning(request, words.format(number=left))
                return redirect(wanted)
        return self._show(user, form)

    def _form(self, user: User, data: Any = None) -> CodeForm:
        # Before it is looked at: what a field says of itself is then kept as it is.
        form = CodeForm(data)
        if selectors.factors_of(user=user).app is None:
            form.fields["code"].help_text = _("One of your recovery codes.")
        return form

    def _show(self, user: User, form: forms.Form) -> HttpResponse:
        has = selectors.factors_of(user=user)
        context = {
            "form": form,
            "username": user.username,
            "has": has,
            "passkey": passkeys.ask(self.request, user) if has.passkeys else "",
        }
        return render(self.request, "console/signin_second.html", context, status=403 if form.errors else 200)


def wanted_by(request: HttpRequest) -> str:
    """Return where somebody wanted to go before she had to sign in, if that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("console:home")


def show_sign_in(request: HttpRequest, form: forms.Form | None = None, *, problem: str = "") -> HttpResponse:
    """Show the sign-in page, with a form that was refused or a problem of another way in."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    invited = INVITATION.match(wanted)
    context = {
        "form": form or SignInForm(),
        "problem": problem,
        "next": wanted,
        "is_mailing": settings.MAILING and settings.AUTHENTICATION == "Database",
        "provider": provider_name(),
        "passkey": passkeys.ask(request) if settings.AUTHENTICATION == "Database" else "",
        "provider_first": settings.AUTHENTICATION == "OIDC",
        "is_invited": invited is not None,
        "joins_by": invited[1] if invited and services.invites_stranger(code=invited[1]) else "",
        "may_join": services.invited_may_join(),
        "is_closed": settings.READ_ONLY,
        "makes_people": settings.AUTHENTICATION != "Database",
    }
    refused = problem or (form is not None and form.errors)
    return render(request, "console/signin.html", context, status=403 if refused else 200)


class SignOut(View):
    """The way out; ends the person's sessions everywhere."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign out."""
        services.sign_out(actor=session_actor(request, dialect=DIALECT))
        logout(request)
        return redirect("console:sign-in")


class NewPersonForm(forms.Form):
    """By what somebody who makes her account will sign in."""

    username = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=255,
        help_text=gettext_lazy(
            "Lower-case letters and digits, with dots, dashes or underscores between them."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        max_length=1024,
        strip=False,
        help_text=format_lazy(
            gettext_lazy("At least {least} characters, no spaces."), least=settings.PASSWORD_MIN
        ),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class SetupForm(NewPersonForm):
    """The first administrator, and the secret that proves access to the machine."""

    secret = forms.CharField(
        label=gettext_lazy("Setup secret"),
        max_length=255,
        help_text=gettext_lazy("Printed once where Muster was started."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    field_order = ("secret", "username", "email", "password")


@method_decorator([gzip_page, never_cache, sensitive_post_parameters("password", "secret")], name="dispatch")
class Setup(View):
    """The first-run page: makes the first administrator, while nobody is here."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Open only on an empty instance."""
        if not services.first_run_is_open():
            return redirect("console:sign-in")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return render(request, "console/setup.html", {"form": SetupForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create the administrator and sign her in."""
        form = SetupForm(request.POST)
        if form.is_valid():
            actor = session_actor(request, dialect=DIALECT)
            try:
                user = services.set_up(actor=actor, **form.cleaned_data)
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, told(error.message))
            else:
                start_session(request, user)
                return redirect("console:home")
        return render(request, "console/setup.html", {"form": form}, status=403)

"""What mailed links lead to, and where to ask for one: a new password, and proof of an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.gzip import gzip_page
from django.views.generic import View

from accounts import services
from console.room import DIALECT
from core.client import session_actor
from core.errors import DomainError, NotFound, TooManyRequests
from core.words import told

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from accounts.models import User


class ForgotForm(forms.Form):
    """Who has forgotten her password."""

    login = forms.CharField(
        label=gettext_lazy("Name or e-mail"),
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )


@method_decorator([gzip_page, never_cache], name="dispatch")
class Forgot(View):
    """The page for who has forgotten her password, where mails are sent."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Say where else to turn on an instance that sends no mails."""
        if not settings.MAILING:
            reason = _("This instance sends no mails. Ask whoever runs it for a new password.")
            return render(request, "404.html", {"reason": reason}, status=404)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return render(request, "console/forgot.html", {"form": ForgotForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Say the same whoever is meant, here or not."""
        form = ForgotForm(request.POST)
        if form.is_valid():
            actor = session_actor(request, dialect=DIALECT)
            try:
                services.request_recovery(actor=actor, login=form.cleaned_data["login"])
            except DomainError as error:
                form.add_error(None, told(error.message))
                status = 429 if isinstance(error, TooManyRequests) else 200
                return render(request, "console/forgot.html", {"form": form}, status=status)
            minutes = max(1, settings.RECOVERY_LINK_SECONDS // 60)
            return render(request, "console/forgot.html", {"is_sent": True, "minutes": minutes})
        return render(request, "console/forgot.html", {"form": form})


@method_decorator([gzip_page, never_cache, sensitive_post_parameters("password")], name="dispatch")
class Link(View):
    """A page that a mailed link leads to. Looking uses nothing up: programs that read mail look, too."""

    purpose: ClassVar[str]
    template: ClassVar[str]
    form: ClassVar[type[forms.Form]] = forms.Form
    done: ClassVar[StrOrPromise]

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        """Show the form, if the link still works."""
        if not services.link_is_good(code=code, purpose=self.purpose):
            return self._dead()
        return render(request, self.template, {"form": self.form()})

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        """Do what the link is for, and go on to sign in."""
        form = self.form(request.POST)
        if form.is_valid():
            try:
                user = self.use(code, form.cleaned_data)
            except NotFound:
                return self._dead()
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, told(error.message))
            else:
                messages.success(request, self.done)
                # Who is signed in goes on where she sees what became of it.
                return redirect("console:account" if request.user == user else "console:sign-in")
        return render(request, self.template, {"form": form})

    def use(self, code: str, data: dict[str, Any]) -> User:
        """Call the service that uses the link up."""
        raise NotImplementedError

    def _dead(self) -> HttpResponse:
        return render(self.request, "console/link_dead.html", {"is_mailing": settings.MAILING}, status=404)


class NewPasswordForm(forms.Form):
    """The new password."""

    password = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=1024,
        help_text=format_lazy(
            gettext_lazy("At least {least} characters, no spaces. All your sessions end."),
            least=settings.PASSWORD_MIN,
        ),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class Recover(Link):
    """Choosing a new password."""

    purpose = "recovery"
    template = "console/recover.html"
    form = NewPasswordForm
    done = gettext_lazy("Your password is changed. Sign in with it.")

    def use(self, code: str, data: dict[str, Any]) -> User:
        """Set the password."""
        actor = session_actor(self.request, dialect=DIALECT)
        return services.recover(actor=actor, code=code, password=data["password"])


class Verify(Link):
    """Proving an address."""

    purpose = "verification"
    template = "console/verify.html"
    done = gettext_lazy("Your e-mail address is confirmed.")

    def use(self, code: str, data: dict[str, Any]) -> User:
        """Note that the address is proven."""
        return services.verify_email(actor=session_actor(self.request, dialect=DIALECT), code=code)

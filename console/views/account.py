"""One's own account: profile and password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import selectors, services
from console.proof import link_key, provider_name
from console.room import FormRoom
from console.views.session import start_session
from permissions.catalogue import ACCOUNT_READ
from permissions.checks import require, require_fresh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse


class ProfileForm(forms.Form):
    """What others see."""

    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=255)
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    company = forms.CharField(required=False, max_length=255)
    location = forms.CharField(required=False, max_length=255)


class PasswordForm(forms.Form):
    """The old password, and a new one."""

    old = forms.CharField(
        label=gettext_lazy("Current password"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=1024,
        help_text=format_lazy(
            gettext_lazy("At least {least} characters, no spaces. Your other sessions end."),
            least=settings.PASSWORD_MIN,
        ),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class MyAccount(FormRoom):
    """The page of the signed-in person."""

    room = "account"
    template = "console/account.html"
    dialogs = {
        "profile": ProfileForm,
        "password": PasswordForm,
        "link": forms.Form,
        "unlink": forms.Form,
        "resend": forms.Form,
    }
    fresh = frozenset({"link", "unlink"})

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the profile with what is there."""
        user = self.actor.user
        if name == "profile" and data is None and user is not None:
            return ProfileForm(initial={field: getattr(user, field) for field in ProfileForm.base_fields})
        return super().make_form(name, data)

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the person."""
        require(self.actor, ACCOUNT_READ)
        user = self.actor.user
        identities = selectors.identities(user=user) if user is not None else []
        linked = any(one.service == "oidc" for one in identities)
        return {
            "user": user,
            "identities": identities,
            "unproven": selectors.unproven_address(actor=self.actor),
            "provider": provider_name(),
            "may_link": bool(provider_name()) and not linked,
            "may_unlink": linked and user is not None and user.has_usable_password(),
            "link": link_key(self.request),
            "forms": self.all_forms(sent),
        }

    def save_profile(self, data: dict[str, Any]) -> HttpResponse:
        """Change the profile; a new address asks for a recent sign-in."""
        if self.actor.user is not None and data["email"] != self.actor.user.email:
            require_fresh(self.actor)
        user = services.change_own_account(actor=self.actor, changes=data)
        if data["email"] != user.email:
            return self.done(
                _(
                    "Your profile is changed. A mail is on its way to {email}: "
                    "the address counts once you have followed the link in it."
                ).format(email=data["email"])
            )
        return self.done(_("Your profile is changed."))

    def save_password(self, data: dict[str, Any]) -> HttpResponse:
        """Change the password; this session goes on, every other ends."""
        services.verify_password(actor=self.actor, password=data["old"])
        user = services.change_own_account(actor=self.actor, changes={"password": data["password"]})
        start_session(self.request, user)
        return self.done(_("Your password is changed."))

    def save_resend(self, data: dict[str, Any]) -> HttpResponse:
        """Mail another link for an address that waits for proof."""
        email = services.resend_proof(actor=self.actor)
        return self.done(_("Another mail is on its way to {email}.").format(email=email))

    def save_link(self, data: dict[str, Any]) -> HttpResponse:
        """Show the way to the provider, now that she has proved that it is she."""
        return self.done(_("Now link your account."))

    def save_unlink(self, data: dict[str, Any]) -> HttpResponse:
        """Let the identity provider no longer sign the person in."""
        if self.actor.user is not None:
            services.unlink_identity(actor=self.actor, user=self.actor.user, service="oidc")
        return self.done(_("The identity provider no longer signs you in."))

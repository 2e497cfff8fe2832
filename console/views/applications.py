"""OAuth applications of an organization: the list, and one with its secret and its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.paging import paging, start_of
from console.room import FormRoom
from console.views.tokens import RevokeForm, name_of, token_row
from core.errors import Invalid
from core.words import say
from permissions.catalogue import APPLICATION_CHANGE, APPLICATION_LIST, Right
from permissions.checks import check
from tokens import listing, selectors, services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from tokens.models import Application

SHOWN = 50


class ApplicationForm(forms.Form):
    """What people see when an application asks them, and where they are sent back to."""

    name = forms.CharField(max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    application_uri = forms.URLField(
        label=gettext_lazy("Home page"), required=False, max_length=1024, assume_scheme="https"
    )
    redirect_uri = forms.CharField(
        label=gettext_lazy("Redirect address"),
        required=False,
        max_length=1024,
        help_text=gettext_lazy("Codes and tokens are sent below this address only."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
    )
    description = forms.CharField(required=False, max_length=10000, widget=forms.Textarea(attrs={"rows": 3}))


class NothingForm(forms.Form):
    """A confirmed wish without further questions."""


class ConfirmForm(forms.Form):
    """Typing the name proves that one means it."""

    name = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))


class Applications(FormRoom):
    """The applications of an organization."""

    room = "applications"
    template = "console/applications.html"
    dialogs = {"create": ApplicationForm}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the applications, oldest first."""
        organization = self.enter(APPLICATION_LIST)
        found, start = listing.used_applications(actor=self.actor, organization=organization), start_of(self)
        return {
            "applications": found[start : start + SHOWN],
            "paging": paging(self, found=found.count(), size=SHOWN),
            "may_change": check(self.actor, APPLICATION_CHANGE, organization),
            "forms": self.all_forms(sent),
        }

    def save_create(self, data: dict[str, Any]) -> HttpResponse:
        """Create one and go there."""
        made = services.create_application(
            actor=self.actor, organization=self.enter(APPLICATION_CHANGE), **data
        )
        words = _("The application {name} is created. Its secret is below.").format(name=made.name)
        return self.done(words, "console:application", self.organization.slug, made.client_id)


class OneApplication(FormRoom):
    """An application: how it signs in, and which tokens it holds."""

    room = "applications"
    template = "console/application.html"
    dialogs = {
        "change": ApplicationForm,
        "reset": NothingForm,
        "revoke": RevokeForm,
        "delete": ConfirmForm,
    }
    fresh = frozenset({"reset", "delete"})

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Remember nothing of the last request."""
        super().setup(request, *args, **kwargs)
        self._application: Application | None = None

    def application(self, right: Right = APPLICATION_CHANGE) -> Application:
        """Return the application of the address, on which the person has the right."""
        organization = self.enter(right)
        if self._application is None:
            self._application = selectors.application(
                actor=self.actor, organization=organization, client_id=self.kwargs["client_id"], right=right
            )
        return self._application

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the form for changes with what is there."""
        form = super().make_form(name, data)
        if name == "revoke":
            form.initial = {"uuid": self.asked("token")}
        elif name in ("change", "delete"):
            application = self.application(APPLICATION_LIST)
            if name == "change":
                form.initial = {field: getattr(application, field) for field in form.fields}
            else:
                form.fields["name"].label = _("Type {name} to confirm").format(name=application.name)
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the application with its tokens; its secret for who may change it."""
        application, organization = self.application(APPLICATION_LIST), self.organization
        found = selectors.application_tokens(
            actor=self.actor, organization=organization, application=application
        )
        may_change = check(self.actor, APPLICATION_CHANGE, organization)
        start, uuid = start_of(self), self.asked("token")
        chosen = uuid and selectors.application_token(
            actor=self.actor, organization=organization, application=application, uuid=uuid
        )
        return {
            "application": application,
            "secret": application.client_secret if may_change else "",
            "tokens": [token_row(token) for token in found[start : start + SHOWN]],
            "paging": paging(self, found=found.count(), size=SHOWN),
            "chosen": chosen,
            "open": "revoke" if uuid else "",
            "opener": self.opener("token"),
            "may_change": may_change,
            "may_revoke": may_change,
            "forms": self.all_forms(sent),
        }

    def save_change(self, data: dict[str, Any]) -> HttpResponse:
        """Change what differs."""
        application = self.application()
        changes = {key: value for key, value in data.items() if value != getattr(application, key)}
        services.change_application(
            actor=self.actor, organization=self.organization, application=application, changes=changes
        )
        return self.done(_("The application is changed."))

    def save_reset(self, data: dict[str, Any]) -> HttpResponse:
        """Give it another secret."""
        services.reset_client_secret(
            actor=self.actor, application=self.application(), organization=self.organization
        )
        return self.done(_("The application has a new secret. The old one does not work any more."))

    def save_revoke(self, data: dict[str, Any]) -> HttpResponse:
        """End one of its tokens."""
        application, organization = self.application(), self.organization
        token = selectors.application_token(
            actor=self.actor, organization=organization, application=application, uuid=data["uuid"]
        )
        services.revoke_application_token(
            actor=self.actor, organization=organization, application=application, credential=token
        )
        return self.done(
            _("The token {name} is revoked. It works nowhere any more.").format(name=name_of(token))
        )

    def save_delete(self, data: dict[str, Any]) -> HttpResponse:
        """Delete it, if its name was typed."""
        application = self.application()
        if data["name"] != application.name:
            raise Invalid(say("Type {name} to confirm", name=application.name), field="name")
        services.delete_application(actor=self.actor, organization=self.organization, application=application)
        words = _("The application {name} is deleted, and its tokens with it.").format(name=application.name)
        return self.done(words, "console:applications", self.organization.slug)

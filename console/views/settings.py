"""An organization's settings: profile, Git provider, tags and invoices, API tokens, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import services as accounts
from console import charts
from console.expiry import ExpiryForm
from console.paging import paging, start_of
from console.previews import NOTHING, Preview, PreviewRoom, names_of
from console.previews import told as effect_of
from console.undo import deleted
from console.views.tokens import RevokeForm, name_of, token_row
from core.errors import Invalid
from core.words import say, told
from permissions.catalogue import (
    CREDENTIAL_ISSUE,
    CREDENTIAL_LIST,
    ORGANIZATION_ADMINISTER,
    ORGANIZATION_CHANGE,
    ORGANIZATION_DELETE,
)
from permissions.checks import check
from permissions.resolver import with_second_factor_asked
from quotas.selectors import by_name_limit_of, limit_of
from quotas.services import Resource
from tokens import selectors, services
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.db.models import QuerySet
    from django.http import HttpResponse

    from quotas.models import Quota
    from tokens.models import Credential

SHOWN = 50
DAY = 24 * 60 * 60


class ProfileForm(forms.Form):
    """What others see."""

    name = forms.CharField(
        max_length=255, help_text=gettext_lazy("As you write it. Its address stays as it is.")
    )
    description = forms.CharField(required=False, max_length=10000, widget=forms.Textarea(attrs={"rows": 3}))
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False, max_length=254)
    url = forms.URLField(
        label=gettext_lazy("Home page"), required=False, max_length=200, assume_scheme="https"
    )
    location = forms.CharField(required=False, max_length=255)


class ProviderForm(forms.Form):
    """Which organization of a Git provider this one is."""

    provider = forms.ChoiceField(label=gettext_lazy("Git provider"), required=False)
    provider_organization = forms.CharField(
        label=gettext_lazy("Its organization there"),
        required=False,
        max_length=255,
        help_text=gettext_lazy(
            "As its address there spells it. The Codacy API finds this organization by it."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """Take both, or neither."""
        data = super().clean() or {}
        provider, name = data.get("provider", ""), data.get("provider_organization", "")
        if provider and not name:
            self.add_error("provider_organization", _("What is it called there?"))
        elif name and not provider and "provider" not in self.errors:
            self.add_error("provider", _("Which provider is it at?"))
        return data


class PolicyForm(forms.Form):
    """How long tags and the log are kept, and where invoices go."""

    log_retention_days = forms.IntegerField(
        label=gettext_lazy("Days the log is kept"),
        required=False,
        min_value=30,
        max_value=3650,
        help_text=gettext_lazy(
            "Empty for as long as this instance keeps its own. Older months move to the operators' archive."
        ),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    tag_expiration_s = forms.TypedChoiceField(
        label=gettext_lazy("Deleted tags are kept for"),
        coerce=int,
        help_text=gettext_lazy("Until then they can be brought back."),
    )
    invoice_email = forms.BooleanField(label=gettext_lazy("Send invoices by e-mail"), required=False)
    invoice_email_address = forms.EmailField(
        label=gettext_lazy("Invoices go to"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("Else to the organization's e-mail."),
    )


class CredentialsForm(forms.Form):
    """For how long tokens live at most."""

    token_max_days = forms.IntegerField(
        label=gettext_lazy("Days a token lives at most"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=gettext_lazy(
            "Empty for no limit. What lives longer already goes on, and is listed under Credentials."
        ),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class NothingForm(forms.Form):
    """A confirmed wish without further questions."""


class KeyForm(ExpiryForm):
    """A new API key."""

    title = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=255,
        help_text=gettext_lazy("What will use it?"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("title",)


class ConfirmForm(forms.Form):
    """Typing the name proves that one means it."""

    name = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))


class Settings(PreviewRoom):
    """The settings of an organization."""

    room = "settings"
    template = "console/settings.html"
    dialogs = {
        "profile": ProfileForm,
        "provider": ProviderForm,
        "policy": PolicyForm,
        "credentials": CredentialsForm,
        "factor": NothingForm,
        "no_factor": NothingForm,
        "issue": ExpiryForm,
        "replace": ExpiryForm,
        "end": NothingForm,
        "key": KeyForm,
        "revoke": RevokeForm,
        "delete": ConfirmForm,
    }
    previews = frozenset({"factor"})
    fresh = frozenset({"factor", "no_factor", "issue", "replace", "end", "key", "revoke", "delete"})

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the forms with what is there; who may not change it only reads it."""
        form, organization = super().make_form(name, data), self.organization
        if name in ("profile", "provider", "policy", "credentials"):
            form.initial = {field: getattr(organization, field) for field in form.fields}
            may_change = check(self.actor, ORGANIZATION_CHANGE, organization)
            for field in form.fields.values():
                field.disabled = not may_change
        if name == "provider":
            providers = [(value, told(label)) for value, label in organization.Provider.choices]
            form.fields["provider"].choices = providers  # type: ignore[attr-defined]
        elif name == "policy":
            offered = sorted({*settings.TAG_EXPIRATION_OPTIONS, organization.tag_expiration_s})
            choices = [(seconds, _span(seconds)) for seconds in offered]
            form.fields["tag_expiration_s"].choices = choices  # type: ignore[attr-defined]
        elif isinstance(form, ExpiryForm):
            form.limit(organization.token_max_days)
        elif name == "revoke":
            form.initial = {"uuid": self.asked("token")}
        elif name == "delete":
            form.fields["name"].label = _("Type {slug} to confirm").format(slug=organization.slug)
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return what is set, and the API tokens; their secrets for who may make them."""
        organization = self.enter(ORGANIZATION_ADMINISTER)
        may_issue = check(self.actor, CREDENTIAL_ISSUE, organization)
        return {
            "may_change": check(self.actor, ORGANIZATION_CHANGE, organization),
            "may_delete": check(self.actor, ORGANIZATION_DELETE, organization),
            "may_issue": may_issue,
            "limits": list(_limits(self.numbers)),
            **(self._tokens(may_issue) if check(self.actor, CREDENTIAL_LIST, organization) else {}),
            "forms": self.all_forms(sent),
            "has_factor": self.actor.user is not None and accounts.has_second_factor(user=self.actor.user),
            "preview": self.preview(),
        }

    def preview_factor(self) -> Preview:
        """Tell who would lose what if a second factor were asked for."""
        now = self.facts()
        waiting = now.unsecured()
        if not waiting:
            lines = [_("Everybody here has a second factor: nobody loses access.")]
        else:
            words = ngettext(
                "{number} person has no second factor, and loses access until one is set up: {names}.",
                "{number} people have no second factor, and lose access until one is set up: {names}.",
                len(waiting),
            )
            lines = [words.format(number=charts.full(len(waiting)), names=names_of(waiting))]
            effect = effect_of(now, with_second_factor_asked(now))
            # Who reaches no project loses the inside of the organization all the same.
            lines += [line for line in effect if line != str(NOTHING)]
        lines.append(_("They stay members, and are told by mail. Robots and tokens go on as before."))
        return Preview(
            title=_("Ask for a second factor?"),
            do="factor",
            save=_("Ask for it"),
            form=self._form("factor"),
            lines=lines,
        )

    def save_factor(self, data: dict[str, Any]) -> HttpResponse:
        """Ask everybody for a second factor."""
        organization = self.enter(ORGANIZATION_CHANGE)
        accounts.require_second_factor(actor=self.actor, organization=organization)
        return self.done(_("Only people with a second factor have access from now on."))

    def save_no_factor(self, data: dict[str, Any]) -> HttpResponse:
        """Ask nobody for one any more."""
        organization = self.enter(ORGANIZATION_CHANGE)
        accounts.waive_second_factor(actor=self.actor, organization=organization)
        return self.done(_("A second factor is not asked for any more."))

    def _tokens(self, may_issue: bool) -> dict[str, Any]:
        keys, start, token = self._listed(Kind.KEY), start_of(self), self._listed(Kind.ORGANIZATION).first()
        uuid = self.asked("token") if may_issue else ""
        return {
            "sees_tokens": True,
            "token": token,
            "token_secret": services.reveal(token) if token and may_issue else "",
            "tokens": [token_row(key) for key in keys[start : start + SHOWN]],
            "paging": paging(self, found=keys.count(), size=SHOWN),
            "chosen": self._key(uuid) if uuid else None,
            "open": "revoke" if uuid else "",
            "opener": self.opener("token"),
            "may_revoke": may_issue,
        }

    def _listed(self, kind: Kind) -> QuerySet[Credential]:
        return selectors.of_organization(
            actor=self.actor, organization=self.organization, kind=kind, right=CREDENTIAL_LIST
        )

    def _token(self) -> Credential | None:
        return selectors.of_organization(
            actor=self.actor, organization=self.organization, kind=Kind.ORGANIZATION
        ).first()

    def _key(self, uuid: str) -> Credential:
        return selectors.organization_token(
            actor=self.actor, organization=self.organization, kind=Kind.KEY, uuid=uuid
        )

    def _change(self, data: dict[str, Any]) -> None:
        organization = self.enter(ORGANIZATION_CHANGE)
        changes = {key: value for key, value in data.items() if value != getattr(organization, key)}
        accounts.change_organization(actor=self.actor, organization=organization, changes=changes)

    def save_profile(self, data: dict[str, Any]) -> HttpResponse:
        """Change the profile."""
        self._change(data)
        return self.done(_("The profile is changed."))

    def save_provider(self, data: dict[str, Any]) -> HttpResponse:
        """Link it to a Git provider's organization, or to none."""
        self._change(data)
        linked = data["provider_organization"]
        return self.done(
            _("It is linked to {linked} now.").format(linked=linked)
            if linked
            else _("It is linked to none any more.")
        )

    def save_policy(self, data: dict[str, Any]) -> HttpResponse:
        """Change how long tags and the log are kept, and where invoices go."""
        self._change(data)
        return self.done(_("The settings are changed."))

    def save_credentials(self, data: dict[str, Any]) -> HttpResponse:
        """Change for how long tokens live at most."""
        self._change(data)
        days = data["token_max_days"]
        said = (
            _("New tokens live for {days} days at most.").format(days=days)
            if days
            else _("New tokens live without limit.")
        )
        return self.done(said)

    def save_issue(self, data: dict[str, Any]) -> HttpResponse:
        """Make the organization's API token."""
        services.create_token(
            actor=self.actor, kind=Kind.ORGANIZATION, organization=self.organization, at_most=1, **data
        )
        return self.done(_("The organization has an API token now."))

    def save_replace(self, data: dict[str, Any]) -> HttpResponse:
        """Give it another."""
        self.enter(CREDENTIAL_ISSUE)
        token = self._token()
        if token is None:
            raise Invalid("There is no token any more: make one")
        services.replace_token(actor=self.actor, organization=self.organization, credential=token, **data)
        return self.done(_("The organization has a new API token. The old one does not work any more."))

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """End it."""
        self.enter(CREDENTIAL_ISSUE)
        token = self._token()
        if token is None:
            raise Invalid("There is no token any more")
        services.revoke_token(actor=self.actor, credential=token)
        return self.done(_("The organization has no API token any more."))

    def save_key(self, data: dict[str, Any]) -> HttpResponse:
        """Make an API key and show its secret, this once."""
        made, secret = services.create_token(
            actor=self.actor, kind=Kind.KEY, organization=self.enter(CREDENTIAL_ISSUE), **data
        )
        messages.success(self.request, _("The API key {title} is made.").format(title=made.title))
        return self.page({**self.context({}), "made": made, "secret": secret})

    def save_revoke(self, data: dict[str, Any]) -> HttpResponse:
        """End an API key."""
        key = self._key(data["uuid"])
        services.revoke_token(actor=self.actor, credential=key)
        return self.done(
            _("The API key {name} is revoked. It works nowhere any more.").format(name=name_of(key))
        )

    def save_delete(self, data: dict[str, Any]) -> HttpResponse:
        """Delete the organization, if its name was typed."""
        organization = self.enter(ORGANIZATION_DELETE)
        if data["name"] != organization.slug:
            raise Invalid(say("Type {slug} to confirm", slug=organization.slug), field="name")
        accounts.delete_organization(actor=self.actor, organization=organization)
        words = deleted(
            _("The organization {slug} is deleted.").format(slug=organization.slug),
            actor=self.actor,
            namespace=organization.namespace,
            kind="organization",
            name=organization.slug,
        )
        return self.done(words, "console:home")


def _limits(numbers: Mapping[str, Quota]) -> Iterator[tuple[str, str, str]]:
    """Yield each resource with how much is used of it and how much may be, in words."""
    for resource in (Resource.MEMBERS, Resource.PROJECTS, Resource.ROBOTS, Resource.BYTES):
        if (row := numbers.get(resource)) is None:
            continue
        said = charts.size if resource == Resource.BYTES else charts.amount
        limit = limit_of(row)
        yield told(resource.label.capitalize()), said(row.used), "" if limit is None else said(limit)
        if resource == Resource.PROJECTS:
            limit = by_name_limit_of(row)
            yield _("Projects, to make more by name"), said(row.used), "" if limit is None else said(limit)


def _span(seconds: int) -> str:
    days = seconds // DAY
    if days and days % 7 == 0:
        return ngettext("{count} week", "{count} weeks", days // 7).format(count=days // 7)
    return ngettext("{count} day", "{count} days", days).format(count=days) if days else _("not at all")

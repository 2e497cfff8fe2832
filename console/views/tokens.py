"""One's own tokens, and what applications hold in one's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.expiry import ExpiryForm, expiry_tone
from console.fields import dangerous, described, told_lazy
from console.nouns import listed
from console.paging import paging, start_of
from console.room import FormRoom
from core.errors import Invalid
from core.words import told
from permissions.catalogue import TOKEN_ISSUE, TOKEN_REVOKE, Scope
from permissions.checks import check, is_superuser
from permissions.scopes import WORDS, are_dangerous
from tokens import listing, selectors, services
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.http import HttpResponse
    from django_stubs_ext import StrOrPromise

    from tokens.models import Assignment, Credential

SHOWN = 50
TITLES = 3
STATES = {
    "": gettext_lazy("All"),
    "expiring": format_lazy(gettext_lazy("Expire within {days} days"), days=listing.EXPIRING_DAYS),
    "never": gettext_lazy("Never used"),
    "idle": format_lazy(gettext_lazy("Unused for {days} days"), days=listing.IDLE_DAYS),
    "unused": format_lazy(gettext_lazy("Unused for {days} days"), days=listing.UNUSED_DAYS),
    "endless": gettext_lazy("No expiry"),
}
MAY: dict[str, StrOrPromise] = {
    Kind.APP_SPECIFIC: gettext_lazy("Stand in for a password"),
    Kind.ACCESS: gettext_lazy("All that you may"),
    Kind.ACCOUNT: gettext_lazy("All that you may"),
}
KINDS: list[tuple[str, Any]] = [
    (
        Kind.OAUTH,
        described(
            gettext_lazy("API token"),
            gettext_lazy("For scripts on the Quay API. It may do what you choose below, no more"),
        ),
    ),
    (
        Kind.APP_SPECIFIC,
        described(
            gettext_lazy("App password"),
            gettext_lazy("For docker login and the like, which ask for a password"),
        ),
    ),
    (
        Kind.ACCESS,
        described(
            gettext_lazy("Access token"),
            gettext_lazy("For scripts on the CI Sense API. It may do all that you may"),
        ),
    ),
    (
        Kind.ACCOUNT,
        described(
            gettext_lazy("Account API token"),
            gettext_lazy("For scripts on the Codacy API. It may do all that you may"),
        ),
    ),
]
SCOPES: list[tuple[str, Any]] = [
    (
        scope,
        (dangerous if words.is_dangerous else described)(told_lazy(words.title), told_lazy(words.sentence)),
    )
    for scope, words in WORDS.items()
]


class TokenForm(ExpiryForm):
    """A new token."""

    kind = forms.ChoiceField(choices=KINDS, initial=Kind.OAUTH, widget=forms.RadioSelect)
    title = forms.CharField(
        max_length=255,
        help_text=gettext_lazy("What will use it? You will look for this name when you revoke it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=SCOPES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Never more than you may do yourself."),
    )
    field_order = ("title", "kind", "scopes", "lifetime", "until")

    def clean(self) -> dict[str, Any]:
        """Ask for scopes where the kind knows them."""
        data = super().clean()
        if data.get("kind") == Kind.OAUTH and not data.get("scopes") and "scopes" not in self.errors:
            self.add_error("scopes", _("Choose at least one."))
        return data


class RevokeForm(forms.Form):
    """Which one to end."""

    uuid = forms.CharField(widget=forms.HiddenInput)


class MyTokens(FormRoom):
    """The tokens that a person made for herself."""

    room = "tokens"
    template = "console/tokens.html"
    dialogs = {"create": TokenForm, "revoke": RevokeForm}
    fresh = frozenset({"create", "revoke"})

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Offer what superusers do to superusers; name the token that the address wants revoked."""
        form = super().make_form(name, data)
        scopes = form.fields.get("scopes")
        if isinstance(scopes, forms.MultipleChoiceField) and not is_superuser(self.actor):
            scopes.choices = [choice for choice in SCOPES if choice[0] != Scope.SUPER_USER]
        if name == "revoke":
            form.initial = {"uuid": self.asked("token")}
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the living tokens, newest first."""
        found, state = selectors.own_made(actor=self.actor), self.asked("state")
        start = start_of(self)
        uuid = self.asked("token")
        numbers, conditions = listing.own_counts(found), listing.own_states()
        if state in conditions:
            found = found.filter(conditions[state])
        return {
            "tokens": [token_row(token) for token in found[start : start + SHOWN]],
            "paging": paging(self, found=numbers.get(state, numbers[""]), size=SHOWN),
            "has_any": numbers[""] > 0,
            "state": state,
            "chips": [
                (key, label, numbers[key], self.here(state=key, start="")) for key, label in STATES.items()
            ],
            "chosen": selectors.own_one(actor=self.actor, uuid=uuid) if uuid else None,
            "open": "revoke" if uuid else "",
            "opener": self.opener("token"),
            "may_create": check(self.actor, TOKEN_ISSUE),
            "may_revoke": check(self.actor, TOKEN_REVOKE),
            "forms": self.all_forms(sent),
        }

    def save_create(self, data: dict[str, Any]) -> HttpResponse:
        """Make a token and show its secret, this once: it is kept nowhere, and so not sent on either."""
        made, secret = self._make(**data)
        messages.success(self.request, _("The token {name} is made.").format(name=name_of(made)))
        return self.page({**self.context({}), "made": made, "secret": secret})

    def _make(
        self, *, kind: str, title: str, scopes: list[str], expires_at: datetime | None
    ) -> tuple[Credential, str]:
        actor, user = self.actor, self.actor.user
        if user is None:
            raise Invalid("Only people have tokens")
        if kind == Kind.OAUTH:
            return services.issue_api_token(
                actor=actor, user=user, scopes=" ".join(scopes), title=title, expires_at=expires_at
            )
        if kind == Kind.APP_SPECIFIC:
            return services.create_app_token(actor=actor, title=title, expires_at=expires_at)
        return services.create_token(
            actor=actor, kind=Kind(kind), user=user, title=title, expires_at=expires_at
        )

    def save_revoke(self, data: dict[str, Any]) -> HttpResponse:
        """End a token."""
        token = selectors.own_one(actor=self.actor, uuid=data["uuid"])
        if token.kind in (Kind.OAUTH, Kind.APP_SPECIFIC):
            services.revoke(actor=self.actor, credential=token)
        else:
            services.revoke_token(actor=self.actor, credential=token)
        return self.done(
            _("The token {name} is revoked. It works nowhere any more.").format(name=name_of(token))
        )


def token_row(token: Credential) -> dict[str, Any]:
    """Return a token with what its line says of it."""
    return {
        "token": token,
        "name": name_of(token),
        "may": scopes_in_words(token.scopes) if token.kind == Kind.OAUTH else MAY.get(token.kind, ""),
        "is_dangerous": token.kind == Kind.OAUTH and are_dangerous(token.scopes.split()),
        "tone": expiry_tone(token),
    }


def scopes_in_words(scopes: str) -> str:
    """Return what scopes allow, the first of them in words."""
    return listed([told(WORDS[scope].title) for scope in scopes.split()], at_most=TITLES)


def name_of(token: Credential) -> str:
    """Return what a token is called, which is its beginning where nobody gave it a title."""
    return token.title or f"{token.hint}…"


class MyApplications(FormRoom):
    """What applications may do in one's name, and what one is offered."""

    room = "authorizations"
    template = "console/authorizations.html"
    dialogs = {"revoke": RevokeForm, "decline": RevokeForm}

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Name the authorization that the address wants taken back."""
        form = super().make_form(name, data)
        if name == "revoke":
            form.initial = {"uuid": self.asked("token")}
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return what is granted, oldest first, and what is offered."""
        found, start, uuid = selectors.granted(actor=self.actor), start_of(self), self.asked("token")
        offers = selectors.assignments(actor=self.actor)[:SHOWN]
        return {
            "tokens": [token_row(token) for token in found[start : start + SHOWN]],
            "paging": paging(self, found=found.count(), size=SHOWN),
            "offers": [(offer, scopes_in_words(offer.scopes), _way_to_take(offer)) for offer in offers],
            "chosen": selectors.authorization(actor=self.actor, uuid=uuid) if uuid else None,
            "open": "revoke" if uuid else "",
            "opener": self.opener("token"),
            "may_revoke": check(self.actor, TOKEN_REVOKE),
            "forms": self.all_forms(sent),
        }

    def save_revoke(self, data: dict[str, Any]) -> HttpResponse:
        """Take an authorization back."""
        token = selectors.authorization(actor=self.actor, uuid=data["uuid"])
        services.revoke(actor=self.actor, credential=token)
        name = token.application.name if token.application else name_of(token)
        return self.done(_("{name} does not act in your name by this token any more.").format(name=name))

    def save_decline(self, data: dict[str, Any]) -> HttpResponse:
        """Decline what is offered."""
        offer = selectors.assignment(actor=self.actor, uuid=data["uuid"])
        services.decline_assignment(actor=self.actor, assignment=offer)
        return self.done(_("The token of {name} is declined.").format(name=offer.application.name))


def _way_to_take(offer: Assignment) -> str:
    query = {
        "response_type": offer.response_type,
        "client_id": offer.application.client_id,
        "scope": offer.scopes,
        "redirect_uri": offer.redirect_uri,
        "assignment_uuid": str(offer.uuid),
    }
    return f"/oauth/authorize?{urlencode(query)}"

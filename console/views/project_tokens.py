"""A project's tokens: made with a name and an end, listed, revoked."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.expiry import ExpiryForm
from console.fields import described
from console.previews import PreviewRoom
from console.views.tokens import name_of, token_row
from core.errors import NotFound
from core.paging import cut
from permissions.catalogue import PROJECT_CHANGE, PROJECT_CREDENTIAL_LIST, PROJECT_READ
from permissions.checks import check
from projects import selectors as projects
from tokens import selectors, services
from tokens.kinds import Kind

if TYPE_CHECKING:
    from django.http import HttpResponse

    from accounts.models import Organization
    from projects.models import Project

SHOWN = 100
MOST = 100  # of each kind: as the Codacy wire has it
KINDS = [
    (
        Kind.REPOSITORY.value,
        described(
            gettext_lazy("Repository token"), gettext_lazy("For the Codacy API, of this project alone")
        ),
    ),
    (
        Kind.PROJECT.value,
        described(gettext_lazy("Project token"), gettext_lazy("For the Qodana API, to send reports")),
    ),
]


class TokenForm(ExpiryForm):
    """A new token of a project."""

    title = forms.RegexField(
        regex=r"\A[A-Za-z0-9-]+\Z",
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("What will use it? Letters, digits and dashes."),
        error_messages={"invalid": gettext_lazy("Letters, digits and dashes, at most 100.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), choices=KINDS, initial=KINDS[0][0], widget=forms.RadioSelect
    )
    field_order = ("title", "kind")


class EndForm(forms.Form):
    """Which of its tokens to end."""

    uuid = forms.CharField(widget=forms.HiddenInput)


class ProjectTokens(PreviewRoom):
    """The page of a project, as far as it is about its tokens."""

    @cached_property
    def project(self) -> Project:
        """The project of the address."""
        found = projects.project(
            actor=self.actor,
            namespace=self.kwargs["orgname"],
            slug=self.kwargs["slug"],
            right=PROJECT_READ,
        )
        self.__dict__["organization"] = self._owner(found)
        return found

    def _owner(self, project: Project) -> Organization:
        # Projects of people have no room here yet.
        if project.namespace.kind != project.namespace.Kind.ORGANIZATION:
            raise NotFound("Organization not found", absent="organization")
        return project.namespace.organization

    def token_form(self, data: Any = None) -> TokenForm:
        """Offer no longer life than the organization allows."""
        form = TokenForm(data)
        form.limit(self.project.namespace.organization.token_max_days)
        return form

    def tokens(self) -> dict[str, Any]:
        """Return the newest of them, and the one that is to be revoked; nothing to who may not see them."""
        if not check(self.actor, PROJECT_CREDENTIAL_LIST, self.project):
            return {}
        may_change = check(self.actor, PROJECT_CHANGE, self.project)
        uuid = self.asked("token") if may_change else ""
        found, more = cut(
            selectors.of_project(actor=self.actor, project=self.project, right=PROJECT_CREDENTIAL_LIST), SHOWN
        )
        told: dict[str, Any] = {
            "sees_tokens": True,
            "tokens": [token_row(token) for token in found],
            "has_more_tokens": more,
            "token_opener": self.opener("token"),
            "may_revoke": may_change,
        }
        if uuid:
            chosen = selectors.project_token(actor=self.actor, project=self.project, uuid=uuid)
            told |= {"chosen": chosen, "open": "end"}
        return told

    def save_issue(self, data: dict[str, Any]) -> HttpResponse:
        """Make a token and show its secret, this once."""
        made, secret = services.create_token(
            actor=self.actor,
            kind=Kind(data["kind"]),
            project=self.project,
            title=data["title"],
            expires_at=data["expires_at"],
            at_most=MOST,
            distinct=True,
        )
        messages.success(self.request, _("The token {title} is made.").format(title=made.title))
        return self.page({**self.context({}), "made": made, "secret": secret})

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """End one of them."""
        token = selectors.project_token(actor=self.actor, project=self.project, uuid=data["uuid"])
        services.revoke_token(actor=self.actor, credential=token)
        return self.done(
            _("The token {name} is revoked. It works nowhere any more.").format(name=name_of(token))
        )

"""Invitations: sent to many at once, watched, withdrawn; and what a mailed one leads to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.gzip import gzip_page
from django.views.generic import View

from accounts import selectors, services
from accounts.services.invitations import AT_ONCE
from console.bulk import BulkRoom
from console.paging import paging, start_of
from console.room import DIALECT, Room
from console.views.members import ROLES
from console.views.session import NewPersonForm, start_session
from core.client import session_actor
from core.errors import DomainError, NotFound, TooManyRequests, Unauthenticated
from core.words import told
from permissions.catalogue import MEMBER_INVITE, MEMBER_LIST, Level, OrganizationRole
from permissions.checks import check, organization_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from accounts.models import Invitation, User

SHOWN = 50
STATES = {"open": gettext_lazy("Open"), "expired": gettext_lazy("Expired")}
WHOM_MAX = 30_000  # letters: a hundred of the longest addresses


class InviteForm(forms.Form):
    """Whom, and as what."""

    whom = forms.CharField(
        label=gettext_lazy("E-mail addresses or user names"),
        max_length=WHOM_MAX,
        help_text=format_lazy(
            gettext_lazy("Up to {most}, one a line or with commas or semicolons between them."), most=AT_ONCE
        ),
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
    )
    role = forms.ChoiceField(choices=ROLES, initial=OrganizationRole.MEMBER, widget=forms.RadioSelect)

    def clean_whom(self) -> list[str]:
        """Return what was typed, piece by piece, each once."""
        pieces = (piece.strip() for piece in re.split(r"[,;\n]", self.cleaned_data["whom"].replace("\0", "")))
        return list(dict.fromkeys(piece for piece in pieces if piece))


class OneForm(forms.Form):
    """Which invitation."""

    key = forms.CharField(max_length=20, widget=forms.HiddenInput)


class Invitations(BulkRoom):
    """Who is invited and has not answered, and how long it is open; inviting many at once."""

    noun = "invitation"
    room = "members"
    template = "console/invitations.html"
    dialogs = {"invite": InviteForm, "renew": OneForm, "withdraw": OneForm}

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Offer the roles that the person may give: owners are made by owners."""
        form = super().make_form(name, data)
        if name == "invite" and not settings.MAILING:
            form.fields["whom"].label = _("User names")
        if name == "invite" and organization_level(self.actor, self.organization) < Level.OWNER:
            owner = OrganizationRole.OWNER
            form.fields["role"].choices = [one for one in ROLES if one[0] != owner]  # type: ignore[attr-defined]
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of invitations, open or expired."""
        organization = self.enter(MEMBER_LIST)
        states = {state: self._in_state(state) for state in STATES}
        numbers = {name: rows.count() for name, rows in states.items()}
        start = start_of(self)
        return {
            "invitations": states[self._state][start : start + SHOWN],
            "paging": paging(self, found=numbers[self._state], size=SHOWN),
            "state": self._state,
            "chips": [
                (name, label, numbers[name], self.here(state=name, start=""))
                for name, label in STATES.items()
            ],
            "verbs": self.verbs,
            "noun": self.noun,
            "may_invite": check(self.actor, MEMBER_INVITE, organization),
            "is_mailing": settings.MAILING,
            "forms": self.all_forms(sent),
        }

    @property
    def _state(self) -> str:
        return self.asked("state") if self.asked("state") in STATES else "open"

    def _in_state(self, state: str) -> QuerySet[Invitation]:
        found = selectors.organization_invitations(actor=self.actor, organization=self.organization)
        ends = "expires_at__gt" if state == "open" else "expires_at__lte"
        return found.filter(**{ends: timezone.now()})

    def bulk_rows(self) -> QuerySet[Invitation]:
        """Return those that are open, or expired, as the address says."""
        self.enter(MEMBER_INVITE)
        return self._in_state(self._state)

    def bulk_found(self, keys: list[str]) -> dict[str, Invitation]:
        """Return those of this organization, be they open or expired."""
        found = selectors.invitations_among(actor=self.actor, organization=self.organization, keys=keys)
        return {self.bulk_key(one): one for one in found}

    def bulk_key(self, row: Invitation) -> str:
        """Return its key: its code is a secret."""
        return str(row.pk)

    def bulk_name(self, row: Invitation) -> str:
        """Return who is invited, and to which team."""
        name = row.user.username if row.user else row.email
        return f"{name} (@{row.team.slug})" if row.team else name

    def bulk_spared(self, verb: str, row: Invitation) -> str:
        """Say who decides in place of an administrator."""
        if verb != "renew":
            return ""
        if row.team and row.team.sync_service:
            return _("a directory decides who is in the team")
        level = organization_level(self.actor, self.organization)
        return _("only an owner may make owners") if row.role == "owner" and level < Level.OWNER else ""

    def bulk_hindered(self, verb: str, rows: QuerySet[Invitation]) -> QuerySet[Invitation]:
        """Return those of teams that mirror a group, and of owners to who is none."""
        if verb != "renew":
            return rows.none()
        is_owner = organization_level(self.actor, self.organization) >= Level.OWNER
        synced = Q(team__sync_service__gt="")
        return rows.filter(synced if is_owner else synced | Q(role="owner"))

    def save_invite(self, data: dict[str, Any]) -> HttpResponse:
        """Invite them; where something is wrong with one, say what became of each."""
        invited = services.invite_people(actor=self.actor, organization=self.organization, **data)
        done = sum(one.done for one in invited)
        if done == len(invited):
            whom = invited[0].typed if done == 1 else _("{done} people").format(done=done)
            return self.done(_("You invited {whom} as {role}.").format(whom=whom, role=told(data["role"])))
        context = self.context({})
        # Who was not invited stands in the dialog again, to be mended.
        again = [one.typed for one in invited if not one.done]
        context["forms"]["invite"].initial = {"whom": "\n".join(again), "role": data["role"]}
        words = _("{done} of {all} invited").format(done=done, all=len(invited))
        return self.page(context | {"results": invited, "told": words})

    def save_renew(self, data: dict[str, Any]) -> HttpResponse:
        """Send one again, with a new code."""
        services.renew_invitation(actor=self.actor, invitation=self._one(data))
        return self.done(_("The invitation is sent again, for another 30 days. The older link is dead."))

    def save_withdraw(self, data: dict[str, Any]) -> HttpResponse:
        """End one."""
        services.end_invitation(actor=self.actor, invitation=self._one(data))
        return self.done(_("The invitation is withdrawn."))

    def _one(self, data: dict[str, Any]) -> Any:
        return selectors.organization_invitation(
            actor=self.actor, organization=self.organization, key=data["key"]
        )


class Invited(Room):
    """An invitation, for whom it is meant; looking answers nothing: programs that read mail look, too."""

    template = "console/invitation.html"

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        """Show who invites whereto."""
        return self.page({"invitation": selectors.invitation(actor=self.actor, code=code)})

    def refuse(self, error: DomainError) -> HttpResponse:
        """Let who is not here yet make her account first, where her code is good for that."""
        if isinstance(error, Unauthenticated) and services.invites_stranger(code=self.kwargs["code"]):
            return redirect("console:join", self.kwargs["code"])
        return super().refuse(error)

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        """Join, or decline."""
        if request.POST.get("answer") == "accept":
            joined = services.accept_invitation(actor=self.actor, code=code)
            return welcome(request, self.actor.user, joined)
        services.decline_invitation(actor=self.actor, code=code)
        return self.done(_("The invitation is declined."), "console:home")


def welcome(request: HttpRequest, user: User | None, joined: Invitation) -> HttpResponse:
    """Lead somebody who has just joined into the organization, or to the second factor that it asks for."""
    where = joined.team or joined.organization
    is_asked = joined.organization.requires_second_factor
    if is_asked and user is not None and not services.has_second_factor(user=user):
        messages.success(
            request,
            _("You are in {name} now. It opens to you with a second factor: set one up here.").format(
                name=where.name
            ),
        )
        return redirect("console:security")
    messages.success(request, _("You are in {name} now.").format(name=where.name))
    return redirect("console:overview", joined.organization.slug)


class JoinForm(NewPersonForm):
    """Who makes her account by an invitation; its address is the one that the mail went to."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        disabled=True,
        help_text=gettext_lazy("The invitation was mailed to this address, which proves it."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    name = forms.CharField(
        label=gettext_lazy("Full name"),
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order = ("email", "username", "name", "password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Tell the two names apart."""
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("User name")


# Where the service calls a field otherwise than the form: to it, what is signed in by is a name.
JOIN_FIELDS = {"name": "username", "password": "password"}


@method_decorator([gzip_page, never_cache, sensitive_post_parameters("password")], name="dispatch")
class Join(View):
    """Making an account by an invitation, for whom nobody here knows; looking uses nothing up."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Send whoever cannot join so to the invitation, or to the way to sign in."""
        code = kwargs["code"]
        if settings.READ_ONLY:
            reason = _("Muster is read-only for now")
            return render(request, "503_readonly.html", {"reason": reason}, status=503)
        if request.user.is_authenticated:
            return redirect("console:invited", code)
        try:
            self.invitation = services.invitation_of_stranger(code=code)
        except DomainError as error:
            return self._elsewhere(error)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        """Show who invites whereto, and the form."""
        return self._show(JoinForm(initial={"email": self.invitation.email}))

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        """Make the account, join, and sign in."""
        form = JoinForm(request.POST, initial={"email": self.invitation.email})
        if not form.is_valid():
            return self._show(form)
        sent = {name: form.cleaned_data[name] for name in ("username", "name", "password")}
        actor = session_actor(request, dialect=DIALECT)
        try:
            user, joined = services.join_by_invitation(actor=actor, code=code, **sent)
        except NotFound as error:
            return self._elsewhere(error)
        except DomainError as error:
            form.add_error(JOIN_FIELDS.get(error.field or ""), told(error.message))
            return self._show(form, status=429 if isinstance(error, TooManyRequests) else 200)
        start_session(request, user)
        return welcome(request, user, joined)

    def _show(self, form: JoinForm, *, status: int = 200) -> HttpResponse:
        context = {"form": form, "invitation": self.invitation}
        return render(self.request, "console/join.html", context, status=status)

    def _elsewhere(self, error: DomainError) -> HttpResponse:
        if self.request.method == "POST":
            messages.error(self.request, told(error.message))
        return redirect("console:invited", self.kwargs["code"])

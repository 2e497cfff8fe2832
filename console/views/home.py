"""The list of one's organizations, and making a new one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import selectors, services
from console.room import FormRoom
from console.views.trash import EndForm, RestoreForm, fill, lost, thing_row
from core.errors import Invalid, NotFound
from core.words import say
from notifications import selectors as notifications
from permissions.catalogue import ORGANIZATION_CREATE
from permissions.checks import check, require
from trash import selectors as trash
from trash.services import purge_trashed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trash.models import Trashed

OTHERS = 50  # organizations of others that are listed to who reads them all


class OrganizationForm(forms.Form):
    """A new organization."""

    name = forms.CharField(
        max_length=255,
        help_text=gettext_lazy(
            "As you write it; the address is made of it: lower-case letters, digits and dashes."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        required=False,
        help_text=gettext_lazy("Where people reach its administrators."),
    )


class Home(FormRoom):
    """The first page after signing in."""

    room = "home"
    template = "console/home.html"
    dialogs = {"create": OrganizationForm, "restore": RestoreForm, "end": EndForm}
    fresh = frozenset({"end"})

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the person's organizations with her best role in each, messages to all, and invitations."""
        memberships = selectors.own_organizations(actor=self.actor)
        mine = [membership.organization_id for membership in memberships]
        others = list(selectors.open_organizations(actor=self.actor, besides=mine)[: OTHERS + 1])
        return {
            "memberships": memberships,
            "others": others[:OTHERS],
            "more_others": len(others) > OTHERS,
            "may_create": check(self.actor, ORGANIZATION_CREATE),
            "global_messages": notifications.messages(),
            "invitations": selectors.own_invitations(actor=self.actor),
            "deleted": [thing_row(thing) for thing in trash.trashed_organizations(actor=self.actor)],
            "restorer": self.opener("restore"),
            "ender": self.opener("end"),
            **self._one(sent),
            "forms": self.all_forms(sent),
        }

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the forms for what was deleted with what is meant."""
        form = super().make_form(name, data)
        if name in ("restore", "end"):
            fill(form, self._meant(data.get("uuid", "") if data else ""), name)
        return form

    def _meant(self, uuid: str = "") -> Trashed | None:
        uuid = uuid or self.asked("restore") or self.asked("end")
        if not uuid:
            return None
        if uuid not in self.found:
            self.found[uuid] = trash.trashed_organization(actor=self.actor, uuid=uuid)
        return self.found[uuid]

    @cached_property
    def found(self) -> dict[str, Trashed]:
        """What was looked up already."""
        return {}

    def _one(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        form = sent.get("restore") or sent.get("end")
        thing = self._meant(str(form.data.get("uuid", "")) if form else "")
        if thing is None:
            return {}
        opened = next(iter(sent), "") or ("restore" if self.asked("restore") else "end")
        return {"thing": thing, "meant": thing_row(thing), "open": opened}

    def save_restore(self, data: dict[str, Any]) -> HttpResponse:
        """Bring an organization back and go there."""
        thing = self._meant(data["uuid"])
        if thing is None:
            raise NotFound(trash.GONE)
        made, dropped = services.restore_organization(
            actor=self.actor, thing=thing, name=data["name"].strip()
        )
        words = _("The organization {slug} is back.").format(slug=made.slug) + lost(dropped)
        return self.done(words, "console:overview", made.slug)

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """Delete an organization for good, if its name was typed."""
        thing = self._meant(data["uuid"])
        if thing is None:
            raise NotFound(trash.GONE)
        if data["name"] != thing.name:
            raise Invalid(say("Type {name} to confirm", name=thing.name), field="name")
        purge_trashed(actor=self.actor, thing=thing)
        return self.done(_("The organization {name} is deleted for good.").format(name=thing.name))

    def save_create(self, data: dict[str, Any]) -> HttpResponse:
        """Create an organization and go there."""
        made = services.create_organization(actor=self.actor, **data)
        return self.done(
            _("The organization {name} is yours.").format(name=made.name), "console:overview", made.slug
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer an invitation, or save the form that was sent."""
        answer, code = request.POST.get("answer"), request.POST.get("code", "")
        if answer == "accept":
            joined = services.accept_invitation(actor=self.actor, code=code)
            where = joined.team or joined.organization
            return self.done(
                _("You are in {name} now.").format(name=where.name),
                "console:overview",
                joined.organization.slug,
            )
        if answer == "decline":
            services.decline_invitation(actor=self.actor, code=code)
            return self.done(_("The invitation is declined."))
        return super().post(request, *args, **kwargs)


class NewOrganization(Home):
    """The same page with its dialog open."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the dialog, or why not."""
        require(self.actor, ORGANIZATION_CREATE)
        return self.page({**self.context({}), "open": "create"})

"""What new projects of an organization are granted at birth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import selectors
from console.fields import suggest
from console.holders import WHO, holder_name, holder_of
from console.room import FormRoom
from console.views.projects import ROLES
from core.words import told
from permissions.catalogue import DEFAULT_GRANT_CHANGE, DEFAULT_GRANT_LIST
from permissions.checks import check
from projects import services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from permissions.models import DefaultGrant

SHOWN = 200


class RuleForm(forms.Form):
    """Who gets what, and on whose projects."""

    holder = forms.CharField(
        label=gettext_lazy("Who gets it"),
        max_length=511,
        help_text=WHO,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(choices=ROLES, initial="read", widget=forms.RadioSelect)
    creator = forms.CharField(
        label=gettext_lazy("Only on projects created by"),
        required=False,
        max_length=511,
        help_text=gettext_lazy(
            "A user name or a robot; empty: on all. A rule with a name beats one without."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class RoleForm(forms.Form):
    """Another role for a rule."""

    uuid = forms.CharField(max_length=64, widget=forms.HiddenInput)
    role = forms.ChoiceField(choices=ROLES, widget=forms.RadioSelect)


class EndForm(forms.Form):
    """Which rule."""

    uuid = forms.CharField(max_length=64, widget=forms.HiddenInput)


class Defaults(FormRoom):
    """The default permissions of an organization: made, changed, removed."""

    room = "projects"
    template = "console/defaults.html"
    dialogs = {"create": RuleForm, "change": RoleForm, "remove": EndForm}

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Offer names while somebody types, and the role that a rule has."""
        form = super().make_form(name, data)
        if name == "create":
            suggest(form.fields["holder"], self.organization.slug, "people,robots,teams")
            suggest(form.fields["creator"], self.organization.slug, "people,robots")
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the rules, and the one of the address in its dialog."""
        organization = self.enter(DEFAULT_GRANT_LIST)
        rules = selectors.default_grants(actor=self.actor, organization=organization)[:SHOWN]
        every = self.all_forms(sent)
        may_change = check(self.actor, DEFAULT_GRANT_CHANGE, organization)
        if may_change and self.asked("rule") and "change" not in sent:
            chosen = self._rule(self.asked("rule"))
            every["change"].initial = {"uuid": str(chosen.uuid), "role": chosen.role}
        return {
            "rules": [(rule, holder_name(rule), _creator_of(rule)) for rule in rules],
            "opener": self.opener("rule"),
            "open": "change" if self.asked("rule") else "",
            "may_change": may_change,
            "forms": every,
        }

    def _rule(self, uuid: str) -> DefaultGrant:
        return selectors.default_grant(actor=self.actor, organization=self.organization, uuid=uuid)

    def save_create(self, data: dict[str, Any]) -> HttpResponse:
        """Add a rule."""
        creator: dict[str, Any] = {}
        if data["creator"].strip():
            found = selectors.holder_to_add(name=data["creator"].strip(), field="creator")
            creator = {f"activating_{sort}": who for sort, who in found.items()}
        services.create_default_grant(
            actor=self.actor,
            organization=self.organization,
            role=data["role"],
            **holder_of(self.organization, data["holder"]),
            **creator,
        )
        return self.done(
            _("New projects grant {role} to {holder} from now on.").format(
                role=told(data["role"]), holder=data["holder"].strip()
            )
        )

    def save_change(self, data: dict[str, Any]) -> HttpResponse:
        """Give a rule another role."""
        rule = services.change_default_grant(
            actor=self.actor, rule=self._rule(data["uuid"]), role=data["role"]
        )
        return self.done(
            _("New projects grant {role} to {holder} from now on.").format(
                role=told(rule.role), holder=holder_name(rule)
            )
        )

    def save_remove(self, data: dict[str, Any]) -> HttpResponse:
        """Remove a rule."""
        rule = self._rule(data["uuid"])
        services.delete_default_grant(actor=self.actor, rule=rule)
        return self.done(
            _("New projects grant nothing to {holder} by this rule any more.").format(
                holder=holder_name(rule)
            )
        )


def _creator_of(rule: DefaultGrant) -> str:
    if rule.activating_robot is not None:
        return rule.activating_robot.full_name
    return rule.activating_user.username if rule.activating_user is not None else ""

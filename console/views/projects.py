"""Projects: the list, and one project with who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console import charts
from console.bulk import BulkRoom
from console.fields import described, suggest
from console.holders import WHO, holder_name, holder_of
from console.previews import Choice, Preview, told
from console.undo import deleted
from console.views.applications import NothingForm
from console.views.project_tokens import EndForm, ProjectTokens, TokenForm
from core.errors import Invalid
from core.paging import cut, page_token, read_token
from core.words import say
from core.words import told as word
from permissions import resolver
from permissions.catalogue import (
    ACCESS_READ,
    DEFAULT_GRANT_LIST,
    GRANT_CHANGE,
    ORGANIZATION_CHANGE,
    ORGANIZATION_READ,
    PROJECT_ADMINISTER,
    PROJECT_CHANGE,
    PROJECT_CREATE,
    PROJECT_DELETE,
    PROJECT_NOTIFICATION_READ,
    PROJECT_READ,
    PROJECT_WRITE,
    ROBOT_READ,
    STAR_CHANGE,
)
from permissions.checks import check, explain, require
from projects import selectors, services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet

    from projects.models import Project

SHOWN = 50
VISIBILITY = [
    (
        "private",
        described(gettext_lazy("Private"), gettext_lazy("Only who is granted access, and administrators")),
    ),
    ("public", described(gettext_lazy("Public"), gettext_lazy("Everybody may read it, signed in or not"))),
]
STATES = [
    ("NORMAL", described(gettext_lazy("Normal"), gettext_lazy("Who may write, writes"))),
    ("READ_ONLY", described(gettext_lazy("Read-only"), gettext_lazy("Nobody changes its content"))),
    ("MIRROR", described(gettext_lazy("Mirror"), gettext_lazy("Its content comes from elsewhere"))),
]
ROLES = [
    ("read", described(gettext_lazy("Read"), gettext_lazy("See it and fetch from it"))),
    (
        "write",
        described(gettext_lazy("Write"), gettext_lazy("Also change its content and description")),
    ),
    (
        "admin",
        described(
            gettext_lazy("Admin"), gettext_lazy("Also grant access, change its settings and delete it")
        ),
    ),
]


MARKDOWN = gettext_lazy("In Markdown: **bold**, `code`, lists, links, tables.")
BULK_STATES = {"lock": "READ_ONLY", "unlock": "NORMAL"}


class ProjectForm(forms.Form):
    """A new project."""

    name = forms.CharField(
        max_length=255,
        help_text=gettext_lazy("As you write it. Its address is made of it and stays."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        required=False, max_length=10000, help_text=MARKDOWN, widget=forms.Textarea(attrs={"rows": 3})
    )
    visibility = forms.ChoiceField(choices=VISIBILITY, initial="private", widget=forms.RadioSelect)


class ChangeForm(forms.Form):
    """What can be changed of a project; below admin only the description."""

    description = forms.CharField(
        required=False, max_length=10000, help_text=MARKDOWN, widget=forms.Textarea(attrs={"rows": 4})
    )
    visibility = forms.ChoiceField(choices=VISIBILITY, widget=forms.RadioSelect)
    state = forms.ChoiceField(choices=STATES, widget=forms.RadioSelect)


class GrantForm(forms.Form):
    """Who may do what."""

    holder = forms.CharField(
        label=gettext_lazy("Who"),
        max_length=511,
        help_text=WHO,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(choices=ROLES, initial="read", widget=forms.RadioSelect)


class RevokeForm(forms.Form):
    """Whose grant to take back."""

    holder = forms.CharField(widget=forms.HiddenInput)


class ConfirmForm(forms.Form):
    """Typing the name proves that one means it."""

    name = forms.CharField(
        label=gettext_lazy("Type the project's name to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class Projects(BulkRoom):
    """The projects of an organization that the person may see."""

    noun = "project"
    room = "projects"
    template = "console/projects.html"
    part = "console/projects_list.html"
    dialogs = {"create": ProjectForm}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of projects by key, narrowed by name."""
        organization = self.enter()
        search = self.asked("q")
        found = selectors.projects(
            actor=self.actor, namespace=organization.slug, public=True, search=search
        ).order_by("slug")
        after = read_token(self.asked("after")).get("slug")
        if isinstance(after, str):
            found = found.filter(slug__gt=after)
        rows, more = cut(found, SHOWN)
        return {
            "projects": rows,
            "withheld": explain(self.actor, ORGANIZATION_READ, organization).withheld,
            "older": self.here(after=page_token({"slug": rows[-1].slug})) if more else "",
            "newest": self.here(after="") if isinstance(after, str) else "",
            "search": search,
            "sees_defaults": check(self.actor, DEFAULT_GRANT_LIST, organization),
            "may_create": check(self.actor, PROJECT_CREATE, organization.namespace),
            "bulk": check(self.actor, ORGANIZATION_CHANGE, organization),
            "found": self._number(rows, cut_off=bool(more or after)),
            "verbs": self.verbs,
            "noun": self.noun,
            "forms": self.all_forms(sent),
        }

    def _number(self, rows: Sequence[Project], *, cut_off: bool) -> int:
        """Return how many fit the filter: counted only where a page does not show all."""
        if not cut_off or not check(self.actor, ORGANIZATION_CHANGE, self.organization):
            return len(rows)
        return self.bulk_rows().count()

    def bulk_rows(self) -> QuerySet[Project]:
        """Return what fits the filter; administrators of the organization alone work on many."""
        organization = self.enter(ORGANIZATION_CHANGE)
        return selectors.projects(
            actor=self.actor, namespace=organization.slug, public=True, search=self.asked("q")
        )

    def bulk_found(self, keys: list[str]) -> dict[str, Project]:
        """Return those of this organization."""
        found = selectors.projects(actor=self.actor, namespace=self.organization.slug, public=True)
        return {project.slug: project for project in found.filter(slug__in=keys)}

    def bulk_key(self, row: Project) -> str:
        """Return its slug."""
        return row.slug

    def bulk_spared(self, verb: str, row: Project) -> str:
        """Say that it is so already."""
        if verb == "private":
            return _("it is private already") if row.visibility == "private" else ""
        state = BULK_STATES.get(verb)
        return _("it is so already") if state == row.state else ""

    def save_create(self, data: dict[str, Any]) -> HttpResponse:
        """Create a project and go there."""
        organization = self.organization
        made = services.create_project(actor=self.actor, namespace=organization.namespace, **data)
        return self.done(
            _("The project {name} is created.").format(name=made.name),
            "console:project",
            organization.slug,
            made.slug,
        )


class OneProject(ProjectTokens):
    """A project: what it is, and who may do what in it."""

    room = "projects"
    template = "console/project.html"
    previews = frozenset({"revoke", "change"})
    dialogs = {
        "grant": GrantForm,
        "revoke": RevokeForm,
        "change": ChangeForm,
        "issue": TokenForm,
        "end": EndForm,
        "delete": ConfirmForm,
        "star": NothingForm,
        "unstar": NothingForm,
    }
    fresh = frozenset({"issue"})

    @property
    def is_read_only(self) -> bool:
        """Tell whether an auditor is here to whom nothing is granted."""
        return super().is_read_only and not check(self.actor, PROJECT_WRITE, self.project)

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the form for changes with what is there; leave out what the person may not change."""
        if name == "change":
            return self._change_form(data)
        if name == "issue":
            return self.token_form(data)
        form = super().make_form(name, data)
        if name == "grant":
            if check(self.actor, ORGANIZATION_READ, self.project.namespace.organization):
                suggest(form.fields["holder"], self.organization.slug, "people,robots,teams")
            if self.asked("holder"):
                form.initial = {"holder": self.asked("holder"), "role": self.asked("as") or "read"}
        elif name == "end":
            form.initial = {"uuid": self.asked("token")}
        elif name == "delete":
            form.fields["name"].label = _("Type {slug} to confirm").format(slug=self.project.slug)
        return form

    def _change_form(self, data: Any) -> forms.Form:
        project = self.project
        values = {
            "description": project.description,
            "visibility": project.visibility,
            "state": project.state,
        }
        form = ChangeForm(data, initial=values)
        if not check(self.actor, PROJECT_CHANGE, project):
            del form.fields["visibility"], form.fields["state"]
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the project, its grants for administrators, and by which ways the person is here."""
        project = self.project
        sees_grants = check(self.actor, PROJECT_ADMINISTER, project)
        grants = selectors.grants(actor=self.actor, project=project) if sees_grants else ()
        return {
            "project": project,
            "size": charts.size(project.size_bytes),
            "sees_grants": sees_grants,
            "grants": [(grant, holder_name(grant)) for grant in grants],
            "paths": explain(self.actor, PROJECT_READ, project).paths,
            "may_write": check(self.actor, PROJECT_WRITE, project),
            "sees_notifications": check(self.actor, PROJECT_NOTIFICATION_READ, project),
            "may_grant": check(self.actor, GRANT_CHANGE, project),
            "may_delete": check(self.actor, PROJECT_DELETE, project),
            "is_inside": check(self.actor, ORGANIZATION_READ, self.organization),
            **self._access(),
            "preview": self.preview(),
            "grant_choices": self._grant_choices(),
            "sees_robots": check(self.actor, ROBOT_READ, self.organization.namespace),
            "opener": self.opener("holder"),
            "open": "grant" if self.asked("holder") else "",
            "may_star": check(self.actor, STAR_CHANGE),
            "is_starred": selectors.is_starred(actor=self.actor, project=project),
            **self.tokens(),
            "forms": self.all_forms(sent),
        }

    def preview_revoke(self) -> Preview | None:
        """Say what ends with a grant."""
        require(self.actor, GRANT_CHANGE, self.project)
        now, name = self.facts(), self.asked("of")
        key = now.named(name)
        if key is None or self.project.pk not in now.grants.get(key, {}):
            return None
        lines = told(now, resolver.with_grant(now, key, self.project.pk, ""))
        form = RevokeForm(initial={"holder": name})
        return Preview(
            _("Revoke the grant of {name}?").format(name=name), "revoke", _("Revoke grant"), form, lines
        )

    def preview_change(self) -> Preview:
        """Say what another visibility would end or give, to who may change it."""
        require(self.actor, PROJECT_WRITE, self.project)
        form = self.make_form("change")
        choices = [self._other_visibility()] if "visibility" in form.fields else []
        return Preview(_("Change the project"), "change", _("Save"), form, choices=choices, danger=False)

    def _other_visibility(self) -> Choice:
        now, public = self.facts(), self.project.visibility == "public"
        lines = told(now, resolver.with_visibility(now, self.project.pk, public=not public))
        lines.insert(0, _("Nobody else may read it any more.") if public else _("Everybody may read it."))
        return Choice(_("Private") if public else _("Public"), lines)

    def _grant_choices(self) -> list[Choice]:
        """Return what each role would do for the holder whom the address names."""
        name = self.asked("holder")
        if not name or not self.sees_access:
            return []
        now = self.facts()
        key = now.named(name)
        if key is None:
            return []
        held = now.grants.get(key, {}).get(self.project.pk)
        return [
            Choice(role, told(now, resolver.with_grant(now, key, self.project.pk, role)))
            for role, label in ROLES
            if held is None or held.role != role
        ]

    def _access(self) -> dict[str, Any]:
        """Return the way to who reaches the project, whatever way, for those who may see that."""
        if not check(self.actor, ACCESS_READ, self.organization):
            return {"sees_access": False}
        query = urlencode({"project": self.project.slug})
        url = f"{reverse('console:access', args=[self.organization.slug])}?{query}"
        return {"sees_access": True, "everybody": _("Everybody who reaches it"), "everybody_url": url}

    def save_grant(self, data: dict[str, Any]) -> HttpResponse:
        """Grant a role, or change it."""
        project = self.project
        services.set_grant(
            actor=self.actor,
            project=project,
            role=data["role"],
            **holder_of(self.organization, data["holder"]),
        )
        return self.done(
            _("{holder} has {role} now.").format(holder=data["holder"].strip(), role=word(data["role"]))
        )

    def save_revoke(self, data: dict[str, Any]) -> HttpResponse:
        """Take a grant back."""
        project = self.project
        services.revoke_grant(
            actor=self.actor, project=project, **holder_of(self.organization, data["holder"])
        )
        return self.done(_("{holder} has no grant here any more.").format(holder=data["holder"].strip()))

    def save_star(self, data: dict[str, Any]) -> HttpResponse:
        """Mark the project, to find it again."""
        services.star_project(actor=self.actor, project=self.project)
        return self.done(_("{slug} is among your starred projects.").format(slug=self.project.slug))

    def save_unstar(self, data: dict[str, Any]) -> HttpResponse:
        """Take the mark away."""
        services.unstar_project(actor=self.actor, project=self.project)
        return self.done(_("{slug} is starred no more.").format(slug=self.project.slug))

    def save_change(self, data: dict[str, Any]) -> HttpResponse:
        """Change what differs."""
        project = self.project
        services.change_settings(actor=self.actor, project=project, changes=data)
        return self.done(_("The project is changed."))

    def save_delete(self, data: dict[str, Any]) -> HttpResponse:
        """Delete the project, if its name was typed."""
        project = self.project
        if data["name"] != project.slug:
            raise Invalid(say("Type {slug} to confirm", slug=project.slug), field="name")
        services.delete_project(actor=self.actor, project=project)
        words = deleted(
            _("The project {slug} is deleted.").format(slug=project.slug),
            actor=self.actor,
            namespace=project.namespace,
            kind="project",
            name=project.slug,
        )
        return self.done(words, "console:projects", self.organization.slug)

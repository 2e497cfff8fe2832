"""The back office's desks for projects and stars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Count, Q
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.desk import Desk, Figure, Neighbour, column, link
from backoffice.filters import gone_filter
from backoffice.verbs import Verb, VerbForm, choice
from projects import services
from projects.models import Project, Star

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

BY_ROLE = (
    "Needs a role on the project: take ownership of its organization first, "
    "unless superusers have full access (MUSTER_SUPERUSERS_FULL_ACCESS)."
)


class VisibilityForm(VerbForm):
    visibility = choice("Visibility", Project.Visibility.choices)


class StateForm(VerbForm):
    state = choice("State", Project.State.choices)


def _lives(project: Project) -> bool:
    return project.deleted_at is None


def _is_disconnected(project: Project) -> bool:
    return _lives(project) and project.connection_status == Project.Connection.DISCONNECTED


@admin.register(Project)
class ProjectDesk(Desk):
    list_display = (
        "full_name",
        "namespace_link",
        "shown_visibility",
        "shown_state",
        "team_link",
        "created_at",
    )
    list_filter = (
        gone_filter("leaving"),
        "visibility",
        "state",
        ("namespace", AutocompleteSelectFilter),
        ("team", AutocompleteSelectFilter),
    )
    search_fields = ("slug", "name", "namespace__key")
    search_help_text = "Name of the project or of its namespace"
    date_hierarchy = "created_at"
    ordering = ("namespace__name", "slug", "pk")
    related = ("namespace__organization", "namespace__user", "team", "contact")
    fieldsets = (
        (None, {"fields": ("slug", "name", "namespace_link", "shown_visibility", "shown_state")}),
        (
            "Profile",
            {"fields": ("description", "icon", "git_url", "contact_link", "team_link", "connection_status")},
        ),
        ("Traces", {"fields": ("badge", "created_at", "deleted_at")}),
    )
    neighbours = (
        Neighbour("Grants", "permissions_grant", "project__id__exact"),
        Neighbour("Credentials", "tokens_credential", "project__id__exact"),
        Neighbour("Stars", "projects_star", "project__id__exact"),
        Neighbour("Usage log", "logs_logentry", "project__id__exact"),
    )
    verbs = (
        Verb(
            "visibility",
            "Change visibility",
            f"A public project is readable by everybody. {BY_ROLE}",
            "Visibility changed",
            lambda actor, project, data: services.set_visibility(actor=actor, project=project, **data),
            icon="visibility",
            form=VisibilityForm,
            fits=_lives,
        ),
        Verb(
            "state",
            "Change state",
            f"A read-only project takes no writes; a mirror follows another place. {BY_ROLE}",
            "State changed",
            lambda actor, project, data: services.set_state(actor=actor, project=project, **data),
            icon="toggle_on",
            form=StateForm,
            fits=_lives,
        ),
        Verb(
            "connect",
            "Connect",
            f"Notes that a cloud provider is linked to it, for the FlexStack wire to disconnect. {BY_ROLE}",
            "Connected",
            lambda actor, project, data: services.connect_project(actor=actor, project=project),
            icon="cloud",
            fits=_is_disconnected,
        ),
        Verb(
            "delete",
            "Delete",
            f"Ends access and its tokens now; a worker removes the rows. The trash keeps it. {BY_ROLE}",
            "Deleted",
            lambda actor, project, data: services.delete_project(actor=actor, project=project),
            icon="delete",
            fits=_lives,
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Project", ordering="slug")
    def full_name(self, project: Project) -> str:
        return project.full_name

    @column(description="Namespace", ordering="namespace__name")
    def namespace_link(self, project: Project) -> SafeString | str:
        return link(project.namespace)

    @column(
        description="Visibility", ordering="visibility", label={"Public": "warning", "Private": "success"}
    )
    def shown_visibility(self, project: Project) -> str:
        return project.get_visibility_display()

    @column(
        description="State",
        ordering="state",
        label={"normal": "success", "read-only": "warning", "mirror": "info", "leaving": "danger"},
    )
    def shown_state(self, project: Project) -> str:
        return project.state.lower().replace("_", "-") if _lives(project) else "leaving"

    @column(description="Owning team", ordering="team__slug")
    def team_link(self, project: Project) -> SafeString | str:
        return link(project.team)

    @column(description="Contact")
    def contact_link(self, project: Project) -> SafeString | str:
        return link(project.contact)

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        found = Project.objects.filter(deleted_at=None).aggregate(
            all=Count("pk"), public=Count("pk", filter=Q(visibility=Project.Visibility.PUBLIC))
        )
        address = reverse("admin:projects_project_changelist")
        return [Figure("Projects", found["all"], note=f"{found['public']} public", url=address, rank=3)]


@admin.register(Star)
class StarDesk(Desk):
    list_display = ("user", "project_link", "created_at")
    list_filter = (("user", AutocompleteSelectFilter), ("project", AutocompleteSelectFilter))
    search_fields = ("user__username", "project__slug")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    related = ("user", "project__namespace")
    fields = ("user_link", "project_link", "created_at")

    @column(description="Person", ordering="user__username")
    def user_link(self, star: Star) -> SafeString | str:
        return link(star.user)

    @column(description="Project", ordering="project__slug")
    def project_link(self, star: Star) -> SafeString | str:
        return link(star.project)

"""The back office's desks for grants and default grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.desk import Desk, column, link
from backoffice.filters import StateFilter
from backoffice.verbs import Verb, VerbForm, choice
from permissions.catalogue import ProjectRole
from permissions.models import DefaultGrant, Grant
from projects import services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString

ROLE_LABELS = {"admin": "warning", "write": "info", "read": "success"}
BY_ROLE = (
    "Needs a role there: take ownership of the organization first, "
    "unless superusers have full access (MUSTER_SUPERUSERS_FULL_ACCESS)."
)


class RoleForm(VerbForm):
    role = choice("Role", ProjectRole.choices)


class HolderFilter(StateFilter):
    title = "holder"
    parameter_name = "holder"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            ("user", "person", Q(user__isnull=False)),
            ("team", "team", Q(team__isnull=False)),
            ("robot", "robot", Q(robot__isnull=False)),
        ]


def _holder(row: Grant | DefaultGrant) -> dict[str, Any]:
    return {"user": row.user, "team": row.team, "robot": row.robot}


@admin.register(Grant)
class GrantDesk(Desk):
    list_display = ("holder", "shown_role", "project_link", "created_at")
    list_filter = ("role", HolderFilter, ("project", AutocompleteSelectFilter))
    search_fields = ("user__username", "team__slug", "robot__shortname", "project__slug")
    search_help_text = "Name of the holder or of the project"
    date_hierarchy = "created_at"
    ordering = ("project__namespace__name", "project__slug", "pk")
    related = (
        "project__namespace__organization",
        "project__namespace__user",
        "user",
        "team__organization",
        "robot__namespace",
    )
    fields = ("holder_link", "shown_role", "project_link", "by_default", "created_at")
    verbs = (
        Verb(
            "role",
            "Change role",
            f"Grants another role instead. {BY_ROLE}",
            "Role changed",
            lambda actor, row, data: services.set_grant(
                actor=actor, project=row.project, **_holder(row), **data
            ),
            icon="badge",
            form=RoleForm,
        ),
        Verb(
            "revoke",
            "Revoke",
            f"Takes the grant back; other grants of the same holder stay. {BY_ROLE}",
            "Revoked",
            lambda actor, row, data: services.revoke_grant(actor=actor, project=row.project, **_holder(row)),
            icon="key_off",
            danger=True,
        ),
    )

    @column(description="Holder", ordering="user__username")
    def holder(self, row: Grant) -> str:
        return str(row.user or row.team or row.robot)

    @column(description="Holder")
    def holder_link(self, row: Grant) -> SafeString | str:
        return link(row.user or row.team or row.robot)

    @column(description="Project", ordering="project__slug")
    def project_link(self, row: Grant) -> SafeString | str:
        return link(row.project)

    @column(description="Role", ordering="role", label=ROLE_LABELS)
    def shown_role(self, row: Grant) -> str:
        return row.role


@admin.register(DefaultGrant)
class DefaultGrantDesk(Desk):
    list_display = ("organization", "holder_link", "shown_role", "creator_link", "created_at")
    list_filter = ("role", HolderFilter, ("organization", AutocompleteSelectFilter))
    search_fields = ("organization__slug", "user__username", "team__slug", "robot__shortname")
    search_help_text = "Name of the organization or of the holder"
    date_hierarchy = "created_at"
    ordering = ("organization__slug", "pk")
    related = (
        "organization__namespace",
        "user",
        "team__organization",
        "robot__namespace",
        "activating_user",
        "activating_robot__namespace",
    )
    fields = ("uuid", "organization_link", "holder_link", "shown_role", "creator_link", "created_at")
    verbs = (
        Verb(
            "role",
            "Change role",
            f"New projects are granted another role; existing ones keep what they have. {BY_ROLE}",
            "Role changed",
            lambda actor, row, data: services.change_default_grant(actor=actor, rule=row, **data),
            icon="badge",
            form=RoleForm,
        ),
        Verb(
            "delete",
            "Delete",
            f"New projects are no longer granted it; existing ones keep what they have. {BY_ROLE}",
            "Deleted",
            lambda actor, row, data: services.delete_default_grant(actor=actor, rule=row),
            icon="delete",
            danger=True,
        ),
    )

    @column(description="Organization", ordering="organization__slug")
    def organization_link(self, row: DefaultGrant) -> SafeString | str:
        return link(row.organization)

    @column(description="Holder")
    def holder_link(self, row: DefaultGrant) -> SafeString | str:
        return link(row.user or row.team or row.robot)

    @column(description="For projects of")
    def creator_link(self, row: DefaultGrant) -> SafeString | str:
        creator = row.activating_user or row.activating_robot
        return link(creator) if creator else "everybody"

    @column(description="Role", ordering="role", label=ROLE_LABELS)
    def shown_role(self, row: DefaultGrant) -> str:
        return row.role

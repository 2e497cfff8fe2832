from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts import services
from accounts.admin.organizations import BY_ROLE
from accounts.models import Robot, RobotFederation
from backoffice.desk import Desk, Figure, Neighbour, column, link
from backoffice.filters import StateFilter
from backoffice.verbs import Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString


class EnabledFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [("enabled", "enabled", Q(disabled_at=None)), ("disabled", "disabled", ~Q(disabled_at=None))]


@admin.register(Robot)
class RobotDesk(Desk):
    list_display = ("full_name", "namespace_link", "description", "state", "created_at")
    list_filter = (EnabledFilter, "namespace__kind", ("namespace", AutocompleteSelectFilter))
    search_fields = ("shortname", "namespace__key", "description")
    search_help_text = "Short name, namespace or description"
    date_hierarchy = "created_at"
    ordering = ("namespace__name", "shortname", "pk")
    related = ("namespace__organization", "namespace__user")
    fieldsets = (
        (None, {"fields": ("full_name", "namespace_link", "description", "state")}),
        ("Traces", {"fields": ("metadata", "created_at", "disabled_at")}),
    )
    neighbours = (
        Neighbour("Credentials", "tokens_credential", "robot__id__exact"),
        Neighbour("Grants", "permissions_grant", "robot__id__exact"),
        Neighbour("Teams", "accounts_teammember", "robot__id__exact"),
        Neighbour("Federations", "accounts_robotfederation", "robot__id__exact"),
    )
    verbs = (
        Verb(
            "disable",
            "Disable",
            f"Its token is refused at once, until it is enabled again. {BY_ROLE}",
            "Disabled",
            lambda actor, robot, data: services.change_robot(actor=actor, robot=robot, enabled=False),
            icon="block",
            fits=lambda robot: robot.disabled_at is None,
        ),
        Verb(
            "enable",
            "Enable",
            f"Its token works again. {BY_ROLE}",
            "Enabled",
            lambda actor, robot, data: services.change_robot(actor=actor, robot=robot, enabled=True),
            icon="check_circle",
            fits=lambda robot: robot.disabled_at is not None,
        ),
        Verb(
            "delete",
            "Delete",
            f"Deletes it with its tokens, grants and team memberships. The trash keeps it. {BY_ROLE}",
            "Deleted",
            lambda actor, robot, data: services.delete_robot(actor=actor, robot=robot),
            icon="delete",
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Robot", ordering="shortname")
    def full_name(self, robot: Robot) -> str:
        return robot.full_name

    @column(description="Namespace", ordering="namespace__name")
    def namespace_link(self, robot: Robot) -> SafeString | str:
        return link(robot.namespace)

    @column(description="State", ordering="disabled_at", label={"enabled": "success", "disabled": "warning"})
    def state(self, robot: Robot) -> str:
        return "enabled" if robot.disabled_at is None else "disabled"

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        address = reverse("admin:accounts_robot_changelist")
        return [Figure("Robots", Robot.objects.count(), url=address, rank=4)]


@admin.register(RobotFederation)
class RobotFederationDesk(Desk):
    list_display = ("robot", "issuer", "subject")
    list_filter = (("robot", AutocompleteSelectFilter),)
    search_fields = ("robot__shortname", "robot__namespace__key", "issuer", "subject")
    search_help_text = "Robot, issuer or subject"
    ordering = ("robot__namespace__name", "robot__shortname", "pk")
    related = ("robot__namespace__organization", "robot__namespace__user")
    fields = ("robot_link", "issuer", "subject")
    verbs = (
        Verb(
            "end",
            "End the robot's federation",
            f"No outside identity may act as the robot any more: all of its identities go. {BY_ROLE}",
            "Ended",
            lambda actor, row, data: services.delete_robot_federation(actor=actor, robot=row.robot),
            icon="link_off",
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Robot", ordering="robot__shortname")
    def robot_link(self, row: RobotFederation) -> SafeString | str:
        return link(row.robot)

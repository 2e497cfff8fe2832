from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts import services
from accounts.admin.organizations import BY_ROLE, ROLE_LABELS
from accounts.models import Invitation, Team, TeamMember
from backoffice.desk import Desk, Neighbour, column, link
from backoffice.filters import StateFilter
from backoffice.verbs import Verb, VerbForm, choice, row_of
from core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString

    from core.actor import Actor


class TeamRoleForm(VerbForm):
    role = choice("Role in the organization", Team.Role.choices)


class TeamMemberForm(VerbForm):
    user = row_of(TeamMember, "user", "Person", deleted_at=None)


@admin.register(Team)
class TeamDesk(Desk):
    list_display = ("team", "organization_link", "shown_role", "parent_link", "sync_service", "created_at")
    list_filter = ("role", "sync_service", ("organization", AutocompleteSelectFilter))
    search_fields = ("slug", "name", "organization__slug")
    search_help_text = "Name of the team or of its organization"
    date_hierarchy = "created_at"
    ordering = ("organization__slug", "slug", "pk")
    related = ("organization__namespace", "parent")
    fieldsets = (
        (None, {"fields": ("slug", "name", "organization_link", "shown_role", "description")}),
        ("Place", {"fields": ("parent_link", "previous_names")}),
        ("Directory", {"fields": ("sync_service", "synced_at")}),
        ("Traces", {"fields": ("created_at",)}),
    )
    neighbours = (
        Neighbour("Members", "accounts_teammember", "team__id__exact"),
        Neighbour("Invitations", "accounts_invitation", "team__id__exact"),
        Neighbour("Grants", "permissions_grant", "team__id__exact"),
        Neighbour("Owned projects", "projects_project", "team__id__exact"),
    )
    verbs = (
        Verb(
            "add-member",
            "Add member",
            f"Adds a person, or invites her where the instance mails and asks for consent. {BY_ROLE}",
            "Member added",
            lambda actor, team, data: services.add_team_member(actor=actor, team=team, **data),
            icon="person_add",
            form=TeamMemberForm,
            single=True,
        ),
        Verb(
            "role",
            "Change role",
            f"Gives everybody in the team another role in the organization. {BY_ROLE}",
            "Role changed",
            lambda actor, team, data: services.change_team(actor=actor, team=team, **data),
            icon="badge",
            form=TeamRoleForm,
            initial=lambda team: {"role": team.role},
            single=True,
        ),
        Verb(
            "delete",
            "Delete",
            f"Ends what its members had by the team alone, and its grants. {BY_ROLE}",
            "Deleted",
            lambda actor, team, data: services.delete_team(actor=actor, team=team),
            icon="delete",
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Team", ordering="slug", header=True)
    def team(self, row: Team) -> list[str]:
        return [row.slug, row.name if row.name != row.slug else ""]

    @column(description="Organization", ordering="organization__slug")
    def organization_link(self, row: Team) -> SafeString | str:
        return link(row.organization)

    @column(description="Part of", ordering="parent__slug")
    def parent_link(self, row: Team) -> SafeString | str:
        return link(row.parent)

    @column(description="Role", ordering="role", label=ROLE_LABELS)
    def shown_role(self, row: Team) -> str:
        return row.role


class MemberKindFilter(StateFilter):
    title = "kind"
    parameter_name = "member"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [("person", "person", Q(robot=None)), ("robot", "robot", Q(user=None))]


@admin.register(TeamMember)
class TeamMemberDesk(Desk):
    list_display = ("name", "team_link", "organization_link", "is_maintainer", "created_at")
    list_filter = (MemberKindFilter, "is_maintainer", ("team", AutocompleteSelectFilter))
    search_fields = ("user__username", "robot__shortname", "team__slug", "team__organization__slug")
    search_help_text = "Name of the member, the team or the organization"
    date_hierarchy = "created_at"
    ordering = ("team__organization__slug", "team__slug", "pk")
    related = ("team__organization__namespace", "user", "robot__namespace")
    fields = ("member", "team_link", "organization_link", "is_maintainer", "created_at")
    verbs = (
        Verb(
            "remove",
            "Remove from team",
            f"Ends what was held by the team alone. {BY_ROLE}",
            "Removed",
            lambda actor, row, data: services.remove_team_member(
                actor=actor, team=row.team, user=row.user, robot=row.robot
            ),
            icon="group_remove",
            danger=True,
        ),
    )

    @column(description="Member", ordering="user__username")
    def name(self, row: TeamMember) -> str:
        return str(row.user or row.robot)

    @column(description="Member")
    def member(self, row: TeamMember) -> SafeString | str:
        return link(row.user or row.robot)

    @column(description="Team", ordering="team__slug")
    def team_link(self, row: TeamMember) -> SafeString | str:
        return link(row.team)

    @column(description="Organization", ordering="team__organization__slug")
    def organization_link(self, row: TeamMember) -> SafeString | str:
        return link(row.team.organization)


class OpenFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        now = timezone.now()
        return [
            ("open", "open", Q(expires_at__gt=now)),
            ("expired", "expired", Q(expires_at__lte=now)),
        ]


def _withdraw(actor: Actor, row: Invitation) -> None:
    if row.team is None:
        raise Invalid("This invitation is not for a team")
    if row.user is not None:
        services.remove_team_member(actor=actor, team=row.team, user=row.user)
    else:
        services.withdraw_invitation(actor=actor, team=row.team, email=row.email)


@admin.register(Invitation)
class InvitationDesk(Desk):
    list_display = ("name", "organization_link", "team_link", "inviter", "state", "expires_at")
    list_filter = (OpenFilter, ("organization", AutocompleteSelectFilter))
    search_fields = ("user__username", "email", "organization__slug", "team__slug")
    search_help_text = "Who is invited, or where to"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    related = ("organization__namespace", "team__organization__namespace", "user", "invited_by")
    # Its code is not shown: it is what lets somebody in.
    fields = (
        "invited",
        "organization_link",
        "team_link",
        "role",
        "inviter",
        "state",
        "created_at",
        "expires_at",
    )
    verbs = (
        Verb(
            "withdraw",
            "Withdraw",
            f"The invitation's link no longer works. {BY_ROLE}",
            "Withdrawn",
            lambda actor, row, data: _withdraw(actor, row),
            icon="cancel",
            danger=True,
        ),
    )

    @column(description="Invited", ordering="email")
    def name(self, row: Invitation) -> str:
        return str(row.user or row.email)

    @column(description="Invited")
    def invited(self, row: Invitation) -> SafeString | str:
        return link(row.user) if row.user else row.email

    @column(description="Organization", ordering="organization__slug")
    def organization_link(self, row: Invitation) -> SafeString | str:
        return link(row.organization)

    @column(description="Team", ordering="team__slug")
    def team_link(self, row: Invitation) -> SafeString | str:
        return link(row.team)

    @column(description="Invited by", ordering="invited_by__username")
    def inviter(self, row: Invitation) -> SafeString | str:
        return link(row.invited_by)

    @column(description="State", ordering="expires_at", label={"open": "success", "expired": "warning"})
    def state(self, row: Invitation) -> str:
        return "open" if row.expires_at > timezone.now() else "expired"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts import services
from accounts.models import Membership, Organization
from backoffice.desk import Desk, Figure, Neighbour, column, link
from backoffice.filters import gone_filter
from backoffice.verbs import Verb, VerbForm, choice, email, making, row_of, text
from permissions.catalogue import OrganizationRole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from core.actor import Actor

ROLE_LABELS = {"owner": "info", "admin": "info", "creator": "success"}
BY_ROLE = (
    "Needs a role in the organization: take ownership first, "
    "unless superusers have full access (MUSTER_SUPERUSERS_FULL_ACCESS)."
)


class NewOrganizationForm(VerbForm):
    name = text("Name", help_text="As people type it; the name on the wires is derived from it.")
    email = email("E-mail")


class OrganizationNameForm(VerbForm):
    name = text("Name", help_text="2 to 255 lower-case letters and digits, dots, dashes, underscores.")


class LicenceForm(VerbForm):
    plan = choice("Licence plan", Organization.LicencePlan.choices)


class MemberForm(VerbForm):
    user = row_of(Membership, "user", "Person", deleted_at=None)
    role = choice("Role", OrganizationRole.choices)


class RoleForm(VerbForm):
    role = choice("Role", OrganizationRole.choices)


def _create(actor: Actor, data: dict[str, Any]) -> Organization:
    return services.create_organization(actor=actor, **data)


def _lives(organization: Organization) -> bool:
    return organization.deleted_at is None


@admin.register(Organization)
class OrganizationDesk(Desk):
    list_display = ("organization", "account_link", "email", "state", "created_at")
    list_filter = (gone_filter("leaving"), "provider", ("account", AutocompleteSelectFilter))
    search_fields = ("slug", "name", "email")
    search_help_text = "Name or e-mail"
    date_hierarchy = "created_at"
    ordering = ("slug", "pk")
    related = ("namespace", "account")
    fieldsets = (
        (None, {"fields": ("slug", "name", "state", "account_link", "description")}),
        ("Contact", {"fields": ("email", "url", "location")}),
        (
            "Settings",
            {
                "fields": (
                    "invoice_email",
                    "invoice_email_address",
                    "tag_expiration_s",
                    "log_retention_days",
                    "licence_plan",
                )
            },
        ),
        (
            "Access",
            {"fields": ("requires_second_factor", "token_max_days", "provider", "provider_organization")},
        ),
        ("Traces", {"fields": ("namespace", "created_at", "deleted_at")}),
    )
    neighbours = (
        Neighbour("Members", "accounts_membership", "organization__id__exact"),
        Neighbour("Teams", "accounts_team", "organization__id__exact"),
        Neighbour("Invitations", "accounts_invitation", "organization__id__exact"),
        Neighbour("Robots", "accounts_robot", "namespace__id__exact", "namespace_id"),
        Neighbour("Projects", "projects_project", "namespace__id__exact", "namespace_id"),
        Neighbour("Default grants", "permissions_defaultgrant", "organization__id__exact"),
        Neighbour("Credentials", "tokens_credential", "organization__id__exact"),
        Neighbour("Quotas", "quotas_quota", "namespace__id__exact", "namespace_id"),
        Neighbour("Usage log", "logs_logentry", "namespace__id__exact", "namespace_id"),
    )
    verbs = (
        making(
            "create",
            "New organization",
            "Makes an organization in a group account of its own, owned by you.",
            "Created",
            _create,
            form=NewOrganizationForm,
        ),
        Verb(
            "take-ownership",
            "Take ownership",
            "Makes you an owner of the organization. Its log tells it.",
            "You are now an owner",
            lambda actor, row, data: services.take_ownership(actor=actor, namespace=row.namespace),
            icon="key",
            fits=_lives,
            sensitive=True,
        ),
        Verb(
            "add-member",
            "Add member",
            f"Adds a person, or changes her role. {BY_ROLE}",
            "Member set",
            lambda actor, row, data: services.set_member_role(actor=actor, organization=row, **data),
            icon="person_add",
            form=MemberForm,
            fits=_lives,
            single=True,
        ),
        Verb(
            "rename",
            "Rename",
            "Gives it another name on the wires: addresses of projects and robots change with it, at once.",
            "Renamed",
            lambda actor, row, data: services.rename_organization(actor=actor, organization=row, **data),
            icon="edit",
            form=OrganizationNameForm,
            fits=_lives,
            initial=lambda row: {"name": row.slug},
            single=True,
        ),
        Verb(
            "licence",
            "Set licence plan",
            "Ultimate Plus, and its trial, open the Qodana wire's public API to the organization.",
            "Licence plan set",
            lambda actor, row, data: services.set_licence_plan(actor=actor, organization=row, **data),
            icon="license",
            form=LicenceForm,
            fits=_lives,
            initial=lambda row: {"plan": row.licence_plan},
            single=True,
        ),
        Verb(
            "waive-second-factor",
            "Ask for no second factor",
            "Gives its people back what waits for a second factor: for the day on which nobody comes in. "
            "Its administrators may ask for one again.",
            "Asks for no second factor any more",
            lambda actor, row, data: services.waive_second_factor(actor=actor, organization=row),
            icon="lock_open",
            fits=lambda row: _lives(row) and row.requires_second_factor,
            sensitive=True,
        ),
        Verb(
            "delete",
            "Delete",
            "Ends all access now: every token of its robots, projects and applications dies, and a worker "
            "removes the rows. Its name is free again and inherits nothing. The trash keeps it.",
            "Deleted",
            lambda actor, row, data: services.delete_organization(actor=actor, organization=row),
            icon="delete",
            fits=_lives,
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Organization", ordering="slug", header=True)
    def organization(self, row: Organization) -> list[str]:
        return [row.slug, row.name if row.name != row.slug else ""]

    @column(description="Account", ordering="account__name")
    def account_link(self, row: Organization) -> SafeString | str:
        return link(row.account)

    @column(description="State", ordering="deleted_at", label={"living": "success", "leaving": "danger"})
    def state(self, row: Organization) -> str:
        return "living" if row.deleted_at is None else "leaving"

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        count = Organization.objects.filter(deleted_at=None).count()
        address = reverse("admin:accounts_organization_changelist")
        return [Figure("Organizations", count, url=address, rank=2)]


@admin.register(Membership)
class MembershipDesk(Desk):
    list_display = ("user", "organization_link", "shown_role", "is_direct", "created_at")
    list_filter = ("role", "is_direct", ("organization", AutocompleteSelectFilter))
    search_fields = ("user__username", "organization__slug")
    search_help_text = "Name of the person or of the organization"
    date_hierarchy = "created_at"
    ordering = ("organization__slug", "user__username", "pk")
    related = ("organization__namespace", "user")
    fields = ("user_link", "organization_link", "shown_role", "is_direct", "created_at")
    verbs = (
        Verb(
            "role",
            "Change role",
            f"Gives her another direct role; roles by teams stay. {BY_ROLE}",
            "Role changed",
            lambda actor, row, data: services.set_member_role(
                actor=actor, organization=row.organization, user=row.user, **data
            ),
            icon="badge",
            form=RoleForm,
            initial=lambda row: {"role": row.role},
            single=True,
        ),
        Verb(
            "remove",
            "Remove from organization",
            f"Takes her out of all teams, direct grants and the organization. {BY_ROLE}",
            "Removed",
            lambda actor, row, data: services.remove_member(
                actor=actor, organization=row.organization, user=row.user
            ),
            icon="person_remove",
            danger=True,
        ),
    )

    @column(description="Person", ordering="user__username")
    def user_link(self, row: Membership) -> SafeString | str:
        return link(row.user)

    @column(description="Organization", ordering="organization__slug")
    def organization_link(self, row: Membership) -> SafeString | str:
        return link(row.organization)

    @column(description="Role", ordering="role", label=ROLE_LABELS)
    def shown_role(self, row: Membership) -> str:
        return row.role

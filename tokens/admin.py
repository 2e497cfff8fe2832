"""The back office's desks for credentials, applications and keys of services.

No secret, sealed or digested, is ever shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.desk import Desk, Neighbour, column, link
from backoffice.filters import StateFilter
from backoffice.verbs import Verb, VerbForm, text
from tokens import services
from tokens.models import Application, Assignment, AuthorizationCode, Credential, ServiceKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString


class LivingFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        now = timezone.now()
        lives = Q(revoked_at=None, disabled_at=None)
        return [
            ("living", "living", lives & (Q(expires_at=None) | Q(expires_at__gt=now))),
            ("unused", "living, never used", lives & Q(last_used_at=None)),
            ("endless", "living, without expiry", lives & Q(expires_at=None)),
            ("expired", "expired", Q(revoked_at=None, expires_at__lte=now)),
            ("disabled", "disabled", Q(revoked_at=None, disabled_at__isnull=False)),
            ("revoked", "revoked", Q(revoked_at__isnull=False)),
        ]


class OwnerFilter(StateFilter):
    title = "owner"
    parameter_name = "owner"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            (name, words, Q(**{f"{name}__isnull": False}))
            for name, words in (
                ("user", "person"),
                ("robot", "robot"),
                ("organization", "organization"),
                ("project", "project"),
            )
        ]


@admin.register(Credential)
class CredentialDesk(Desk):
    list_display = (
        "name",
        "kind",
        "owner_link",
        "state",
        "scopes",
        "last_used_at",
        "expires_at",
        "created_at",
    )
    list_filter = ("kind", LivingFilter, OwnerFilter, ("user", AutocompleteSelectFilter))
    search_fields = ("title", "=uuid", "user__username", "robot__shortname", "organization__slug")
    search_help_text = "Title, owner or a whole UUID"
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    related = (
        "user__namespace",
        "robot__namespace__organization",
        "organization__namespace",
        "project__namespace",
        "application",
        "issued_by",
    )
    fieldsets = (
        (None, {"fields": ("uuid", "kind", "name", "owner_link", "state", "scopes")}),
        ("Origin", {"fields": ("application_link", "issuer_link", "created_at")}),
        (
            "Traces",
            {
                "fields": (
                    "last_used_at",
                    "last_used_ip",
                    "last_used_agent",
                    "expires_at",
                    "replaced_at",
                    "disabled_at",
                    "revoked_at",
                )
            },
        ),
    )
    neighbours = (Neighbour("Usage log", "logs_logentry", "credential__id__exact"),)
    verbs = (
        Verb(
            "revoke",
            "Revoke",
            "The token is refused from now on, everywhere. This cannot be undone.",
            "Revoked",
            lambda actor, credential, data: services.revoke(actor=actor, credential=credential),
            icon="key_off",
            fits=lambda credential: credential.revoked_at is None,
            danger=True,
        ),
    )

    @column(description="Title", ordering="title")
    def name(self, credential: Credential) -> str:
        return credential.title or f"{credential.hint}…"

    @column(description="Owner")
    def owner_link(self, credential: Credential) -> SafeString | str:
        return link(credential.user or credential.robot or credential.organization or credential.project)

    @column(description="Application")
    def application_link(self, credential: Credential) -> SafeString | str:
        return link(credential.application)

    @column(description="Issued by")
    def issuer_link(self, credential: Credential) -> SafeString | str:
        return link(credential.issued_by)

    @column(
        description="State",
        ordering="revoked_at",
        label={"living": "success", "expired": "warning", "disabled": "warning", "revoked": "danger"},
    )
    def state(self, credential: Credential) -> str:
        if credential.revoked_at is not None:
            return "revoked"
        if credential.disabled_at is not None:
            return "disabled"
        is_over = credential.expires_at is not None and credential.expires_at <= timezone.now()
        return "expired" if is_over else "living"


@admin.register(Application)
class ApplicationDesk(Desk):
    list_display = ("name", "client_id", "namespace_link", "redirect_uri", "created_at")
    list_filter = (("namespace", AutocompleteSelectFilter),)
    search_fields = ("name", "=client_id", "namespace__key")
    search_help_text = "Name, namespace or a whole client id"
    date_hierarchy = "created_at"
    ordering = ("namespace__name", "name", "pk")
    related = ("namespace__organization", "namespace__user")
    fieldsets = (
        (None, {"fields": ("name", "client_id", "namespace_link", "description")}),
        ("Addresses", {"fields": ("application_uri", "redirect_uri", "avatar_email")}),
        ("Traces", {"fields": ("created_at",)}),
    )
    neighbours = (Neighbour("Credentials", "tokens_credential", "application__id__exact"),)

    @column(description="Namespace", ordering="namespace__name")
    def namespace_link(self, application: Application) -> SafeString | str:
        return link(application.namespace)


class CodeFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        now = timezone.now()
        return [
            ("open", "not used so far", Q(used_at=None, expires_at__gt=now)),
            ("used", "used", Q(used_at__isnull=False)),
            ("expired", "expired, never used", Q(used_at=None, expires_at__lte=now)),
        ]


@admin.register(AuthorizationCode)
class AuthorizationCodeDesk(Desk):
    list_display = ("code", "application_link", "user_link", "scopes", "created_at", "used_at")
    list_filter = (CodeFilter, ("user", AutocompleteSelectFilter))
    search_fields = ("=application__client_id", "application__name", "user__username")
    search_help_text = "Name or a whole client id of the application, or name of the person"
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    related = ("application", "user__namespace", "credential")
    fieldsets = (
        (None, {"fields": ("application_link", "user_link", "scopes", "redirect_uri")}),
        ("Traces", {"fields": ("created_at", "expires_at", "used_at", "credential_link")}),
    )

    @column(description="Code", ordering="pk")
    def code(self, row: AuthorizationCode) -> str:
        return f"#{row.pk}"

    @column(description="Application", ordering="application__name")
    def application_link(self, row: AuthorizationCode) -> SafeString | str:
        return link(row.application)

    @column(description="Person", ordering="user__username")
    def user_link(self, row: AuthorizationCode) -> SafeString | str:
        return link(row.user)

    @column(description="Token")
    def credential_link(self, row: AuthorizationCode) -> SafeString | str:
        return link(row.credential)


@admin.register(Assignment)
class AssignmentDesk(Desk):
    list_display = ("offer", "application_link", "user_link", "scopes", "assigner_link", "created_at")
    list_filter = (("user", AutocompleteSelectFilter),)
    search_fields = ("=uuid", "=application__client_id", "application__name", "user__username")
    search_help_text = "Name or a whole client id of the application, or name of the person"
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    related = ("application", "user__namespace", "assigned_by")
    fieldsets = (
        (None, {"fields": ("uuid", "application_link", "user_link", "scopes", "redirect_uri")}),
        ("Traces", {"fields": ("assigner_link", "created_at")}),
    )

    @column(description="Offer", ordering="pk")
    def offer(self, row: Assignment) -> str:
        return f"#{row.pk}"

    @column(description="Application", ordering="application__name")
    def application_link(self, row: Assignment) -> SafeString | str:
        return link(row.application)

    @column(description="Person", ordering="user__username")
    def user_link(self, row: Assignment) -> SafeString | str:
        return link(row.user)

    @column(description="Offered by")
    def assigner_link(self, row: Assignment) -> SafeString | str:
        return link(row.assigned_by)


class KeyFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        now = timezone.now()
        lives = Q(expires_at=None) | Q(expires_at__gt=now)
        return [
            ("unapproved", "not approved", lives & Q(approval="")),
            ("approved", "approved", lives & ~Q(approval="")),
            ("expired", "expired", Q(expires_at__lte=now)),
        ]


class ApprovalForm(VerbForm):
    notes = text("Notes", required=False, help_text="Why it is trusted; kept with the key.")


@admin.register(ServiceKey)
class ServiceKeyDesk(Desk):
    list_display = ("kid", "service", "name", "state", "approver_link", "expires_at", "created_at")
    list_filter = (KeyFilter, "approval")
    search_fields = ("service", "name", "=kid")
    search_help_text = "Service, name or a whole key id"
    date_hierarchy = "created_at"
    ordering = ("service", "-pk")
    related = ("approved_by__namespace",)
    fieldsets = (
        (None, {"fields": ("kid", "service", "name", "state", "metadata")}),
        ("Approval", {"fields": ("approval", "approver_link", "approved_at", "approval_notes")}),
        ("Traces", {"fields": ("created_at", "expires_at")}),
    )
    verbs = (
        Verb(
            "approve",
            "Approve",
            "The key counts from now on: whoever holds its private half speaks for the service.",
            "Approved",
            lambda actor, key, data: services.approve_service_key(actor=actor, key=key, **data),
            icon="verified",
            form=ApprovalForm,
            fits=lambda key: not key.approval,
            sensitive=True,
        ),
        Verb(
            "delete",
            "Delete",
            "The key counts no more, from now on. This cannot be undone.",
            "Deleted",
            lambda actor, key, data: services.delete_service_key(actor=actor, key=key),
            icon="key_off",
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Approved by", ordering="approved_by__username")
    def approver_link(self, key: ServiceKey) -> SafeString | str:
        return link(key.approved_by)

    @column(
        description="State",
        ordering="approval",
        label={"approved": "success", "not approved": "warning", "expired": "danger"},
    )
    def state(self, key: ServiceKey) -> str:
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return "expired"
        return "approved" if key.approval else "not approved"

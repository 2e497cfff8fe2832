from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Q
from django.urls import reverse
from django.utils.html import format_html
from unfold.widgets import UnfoldBooleanSwitchWidget

from accounts import services
from accounts.models import User
from backoffice.desk import Desk, Figure, Neighbour, column
from backoffice.verbs import Verb, VerbForm, email, making, new_password, text
from permissions.checks import may_be_viewed, named_readonly_superuser, named_superuser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from core.actor import Actor


class NewPersonForm(VerbForm):
    username = text("Name", help_text="2 to 255 lower-case letters and digits, dots, dashes, underscores.")
    name = text("Full name", required=False)
    email = email("E-mail")
    password = new_password(
        "Password", required=False, help_text="Without one she cannot sign in with a password."
    )
    superuser = forms.BooleanField(label="Superuser", required=False, widget=UnfoldBooleanSwitchWidget())


class PasswordForm(VerbForm):
    password = new_password(
        "New password", help_text=f"At least {settings.PASSWORD_MIN} characters, no white space."
    )


class AddressForm(VerbForm):
    email = email("E-mail", help_text="Empty takes the address away.")


def _create(actor: Actor, data: dict[str, Any]) -> User:
    return services.create_user(actor=actor, **{**data, "password": data["password"] or None})


def _lives(user: User) -> bool:
    return user.deleted_at is None


@admin.register(User)
class UserDesk(Desk):
    list_display = ("person", "state", "power", "location", "created_at", "last_login")
    list_filter = ("is_active", "is_superuser", "is_verified")
    search_fields = ("username", "email", "name")
    search_help_text = "Name, full name or e-mail"
    date_hierarchy = "created_at"
    ordering = ("username",)
    related = ("namespace",)
    fieldsets = (
        (None, {"fields": ("username", "state", "power", "email", "is_verified")}),
        ("Profile", {"fields": ("name", "given_name", "family_name", "company", "location")}),
        ("Settings", {"fields": ("language", "invoice_email", "invoice_email_address", "tag_expiration_s")}),
        ("Traces", {"fields": ("namespace", "created_at", "last_login", "deleted_at", "view_as")}),
    )
    neighbours = (
        Neighbour("Memberships", "accounts_membership", "user__id__exact"),
        Neighbour("Teams", "accounts_teammember", "user__id__exact"),
        Neighbour("Grants", "permissions_grant", "user__id__exact"),
        Neighbour("Credentials", "tokens_credential", "user__id__exact"),
        Neighbour("Robots", "accounts_robot", "namespace__id__exact", "namespace_id"),
        Neighbour("Projects", "projects_project", "namespace__id__exact", "namespace_id"),
        Neighbour("Quotas", "quotas_quota", "namespace__id__exact", "namespace_id"),
        Neighbour("What she did", "logs_logentry", "performer__id__exact"),
        Neighbour("What was done to her", "logs_logentry", "namespace__id__exact", "namespace_id"),
    )
    verbs = (
        making(
            "create",
            "New person",
            "Makes a person with a personal account and her own namespace.",
            "Created",
            _create,
            form=NewPersonForm,
            sensitive=True,
        ),
        Verb(
            "disable",
            "Disable",
            "Her sessions and tokens are refused at once. Nothing is deleted; enabling gives it all back.",
            "Disabled",
            lambda actor, user, data: services.change_user(actor=actor, user=user, enabled=False),
            icon="block",
            fits=lambda user: _lives(user) and user.is_active,
        ),
        Verb(
            "enable",
            "Enable",
            "She may sign in again, and her tokens work again.",
            "Enabled",
            lambda actor, user, data: services.change_user(actor=actor, user=user, enabled=True),
            icon="check_circle",
            fits=lambda user: _lives(user) and not user.is_active,
        ),
        Verb(
            "end-sessions",
            "End all sessions",
            "She is signed out of every browser now. Her tokens go on working.",
            "Sessions ended",
            lambda actor, user, data: services.end_sessions(actor=actor, user=user),
            icon="logout",
            fits=_lives,
        ),
        Verb(
            "email",
            "Change e-mail",
            "Changes her address without asking her.",
            "Address changed",
            lambda actor, user, data: services.change_user(actor=actor, user=user, email=data["email"]),
            icon="alternate_email",
            form=AddressForm,
            fits=_lives,
            initial=lambda user: {"email": user.email},
            sensitive=True,
            single=True,
        ),
        Verb(
            "password",
            "Set password",
            "Sets a new password and ends all her sessions. Tell her on a way that others cannot read.",
            "Password set",
            lambda actor, user, data: services.change_user(actor=actor, user=user, password=data["password"]),
            icon="password",
            form=PasswordForm,
            fits=_lives,
            sensitive=True,
            single=True,
        ),
        Verb(
            "reset-second-factor",
            "Reset second factor",
            "Takes her authenticator app, passkeys and recovery codes away; her password alone signs her in, "
            "and all her sessions end. Make sure that it is her who asks. She is mailed about it.",
            "Second factor reset",
            lambda actor, user, data: services.reset_second_factor(actor=actor, user=user),
            icon="phonelink_erase",
            fits=_lives,
            sensitive=True,
            single=True,
        ),
        Verb(
            "make-superuser",
            "Make superuser",
            "Superusers manage people, organizations and limits, and see this back office. She signs in "
            "anew.",
            "Now superuser",
            lambda actor, user, data: services.set_superuser(actor=actor, user=user, superuser=True),
            icon="shield_person",
            fits=lambda user: _lives(user) and not user.is_superuser,
            sensitive=True,
        ),
        Verb(
            "unmake-superuser",
            "Take superuser rights",
            "She keeps her account and her organizations. Who is named in MUSTER_SUPERUSERS stays superuser.",
            "No superuser any more",
            lambda actor, user, data: services.set_superuser(actor=actor, user=user, superuser=False),
            icon="remove_moderator",
            fits=lambda user: _lives(user) and user.is_superuser,
            sensitive=True,
        ),
        Verb(
            "delete",
            "Delete",
            "Ends her access now: sessions, tokens, robots and projects die with her, and a worker removes "
            "the rows. Her name is free again and inherits nothing; the usage log stays. Cannot be undone.",
            "Deleted",
            lambda actor, user, data: services.delete_user(actor=actor, user=user),
            icon="delete",
            fits=_lives,
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="View Muster as she does")
    def view_as(self, row: User) -> SafeString | str:
        if not may_be_viewed(row):
            return "-"
        address = reverse("console:viewing", args=[row.username])
        return format_html('<a href="{}" class="text-link">View as {}</a>', address, row.username)

    @column(description="Person", ordering="username", header=True)
    def person(self, user: User) -> list[str]:
        return [user.username, user.name or user.email]

    @column(
        description="State",
        ordering="is_active",
        label={"enabled": "success", "disabled": "warning", "leaving": "danger"},
    )
    def state(self, user: User) -> str:
        if user.deleted_at is not None:
            return "leaving"
        return "enabled" if user.is_active else "disabled"

    @column(description="Power", label={"superuser": "info", "read-only superuser": "info"})
    def power(self, user: User) -> str | None:
        if named_readonly_superuser(user):
            return "read-only superuser"
        return "superuser" if named_superuser(user) else None

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        found = User.objects.filter(deleted_at=None).aggregate(
            all=Count("pk"), disabled=Count("pk", filter=Q(is_active=False))
        )
        return [
            Figure(
                "People",
                found["all"],
                note=f"{found['disabled']} disabled" if found["disabled"] else "",
                url=reverse("admin:accounts_user_changelist"),
                rank=1,
            )
        ]

"""Where one can go in the back office, grouped by what operators look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.templatetags.static import static
from django.urls import reverse

from backoffice import mails

if TYPE_CHECKING:
    from django.http import HttpRequest

GROUPS = (
    (
        "People and tenants",
        (
            ("People", "person", "accounts_user"),
            ("Accounts", "apartment", "accounts_account"),
            ("Account administrators", "manage_accounts", "accounts_accountadministrator"),
            ("Organizations", "domain", "accounts_organization"),
            ("Names", "badge", "accounts_namespace"),
        ),
    ),
    (
        "Inside organizations",
        (
            ("Members", "group", "accounts_membership"),
            ("Teams", "groups", "accounts_team"),
            ("Team members", "group_add", "accounts_teammember"),
            ("Invitations", "mail", "accounts_invitation"),
            ("Robots", "smart_toy", "accounts_robot"),
            ("Robot federations", "hub", "accounts_robotfederation"),
        ),
    ),
    (
        "Projects and access",
        (
            ("Projects", "folder", "projects_project"),
            ("Grants", "key", "permissions_grant"),
            ("Default grants", "vpn_key", "permissions_defaultgrant"),
            ("Stars", "star", "projects_star"),
            ("Quotas", "data_usage", "quotas_quota"),
            ("Thresholds", "speed", "quotas_threshold"),
            ("Storage", "database", "quotas_registrysize"),
        ),
    ),
    (
        "Security",
        (
            ("Credentials", "password", "tokens_credential"),
            ("Applications", "apps", "tokens_application"),
            ("Authorization codes", "confirmation_number", "tokens_authorizationcode"),
            ("Assigned tokens", "redeem", "tokens_assignment"),
            ("Keys of services", "verified", "tokens_servicekey"),
            ("Identities", "link", "accounts_identity"),
            ("Groups elsewhere", "diversity_3", "accounts_identitygroup"),
            ("Mailed links", "forward_to_inbox", "accounts_mailedlink"),
            ("Authenticator apps", "phonelink_lock", "accounts_authenticatorapp"),
            ("Passkeys", "passkey", "accounts_passkey"),
            ("Recovery codes", "pin", "accounts_recoverycode"),
            ("Browser sessions", "devices", "accounts_browsersession"),
            ("Security mails", "mark_email_unread", "accounts_securitymail"),
            ("Failed sign-ins", "gpp_maybe", "accounts_failedsignin"),
        ),
    ),
    (
        "Operations",
        (
            ("Usage log", "receipt_long", "logs_logentry"),
            ("Trash", "delete", "trash_trashed"),
            ("Rows in the trash", "inventory_2", "trash_trashedrows"),
            ("Log exports", "download", "logs_logexport"),
            ("Parts of exports", "splitscreen", "logs_logexportpart"),
            ("Log archive", "archive", "logs_logarchive"),
            ("Sums of the log", "bar_chart", "logs_logcount"),
            ("Log summed up to", "bookmark", "logs_logmark"),
            ("Seals of the log", "verified", "logs_logseal"),
            ("Chains of the log", "link", "logs_logchain"),
            ("Checkpoints of the log", "signature", "logs_logcheckpoint"),
            ("Log sealed up to", "bookmark_added", "logs_logsealmark"),
            ("Verifications of the log", "policy", "logs_logverification"),
            ("Notifications", "notifications", "notifications_subscription"),
            ("Deliveries", "send", "notifications_delivery"),
            ("Messages to everybody", "campaign", "notifications_globalmessage"),
            ("Jobs", "engineering", "jobs_job"),
            ("Schedule", "schedule", "jobs_turn"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar, as unfold wants them."""
    groups: list[dict[str, Any]] = [
        {
            "items": [
                {"title": "Overview", "icon": "home", "link": reverse("admin:index")},
                {"title": "Console", "icon": "arrow_back", "link": "/", "active": _never},
            ]
        }
    ]
    for title, places in GROUPS:
        items = [
            {"title": label, "icon": icon, "link": reverse(f"admin:{desk}_changelist")}
            for label, icon, desk in places
        ]
        groups.append({"title": title, "items": items})
    if mails.are_kept():
        groups[-1]["items"].append({"title": "Mails", "icon": "inbox", "link": reverse("admin:mails")})
    return groups


def _never(request: HttpRequest) -> bool:
    return False


def stylesheet(request: HttpRequest) -> str:
    """Return the address of what unfold's own stylesheet lacks."""
    return static("backoffice/backoffice.css")


def logo(request: HttpRequest) -> str:
    """Return the address of the product's sign."""
    return static("console/logo.svg")

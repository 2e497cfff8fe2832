"""What the instance says of itself: features that are on, and settings without secrets (quay-a.md 11.5)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from projects import content

# Of registries, builds and billing, of which Muster has nothing. Clients ask before they use what is theirs.
ABSENT = (
    "ACI_CONVERSION",
    "APP_REGISTRY",
    "AUTO_PRUNE",
    "BILLING",
    "BITBUCKET_BUILD",
    "FIPS",
    "GARBAGE_COLLECTION",
    "GENERAL_OCI_SUPPORT",
    "GITHUB_BUILD",
    "GITHUB_LOGIN",
    "GITLAB_BUILD",
    "GOOGLE_LOGIN",
    "HELM_OCI_SUPPORT",
    "IMMUTABLE_TAGS",
    "IMAGE_PULL_STATS",
    "ORG_MIRROR",
    "PROGRAMMATIC_BOOTSTRAP",
    "PROXY_STORAGE",
    "RECAPTCHA",
    "REFERRERS_API",
    "RESTRICTED_USERS",
    "SIGNING",
    "SPARSE_INDEX",
    "STORAGE_REPLICATION",
    "USER_RENAME",
)
# What a registry behind Muster would bring along.
OF_REGISTRY = ("BUILD_SUPPORT", "PROXY_CACHE", "REPO_MIRROR", "SECURITY_SCANNER")


def has_registry() -> bool:
    """Tell whether something that keeps images is installed."""
    return not isinstance(content.here(), content.NoContent)


def features() -> dict[str, bool]:
    """Return every feature that clients ask about, and whether it is here."""
    registry = has_registry()
    return (
        dict.fromkeys(ABSENT, False)
        | dict.fromkeys(OF_REGISTRY, registry)
        | {
            "ANONYMOUS_ACCESS": settings.ANONYMOUS_ACCESS,
            "APP_SPECIFIC_TOKENS": True,
            "ASSIGN_OAUTH_TOKEN": settings.ASSIGN_OAUTH_TOKENS,
            "CHANGE_TAG_EXPIRATION": True,
            "DIRECT_LOGIN": True,
            "EXTENDED_REPOSITORY_NAMES": True,
            "EDIT_QUOTA": settings.QUOTA_MANAGEMENT,
            "INVITE_ONLY_USER_CREATION": False,
            "LOG_EXPORT": True,
            "MAILING": settings.MAILING,
            "NONSUPERUSER_TEAM_SYNCING_SETUP": settings.TEAM_SYNCING_BY_ADMINS,
            "PARTIAL_USER_AUTOCOMPLETE": True,
            "PERMANENT_SESSIONS": True,
            "PUBLIC_CATALOG": False,
            "QUOTA_MANAGEMENT": settings.QUOTA_MANAGEMENT,
            "QUOTA_NOTIFICATIONS": True,
            "READONLY_APP_REGISTRY": False,
            "REQUIRE_TEAM_INVITE": settings.REQUIRE_TEAM_INVITE,
            "SUPERUSERS_FULL_ACCESS": settings.SUPERUSERS_FULL_ACCESS,
            "SUPERUSERS_ORG_CREATION_ONLY": False,
            "SUPERUSER_CONFIGDUMP": settings.SUPERUSER_CONFIGDUMP,
            "SUPER_USERS": True,
            "TEAM_SYNCING": settings.TEAM_SYNCING,
            "USER_CREATION": settings.USER_CREATION,
            "USER_INITIALIZE": settings.USER_INITIALIZE,
            "USER_LOG_ACCESS": True,
            "USER_METADATA": True,
            "VERIFY_QUOTA": False,
        }
    )


def public_config() -> dict[str, Any]:
    """Return the settings that anybody may know."""
    url = urlsplit(settings.PUBLIC_URL)
    return {
        "AUTHENTICATION_TYPE": settings.AUTHENTICATION,
        "AVATAR_KIND": "local",
        "BROWSER_API_CALLS_XHR_ONLY": settings.BROWSER_CALLS_XHR_ONLY,
        "DEFAULT_TAG_EXPIRATION": "2w",
        "FRESH_LOGIN_TIMEOUT": f"{settings.FRESH_LOGIN_SECONDS}s",
        "LOCAL_OAUTH_HANDLER": "/oauth/localapp",
        "PREFERRED_URL_SCHEME": url.scheme,
        "REGISTRY_STATE": "readonly" if settings.READ_ONLY else "normal",
        "REGISTRY_TITLE": "Muster",
        "REGISTRY_TITLE_SHORT": "Muster",
        "SERVER_HOSTNAME": url.netloc,
        "TAG_EXPIRATION_OPTIONS": [f"{seconds}s" for seconds in settings.TAG_EXPIRATION_OPTIONS],
    }


def whole_config() -> dict[str, Any]:
    """Return what superusers may know beside: chosen one by one, so that no secret can slip in."""
    return {
        **public_config(),
        **{f"FEATURE_{name}": on for name, on in sorted(features().items())},
        "DEFAULT_SYSTEM_REJECT_QUOTA_BYTES": settings.DEFAULT_QUOTA_BYTES,
        "GLOBAL_READONLY_SUPER_USERS": sorted(settings.READONLY_SUPERUSERS),
        "MAIL_DEFAULT_SENDER": settings.DEFAULT_FROM_EMAIL,
        "SUPER_USERS": sorted(settings.SUPERUSERS),
    }


TYPES = {bool: "boolean", int: "integer", list: "array", str: "string"}


def schema_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return what each setting is like, as a JSON schema."""
    return {
        "type": "object",
        "properties": {name: {"type": TYPES[type(value)]} for name, value in config.items()},
    }

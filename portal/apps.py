from typing import Any

from django.apps import AppConfig, apps

# What no page of ours asks for, though it would be most of the work of collecting.
UNUSED_STATIC = [
    "rest_framework",  # its browsable pages are switched off
    "htm*-4*",  # the console speaks htmx 2
    "*.map",
]


class PortalConfig(AppConfig):
    """Registers the app."""

    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and leave out static files that nobody asks for."""
        import portal.checks  # noqa: F401 - importing registers

        # Set on Django's own configuration: test servers look for that one by its name.
        static: Any = apps.get_app_config("staticfiles")
        static.ignore_patterns = [*static.ignore_patterns, *UNUSED_STATIC]

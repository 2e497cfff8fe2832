from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Registers the app."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system check of outgoing calls."""
        import core.egress  # noqa: F401 - for its check

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class CoreConfig(AppConfig):
    """Registers the app."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system check of outgoing calls, how much SQLite takes at once, how times are read."""
        import core.egress  # noqa: F401 - for its check
        from core.db import take_more_at_once
        from core.moments import read_quickly

        connection_created.connect(take_more_at_once)
        connection_created.connect(read_quickly)

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Registers the app."""

    name = "console"
    default_auto_field = "django.db.models.BigAutoField"

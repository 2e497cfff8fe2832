from django.apps import AppConfig


class LogsConfig(AppConfig):
    """Registers the app."""

    name = "logs"
    default_auto_field = "django.db.models.BigAutoField"

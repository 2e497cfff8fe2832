from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Registers the app."""

    name = "api"
    default_auto_field = "django.db.models.BigAutoField"

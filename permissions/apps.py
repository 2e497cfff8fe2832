from django.apps import AppConfig


class PermissionsConfig(AppConfig):
    """Registers the app."""

    name = "permissions"
    default_auto_field = "django.db.models.BigAutoField"

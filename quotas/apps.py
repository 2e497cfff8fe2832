from django.apps import AppConfig


class QuotasConfig(AppConfig):
    """Registers the app."""

    name = "quotas"
    default_auto_field = "django.db.models.BigAutoField"

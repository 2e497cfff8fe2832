from django.apps import AppConfig


class TokensConfig(AppConfig):
    """Registers the app."""

    name = "tokens"
    default_auto_field = "django.db.models.BigAutoField"

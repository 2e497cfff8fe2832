from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    """Registers the app."""

    name = "backoffice"

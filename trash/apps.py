"""What was deleted and may come back."""

from django.apps import AppConfig


class TrashConfig(AppConfig):
    """What was deleted and may come back."""

    name = "trash"
    default_auto_field = "django.db.models.BigAutoField"

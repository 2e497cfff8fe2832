"""Runs: something done to many things at once, by a worker."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    """Runs over many things."""

    name = "runs"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "runs over many things"

"""Streams: entries of the usage log pushed to receivers outside, as they happen."""

from django.apps import AppConfig


class StreamsConfig(AppConfig):
    """Streams of the usage log."""

    name = "streams"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "streams of the usage log"

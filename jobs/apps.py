"""What workers are trusted by: turns that are taken once, and jobs that cannot do harm again and again."""

from django.apps import AppConfig

from core import batches


class JobsConfig(AppConfig):
    """Turns of the schedule, and jobs under way."""

    name = "jobs"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "jobs of workers"

    def ready(self) -> None:
        """Let whoever deletes much look up now and then, whether its worker is to stop."""
        from jobs import guard

        batches.between = guard.go_on

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Registers the app."""

    name = "projects"
    default_auto_field = "django.db.models.BigAutoField"

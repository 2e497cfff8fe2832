from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Registers the app, and lets it hear of every log entry."""

    name = "notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the log, which does not know us."""
        from logs.record import entries_written
        from notifications import notices, outbox

        entries_written.connect(outbox.hear, dispatch_uid="notifications.outbox")
        entries_written.connect(notices.hear, dispatch_uid="notifications.notices")

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Registers the app, and lets it hear of every log entry and checkpoint."""

    name = "notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the log, which does not know us."""
        from logs.chain.checkpoints import signed
        from logs.record import entries_written
        from notifications import checkpoints, notices, outbox

        entries_written.connect(outbox.hear, dispatch_uid="notifications.outbox")
        entries_written.connect(notices.hear, dispatch_uid="notifications.notices")
        signed.connect(checkpoints.hear, dispatch_uid="notifications.checkpoints")

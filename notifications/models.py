"""Messages to everybody, subscriptions to events, and their deliveries."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone


class GlobalMessage(models.Model):
    """A message that every wire and the console show to everybody (quay-a.md 5.3)."""

    class Severity(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        ERROR = "error"

    class MediaType(models.TextChoices):
        PLAIN = "text/plain"
        MARKDOWN = "text/markdown"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    content = models.TextField()
    severity = models.CharField(max_length=7, choices=Severity)
    media_type = models.CharField(max_length=13, choices=MediaType)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.content[:60]


class Subscription(models.Model):
    """Who wants to hear of an event in one namespace, or in one project, and how (quay-b.md 4).

    A ``flat`` one was made on the Quay wire: its receivers get the event's data as that wire sends them. One
    with ``flags`` is an integration of the FlexStack wire (flexstack.md 5.3): they say of which of its types
    of events the receiver wants to hear.

    While ``old_secret_until`` is to come, deliveries are signed with both secrets.

    One of ``CHECKPOINT`` is of the instance: the operator's settings say that it is there (`checkpoints`).
    """

    CHECKPOINT = "log.checkpoint"

    class Method(models.TextChoices):
        WEBHOOK = "webhook"
        EMAIL = "email", "e-mail"
        SLACK = "slack", "Slack"
        IN_CONSOLE = "in_console", "in the console"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(
        "accounts.Namespace", models.CASCADE, null=True, blank=True, related_name="subscriptions"
    )
    project = models.ForeignKey(
        "projects.Project", models.CASCADE, null=True, blank=True, related_name="subscriptions"
    )
    event = models.CharField(max_length=64)
    method = models.CharField(max_length=16, choices=Method)
    config = models.JSONField(default=dict, blank=True)
    event_config = models.JSONField(default=dict, blank=True)
    title = models.CharField(max_length=255, blank=True)
    flat = models.BooleanField("in the form of the Quay wire", default=False)
    flags = models.JSONField("types of the FlexStack wire", null=True, blank=True, editable=False)
    secret_sealed = models.TextField(blank=True, editable=False)
    old_secret_sealed = models.TextField(blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    number_of_failures = models.PositiveIntegerField("failures in a row", default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    paused = models.BooleanField("switched off by hand", default=False)
    mail_due_at = models.DateTimeField("mail that it is off is due", null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(namespace__isnull=False, project__isnull=True)
                | Q(namespace__isnull=True, project__isnull=False)
                | Q(namespace__isnull=True, project__isnull=True, event="log.checkpoint"),
                name="subscription_has_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(method__in=["webhook", "email", "slack", "in_console"]),
                name="subscription_method_known",
            ),
            models.CheckConstraint(
                condition=Q(~Q(secret_sealed=""), method="webhook")
                | Q(~Q(method="webhook"), secret_sealed="")
                | Q(event="log.checkpoint", secret_sealed=""),
                name="subscription_secret_of_webhooks_only",
            ),
            models.CheckConstraint(
                condition=Q(flags__isnull=True) | Q(method__in=["webhook", "slack"], project__isnull=False),
                name="subscription_flags_of_projects_only",
            ),
        ]
        indexes = [
            models.Index(
                fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="subscription_mail_due"
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.event} by {self.get_method_display()}"

    @property
    def is_of_instance(self) -> bool:
        """Tell whether it is there because the operator's settings say so."""
        return self.event == self.CHECKPOINT


class Delivery(models.Model):
    """One telling of one log entry to one subscription. The row is the queue, as `logs.models.LogExport` is.

    It has no entry when it is a test. Its keys have no constraint in the database: nobody's change may fail,
    or wait, because a subscription is being deleted meanwhile. Rows left over go with the old ones.

    ``begun_at`` is when it was first tried: its schedule counts from there. ``due_at`` is when a worker
    should look at it: at once, after a pause, or when the lease of the worker that has it runs out; None
    means never again. ``claim`` names who has it.

    No more of one ``lane`` (the host of the receiver, or how it is told), and of one ``tenant`` (the key of
    the namespace), are under way at a time than leaves room for others. ``request`` is what was sent last,
    and ``history`` the latest attempts; of both as much as people need to see what was wrong.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    subscription = models.ForeignKey(
        Subscription, models.DO_NOTHING, related_name="deliveries", db_constraint=False, db_index=False
    )
    entry = models.ForeignKey(
        "logs.LogEntry",
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    event = models.CharField(max_length=64)
    payload = models.JSONField()
    status = models.CharField(max_length=7, choices=Status, default=Status.QUEUED)
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    lane = models.CharField(max_length=255, blank=True, default="", editable=False)
    tenant = models.BigIntegerField(default=0, editable=False)
    request = models.JSONField(null=True, blank=True, editable=False)
    history = models.JSONField(default=list, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    begun_at = models.DateTimeField("first tried", null=True, blank=True)
    last_status = models.PositiveSmallIntegerField("last answer", null=True, blank=True)
    last_seconds = models.FloatField("seconds it took", null=True, blank=True)
    last_excerpt = models.TextField("start of the last answer", blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "entry"], name="delivery_once_per_entry"),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "done", "failed"]), name="delivery_status_known"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="delivery_due"),
            models.Index(fields=["subscription", "-id"], name="delivery_by_subscription"),
            models.Index(fields=["created_at"], name="delivery_by_age"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.uuid} ({self.status})"


class AuthorizedAddress(models.Model):
    """An address that may be told about a project by mail, once its owner has said so (quay-b.md 4.4).

    The row is the queue of its mail: ``mail_due_at`` is when a worker should send one, None when none is
    owed. The worker makes the code of the link and keeps its digest; the code itself stands in the mail.
    """

    project = models.ForeignKey("projects.Project", models.CASCADE, related_name="authorized_addresses")
    email = models.EmailField(max_length=254)
    code_digest = models.BinaryField(null=True, blank=True, max_length=32, editable=False, unique=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    times = models.PositiveSmallIntegerField("times asked", default=1)
    mail_due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint("project", Lower("email"), name="authorized_address_once"),
        ]
        indexes = [
            models.Index(Lower("email"), "asked_at", name="authorized_address_asked"),
            models.Index(
                fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="authorized_address_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} for {self.project}"


class Notice(models.Model):
    """Something that one person is told in the console, until she dismisses it (quay-a.md 6.4).

    ``as_administrator`` if she is told as one of the namespace's. ``origin`` names what it comes from, so
    that a worker who tells it twice tells it once. That of an ``invitation`` ends with it.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="notices", db_index=False)
    namespace = models.ForeignKey("accounts.Namespace", models.CASCADE, related_name="+")
    origin = models.UUIDField(editable=False)
    invitation = models.ForeignKey(
        "accounts.Invitation", models.CASCADE, null=True, blank=True, related_name="+"
    )
    kind = models.CharField(max_length=64)
    sentence = models.CharField(max_length=500)
    metadata = models.JSONField(default=dict)
    as_administrator = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(null=True, blank=True)
    dismissed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "origin"], name="notice_once_per_origin"),
        ]
        indexes = [
            models.Index(
                fields=["user", "-id"], condition=Q(dismissed_at__isnull=True), name="notice_open_by_user"
            ),
            models.Index(fields=["created_at"], name="notice_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.user}"


class Reminder(models.Model):
    """That one person is told, ``days`` ahead, that a credential expires; once, whatever happens.

    The row is the queue of the mail: ``mail_due_at`` is when a worker should send it, with all else that she
    is owed; None when nothing is owed. ``claim`` names who wrote the row, and later who sends it.
    """

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="+", db_index=False)
    credential = models.ForeignKey("tokens.Credential", models.CASCADE, related_name="reminders")
    days = models.PositiveSmallIntegerField("days ahead")
    claim = models.UUIDField(null=True, blank=True, editable=False)
    mail_due_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "credential", "days"], name="reminder_once"),
        ]
        indexes = [
            models.Index(
                fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="reminder_mail_due"
            ),
            models.Index(fields=["claim"], name="reminder_by_claim"),
            models.Index(fields=["created_at"], name="reminder_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.days} days ahead to {self.user}"

"""The usage log and its exports."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Func, Q
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler


def _subject(to: str) -> models.ForeignKey[models.Model | None, models.Model | None]:
    """Return a key that outlives what it points at: no constraint, nothing cascades into the log."""
    return models.ForeignKey(
        to, models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False, db_index=False
    )


class WritingTransaction(Func):
    """The number of the transaction that writes; 0 on SQLite, whose writers come one at a time anyway.

    On PostgreSQL `logs.settled` adds to it what the numbers of a cluster left behind had reached.
    """

    function = "pg_current_xact_id"
    output_field = models.BigIntegerField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any
    ) -> tuple[str, list[Any]]:
        """Return it as a number that fits a column."""
        return "(pg_current_xact_id()::text::bigint)", []

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """Return 0."""
        return "0", ()


class LogEntry(models.Model):
    """Who did what to what, when, from where, with which credential. Names are copied beside the keys.

    On PostgreSQL the table is partitioned by the month of ``at``, and its key there is (id, at). ``xact`` is
    which transaction wrote the row: with ``id`` it is the order in which readers follow the log
    (`logs.settled`).
    """

    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=64)
    namespace = _subject("accounts.Namespace")
    namespace_name = models.CharField(max_length=255, blank=True)
    namespace_kind = models.CharField(max_length=12, blank=True)
    project = _subject("projects.Project")
    project_name = models.CharField(max_length=255, blank=True)
    performer = _subject("accounts.User")
    performer_name = models.CharField(max_length=511, blank=True)
    performer_kind = models.CharField(max_length=12, blank=True)
    performer_email = models.CharField(max_length=254, blank=True)
    credential = _subject("tokens.Credential")
    credential_name = models.CharField(max_length=255, blank=True)
    dialect = models.CharField(max_length=16, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    metadata = models.JSONField(default=dict)
    xact = models.BigIntegerField("written by transaction", db_default=WritingTransaction(), editable=False)

    class Meta:
        verbose_name_plural = "log entries"
        indexes = [
            models.Index(fields=["namespace", "-at", "-id"], name="log_by_namespace"),
            models.Index(fields=["project", "-at", "-id"], name="log_by_project"),
            models.Index(fields=["-at", "-id"], name="log_by_time"),
            models.Index(fields=["performer_name", "namespace", "-at", "-id"], name="log_by_performer"),
            models.Index(fields=["project_name", "namespace", "-at", "-id"], name="log_by_about"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.kind} by {self.performer_name or 'nobody'}"


class LogCount(models.Model):
    """How many entries of one kind there are of one day (UTC), as far as they are counted: see `LogMark`.

    Of a namespace, or of all entries where ``scope`` is 0. Sums outlive nothing: they go with their entries.
    """

    scope = models.BigIntegerField("key of the namespace; 0: all")
    day = models.DateField()
    kind = models.CharField(max_length=64)
    count = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "day", "kind"], name="log_counted_once")]

    def __str__(self) -> str:
        return f"{self.count} x {self.kind} on {self.day}"


class LogMark(models.Model):
    """Up to where the log is counted: one row, the place of an entry in the order of `logs.settled`."""

    ONLY = 1

    xact = models.BigIntegerField("counted up to transaction", default=0)
    entry = models.BigIntegerField("and entry", default=0)

    def __str__(self) -> str:
        return f"counted up to {self.xact}.{self.entry}"


class LogSeal(models.Model):
    """That an entry stands at a position in the chain of its namespace, and what it was: `logs.chain`.

    It outlives its entry, when that goes to the archive. ``blinds`` hides what tells of a person: a salt, or
    what is left of it once something was erased.
    """

    entry = models.BigIntegerField(primary_key=True)
    scope = models.BigIntegerField("key of the namespace; 0: none")
    position = models.BigIntegerField("position in its chain")
    at = models.DateTimeField("time of the entry")
    leaf = models.BinaryField("hash of the entry")
    hash = models.BinaryField("hash of the chain up to here")
    blinds = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "position"], name="log_sealed_once")]

    def __str__(self) -> str:
        return f"seal {self.position} of {self.scope}: entry {self.entry}"


class LogChain(models.Model):
    """The head of a namespace's chain: how long it is, and the hash of its last seal."""

    scope = models.BigIntegerField("key of the namespace; 0: none", primary_key=True)
    position = models.BigIntegerField("seals")
    hash = models.BinaryField("hash of the last one")
    told = models.BigIntegerField("seals at the last checkpoint", default=0)

    def __str__(self) -> str:
        return f"chain of {self.scope}: {self.position} seals"


class LogCheckpoint(models.Model):
    """A signed statement of how far the chains had come: `logs.chain.checkpoints`."""

    number = models.BigIntegerField(primary_key=True)
    body = models.TextField("what is signed, JSON")
    key = models.CharField("public key", max_length=64)
    signature = models.CharField(max_length=128)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class LogSealMark(models.Model):
    """Up to where the log is sealed: one row, the place of an entry in the order of `logs.settled`.

    ``turn`` grows with each change: who has read before it writes nothing any more.
    """

    ONLY = 1

    xact = models.BigIntegerField("sealed up to transaction", default=0)
    entry = models.BigIntegerField("and entry", default=0)
    turn = models.BigIntegerField("changed so often", default=0)
    moved_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"sealed up to {self.xact}.{self.entry}"


class LogVerification(models.Model):
    """That somebody lets the log of a namespace, or of all, be held against its seals, and what was found.

    The row is the queue, as with `LogExport`; ``claim`` is the worker's that has it. ``found`` counts
    findings by their sort, ``findings`` tells the first of them: sort, chain, where, entry, words.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "under way"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(
        "accounts.Namespace", models.CASCADE, null=True, blank=True, related_name="log_verifications"
    )
    since = models.DateTimeField(null=True, blank=True)
    asked_by_name = models.CharField(max_length=255, blank=True, editable=False)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED, editable=False)
    seals = models.BigIntegerField("entries looked at", default=0, editable=False)
    expected = models.BigIntegerField("entries to look at", default=0, editable=False)
    archived = models.BigIntegerField(default=0, editable=False)
    erased = models.BigIntegerField(default=0, editable=False)
    checkpoints = models.BigIntegerField(default=0, editable=False)
    found = models.JSONField(default=dict, blank=True, editable=False)
    findings = models.JSONField(default=list, blank=True, editable=False)
    error = models.CharField(max_length=255, blank=True, editable=False)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["namespace", "-id"], name="log_verification_newest"),
            models.Index(fields=["due_at"], name="log_verification_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"verification {self.uuid}"

    @property
    def percent(self) -> int:
        """How far it is."""
        if self.status == self.Status.DONE:
            return 100
        return min(99, 100 * self.seals // self.expected) if self.expected else 0


class LogView(models.Model):
    """A filter of the log under a name: one person's, of one namespace's log or, without, of the instance's.

    ``query`` is what the address of the page says, field by field; the fields are in `logs.services`. A
    shared one is shown to all who read the same log.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="log_views")
    namespace = models.ForeignKey(
        "accounts.Namespace", models.CASCADE, null=True, blank=True, related_name="log_views"
    )
    name = models.CharField(max_length=60)
    query = models.JSONField(default=dict, blank=True)
    is_shared = models.BooleanField("shown to all who read this log", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "namespace", "name"],
                condition=Q(namespace__isnull=False),
                name="log_view_name_once",
            ),
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=Q(namespace__isnull=True),
                name="log_view_of_instance_name_once",
            ),
            models.CheckConstraint(
                condition=Q(is_shared=False) | Q(namespace__isnull=False),
                name="log_view_shared_with_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LogArchive(models.Model):
    """A month of the log that is written to a file and dropped; of a namespace, or of all (``scope`` 0).

    The row is the queue, as with `LogExport`. In the file is what stood up to the place ``xact.entry``.
    """

    class Status(models.TextChoices):
        WRITING = "writing"
        DROPPING = "dropping"
        DONE = "done"

    scope = models.BigIntegerField("key of the namespace; 0: all", default=0)
    namespace_name = models.CharField(max_length=255, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField("ends before")
    status = models.CharField(max_length=8, choices=Status, default=Status.WRITING)
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    xact = models.BigIntegerField("up to transaction", default=0, editable=False)
    entry = models.BigIntegerField("and entry", default=0, editable=False)
    storage_name = models.CharField(max_length=255, blank=True)
    entries = models.BigIntegerField(null=True, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    failures = models.PositiveSmallIntegerField("failures in a row", default=0)
    error = models.CharField("what failed last", max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Of each log one month at a time.
            models.UniqueConstraint(
                fields=["scope"], condition=~Q(status="done"), name="log_archived_in_turn"
            )
        ]

    def __str__(self) -> str:
        return f"{self.namespace_name or 'all'} {self.starts_at:%Y-%m}"


class LogExport(models.Model):
    """A requested export. The row is the queue: a worker takes it, once ``due_at`` has come, by an UPDATE.

    ``due_at`` is when somebody should look at the row again: at once, after a pause, when the lease of the
    worker that has it runs out, or when its file expires; None means never. ``claim`` names who has it, so
    that a worker that lost its lease cannot write any more.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Format(models.TextChoices):
        QUAY = "quay", "Quay's JSON"
        CSV = "csv", "CSV"
        JSONL = "jsonl", "JSON Lines"

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(
        "accounts.Namespace", models.SET_NULL, null=True, blank=True, related_name="log_exports"
    )
    namespace_name = models.CharField(max_length=255, blank=True)
    project = models.ForeignKey(
        "projects.Project", models.SET_NULL, null=True, blank=True, related_name="log_exports"
    )
    project_name = models.CharField(max_length=255, blank=True)
    filters = models.JSONField(default=dict, blank=True)
    format = models.CharField(max_length=5, choices=Format, default=Format.QUAY)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField("ends before")
    requested_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="log_exports"
    )
    requested_by_name = models.CharField(max_length=255, blank=True)
    dialect = models.CharField(max_length=16, blank=True)
    callback_url = models.TextField(blank=True)
    callback_email = models.CharField(max_length=254, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField("attempts since the last part that was kept", default=0)
    tellings = models.PositiveSmallIntegerField("attempts to call back and to mail", default=0)
    last_id = models.BigIntegerField(null=True, blank=True, editable=False)
    # What else belongs to what is in it: see `logs.settled.Sight`.
    sight = models.JSONField(default=dict, blank=True, editable=False)
    rows_expected = models.BigIntegerField(null=True, blank=True)
    rows_written = models.BigIntegerField(default=0)
    percent = models.PositiveSmallIntegerField(default=0)
    storage_name = models.CharField(max_length=255, blank=True, editable=False)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    called_back_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lte=models.F("ends_at")), name="export_range_ordered"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="export_due"),
            models.Index(fields=["namespace", "-id"], name="export_by_namespace"),
        ]

    def __str__(self) -> str:
        return f"export {self.uuid} ({self.status})"


class LogExportPart(models.Model):
    """A piece of an export's file, in the storage; one after the other they are the file.

    The row is there before its piece is, so that nothing is left behind. ``sha256`` says that the piece is
    kept: whoever goes on does so behind the entry (``last_at``, ``last_id``), which is the last one in it.
    """

    export = models.ForeignKey(LogExport, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    storage_name = models.CharField(max_length=255, editable=False)
    rows = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    last_at = models.DateTimeField(null=True, blank=True)
    last_id = models.BigIntegerField(null=True, blank=True)
    is_last = models.BooleanField("ends the file", default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="log_export_parts_numbered"),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of export {self.export_id}"

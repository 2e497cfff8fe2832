"""Indexes for what people look for in the log: a person, a project, a piece of text.

On PostgreSQL they are built partition by partition while everybody goes on writing, and each step may be
interrupted and done again; later partitions come with them. The text is found by its trigrams, where the
extension pg_trgm can be had: else every entry of the range is looked at.
"""

import logging

from django.db import migrations, models, transaction
from django.db.utils import DatabaseError

log = logging.getLogger(__name__)

# As in logs/text.py: it must be written alike for the index to be used.
TEXT = (
    "upper(kind || chr(31) || performer_name || chr(31) || project_name || chr(31) || credential_name"
    " || chr(31) || coalesce(ip::text, '') || chr(31) || metadata::text)"
)
INDEXES = {
    "log_by_performer": "(performer_name, namespace_id, at DESC, id DESC)",
    "log_by_about": "(project_name, namespace_id, at DESC, id DESC)",
}
BY_TEXT = {"log_by_text": f"USING gin ({TEXT} gin_trgm_ops)"}
PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'logs_logentry'::regclass"
ATTACHED = """
SELECT count(*) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid
WHERE inhparent = %s::regclass AND indrelid = %s::regclass
"""


def has_trigrams(cursor):
    """Tell whether the extension is there, or can be had."""
    try:
        with transaction.atomic():
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        log.warning("Free text in the log is looked for without an index: no pg_trgm: %s", error)
        return False
    return True


def build(cursor, name, definition):
    run = cursor.execute
    run("SET lock_timeout = '2s'")
    try:
        run(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY logs_logentry {definition}")
    finally:
        run("RESET lock_timeout")
    # From here on every new partition has it.
    run(PARTITIONS)
    for (partition,) in cursor.fetchall():
        run(ATTACHED, [name, partition])
        if cursor.fetchone()[0]:
            continue
        own = f"{partition}_{name.removeprefix('log_')}"
        run("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [own])
        found = cursor.fetchone()
        if found == (False,):
            run(f"DROP INDEX CONCURRENTLY {own}")
        if found != (True,):
            run(f"CREATE INDEX CONCURRENTLY {own} ON {partition} {definition}")
        run(f"ALTER INDEX {name} ATTACH PARTITION {own}")


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        for name, columns in INDEXES.items():
            schema_editor.execute(f"CREATE INDEX {name} ON logs_logentry {columns}")
        return
    with schema_editor.connection.cursor() as cursor:
        wanted = INDEXES | (BY_TEXT if has_trigrams(cursor) else {})
        for name, definition in wanted.items():
            build(cursor, name, definition)


def backwards(apps, schema_editor):
    for name in [*INDEXES, *(BY_TEXT if schema_editor.connection.vendor == "postgresql" else [])]:
        schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("logs", "0006_views")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(forwards, backwards)],
            state_operations=[
                migrations.AddIndex(
                    model_name="logentry",
                    index=models.Index(
                        fields=["performer_name", "namespace", "-at", "-id"], name="log_by_performer"
                    ),
                ),
                migrations.AddIndex(
                    model_name="logentry",
                    index=models.Index(fields=["project_name", "namespace", "-at", "-id"], name="log_by_about"),
                ),
            ],
        )
    ]

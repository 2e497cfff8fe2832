"""Make ready for partitions while everybody goes on writing (PostgreSQL).

The table as it is shall become the oldest partition, without moving a row: it needs a bound that all its rows keep
to, and a key that holds the time. Each step may be interrupted and done again.
"""

from django.db import migrations

BOUND = """
SELECT (date_trunc('month', greatest(now(), max(at)) AT TIME ZONE 'UTC' + interval '1 day')
        + interval '1 month') AT TIME ZONE 'UTC' FROM logs_logentry
"""
INDEXES = {"logs_past_key": ("UNIQUE", "id, at"), "logs_past_by_xact": ("", "xact, id")}


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE conname = 'log_past_bound'")
        if not cursor.fetchone()[0]:
            cursor.execute(BOUND)
            bound = cursor.fetchone()[0]
            cursor.execute("SET lock_timeout = '2s'")
            try:
                # A day of slack, at least, for the steps that are left.
                cursor.execute(
                    "ALTER TABLE logs_logentry ADD CONSTRAINT log_past_bound"
                    f" CHECK (at < '{bound.isoformat()}') NOT VALID"
                )
            finally:
                cursor.execute("RESET lock_timeout")
        cursor.execute("ALTER TABLE logs_logentry VALIDATE CONSTRAINT log_past_bound")
        for name, (unique, columns) in INDEXES.items():
            cursor.execute(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [f'"{name}"']
            )
            found = cursor.fetchone()
            if found == (False,):
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
            if found != (True,):
                cursor.execute(f"CREATE {unique} INDEX CONCURRENTLY {name} ON logs_logentry ({columns})")


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")
        schema_editor.execute("ALTER TABLE logs_logentry DROP CONSTRAINT IF EXISTS log_past_bound")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("logs", "0002_xact")]
    operations = [migrations.RunPython(forwards, backwards)]

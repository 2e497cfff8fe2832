"""Each entry keeps which transaction wrote it.

Rows that are there already get 0: they are all committed. Adding a column with a constant costs no rewrite of
the table; what comes after gets its number by the default.
"""

from django.db import migrations, models

import logs.models

FORWARDS = [
    "SET LOCAL lock_timeout = '2s'",
    "ALTER TABLE logs_logentry ADD COLUMN xact bigint NOT NULL DEFAULT 0",
    "ALTER TABLE logs_logentry ALTER COLUMN xact SET DEFAULT (pg_current_xact_id()::text::bigint)",
    # What is added to the numbers of this cluster's transactions: logs/settled.py. No model, so that nothing
    # ever empties it.
    "CREATE TABLE logs_era (cluster text NOT NULL, base bigint NOT NULL)",
    "INSERT INTO logs_era SELECT system_identifier::text, 0 FROM pg_control_system()",
]
BACKWARDS = ["ALTER TABLE logs_logentry DROP COLUMN xact", "DROP TABLE logs_era"]


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in FORWARDS:
            schema_editor.execute(statement)
    else:
        schema_editor.execute("ALTER TABLE logs_logentry ADD COLUMN xact bigint NOT NULL DEFAULT (0)")


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in BACKWARDS:
            schema_editor.execute(statement)
    else:
        schema_editor.execute("ALTER TABLE logs_logentry DROP COLUMN xact")


class Migration(migrations.Migration):
    dependencies = [("logs", "0001_initial")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(forwards, backwards)],
            state_operations=[
                migrations.AddField(
                    model_name="logentry",
                    name="xact",
                    field=models.BigIntegerField(
                        db_default=logs.models.WritingTransaction(),
                        editable=False,
                        verbose_name="written by transaction",
                    ),
                )
            ],
        )
    ]

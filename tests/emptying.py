"""Emptying the database after a test that committed: some fifty times quicker than Django's way.

Django truncates each table, which writes files anew, and then makes all content types and permissions again.
Here those stay, for no test changes them, and of the other tables only what has rows is emptied.
"""

from __future__ import annotations

from django.db import connection, transaction

KEPT = {"django_content_type", "auth_permission"}
LARGE = 1024 * 1024  # bytes from which on truncating a table is quicker than deleting its rows


def empty() -> None:
    """Leave no row in any table that a model declares. Waits for those who still write."""
    tables = [
        table
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False)
        if table not in KEPT
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        names = [connection.ops.quote_name(table) for table in tables]
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE")
            # No trigger runs and no reference is looked at.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "SELECT relname, pg_relation_size(oid) + coalesce("
                "(SELECT sum(pg_relation_size(leaf.relid)) FROM pg_partition_tree(oid) AS leaf), 0)"
                " FROM pg_class WHERE oid = ANY (%s::regclass[])",
                [names],
            )
            if large := [connection.ops.quote_name(name) for name, size in cursor if size > LARGE]:
                cursor.execute(f"TRUNCATE {', '.join(large)} CASCADE")
        # Of SQLite's references each is looked at when the transaction ends, and by then no row is left.
        rows = [f"SELECT {n} WHERE EXISTS (SELECT 1 FROM {name})" for n, name in enumerate(names)]  # noqa: S608
        cursor.execute(" UNION ALL ".join(rows))
        for (number,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {names[number]}")  # noqa: S608

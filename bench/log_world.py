"""Organizations with a long log, for what measures the log: filled once, and used again by the next run."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# Kinds and people come mixed, not in turns, as in life; ``random()`` would make no two runs alike.
FILL = """
INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind, project_id, project_name,
    performer_id, performer_name, performer_kind, performer_email, credential_name, dialect, ip, metadata)
SELECT %(end)s - (n * %(days)s * 86400.0 / %(size)s) * interval '1 second',
    (ARRAY['create_repo', 'change_repo_permission', 'create_robot', 'org_add_team_member', 'login_success'])
        [1 + (hashint4(n) & 3)],
    %(namespace)s, %(name)s, 'organization', %(project)s + n %% 1000, 'project-' || n %% 1000,
    %(project)s + (hashint4(n + 1) & 1023), 'person' || (hashint4(n + 1) & 1023), 'user',
    'person' || (hashint4(n + 1) & 1023) || '@example.com', 'ci', 'quay',
    ('10.' || n %% 200 || '.' || n %% 250 || '.7')::inet,
    jsonb_build_object('repo', 'project-' || n %% 1000, 'namespace', %(name)s::text,
        'username', 'person' || (hashint4(n + 2) & 1023), 'role', 'write',
        'note', CASE WHEN n %% (%(size)s / 2) = 7 THEN 'quarterly inventory' ELSE 'release ' || n END)
FROM generate_series(%(first)s, %(last)s) n
"""
PIECE = 500_000
# From here on an index is better made at the end than kept up row by row: the one of texts above all.
MANY = 500_000
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid = 'logs_logentry'::regclass AND NOT indisprimary
"""


def ready() -> None:
    """Set Django up on the database of the environment, which must be PostgreSQL, with all its tables."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor != "postgresql":
        sys.exit("Give it a PostgreSQL database by DATABASE_URL.")
    call_command("migrate", verbosity=0)


def settled() -> None:
    """Let PostgreSQL know what there is, so that it plans alike from now on."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE logs_logentry")
        cursor.execute("CHECKPOINT")


def fill(size: int, days: int, end: datetime):
    """Return an organization's namespace with that many entries, and its owner."""
    from django.db import connection

    from accounts import services as accounts
    from accounts.models import Namespace, User
    from core.actor import Actor

    name = f"scale-{size}"
    namespace = Namespace.objects.filter(key=name, deleted_at=None).first()
    owner = User.objects.filter(username=f"{name}-owner").first()
    if namespace is None or owner is None:
        owner = accounts.create_user(
            actor=Actor.of_system("bench"), username=f"{name}-owner", email=f"{name}@example.test"
        )
        namespace = accounts.create_organization(actor=Actor(user=owner), slug=name).namespace
        began = time.perf_counter()
        told = {
            "end": end, "days": days, "size": size, "namespace": namespace.pk, "name": name,
            "project": 1_000_000,
        }  # fmt: skip
        with connection.cursor() as cursor, _without_indexes(cursor, wanted=size > MANY):
            for first in range(0, size, PIECE):
                told |= {"first": first, "last": min(size, first + PIECE) - 1}
                cursor.execute(FILL, told)
        print(f"wrote {size:,} entries in {time.perf_counter() - began:.1f} s")
    return namespace, owner


@contextmanager
def _without_indexes(cursor, *, wanted: bool) -> Iterator[None]:
    cursor.execute(INDEXES)
    found = cursor.fetchall() if wanted else []
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _, statement in found:
        cursor.execute(statement.replace(" ON ONLY ", " ON "))


def sum_up() -> int:
    from logs import counts
    from logs.models import LogCount

    while counts.roll_up():
        pass
    return sum(LogCount.objects.filter(scope=counts.INSTANCE).values_list("count", flat=True))


def seal() -> int:
    """Seal all that can be sealed; return how many entries are sealed by now."""
    from logs.chain import sealing
    from logs.models import LogChain

    while sealing.seal_some():
        pass
    return sum(LogChain.objects.values_list("position", flat=True))

"""A real Celery worker on a real broker, killed in the middle of an export, twice."""

import hashlib
import re
import time
from email import message_from_bytes, policy

import orjson
import pytest
from django.conf import settings as configured
from django.db import connection
from django.utils import timezone

from logs import services
from tests import workers
from tests.logs import written
from tests.logs.written import WEEK

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
ROWS = {"postgresql": 400_000, "sqlite": 100_000}  # enough of them to die in the middle
LEASE_SECONDS = 3
COPIED = (
    "kind, namespace_id, namespace_name, namespace_kind, project_name, performer_name, performer_kind,"
    " performer_email, credential_name, dialect, ip"
)
FILL = {
    "postgresql": """INSERT INTO logs_logentry (at, metadata, COPIED)
        SELECT at + n * interval '1 second', jsonb_build_object('number', n), COPIED
        FROM logs_logentry, generate_series(1, %s) n WHERE id = %s""",
    "sqlite": """WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
        INSERT INTO logs_logentry (at, metadata, COPIED)
        SELECT strftime('%%Y-%%m-%%d %%H:%%M:%%S', at, '+' || n || ' seconds'),
            json_object('number', n), COPIED
        FROM logs_logentry, numbers WHERE id = %s""",
}


@pytest.fixture
def environment(own_directory):
    with workers.broker_of_its_own(own_directory) as found:
        yield found | {"MUSTER_EXPORT_LEASE_SECONDS": str(LEASE_SECONDS)}


def wait_for(export, what, environment, seconds=120):
    """Wait until the row is so; ring with the sweeper, as beat does, whenever it is due."""
    end = time.monotonic() + seconds
    sweeper = None  # beside the watching: a fast worker may be done before it comes back
    while time.monotonic() < end:
        export.refresh_from_db()
        if what(export):
            break
        if sweeper is None or (sweeper.poll() is not None and export.due_at <= timezone.now()):
            sweeper = workers.ring("logs.tasks.sweep", environment)
        time.sleep(0.005)
    else:
        pytest.fail(f"{export.status}, {export.rows_written} rows, attempt {export.attempts}: {export.error}")
    if sweeper is not None:
        assert sweeper.wait(180) == 0


class Writing:
    """Sees a worker write in its ``attempt``, and kills it at once."""

    def __init__(self, attempt, process):
        self.attempt, self.process = attempt, process

    def __call__(self, export):
        seen = export.attempts == self.attempt and export.status == "running" and export.rows_written > 0
        if seen:
            workers.kill(self.process)
        return seen


def test_a_killed_worker_loses_nothing(acme, owner, environment, own_directory, client):
    first = written.entry(acme, metadata={"number": 0})
    first.save()
    rows = ROWS[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(FILL[connection.vendor].replace("COPIED", COPIED), [rows - 1, first.pk])
    export = services.request_export(
        actor=owner, namespace=acme.namespace, callback_email="ops@example.test", **WEEK
    )
    for attempt in (1, 2):
        with workers.worker("exports", environment) as process:
            wait_for(export, Writing(attempt, process), environment)
        export.refresh_from_db()
        assert (export.status, export.attempts) == ("running", attempt)
        assert 0 < export.rows_written < rows
    with workers.worker("exports", environment):
        wait_for(export, lambda row: row.mailed_at is not None, environment)
    assert (export.status, export.percent) == ("done", 100)
    assert export.parts.count() == -(-rows // configured.EXPORT_PART_ROWS) + 1
    assert (export.rows_expected, export.rows_written) == (rows, rows)
    assert list((own_directory / "work").glob("*")) == []

    [path] = (own_directory / "mail").glob("*")
    told = message_from_bytes(path.read_bytes(), policy=policy.default)
    text = told.get_body(("plain",))
    assert text is not None
    [link] = re.findall(r"https?://\S+(/exportedlogs/\S+)", text.get_content())
    data = b"".join(client.get(link))
    assert (len(data), hashlib.sha256(data).hexdigest()) == (export.size_bytes, export.sha256)
    opening, *entries, end = data.splitlines()
    assert orjson.loads(opening + end)["logs"] == [{"terminator": True}]
    assert [orjson.loads(line[:-1])["metadata"]["number"] for line in entries] == list(range(rows))

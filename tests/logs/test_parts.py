"""Files in parts: what is kept, who goes on from where, and that it is the same file in the end."""

import errno
import hashlib
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.db import OperationalError, connection, connections
from django.utils import timezone

from logs import counts, services, tasks
from logs.exports import file
from logs.formats import FORMATS
from logs.models import LogCount, LogEntry, LogExport, LogExportPart
from tests import make, sessions
from tests.logs import written
from tests.logs.storages import Interrupted
from tests.logs.test_queue import drafts, files, use
from tests.logs.written import START, WEEK
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
ROWS, PART = 50, 12


@pytest.fixture(autouse=True)
def small_parts(settings):
    settings.EXPORT_PART_ROWS = PART


@pytest.fixture(params=FORMATS)
def export(acme, owner, request):
    # Many of one moment, so that parts meet within it.
    moments = [START + timedelta(minutes=number // 9) for number in range(ROWS)]
    LogEntry.objects.bulk_create(
        [written.entry(acme, at, metadata={"n": number}) for number, at in enumerate(moments)]
    )
    return services.request_export(actor=owner, namespace=acme.namespace, file_format=request.param, **WEEK)


def data_of(export):
    pieces = []
    for part in export.parts.order_by("number"):
        with storages["exports"].open(part.storage_name, "rb") as stored:
            pieces.append(stored.read())
        assert (part.size_bytes, part.sha256) == (len(pieces[-1]), hashlib.sha256(pieces[-1]).hexdigest())
    return b"".join(pieces)


def build(export):
    LogExport.objects.filter(pk=export.pk).update(due_at=timezone.now())
    tasks.build_export(export.pk)
    export.refresh_from_db()


def told(export):
    return [
        (part.number, part.rows, part.sha256, part.last_id, part.is_last)
        for part in export.parts.order_by("number")
    ]


def test_parts_are_the_file(export):
    whole, _, found = written.file_in_one(export)
    build(export)
    assert (export.status, export.rows_written, export.sha256) == ("done", ROWS, found.sha256)
    assert data_of(export) == whole
    assert [part[1] for part in told(export)] == [12, 12, 12, 12, 2]
    assert [part[4] for part in told(export)] == [False] * 4 + [True]
    assert export.size_bytes == len(whole)


def test_a_part_ends_with_so_many_bytes_too(export, settings):
    whole, _, _ = written.file_in_one(export)
    settings.EXPORT_PART_ROWS, settings.EXPORT_PART_BYTES = 10_000, 1
    build(export)
    assert data_of(export) == whole
    assert [part[1] for part in told(export)] == [ROWS, 0]  # no batch is cut
    assert [part[4] for part in told(export)] == [False, True]


def test_many_batches_of_large_entries(acme, owner, settings):
    """A part that ends early leaves a stream half read."""
    settings.EXPORT_PART_ROWS, settings.EXPORT_PART_BYTES = 100_000, 300_000
    written.entries(acme, 3 * file.PAGE + 7, step=timedelta(seconds=1), metadata={"text": "x" * 200})
    export = services.request_export(actor=owner, namespace=acme.namespace, file_format="jsonl", **WEEK)
    build(export)
    assert (export.status, export.rows_written) == ("done", 3 * file.PAGE + 7)
    *full, rest = [part[1] for part in told(export)]
    # In turns of 250 entries, and in pages of 2,000.
    assert (set(full), rest) in [({750}, 7), ({2000}, 7)]
    assert data_of(export).count(b"\n") == 3 * file.PAGE + 7


@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_who_comes_after_goes_on_and_the_file_is_the_same(export, settings, at):
    """A worker is gone while it hands its n-th part over."""
    whole, _, found = written.file_in_one(export)
    saves = []

    def die():
        saves.append(1)
        if len(saves) < at:
            Interrupted.meanwhile = die
        else:
            raise KeyboardInterrupt  # as a kill: nobody puts the row back

    use(settings, Interrupted)
    Interrupted.meanwhile = die
    with suppress(KeyboardInterrupt):
        tasks.build_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.parts.exclude(sha256="").count()) == ("running", at - 1)
    kept = told(export)[: at - 1]
    # Later entries, even of that time, change nothing.
    written.entry(export.namespace.organization, START, metadata={"n": "late"}).save()
    build(export)
    assert (export.status, export.attempts) == ("done", 2 if at == 5 else 1)
    assert told(export)[: at - 1] == kept
    assert (data_of(export), export.sha256) == (whole, found.sha256)
    assert len(files(settings)) == 5
    assert drafts(settings) == []


def test_a_session_that_ends_in_the_middle_is_told_and_who_comes_after_reads_all(acme, owner, settings):
    """The server ends the one whose cursor is read."""
    settings.EXPORT_PART_ROWS = 10_000
    written.entries(acme, 5 * file.TURN, step=timedelta(seconds=1))
    export = services.request_export(actor=owner, namespace=acme.namespace, file_format="jsonl", **WEEK)
    whole, _, found = written.file_in_one(export)
    met: list[int] = []

    def end(rows):
        if rows == 2 * file.TURN and not met:
            met.append(rows)
            assert isinstance(reader, file._Turns)
            sessions.end(reader.own.connection.info.backend_pid)

    if connection.vendor == "postgresql":
        with pytest.raises(OperationalError), file.reading() as reader:
            file.write_part(
                reader, export, BytesIO(), after=None, is_first=True, whole=hashlib.sha256(), progress=end
            )
        assert met
    build(export)
    assert (data_of(export), export.sha256) == (whole, found.sha256)


@pytest.mark.parametrize(
    "filters",
    [{}, {"kinds": ["create_robot"]}, {"performer": "owner"}, {"search": "ci", "kinds": ["create_robot"]}],
)
def test_how_many_are_expected(acme, owner, filters):
    written.entries(acme, 30, kind="create_robot", performer_name="owner", metadata={"robot": "ci"})
    written.entries(acme, 20, kind="delete_robot", performer_name="bob")
    written.settle()
    counts.roll_up()
    export = services.request_export(actor=owner, namespace=acme.namespace, filters=filters, **WEEK)
    build(export)
    assert (export.rows_expected, export.rows_written) == ((30, 30) if filters else (50, 50))


def test_the_sums_say_how_many_are_expected_and_the_file_is_as_long_as_it_is(acme, owner):
    """Of a large log nothing is counted for a bar of progress; where a sum is wrong, only the bar is."""
    written.entries(acme, 20)
    written.settle()
    counts.roll_up()
    LogCount.objects.filter(scope=acme.namespace.pk).update(count=10)
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    build(export)
    assert (export.status, export.percent, export.rows_expected, export.rows_written) == ("done", 100, 10, 20)


@pytest.mark.parametrize("spoil", ["unlink", "alter", "forget"])
def test_what_is_lost_or_altered_is_written_again(export, settings, spoil):
    whole, _, found = written.file_in_one(export)
    build(export)
    before = told(export)
    second = export.parts.get(number=2)
    path = Path(settings.STORAGES["exports"]["OPTIONS"]["location"]) / second.storage_name
    if spoil == "unlink":
        path.unlink()
    elif spoil == "alter":
        path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    else:
        path.unlink()
        second.delete()
    LogExport.objects.update(status="running")
    build(export)
    assert (export.status, export.sha256, data_of(export)) == ("done", found.sha256, whole)
    assert told(export) == before
    assert len(files(settings)) == 5


def test_attempts_are_counted_from_the_last_part_that_was_kept(export, settings):
    use(settings, Interrupted)
    script = iter("--+--+-+-++")

    def act():
        Interrupted.meanwhile = act
        if next(script) == "-":
            raise OSError(errno.ENOSPC, "No space left on device")

    Interrupted.meanwhile = act
    attempts = []
    while export.status not in ("done", "failed"):
        with suppress(OSError):
            build(export)
        export.refresh_from_db()
        attempts.append(export.attempts)
    Interrupted.meanwhile = None
    assert (export.status, attempts) == ("done", [1, 2, 1, 2, 1, 1, 1])
    whole, _, _ = written.file_in_one(export)
    assert data_of(export) == whole


def test_what_makes_no_progress_is_given_up_and_removed(export, settings):
    use(settings, Interrupted)
    script = iter("++---")

    def act():
        Interrupted.meanwhile = act
        if next(script) == "-":
            raise OSError(errno.ENOSPC, "No space left on device")

    Interrupted.meanwhile = act
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            build(export)
    Interrupted.meanwhile = None
    export.refresh_from_db()
    assert (export.status, export.attempts, len(files(settings))) == ("failed", 3, 2)
    tasks.build_export(export.pk)
    export.refresh_from_db()
    assert (export.due_at, export.storage_name) == (None, "")
    assert (files(settings), export.parts.count()) == ([], 0)


def test_cancelling_removes_all_parts(export, owner, settings):
    use(settings, Interrupted)
    calls = []

    def cancel_at_the_third():
        calls.append(1)
        if len(calls) < 3:
            Interrupted.meanwhile = cancel_at_the_third
        else:
            services.cancel_export(actor=owner, export=export)

    Interrupted.meanwhile = cancel_at_the_third
    tasks.build_export(export.pk)
    tasks.build_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.storage_name, export.due_at) == ("cancelled", "", None)
    assert (files(settings), export.parts.count()) == ([], 0)


def test_eight_workers_write_one_file(export, settings):
    whole, _, _ = written.file_in_one(export)
    race(8, lambda _: tasks.build_export(export.pk))
    export.refresh_from_db()
    assert (export.status, data_of(export)) == ("done", whole)
    assert len(files(settings)) == LogExportPart.objects.count() == 5


def test_what_is_committed_late_is_in_no_part(acme, owner):
    """An entry whose key is lower than the bound, by a transaction that was under way at the request."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    written.entries(acme, 3)
    slow = connections["default"].copy()
    try:
        slow.set_autocommit(False)
        with slow.cursor() as cursor:
            cursor.execute(
                "INSERT INTO logs_logentry (at, kind, namespace_id, namespace_name, namespace_kind,"
                " project_name, performer_name, performer_kind, performer_email, credential_name, dialect,"
                " metadata) SELECT at, 'slow', namespace_id, namespace_name, namespace_kind,"
                " project_name, performer_name, performer_kind, performer_email, credential_name, dialect,"
                " metadata FROM logs_logentry WHERE kind = 'create_robot' ORDER BY id LIMIT 1"
            )
        written.entries(acme, 2, metadata={"quick": True})
        export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
        slow.commit()
    finally:
        slow.close()
    assert LogEntry.objects.filter(kind="slow", id__lte=export.last_id).count() == 1
    kinds = [entry.kind for entry in file.rows_of(export)]
    assert kinds == ["create_robot"] * 5
    # Who asks now has it.
    again = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    assert file.rows_of(again).count() == 6


def test_a_project_of_its_own(acme, owner):
    web = make.project(acme, "web")
    for number in range(PART + 1):
        written.of_project(web, START + timedelta(minutes=number))
    export = services.request_export(actor=owner, project=web, **WEEK)
    build(export)
    assert [part[1] for part in told(export)] == [12, 1]

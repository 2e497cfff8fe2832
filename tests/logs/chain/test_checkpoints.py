"""Checkpoints: what a log that was rewritten to its end, seals and all, cannot be made to fit."""

import json
import stat
import tracemalloc
from datetime import timedelta
from io import StringIO
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command

from logs import tasks
from logs.chain import checkpoints, content
from logs.chain.findings import Sort
from logs.chain.verification import Verification
from logs.models import LogChain, LogCheckpoint, LogEntry, LogSeal
from tests.logs.written import START, entry, settle

# Nothing is settled on PostgreSQL before a transaction ends.
pytestmark = pytest.mark.django_db(transaction=True)


def write(where, count=5):
    LogEntry.objects.bulk_create([entry(where, START + timedelta(minutes=n)) for n in range(count)])
    settle()
    tasks.seal()


def verify(**how):
    return [(one.sort, one.scope, one.position) for one in Verification(**how).run()]


@pytest.fixture
def signed(acme):
    """Write and sign twice; return the scope, whose chain has grown by five each time."""
    LogEntry.objects.all().delete()
    for _ in range(2):
        write(acme)
        tasks.checkpoint()
    return acme.namespace.pk


def rewrite(scope, since):
    """Make all seals of a chain anew, as somebody does who knows how, from a position on."""
    seals = LogSeal.objects.filter(scope=scope, position__gte=since).order_by("position")
    before = LogSeal.objects.filter(scope=scope, position=since - 1).first()
    hashed = bytes(before.hash) if before else content.START
    for seal in seals:
        row = LogEntry.objects.filter(pk=seal.pk).values_list(*content.COLUMNS)[0]
        own = content.leaf(row, bytes(seal.blinds))
        hashed = content.link(hashed, scope, seal.position, seal.pk, own)
        LogSeal.objects.filter(pk=seal.pk).update(leaf=own, hash=hashed)
    LogChain.objects.filter(scope=scope).update(hash=hashed)


def test_they_say_how_far_chains_have_come_and_follow_each_other(signed, settings, acme):
    assert verify() == []
    first, second = LogCheckpoint.objects.order_by("number")
    assert json.loads(first.body)["heads"].keys() == {str(signed)}
    assert json.loads(second.body)["heads"][str(signed)][0] == 10
    assert json.loads(second.body)["before"] == checkpoints._digest(first.body)
    tasks.checkpoint()
    assert LogCheckpoint.objects.count() == 2  # nothing has grown
    path = Path(settings.DATA) / checkpoints.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().splitlines() == [checkpoints.line_of(one) for one in (first, second)]
    path.write_bytes(b"")
    tasks.checkpoint()
    assert len(path.read_bytes().splitlines()) == 2  # what a worker could not write is made good
    write(None)
    tasks.checkpoint()
    assert json.loads(LogCheckpoint.objects.get(number=3).body)["heads"].keys() == {"0"}
    assert verify() == []


def test_a_rewritten_chain_does_not_fit(signed):
    LogEntry.objects.filter(pk=LogSeal.objects.get(scope=signed, position=7).pk).update(kind="other")
    rewrite(signed, 7)
    assert verify() == [(Sort.CHECKPOINT, signed, 10)]
    rewrite(signed, 1)
    LogEntry.objects.filter(pk=LogSeal.objects.get(scope=signed, position=2).pk).update(kind="other")
    rewrite(signed, 1)
    assert verify() == [(Sort.CHECKPOINT, signed, 5)]


def test_a_chain_that_was_cut_off_with_its_seals_and_its_head(signed):
    end = LogSeal.objects.filter(scope=signed, position__gt=8)
    LogEntry.objects.filter(pk__in=end.values_list("pk", flat=True)).delete()
    end.delete()
    last = LogSeal.objects.get(scope=signed, position=8)
    LogChain.objects.filter(scope=signed).update(position=8, hash=last.hash)
    (found,) = Verification().run()
    assert (found.sort, found.where) == (Sort.CUT_OFF, "9-10")
    LogEntry.objects.all().delete()
    LogSeal.objects.all().delete()
    LogChain.objects.all().delete()
    assert [(one.sort, one.where) for one in Verification().run()] == [(Sort.CUT_OFF, "1-5")]


def test_removed_and_altered_checkpoints(signed, settings, tmp_path):
    path = Path(settings.DATA) / checkpoints.FILE
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(path.read_bytes())
    first = LogCheckpoint.objects.get(number=1)
    LogCheckpoint.objects.filter(number=1).update(body=first.body.replace("[5,", "[4,"))
    words = [one.words for one in Verification().run()]
    assert words[0] == "line 1 of the database: its signature is wrong"
    assert "checkpoint 1 of the file is not in the database" in words
    LogCheckpoint.objects.filter(number=1).delete()
    assert {sort for sort, *_ in verify()} == {Sort.CHECKPOINT}
    LogCheckpoint.objects.all().delete()
    path.unlink()
    assert verify() == []  # on this host nothing is left that says otherwise
    assert len(verify(copy=copy)) == 2
    copy.write_bytes(b"nonsense\n")
    assert len(verify(copy=copy)) == 1


def test_another_key_signs_nothing(signed, settings):
    settings.TOKEN_PEPPER = "another-pepper-of-this-instance"
    assert {one.words for one in Verification().run()} >= {"line 1 of the database: signed by another key"}


def test_the_command_tells_the_key_and_reads_a_copy(signed, settings, tmp_path):
    out = StringIO()
    path = Path(settings.DATA) / checkpoints.FILE
    call_command("verify_log", "--checkpoints", str(path), stdout=out)
    assert "2 checkpoints, the last of " in out.getvalue()
    assert checkpoints.public_key() in out.getvalue()
    with pytest.raises(CommandError):
        call_command("verify_log", "--checkpoints", str(tmp_path / "none"))


@pytest.mark.parametrize("size", [1, 40, -1])
def test_a_line_that_a_full_disk_cut_off_is_no_finding_and_written_again(signed, settings, acme, size):
    path = Path(settings.DATA) / checkpoints.FILE
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:size])
    assert verify() == []
    write(acme)
    tasks.checkpoint()
    lines = path.read_bytes().splitlines()
    assert {checkpoints.line_of(one) for one in LogCheckpoint.objects.all()} <= set(lines)
    assert verify() == []
    path.write_bytes(path.read_bytes().replace(second[:size] + b"\n", second[:size] + b"x\n", 1))
    assert {sort for sort, *_ in verify()} == {Sort.CHECKPOINT}


def test_an_hour_reads_no_more_of_the_file_than_its_end(signed, settings, acme, monkeypatch):
    path = Path(settings.DATA) / checkpoints.FILE
    monkeypatch.setattr(checkpoints, "PIECE", 100)  # a line is longer
    monkeypatch.setattr(checkpoints, "_lines", None)
    write(acme)
    tasks.checkpoint()
    checkpoints.keep()
    rows = LogCheckpoint.objects.order_by("number")
    assert path.read_bytes().splitlines() == [checkpoints.line_of(one) for one in rows]
    assert len(rows) == 3


def test_few_heads_at_a_time_find_the_same(signed, monkeypatch):
    monkeypatch.setattr(checkpoints, "HEADS", 1)
    assert verify() == []
    rewrite(signed, 1)
    LogEntry.objects.filter(pk=LogSeal.objects.get(scope=signed, position=2).pk).update(kind="other")
    rewrite(signed, 1)
    assert verify() == [(Sort.CHECKPOINT, signed, 5)]  # the first that does not fit, and no other


def test_many_checkpoints_of_many_chains_take_no_more_memory_than_few(signed, settings):
    heads = {str(scope): [7, "ab" * 32] for scope in range(10**6, 10**6 + 2000)}
    for number in range(3, 103):
        body = orjson.dumps(
            {
                "number": number,
                "at": START,
                "before": checkpoints._digest(LogCheckpoint.objects.get(number=number - 1).body),
                "heads": heads,
            }
        )
        signature = checkpoints._private(settings.TOKEN_PEPPER).sign(body).hex()
        LogCheckpoint.objects.create(
            number=number, body=body.decode(), key=checkpoints.public_key(), signature=signature
        )
    size = checkpoints.keep().stat().st_size
    checked = checkpoints.Checked([signed], None, None, bool)
    tracemalloc.start()
    try:
        assert list(checked.run()) == []
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert checked.count == 102
    assert most < size

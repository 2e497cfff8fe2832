"""Streams to files: whole lines on the disk, in one directory and nowhere else."""

import json
import os
import resource

import pytest

from core.errors import Conflict, Forbidden, Invalid
from streams import batches, services, tasks
from tests.logs.written import entries, settle
from tests.streams.conftest import entries_of, make_due, push, row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(settings, tmp_path):
    found = tmp_path / "streams"
    found.mkdir()
    settings.STREAM_DIRECTORY = str(found)
    return found


@pytest.fixture
def stream(folder, root):
    return to_file(root, "all.jsonl")


def to_file(actor, name, **more):
    settle()
    given = {"method": "file", "config": {"name": name}} | more
    return services.create_stream(actor=actor, **given)[0]


def written(folder, name="all.jsonl"):
    return [json.loads(line)["id"] for line in (folder / name).read_text().splitlines()]


def test_entries_are_appended_as_lines(folder, stream, acme):
    before = stream.entry
    entries(acme, 3)
    push()
    entries(None, 2)
    push()
    assert written(folder) == entries_of(None, before)
    assert (folder / "all.jsonl").stat().st_mode & 0o777 == 0o600
    assert row(stream).sent_entries == len(written(folder))
    (folder / "all.jsonl").rename(folder / "all.jsonl.1")
    entries(acme, 1)
    push()
    assert len(written(folder)) == 1


def test_a_line_that_a_crash_cut_off_is_left_alone_and_the_batch_comes_again(folder, stream, acme):
    entries(acme, 2)
    settle()
    batch = batches.take(stream.pk)
    assert batch is not None
    batches.attempt(batch)
    torn = (folder / "all.jsonl").read_bytes()[:-20]
    (folder / "all.jsonl").write_bytes(torn)
    make_due(stream)
    tasks.work()
    lines = (folder / "all.jsonl").read_bytes().splitlines()
    found = []
    for line in lines:
        try:
            found.append(json.loads(line)["id"])
        except ValueError:
            found.append(None)
    assert found.count(None) == 1
    assert set(found) - {None} >= set(entries_of(None, stream.entry))


def test_what_does_not_fit_is_taken_back(folder, stream, acme):
    push()
    whole = (folder / "all.jsonl").read_bytes()
    entries(acme, 50)
    settle()
    batches.wake()
    batch = batches.take(stream.pk)
    assert batch is not None
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 1000, hard))
    try:
        outcome = batches.attempt(batch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    batches.note(batch, outcome)
    assert (folder / "all.jsonl").read_bytes() == whole
    assert row(stream).error == "The file could not be written."
    make_due(stream)
    push()
    assert written(folder)[-50:] == entries_of(None)[-50:]


def test_nothing_but_a_file_in_the_directory_is_written(folder, stream, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("")
    target = folder / "all.jsonl"
    for make_it in (lambda: target.symlink_to(outside), lambda: os.mkfifo(target), target.mkdir):
        target.unlink(missing_ok=True)
        make_it()
        make_due(stream)
        push()
        assert row(stream).error == "The file could not be written."
    assert outside.read_text() == ""
    target.rmdir()
    services.test_stream(actor=_root(), stream=row(stream))
    make_due(stream)
    tasks.work()
    assert row(stream).test_error == ""


def _root():
    from accounts.models import User
    from tests import make

    return make.actor(User.objects.get(username="root"))


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "../x", "a/b", "/etc/passwd", "A", "a\n", "a\0", "ä", "x" * 101, 7, None],
)
def test_no_other_name_is_taken(name, folder, root):
    with pytest.raises(Invalid) as caught:
        to_file(root, name)
    assert caught.value.field == "config"


def test_only_by_operators_of_the_whole_log_once_and_where_there_is_a_directory(
    folder, stream, root, owner, acme, settings
):
    with pytest.raises(Forbidden):
        to_file(owner, "mine.jsonl")
    with pytest.raises(Invalid):
        to_file(owner, "mine.jsonl", namespace=acme.namespace)
    with pytest.raises(Conflict):
        to_file(root, "all.jsonl")
    settings.STREAM_DIRECTORY = ""
    with pytest.raises(Invalid):
        to_file(root, "other.jsonl")
    push()
    assert row(stream).error == "The file could not be written."

"""The same entries as JSON Lines and as CSV. These commit: PostgreSQL streams on a connection of its own."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from core.errors import Invalid, QuotaExceeded
from logs import downloads, services, tasks
from logs.exports import file
from logs.formats import FIELDS, FORMATS
from logs.models import LogEntry, LogExport
from tests import make
from tests.logs import written
from tests.logs.test_file import NASTY
from tests.logs.written import START, WEEK
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
# What begins a formula for one spreadsheet or another.
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","a")']


def written_as(form, acme, owner, **more):
    export = services.request_export(
        actor=owner, namespace=acme.namespace, file_format=form, **{**WEEK, **more}
    )
    data, _, found = written.file(export)
    return data, found.rows


def cells(data):
    """Return the lines of a CSV file as a strict reader sees them, each with the name of the column."""
    lines = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    assert tuple(lines[0]) == FIELDS
    return [dict(zip(FIELDS, line, strict=True)) for line in lines[1:]]


FULL = {
    "kind": "create_repo",
    "project_name": "web",
    "performer_name": "bob",
    "performer_kind": "user",
    "credential_name": "ci",
    "dialect": "quay",
    "ip": "2001:db8::7",
    "metadata": {"repo": "web", "n": [1, None, True], "o": {"a": "b, c"}},
}
AT = datetime(2025, 3, 5, 14, 3, 11, 120, tzinfo=UTC)
SHOWN = {
    "time": "2025-03-05T14:03:11.000120Z",
    "kind": "create_repo",
    "namespace": "acme",
    "project": "web",
    "performer": "bob",
    "performer_kind": "user",
    "credential": "ci",
    "door": "quay",
    "ip": "2001:db8::7",
}


def test_an_entry_as_a_line_of_json(acme, owner):
    written.entry(acme, AT, **FULL).save()
    data, rows = written_as("jsonl", acme, owner)
    assert (rows, data.count(b"\n"), data[-1:]) == (1, 1, b"\n")
    told = json.loads(data)
    assert told == {**SHOWN, "metadata": FULL["metadata"]}
    assert tuple(told) == FIELDS


def test_an_entry_as_a_line_of_a_sheet(acme, owner):
    written.entry(acme, AT, **FULL).save()
    data, rows = written_as("csv", acme, owner)
    assert (rows, data.count(b"\r\n"), data.count(b"\n"), data[-2:]) == (1, 2, 2, b"\r\n")
    [told] = cells(data)
    assert json.loads(told.pop("metadata")) == FULL["metadata"]
    assert told == SHOWN


@pytest.mark.parametrize("form", FORMATS)
def test_without_an_address_or_entries(acme, owner, form):
    data, rows = written_as(form, acme, owner)
    assert rows == 0
    assert data == {"csv": ",".join(FIELDS).encode() + b"\r\n", "jsonl": b""}.get(form, data)
    written.entry(acme, ip=None, performer_name="", performer_kind="", metadata={}).save()
    data, rows = written_as(form, acme, owner)
    assert rows == 1
    if form == "jsonl":
        assert (json.loads(data)["ip"], json.loads(data)["performer"]) == (None, "")
    if form == "csv":
        assert (cells(data)[0]["ip"], cells(data)[0]["performer"]) == ("", "")
        assert b'""' not in data


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_comes_through(acme, owner, text):
    written.entry(acme, performer_name=text, credential_name=text, metadata={text: [text]}).save()
    data, _ = written_as("jsonl", acme, owner)
    assert data.count(b"\n") == 1
    told = json.loads(data)
    assert (told["performer"], told["credential"], told["metadata"]) == (text, text, {text: [text]})
    [line] = cells(written_as("csv", acme, owner)[0])
    assert (line["performer"], line["credential"]) == (text, text)
    assert json.loads(line["metadata"]) == {text: [text]}


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_a_formula(acme, owner, text):
    fields = ("kind", "project_name", "performer_name", "performer_kind", "credential_name", "dialect")
    told = dict.fromkeys(fields, text[:10])
    entry = written.entry(acme, **told)
    entry.namespace_name = text
    entry.save()
    [line] = cells(written_as("csv", acme, owner)[0])
    shown = [line[name] for name in ("kind", "project", "performer", "performer_kind", "credential", "door")]
    assert shown == [f"'{text[:10]}"] * 6
    assert line["namespace"] == f"'{text}"
    assert not any(value.startswith(tuple("=+-@\t\r")) for value in line.values())
    # Programs read what was there.
    assert json.loads(written_as("jsonl", acme, owner)[0])["performer"] == text[:10]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("count", [file.PAGE, file.PAGE + 1])
def test_in_order_and_each_once(acme, owner, form, count):
    moments = [START.replace(minute=number // 900) for number in range(count)]
    LogEntry.objects.bulk_create(
        [written.entry(acme, at, metadata={"n": number}) for number, at in enumerate(moments)]
    )
    data, rows = written_as(form, acme, owner)
    assert rows == count
    if form == "quay":
        found = json.loads(data)["logs"][:-1]
    elif form == "csv":
        found = [{"metadata": json.loads(line["metadata"])} for line in cells(data)]
    else:
        found = [json.loads(line) for line in data.splitlines()]
    assert [line["metadata"]["n"] for line in found] == list(range(count))


@pytest.mark.parametrize("form", FORMATS)
def test_a_filter_narrows_any_of_them(acme, owner, form):
    written.entries(acme, 3)
    written.entries(acme, 2, performer_name="%s'\"")
    assert written_as(form, acme, owner, filters={"performer": "%s'\""})[1] == 2


@pytest.mark.parametrize(
    ("form", "sort", "ending"),
    [
        ("quay", "application/json", "json"),
        ("csv", "text/csv; charset=utf-8", "csv"),
        ("jsonl", "application/x-ndjson", "jsonl"),
    ],
)
def test_the_file_says_what_it_is(acme, owner, client, form, sort, ending):
    export = services.request_export(actor=owner, namespace=acme.namespace, file_format=form, **WEEK)
    tasks.build_export(export.pk)
    export.refresh_from_db()
    answer = client.get(downloads.link(export).removeprefix("http://127.0.0.1:8000"))
    answer.close()
    assert answer.headers["Content-Type"] == sort
    assert answer.headers["Content-Disposition"] == f'attachment; filename="acme-log-2025-03-01.{ending}"'


@pytest.mark.parametrize("form", ["", "xml", "CSV", "pickle"])
def test_no_other_format(acme, owner, form):
    with pytest.raises(Invalid) as refused:
        services.request_export(actor=owner, namespace=acme.namespace, file_format=form, **WEEK)
    assert refused.value.field == "format"
    assert not LogExport.objects.exists()


# How many at once


def test_so_many_of_one_organization(acme, owner, superuser, settings):
    settings.EXPORTS_AT_ONCE_OF_NAMESPACE = 2
    first = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    project = make.project(acme)
    services.request_export(actor=owner, project=project, **WEEK)
    for whose in ({"namespace": acme.namespace}, {"project": project}):
        with pytest.raises(QuotaExceeded, match="2 exports of this log"):
            services.request_export(actor=owner, **whose, **WEEK)
    # Others have their own, and so has the instance.
    rival = make.user("rival")
    other = make.organization("other", owner=rival)
    services.request_export(actor=make.actor(rival), namespace=other.namespace, **WEEK)
    services.request_export(actor=superuser, **WEEK)
    tasks.build_export(first.pk)
    second = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    services.cancel_export(actor=owner, export=second)
    services.request_export(actor=owner, namespace=acme.namespace, **WEEK)


def test_so_many_on_the_instance(acme, owner, superuser, settings):
    settings.EXPORTS_AT_ONCE = 2
    services.request_export(actor=superuser, **WEEK)
    services.request_export(actor=superuser, **WEEK)
    for actor, whose in ((superuser, {}), (owner, {"namespace": acme.namespace})):
        with pytest.raises(QuotaExceeded, match="2 exports under way"):
            services.request_export(actor=actor, **whose, **WEEK)
    assert LogExport.objects.count() == 2
    assert LogEntry.objects.filter(kind="export_logs_success").count() == 2


def test_of_twelve_at_once_five_are_taken(acme, owner):
    refused = []

    def ask(_):
        try:
            services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
        except QuotaExceeded as error:
            refused.append(error)

    race(12, ask)
    assert (LogExport.objects.count(), len(refused)) == (5, 7)

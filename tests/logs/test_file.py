"""The file itself, read back as JSON. These commit: PostgreSQL streams on a connection of its own."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from core.avatars import avatar
from logs import services
from logs.exports import file
from logs.models import LogEntry
from tests import make
from tests.logs import written
from tests.logs.written import END, START, WEEK

pytestmark = pytest.mark.django_db(transaction=True)


def written_file(export):
    data, told, result = written.file(export)
    body = json.loads(data)
    assert body["logs"][-1] == {"terminator": True}
    assert result.rows == len(body["logs"]) - 1
    assert told == sorted(told)
    assert not told or told[-1] == result.rows
    return body


def test_an_entry_looks_as_on_the_wire(acme, owner):
    at = datetime(2025, 3, 5, 14, 3, 11, 999_999, tzinfo=UTC)
    written.entry(
        acme, at, kind="create_repo", performer_name="bob", performer_email=" Bob@Example.test ",
        metadata={"repo": "web", "number": 7, "none": None, "yes": True, "list": [1.5, {"a": "b"}]},
    ).save()  # fmt: skip
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    assert written_file(export) == {
        "export_id": str(export.uuid),
        "details": {
            "start_time": "Sat, 01 Mar 2025 00:00:00 -0000",
            "end_time": "Fri, 07 Mar 2025 23:59:59 -0000",
            "namespace": "acme",
            "repository": None,
        },
        "logs": [
            {
                "kind": "create_repo",
                "metadata": {
                    "repo": "web",
                    "number": 7,
                    "none": None,
                    "yes": True,
                    "list": [1.5, {"a": "b"}],
                },
                "ip": "10.0.0.9",
                "datetime": "Wed, 05 Mar 2025 14:03:11 -0000",
                "performer": {
                    "kind": "user",
                    "name": "bob",
                    "is_robot": False,
                    "avatar": avatar("bob", email="bob@example.test", kind="user"),
                },
            },
            {"terminator": True},
        ],
    }


def test_every_date_is_written_as_the_mail_world_does(acme, owner):
    moments = [START + timedelta(days=day, hours=day * 3, seconds=day * 7) for day in range(400)]
    LogEntry.objects.bulk_create([written.entry(acme, at) for at in moments])
    export = services.request_export(
        actor=owner, namespace=acme.namespace, starts_at=START, ends_at=START + timedelta(days=500)
    )
    found = [entry["datetime"] for entry in written_file(export)["logs"][:-1]]
    assert [parsedate_to_datetime(text).replace(tzinfo=UTC) for text in found] == moments
    assert all(text.endswith(" -0000") and len(text) == 31 for text in found)


NASTY = [
    "plain",
    "tab\tinside",
    "line\nfeed\r\n",
    "back\\slash \\n \\\\ \\N \\.",
    '"quoted" {json} [list], comma',
    "ünïcödé 漢字 🤖 \u2028 \x7f",
    "control \x01\x1f\b\f\v",
    "\\",
    "\\\\\t\\",
    "%s %(x)s {0} $1",
]


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_comes_through(acme, owner, text):
    written.entry(
        acme, performer_name=text, performer_email=text, metadata={text: [text, {"deep": text}]}
    ).save()
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    entry = written_file(export)["logs"][0]
    assert entry["metadata"] == {text: [text, {"deep": text}]}
    assert entry["performer"]["name"] == text
    assert entry["performer"]["avatar"] == avatar(text, email=text, kind="user")


PERFORMERS = [
    # as written, as shown: kind, is_robot, kind of the avatar
    ("user", "bob", ("user", False, "user")),
    ("robot", "acme+ci", ("user", True, "robot")),
    ("organization", "acme", ("org", False, "org")),
    ("project", "web", ("app", False, "app")),
    ("system", "system", None),
    ("", "", None),
]


@pytest.mark.parametrize(("kind", "name", "shown"), PERFORMERS)
def test_performers(acme, owner, kind, name, shown):
    written.entry(acme, performer_kind=kind, performer_name=name, performer_email="", ip=None).save()
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    entry = written_file(export)["logs"][0]
    assert entry["ip"] is None
    if shown is None:
        assert entry.keys() == {"kind", "metadata", "ip", "datetime"}
        return
    drawn = avatar(name, kind=shown[2])
    assert entry["performer"] == {"kind": shown[0], "name": name, "is_robot": shown[1], "avatar": drawn}


def test_an_ipv6_address(acme, owner):
    written.entry(acme, ip="2001:db8::7").save()
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    assert written_file(export)["logs"][0]["ip"] == "2001:db8::7"


def test_what_belongs_into_it_and_in_which_order(acme, owner):
    other = make.organization("other")
    LogEntry.objects.bulk_create(
        [
            written.entry(acme, END - timedelta(microseconds=1), metadata={"n": 4}),
            written.entry(acme, START, metadata={"n": 1}),
            written.entry(acme, END, metadata={"n": "too late"}),
            written.entry(acme, START - timedelta(microseconds=1), metadata={"n": "too early"}),
            written.entry(other, START, metadata={"n": "elsewhere"}),
            written.entry(acme, START, metadata={"n": 2}),
            written.entry(acme, START + timedelta(days=1), metadata={"n": 3}),
        ]
    )
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    written.entry(acme, START, metadata={"n": "after the request"}).save()
    found = written_file(export)["logs"][:-1]
    assert [entry["metadata"]["n"] for entry in found] == [1, 2, 3, 4]


def test_a_project(acme, owner):
    web, api = make.project(acme, "web"), make.project(acme, "api/v2")
    written.of_project(web)
    written.of_project(api, metadata={"n": "api"})
    export = services.request_export(actor=owner, project=api, **WEEK)
    body = written_file(export)
    assert (body["details"]["namespace"], body["details"]["repository"]) == ("acme", "api/v2")
    assert [entry["metadata"] for entry in body["logs"][:-1]] == [{"n": "api"}]


def test_the_whole_instance_says_whose_each_entry_is(acme, owner, superuser):
    written.entry(acme).save()
    written.entry(superuser.user).save()
    written.entry(None).save()
    body = written_file(services.request_export(actor=superuser, **WEEK))
    assert (body["details"]["namespace"], body["details"]["repository"]) == (None, None)
    assert [entry.get("namespace") for entry in body["logs"][:-1]] == [
        {"kind": "org", "name": "acme", "avatar": avatar("acme", kind="org")},
        {"kind": "user", "name": "root", "avatar": avatar("root", kind="user")},
        None,
    ]


def test_nothing_to_tell(acme, owner):
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    assert written_file(export)["logs"] == [{"terminator": True}]
    export = services.request_export(actor=owner, namespace=acme.namespace, starts_at=START, ends_at=START)
    details = written_file(export)["details"]
    assert details["start_time"] == details["end_time"]


def test_a_namespace_that_never_was(acme, superuser):
    """The page takes any name, and PostgreSQL would not be asked for the entries of none."""
    written.entry(acme).save()
    for filters in ({"space": "nobody"}, {"space": "nobody", "performer": "owner"}):
        export = services.request_export(actor=superuser, filters=filters, **WEEK)
        assert written_file(export)["logs"] == [{"terminator": True}]
        with file.reading() as reader:
            assert reader.count(file.rows_of(export)) == 0


AROUND = ((1, -1), (1, 0), (1, 1), (3, 0))  # times the entries that come at once, and so many more


@pytest.mark.parametrize(
    "count", [times * size + more for size in (file.TURN, file.PAGE) for times, more in AROUND]
)
def test_any_number_of_entries_of_few_moments(acme, owner, count):
    """Pages meet in the middle of a moment."""
    moments = [START + timedelta(seconds=number // 900) for number in range(count)]
    LogEntry.objects.bulk_create(
        [written.entry(acme, at, metadata={"n": number}) for number, at in enumerate(moments)]
    )
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    found = written_file(export)["logs"][:-1]
    assert [entry["metadata"]["n"] for entry in found] == list(range(count))


def test_filters(acme, owner):
    written.entries(acme, 5)
    written.entries(acme, 3, performer_name='b"o')
    export = services.request_export(
        actor=owner, namespace=acme.namespace, filters={"performer": 'b"o', "search": "100%"}, **WEEK
    )
    assert written_file(export)["logs"] == [{"terminator": True}]
    export = services.request_export(
        actor=owner, namespace=acme.namespace, filters={"performer": 'b"o', "kinds": ["create_robot"]}, **WEEK
    )
    assert len(written_file(export)["logs"]) == 4

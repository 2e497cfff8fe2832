"""What the command line says of files, and how it ends."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from projects.services import code
from runs.models import Run
from tests import make
from tests.make import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    acme = make.organization("acme", owner=make.user("owner"))
    make.robot(acme, "old")
    return acme


@pytest.fixture
def put(tmp_path):
    def write(text):
        path = tmp_path / "acme.yaml"
        path.write_text(text)
        return str(path)

    return write


def run(*words):
    out = StringIO()
    ended: str | int | None = 0
    try:
        call_command(*words, stdout=out)
    except SystemExit as end:
        ended = int(str(end.code))
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return ended, out.getvalue()


NEW = "version: 1\norganization: acme\nrobots: {new: {}}\n"


def test_export_is_what_apply_reads(acme, put):
    ended, text = run("export_org", "acme")
    assert (ended, text) == (0, code.export_organization(actor=SYSTEM, organization=acme))
    assert run("apply", put(text)) == (0, "Nothing to change: acme is as the file says.\n")
    assert run("apply", put(text), "--dry-run") == (0, "Nothing to change: acme is as the file says.\n")
    assert run("export_org", "nobody") == (1, "Organization not found")


def test_a_dry_run_ends_with_2_where_it_would_change_something(acme, put):
    said = "+ robot new\n= robot old: not in the file, kept\nacme: 1 to add, 0 to change, 0 to remove.\n"
    assert run("apply", put(NEW), "--dry-run") == (2, said)
    assert not acme.namespace.robots.filter(shortname="new").exists()
    ended, text = run("apply", put(NEW), "--prune")
    assert (ended, text) == (0, "+ robot new\n- robot old\nacme: 1 added, 0 changed, 1 removed.\n")
    assert run("apply", put(NEW), "--prune", "--dry-run")[0] == 0
    noted = Run.objects.get()  # the dry runs left nothing
    assert (noted.namespace, noted.asked_by, noted.asked_by_name) == (acme.namespace, None, "system")
    told = list(noted.items.order_by("position").values_list("name", "status"))
    assert told == [("robot new", "added"), ("robot old", "removed")]


def test_json_is_for_machines(acme, put):
    ended, text = run("apply", put(NEW), "--dry-run", "--json", "--prune")
    told = json.loads(text)
    assert ended == 2
    assert (told["applied"], told["prune"], told["organization"]) == (False, True, "acme")
    assert told["changes"] == [
        {"action": "add", "sort": "robot", "name": ["new"], "line": 3, "fields": {}},
        {
            "action": "remove",
            "sort": "robot",
            "name": ["old"],
            "line": None,
            "fields": {
                "description": {"old": "", "new": None},
                "enabled": {"old": True, "new": None},
                "federation": {"old": [], "new": None},
            },
        },
    ]
    make.robot(acme, "meanwhile")
    ended, text = run("apply", put(NEW), "--json", "--expect", told["fingerprint"])
    assert ended == 1
    assert json.loads(text.split("\n}")[0] + "\n}")["error"] == "conflict"
    assert run("apply", put(NEW), "--expect", "x")[0] == 1


def test_what_is_wrong_ends_with_1(acme, put, tmp_path):
    for text, said in (
        ("version: 1\n", "The file names no organization: say --organization NAME"),
        ("version: 1\norganization: nobody\n", "Organization not found"),
        (
            "version: 1\norganization: acme\nmembers: {no-one: admin}\n",
            "acme.yaml:3: there is no user no-one",
        ),
        ("version: 3\n", "acme.yaml:1: version must be 1"),
    ):
        ended, words = run("apply", put(text))
        assert ended == 1
        assert said in words
    assert "cannot be read: No such file" in run("apply", str(tmp_path / "none.yaml"))[1]
    assert run("apply", put("version: 1\nrobots: {new: {}}\n"), "--organization", "acme")[0] == 0
    make.organization("other")
    wrong = run("apply", put(NEW), "--organization", "other")
    assert (wrong[0], "is of the organization acme, not of other" in wrong[1]) == (1, True)

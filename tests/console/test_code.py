"""The page on which an organization is compared with a file and made as it says."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from jsonschema import Draft202012Validator

from projects.services import code
from tests import make
from tests.console.entering import enter
from tests.make import SYSTEM
from tests.projects.code import world
from tests.projects.code.test_apply import BROKEN

pytestmark = pytest.mark.django_db

SCHEMA = Path(__file__).parents[2] / "console/static/console/organization.schema.json"
EDIT = "version: 1\nrobots: {new: {description: <b>bold</b>}}\nmembers: {owner: owner}\n"


@pytest.fixture
def people():
    return world.people("owner", "ada", "bob", "eve")


@pytest.fixture
def acme(people):
    return world.build(people["owner"], people)


def fields_of(page):
    """Return the hidden fields of the form that applies."""
    form = page.split('name="do" value="apply"')[1].split("</form>")[0]
    found = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    return {name: value.replace("&lt;", "<").replace("&gt;", ">") for name, value in found.items()}


def plain(answer):
    return answer.content.decode().replace("<wbr>", "")


def compare(client, text=EDIT, **more):
    return plain(client.post("/o/acme/code/", {"do": "compare", "text": text, **more}))


def apply(client, fields, **more):
    return plain(client.post("/o/acme/code/", {"do": "apply", **fields, **more}))


def test_the_download_is_the_export(acme, people):
    answer = enter(people["ada"]).get("/o/acme/code/file/")
    assert answer["Content-Type"] == "application/yaml; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="acme.yaml"'
    assert answer["Cache-Control"] == "no-store"
    assert answer.content.decode() == code.export_organization(actor=SYSTEM, organization=acme)


def test_comparing_shows_and_changes_nothing(acme, people):
    before = code.export_organization(actor=SYSTEM, organization=acme)
    page = compare(enter(people["ada"]))
    assert "robot new" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold</b>" not in page
    assert "to add" in page
    assert code.export_organization(actor=SYSTEM, organization=acme) == before


def test_a_file_is_compared_as_its_content_is(acme, people):
    sent = SimpleUploadedFile("acme.yaml", EDIT.encode())
    assert "robot new" in compare(enter(people["ada"]), text="", file=sent)
    broken = SimpleUploadedFile("acme.yaml", b"version: 1\nprofile: {name: caf\xe9}")
    assert "not UTF-8: byte 0xe9" in compare(enter(people["ada"]), text="", file=broken)
    large = SimpleUploadedFile("acme.yaml", b"#" * (768 * 1024 + 1))
    assert "larger than 768 KiB" in compare(enter(people["ada"]), text="", file=large)
    assert "Choose a file" in compare(enter(people["ada"]), text=" ")


def test_what_was_shown_is_applied(acme, people):
    client = enter(people["ada"])
    fields = fields_of(compare(client))
    page = apply(client, fields)
    assert "What was done" in page
    assert "1 added, 0 changed, 0 removed" in page
    assert acme.namespace.robots.filter(shortname="new", description="<b>bold</b>").exists()
    # Sent again, it is no longer what was looked at.
    assert "changed since you looked" in apply(client, fields)


def test_removing_is_typed(acme, people):
    client = enter(people["owner"])
    page = compare(client, prune="on")
    for name in ("robot ci", "robot off", "member ada"):
        assert name in page
    fields = fields_of(page)
    for confirm in ("", "acm", "other"):
        page = apply(client, fields, confirm=confirm)
        assert "Type acme to confirm" in page
        assert "robot off" in page
        assert acme.namespace.robots.filter(shortname="off").exists()
    fields = fields_of(page)
    assert "3 removed" in apply(client, fields, confirm="acme")  # bob stays by his team
    assert list(acme.namespace.robots.values_list("shortname", flat=True)) == ["new"]


def test_a_change_meanwhile_is_shown_before_it_is_applied(acme, people):
    client = enter(people["ada"])
    fields = fields_of(compare(client))
    make.robot(acme, "meanwhile")
    page = apply(client, fields)
    assert "changed since you looked" in page
    assert not acme.namespace.robots.filter(shortname="new").exists()
    assert "1 added" in apply(client, fields_of(page))


def test_it_is_asked_who_one_is_after_a_while(acme, people):
    client = enter(people["ada"])
    fields = fields_of(compare(client))
    session = client.session
    session["signed_in_at"] = (timezone.now() - timedelta(days=2)).isoformat()
    session.save()
    assert "Your password" in apply(client, fields)
    assert not acme.namespace.robots.filter(shortname="new").exists()
    assert "1 added" in apply(client, fields, own_password=make.PASSWORD)


def test_what_one_may_not_do_is_said_and_cannot_be_sent(acme, people):
    client = enter(people["ada"])
    page = compare(client, "version: 1\nmembers: {ada: owner}\n")
    assert "only an owner may make or unmake owners" in page
    assert 'value="apply"' not in page
    fields = fields_of(compare(client)) | {"text": "version: 1\nmembers: {ada: owner}\n"}
    answer = client.post("/o/acme/code/", {"do": "apply", **fields})
    assert answer.status_code == 403
    assert acme.memberships.get(user=people["ada"]).role == "admin"


def test_every_fault_is_shown_with_its_line(acme, people):
    page = compare(enter(people["ada"]), "version: 1\nmembers:\n  nobody: admin\n  noone: king\n")
    assert "file:4: the role of noone must be one of" in page
    assert "Nothing was changed" in page


def test_the_schema_says_what_is_exported_and_refuses_what_is_refused(acme):
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(yaml.safe_load(code.export_organization(actor=SYSTEM, organization=acme)))
    for text, said in BROKEN:
        if any(word in said for word in ("unknown key", "must be one of", "lists numbers", "is no name")):
            assert not validator.is_valid(yaml.safe_load(text)), said

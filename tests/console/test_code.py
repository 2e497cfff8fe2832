"""The page on which an organization is compared with a file and made as it says."""

import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from jsonschema import Draft202012Validator

from accounts import services as accounts
from accounts.models import User
from logs.models import LogEntry
from projects.services import code
from runs import services
from runs.models import Run
from tests import make
from tests.console.entering import enter
from tests.make import SYSTEM
from tests.projects.code import world
from tests.projects.code.test_apply import BROKEN
from tests.racing import race

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
    return plain(client.post("/o/acme/code/", {"do": "apply", **fields, **more}, follow=True))


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


def test_a_file_that_is_too_large_is_refused_in_the_readers_language(acme, people):
    sent = {"do": "compare", "file": SimpleUploadedFile("acme.yaml", b"#" * (768 * 1024 + 1))}
    answer = enter(people["owner"]).post("/o/acme/code/", sent, headers={"accept-language": "de"})
    assert "Die Datei ist größer als 768 KiB" in answer.content.decode()


def test_what_was_shown_is_applied(acme, people):
    client = enter(people["ada"])
    fields = fields_of(compare(client))
    page = apply(client, fields)
    assert "1 change applied</h1>" in page
    assert acme.namespace.robots.filter(shortname="new", description="<b>bold</b>").exists()
    # By another form it is no longer what was looked at.
    assert "changed since you looked" in apply(client, fields | {"key": ""})


def test_what_was_done_has_an_address_that_others_open(acme, people):
    make.user("watcher")
    for name, role in (("watcher", "auditor"), ("bob", "member")):
        accounts.set_member_role(
            actor=SYSTEM, organization=acme, user=User.objects.get(username=name), role=role
        )
    rival = make.organization("rivals", owner=people["eve"])
    client = enter(people["ada"])
    text = EDIT.replace("owner: owner", "owner: owner, eve: member")
    fields = fields_of(compare(client, text))
    first, second = (client.post("/o/acme/code/", {"do": "apply", **fields}) for _ in range(2))
    run = Run.objects.get()
    here = f"/o/acme/runs/{fields['key']}/"
    assert first["Location"] == second["Location"] == here  # sent twice, it is done once
    assert LogEntry.objects.filter(kind="org_apply").count() == 1
    assert (run.status, run.number, run.done, run.due_at, run.asked_by) == ("done", 2, 2, None, people["ada"])
    for who in (people["ada"], people["owner"], User.objects.get(username="watcher")):
        page = plain(enter(who).get(here))
        for said in ("2 changes applied</h1>", "robot new", "&lt;b&gt;bold&lt;/b&gt;", "Nothing was removed"):
            assert said in page, (who, said)
        for refused in ('value="retry"', 'value="undo"', 'value="cancel"'):
            assert refused not in page
    assert "robot off" in plain(client.get(here))  # kept
    assert "Apply 2 changes" in plain(client.get("/o/acme/runs/"))
    assert enter(people["bob"]).get(here).status_code == 403
    assert enter(people["eve"]).get(f"/o/{rival.slug}/runs/{run.uuid}/").status_code == 404
    for verb in ("retry", "undo", "cancel"):
        assert client.post(here, {"do": verb}).status_code == 404
    assert services.due(10) == []


def test_the_log_leads_to_what_was_done_while_it_is_kept(acme, people):
    client = enter(people["ada"])
    apply(client, fields_of(compare(client)))
    run = Run.objects.get()
    assert LogEntry.objects.get(kind="org_apply").metadata["run"] == str(run.uuid)
    link = f'href="/o/acme/runs/{run.uuid}/"'
    assert link in plain(client.get("/o/acme/logs/?kind=org_apply"))
    # Neither in the log of another organization, whoever put its number there, nor once it is gone.
    rival = make.organization("rivals", owner=people["eve"])
    LogEntry.objects.filter(kind="org_apply").update(namespace=rival.namespace, namespace_name="rivals")
    page = plain(enter(people["eve"]).get("/o/rivals/logs/?kind=org_apply"))
    assert "applied a file" in page
    assert str(run.uuid) in page
    assert "/runs/" + str(run.uuid) not in page
    LogEntry.objects.filter(kind="org_apply").update(namespace=acme.namespace, namespace_name="acme")
    Run.objects.all().delete()
    assert "/runs/" + str(run.uuid) not in plain(client.get("/o/acme/logs/?kind=org_apply"))


def test_what_was_done_is_narrowed_by_what_became_of_it(acme, people):
    client = enter(people["owner"])
    fields = fields_of(compare(client, prune="on"))
    page = apply(client, fields, confirm="acme")
    assert "4 changes applied</h1>" in page
    assert "What the lists of the file do not have was removed." in page
    here = f"/o/acme/runs/{fields['key']}/"
    removed = plain(client.get(here + "?state=removed")).split("<tbody>")[1]
    assert "robot off" in removed
    assert "robot new" not in removed
    assert "robot new" in plain(client.get(here + "?state=nonsense")).split("<tbody>")[1]


@pytest.mark.django_db(transaction=True)
def test_a_form_that_applies_and_is_sent_often_at_once_applies_once(acme, people):
    client = enter(people["ada"])
    fields = fields_of(compare(client))
    found = []

    def send(_):
        found.append(enter(people["ada"]).post("/o/acme/code/", {"do": "apply", **fields})["Location"])

    assert race(3, send, at_once=3) == Counter(ok=3)
    assert set(found) == {f"/o/acme/runs/{fields['key']}/"}
    assert Run.objects.count() == LogEntry.objects.filter(kind="org_apply").count() == 1


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
        form = page.split('name="do" value="compare"')[1]
        assert "robots: {new:" in form.split("<textarea")[1]
        assert re.search(r'name="prune"[^>]* checked', form)
        assert acme.namespace.robots.filter(shortname="off").exists()
    fields = fields_of(page)
    page = apply(client, fields, confirm="acme")  # bob stays by his team
    assert Run.objects.get().arguments["removed"] == 3
    assert "4 changes applied" in page
    assert list(acme.namespace.robots.values_list("shortname", flat=True)) == ["new"]


def test_a_change_meanwhile_is_shown_before_it_is_applied(acme, people):
    client = enter(people["ada"])
    fields = fields_of(compare(client))
    make.robot(acme, "meanwhile")
    page = apply(client, fields)
    assert "changed since you looked" in page
    assert not acme.namespace.robots.filter(shortname="new").exists()
    assert "1 change applied" in apply(client, fields_of(page))


def test_it_is_asked_who_one_is_after_a_while(acme, people):
    client = enter(people["ada"])
    fields = fields_of(compare(client))
    session = client.session
    session["signed_in_at"] = (timezone.now() - timedelta(days=2)).isoformat()
    session.save()
    assert "Your password" in apply(client, fields)
    assert not acme.namespace.robots.filter(shortname="new").exists()
    assert "1 change applied" in apply(client, fields, own_password=make.PASSWORD)


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

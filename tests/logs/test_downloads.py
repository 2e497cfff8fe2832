import hashlib
import json
import re
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.files.storage import storages
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from core.errors import NotFound
from logs import downloads, selectors, services, tasks
from permissions.models import Grant
from tests import make
from tests.logs import written
from tests.logs.written import WEEK

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def export(acme, owner, settings):
    settings.EXPORT_PART_ROWS = 8
    written.entries(acme, 20)
    export = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    tasks.build_export(export.pk)
    return selectors.by_uuid(export.uuid)


@pytest.fixture
def data(export):
    pieces = []
    for part in export.parts.order_by("number"):
        with storages["exports"].open(part.storage_name) as file:
            pieces.append(file.read())
    assert len(pieces) == 3
    return b"".join(pieces)


def status(client, link, **headers):
    """Return the status alone, with the stream shut."""
    response = client.get(link, headers=headers)
    response.close()
    return response.status_code


def path(export):
    return downloads.link(export).removeprefix("http://127.0.0.1:8000")


def test_whoever_has_the_link_gets_the_file(export, client, data):
    response = client.get(path(export))
    assert response.status_code == 200
    assert b"".join(response) == data
    assert json.loads(data)["export_id"] == str(export.uuid)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Content-Length"] == str(len(data))
    assert response.headers["Content-Disposition"] == 'attachment; filename="acme-log-2025-03-01.json"'
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["ETag"] == f'"{export.sha256}"'


def test_the_link_has_the_shape_that_the_wire_knows(export):
    start, _, token = downloads.link(export).rpartition("/")
    assert start == "http://127.0.0.1:8000/exportedlogs"
    assert token.startswith(f"{export.uuid}-")
    assert len(token) == 36 + 1 + 43


def test_asking_costs_three_queries(export, client, django_assert_num_queries):
    # The export with what it is about, its parts, and whether who asked for it may still read the log.
    with django_assert_num_queries(3):
        response = client.get(path(export))
        assert b"".join(response)


def test_head(export, client, data):
    response = client.head(path(export))
    assert (response.status_code, response.headers["Content-Length"]) == (200, str(len(data)))
    assert b"".join(response) == b""


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_a_link_is_for_reading(export, client, method):
    assert getattr(client, method)(path(export)).status_code == 405


RANGES = [
    ("bytes=0-9", slice(0, 10)),
    ("bytes=100-", slice(100, None)),
    ("bytes=-7", slice(-7, None)),
    ("bytes=10-99999999", slice(10, None)),
    ("bytes=0-0", slice(0, 1)),
    ("bytes=-99999999", slice(0, None)),
]


@pytest.mark.parametrize(("asked", "part"), RANGES)
def test_a_part(export, client, data, asked, part):
    response = client.get(path(export), headers={"Range": asked})
    wanted = data[part]
    assert response.status_code == 206
    assert b"".join(response) == wanted
    first = data.index(wanted) if len(wanted) > 1 else 0
    assert response.headers["Content-Range"] == f"bytes {first}-{first + len(wanted) - 1}/{len(data)}"
    assert response.headers["Content-Length"] == str(len(wanted))


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0"])
def test_a_part_that_is_not_there(export, client, data, asked):
    response = client.get(path(export), headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{len(data)}"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "asked", ["lines=1-2", "bytes=", "bytes=-", "bytes=5-2", "bytes=1-2,4-5", "bytes=a-b"]
)
def test_what_cannot_be_read_as_a_range_is_ignored(export, client, data, asked):
    response = client.get(path(export), headers={"Range": asked})
    assert (response.status_code, b"".join(response)) == (200, data)


def test_a_part_of_another_file_is_the_whole_one(export, client, data):
    headers = {"Range": "bytes=0-9", "If-Range": f'"{export.sha256}"'}
    assert status(client, path(export), **headers) == 206
    headers["If-Range"] = '"another"'
    assert status(client, path(export), **headers) == 200


# Links that lead nowhere, all alike


def test_links_that_lead_nowhere_look_alike(export, client, acme, owner):
    good = path(export)
    queued = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    wrong = [
        good[:-1] + ("A" if good[-1] != "A" else "E"),
        good[:-1],
        good + "A",
        good.replace(str(export.uuid), str(queued.uuid)),
        path(queued),
        f"/exportedlogs/{export.uuid}",
        f"/exportedlogs/{export.uuid}-",
        f"/exportedlogs/{str(export.uuid).replace('-', '')}{good[-44:]}",
        f"/exportedlogs/{export.storage_name}",
        "/exportedlogs/nonsense",
        "/exportedlogs/%F0%9F%A4%96",
    ]
    assert status(client, good) == 200
    answers = [client.get(one) for one in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub(rb'"X-CSRF-Token": "\w+"', b"", answer.content) for answer in answers}) == 1
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


def test_a_link_expires_to_the_second(export, client):
    with time_machine.travel(export.expires_at - timedelta(seconds=1), tick=False) as clock:
        assert status(client, path(export)) == 200
        clock.shift(1)
        assert status(client, path(export)) == 404


def test_a_link_dies_with_its_export_its_asker_and_its_subject(acme, owner, export, client):
    helper = make.user("helper")
    make.member(make.team(acme, role="admin"), helper)
    by_helper = services.request_export(actor=make.actor(helper), namespace=acme.namespace, **WEEK)
    by_owner = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    for one in (by_helper, by_owner):
        tasks.build_export(one.pk)
        one.refresh_from_db()
    links = [path(one) for one in (export, by_helper, by_owner)]
    assert [status(client, link) for link in links] == [200, 200, 200]
    services.cancel_export(actor=owner, export=export)
    assert [status(client, link) for link in links] == [404, 200, 200]
    accounts.delete_user(actor=make.SYSTEM, user=helper)
    assert [status(client, link) for link in links] == [404, 404, 200]
    accounts.delete_organization(actor=owner, organization=acme)
    assert [status(client, link) for link in links] == [404, 404, 404]


@pytest.fixture
def askers(acme):
    """Return exports by their askers: of the organization, of a project, of the whole instance."""
    project = make.project(acme, "web")
    people = {name: make.user(name) for name in ("helper", "builder")}
    make.member(make.team(acme, "helpers", role="admin"), people["helper"])
    make.grant(project, "admin", user=people["builder"])
    root = make.user("root", superuser=True)
    asked = {
        "helper": (people["helper"], {"namespace": acme.namespace}),
        "builder": (people["builder"], {"project": project}),
        "root": (root, {}),
    }
    found = {}
    for name, (person, of) in asked.items():
        one = services.request_export(actor=make.actor(person), **of, **WEEK)
        tasks.build_export(one.pk)
        found[name] = selectors.by_uuid(one.uuid)
    return found


def lose_membership(acme):
    accounts.remove_member(actor=make.SYSTEM, organization=acme, user=User.objects.get(username="helper"))


def lose_role(acme):
    team = acme.teams.get(slug="helpers")
    accounts.change_team(actor=make.SYSTEM, team=team, role="member")


def become_auditor(acme):
    helper = User.objects.get(username="helper")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=helper, role="auditor")
    lose_role(acme)


def be_asked_for_a_second_factor(acme):
    acme.__class__.objects.filter(pk=acme.pk).update(requires_second_factor=True)


def be_disabled(acme):
    accounts.change_user(actor=make.SYSTEM, user=User.objects.get(username="helper"), enabled=False)


def lose_grant(acme):
    Grant.objects.filter(user__username="builder").delete()


def be_no_superuser(acme):
    User.objects.filter(username="root").update(is_superuser=False)


@pytest.mark.parametrize(
    ("who", "what", "left"),
    [
        ("helper", lose_membership, 404),
        ("helper", lose_role, 404),
        ("helper", be_asked_for_a_second_factor, 404),
        ("helper", be_disabled, 404),
        # She reads the log as before, and asks for no more of it.
        ("helper", become_auditor, 200),
        ("builder", lose_grant, 404),
        ("root", be_no_superuser, 404),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_link_gives_nobody_what_its_asker_has_lost(acme, askers, client, who, what, left):
    found = {name: path(one) for name, one in askers.items()}
    assert {status(client, link) for link in found.values()} == {200}
    what(acme)
    assert status(client, found[who]) == left
    assert status(client, f"{found[who]}/manifest.json") == left
    others = {name for name in found if name != who and what is not be_asked_for_a_second_factor}
    assert {status(client, found[name]) for name in others} <= {200}


def test_the_page_of_an_export_says_why_there_is_no_link(acme, askers, client):
    page = f"/o/acme/exports/{askers['helper'].uuid}/"
    client.force_login(User.objects.get(username="owner"))
    assert "/exportedlogs/" in client.get(page).content.decode()
    lose_membership(acme)
    shown = client.get(page).content.decode()
    assert "may not read this log any more" in shown
    assert "/exportedlogs/" not in shown


def test_what_was_asked_for_is_not_written_for_who_has_lost_the_log(acme, askers):
    helper = make.actor(User.objects.get(username="helper"))
    asked = services.request_export(actor=helper, namespace=acme.namespace, **WEEK)
    lose_role(acme)
    tasks.build_export(asked.pk)
    asked.refresh_from_db()
    assert (asked.status, asked.storage_name) == ("failed", "")


def test_who_is_fetching_it_when_its_asker_loses_the_log_is_cut_off(acme, askers, client):
    answer = client.get(path(askers["helper"]))
    pieces = iter(answer)
    assert next(pieces)
    lose_membership(acme)
    time.sleep(downloads.LOOK_SECONDS + 0.05)
    # Short as the file is, all of it may have been read with the first piece.
    found = selectors.by_uuid(askers["helper"].uuid)
    assert found is not None
    assert not downloads.is_downloadable(found)
    answer.close()


def test_a_lost_file_is_not_there(export, client):
    storages["exports"].delete(export.parts.get(number=1).storage_name)
    assert status(client, path(export)) == 404
    assert client.head(path(export)).status_code == 404


def test_links_outlive_a_new_secret_key(export, client, settings):
    link = path(export)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-fifty-characters-and-even-some-more"
    assert status(client, link) == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert status(client, link) == 404


def test_what_a_download_is(export, data):
    found = downloads.open_download(path(export).rpartition("/")[2])
    assert b"".join(found.read(0, found.size - 1)) == data
    assert found.sha256 == export.sha256 == hashlib.sha256(data).hexdigest()
    ends = [part.size_bytes for part in found.parts]
    for first, last in [(ends[0] - 1, ends[0]), (ends[0], ends[0] + ends[1] - 1), (3, len(data) - 2)]:
        assert b"".join(found.read(first, last)) == data[first : last + 1]
    with pytest.raises(NotFound), time_machine.travel(timezone.now() + timedelta(days=1)):
        downloads.open_download(path(export).rpartition("/")[2])


def test_the_manifest(export, client, data, acme):
    answer = client.get(f"{path(export)}/manifest.json")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    told = answer.json()
    parts = told.pop("parts")
    assert told == {
        "file": "acme-log-2025-03-01.json",
        "format": "quay",
        "export_id": str(export.uuid),
        "namespace": "acme",
        "repository": None,
        "starts_at": "2025-03-01T00:00:00+00:00",
        "ends_before": "2025-03-08T00:00:00+00:00",
        "filter": {},
        "entries": 20,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert [(part["number"], part["entries"]) for part in parts] == [(1, 8), (2, 8), (3, 4)]
    begin = 0
    for part in parts:
        piece = data[begin : begin + part["bytes"]]
        assert part["sha256"] == hashlib.sha256(piece).hexdigest()
        begin += len(piece)
    assert begin == len(data)


def test_the_manifest_dies_with_the_link(export, client, owner):
    address = f"{path(export)}/manifest.json"
    assert client.post(address).status_code == 405
    assert client.get(address.replace(str(export.uuid), str(export.uuid)[::-1])).status_code == 404
    services.cancel_export(actor=owner, export=export)
    assert client.get(address).status_code == 404


def test_who_is_fetching_it_is_cut_off_within_a_second(export, owner, client):
    answer = client.get(path(export))
    pieces = iter(answer)
    assert next(pieces)
    services.cancel_export(actor=owner, export=export)
    time.sleep(downloads.LOOK_SECONDS + 0.05)
    with pytest.raises(downloads.Withdrawn):
        b"".join(pieces)
    answer.close()

"""What dialogs say that a change would end or give, before it is made."""

import re

import pytest

from accounts import services as accounts
from accounts.models import Team, TeamMember
from permissions.models import Grant
from projects.models import Project
from tests import make
from tests.console import test_rooms as rooms
from tests.console.conftest import EGRESS
from tests.console.entering import enter, person
from tests.console.test_access import text_of
from tests.staging import stand

pytestmark = pytest.mark.django_db
PREVIEWS = [
    # address, what the dialog says
    ("teams/devs/?preview=remove&of=member", "Ends write on 1 project for member: web."),
    ("teams/devs/?preview=delete", "Ends write on 1 project for member: web."),
    ("teams/owners/?preview=change", "Lowers"),
    ("teams/devs/?preview=change", "Raises member in acme from member to admin."),
    ("projects/web/?preview=revoke&of=@devs", "Ends write on 1 project for member: web."),
    ("projects/web/?preview=revoke&of=writer", "Ends write on 1 project for writer: web."),
    ("projects/web/?preview=revoke&of=acme%2Bci", "Ends write on 1 project for acme+ci: web."),
    ("projects/web/?preview=change", "Gives read on 1 project for creator: web."),
    ("projects/site/?preview=change", "Ends read on 1 project for"),
    ("projects/web/?holder=@devs&as=write", "Lowers write to read on 1 project for member: web."),
    ("robots/ci/?preview=delete", "Ends write on 1 project for acme+ci: web."),
    ("members/?person=member&preview=1", "member leaves acme. Ends write on 1 project for member: web."),
    ("members/?person=admin&preview=1", "Ends admin on 1 project for admin: web."),
    ("members/?person=admin&preview=1", "Lowers admin to read on 1 project for admin: site."),
    ("members/?person=creator&preview=1", "Gives admin on 1 project for creator: web."),
]


@pytest.mark.parametrize(("address", "words"), PREVIEWS)
def test_dialogs_say_what_would_come_of_it(acme, address, words):
    if "owners" in address:
        make.member(Team.objects.get(slug="owners"), person("creator"))
        words = "Lowers creator in acme from admin to creator."
    before = (TeamMember.objects.count(), Grant.objects.count(), Team.objects.count())
    client = enter(person("owner"))
    whole = client.get(f"/o/acme/{address}")
    assert whole.status_code == 200
    assert words in text_of(whole)
    assert re.search(r"<dialog [^>]* open>", whole.content.decode())
    assert before == (TeamMember.objects.count(), Grant.objects.count(), Team.objects.count())
    if "preview=" in address:
        part = client.get(f"/o/acme/{address}", headers={"hx-request": "true"})
        assert words in text_of(part)
        assert "<html" not in part.content.decode()


@pytest.mark.parametrize(
    "address", ["teams/devs/?preview=remove&of=stranger", "projects/web/?preview=revoke&of=stranger"]
)
def test_what_is_gone_meanwhile_is_said(acme, address):
    client = enter(person("owner"))
    for headers in ({}, {"hx-request": "true"}):
        answer = client.get(f"/o/acme/{address}", headers=headers)
        assert "It is not there any more" in text_of(answer)
        assert "preview-dialog" not in answer.content.decode()


def test_an_auditor_who_may_write_changes_the_description(acme):
    web = Project.objects.get(slug="web")
    address = "/o/acme/projects/web/?preview=change"
    client = enter(person("auditor"))
    assert client.get(address).status_code == 403
    make.grant(web, "write", user=person("auditor"))
    page = client.get(address, headers={"hx-request": "true"}).content.decode()
    assert 'id="preview-dialog"' in page
    assert 'name="description"' in page
    assert 'name="visibility"' not in page
    client.post("/o/acme/projects/web/", {"do": "change", "description": "Rockets"})
    web.refresh_from_db()
    assert web.description == "Rockets"


def test_the_dialog_sends_what_was_shown(acme):
    client = enter(person("owner"))
    page = client.get("/o/acme/teams/devs/?preview=remove&of=member").content.decode()
    assert re.search(r'<form method="post" action="/o/acme/teams/devs/">', page)
    assert '<input type="hidden" name="username" value="member" id="preview_username">' in page
    client.post("/o/acme/teams/devs/", {"do": "remove", "username": "member"})
    assert not TeamMember.objects.filter(user=person("member")).exists()


def test_what_is_had_by_other_ways_does_not_end(acme):
    make.grant(Project.objects.get(slug="web"), "write", user=person("member"))
    text = text_of(enter(person("owner")).get("/o/acme/teams/devs/?preview=delete"))
    assert "Nobody's access to a project changes" in text.replace("&#x27;", "'")


def test_long_lists_are_bounded(acme):
    devs = Team.objects.get(slug="devs")
    for number in range(15):
        make.member(devs, make.user(f"p{number:02}"))
        make.grant(make.project(acme, f"x{number:02}"), "read", team=devs)
    text = text_of(enter(person("owner")).get("/o/acme/teams/devs/?preview=delete"))
    assert "p10, p11 and 3 more leave acme." in text
    assert "Ends read on 15 projects for member, p00," in text
    assert "x10, x11 and 3 more." in text


@pytest.mark.parametrize(
    "address",
    [
        "teams/devs/?preview=remove&of=nobody",
        "teams/devs/?preview=remove&of=creator",
        "teams/devs/?preview=nothing",
        "teams/devs/?preview=__class__&of=%00",
        "projects/web/?preview=revoke&of=@owners",
        "projects/web/?preview=revoke&of=other%2Bzebra",
        "robots/ci/?preview=remove",
    ],
)
def test_nothing_to_preview_is_the_page_alone(acme, address):
    for headers in ({}, {"hx-request": "true"}):
        answer = enter(person("owner")).get(f"/o/acme/{address}", headers=headers)
        assert answer.status_code == 200
        assert "preview-dialog" not in answer.content.decode()


def test_who_may_not_see_what_others_reach_is_told_nothing(acme):
    make.grant(Project.objects.get(slug="web"), "admin", user=person("writer"))
    client = enter(person("writer"))
    for address in ("preview=revoke&of=@devs", "preview=change", "holder=@devs&as=write"):
        page = client.get(f"/o/acme/projects/web/?{address}")
        assert page.status_code == 200
        assert "preview-dialog" not in page.content.decode()
        assert "member" not in text_of(page).partition("Who may do what")[2].replace("members", "")
    assert enter(person("creator")).get("/o/acme/teams/devs/?preview=delete").status_code == 200
    assert b"preview-dialog" not in enter(person("creator")).get("/o/acme/teams/devs/?preview=delete").content


def test_a_read_only_superuser_is_shown_no_way_to_change(acme, settings):
    settings.READONLY_SUPERUSERS = frozenset({"stranger"})
    answer = enter(person("stranger")).get("/o/acme/teams/devs/?preview=delete")
    assert answer.status_code == 403


SHOWN = [address for address, _ in PREVIEWS if "preview=" in address]
AS_PART = {"hx-request": "true"}


def small_and_grown():
    return rooms.small_and_grown(SHOWN, AS_PART)


@pytest.fixture
def standing_small_and_grown(request):
    return stand(small_and_grown, request)


@pytest.mark.parametrize("address", SHOWN)
def test_a_preview_costs_the_same_at_any_size(standing_small_and_grown, address, settings):
    settings.EGRESS_ALLOW = EGRESS
    (before, small), (after, grown) = (
        standing_small_and_grown[address],
        rooms.asked(person("owner"), address, AS_PART),
    )
    assert before == after == 200
    assert len(small) <= 14, small
    assert len(grown) == len(small), grown


def test_a_disabled_person_may_be_previewed_like_any_other(acme):
    accounts.change_user(actor=make.SYSTEM, user=person("member"), enabled=False)
    assert "Ends write" in text_of(enter(person("owner")).get("/o/acme/teams/devs/?preview=delete"))

"""An operator looks at Muster as somebody else does, changes nothing by it, and the log tells."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts import services
from accounts.models import Organization, User
from logs.models import LogEntry
from tests import make
from tests.console.entering import enter

pytestmark = pytest.mark.django_db
PAGE = "/view-as/bo/"


@pytest.fixture
def bo():
    bo = make.user("bo")
    make.project(make.organization(owner=bo), "secret-plans")
    return bo


@pytest.fixture
def operator():
    return make.user("root", superuser=True)


@pytest.fixture
def viewing(bo, operator):
    client = enter(operator)
    assert client.post(PAGE, {"do": "begin"})["Location"] == "/"
    return client


def test_she_sees_what_he_sees_and_a_banner_on_every_page(viewing):
    for path in (
        "/",
        "/account/",
        "/o/acme/",
        "/o/acme/projects/secret-plans/",
        "/o/acme/members/",
        "/o/acme/logs/",
    ):
        answer = viewing.get(path)
        assert answer.status_code == 200
        assert "Viewing as bo" in answer.content.decode()
    assert viewing.get("/api/v1/user/").json()["username"] == "bo"
    assert viewing.get("/view-as/bo/").status_code == 403, "as bo she is no operator"


WRITES = [
    ("/o/acme/projects/", {"do": "create", "slug": "new", "visibility": "private"}),
    ("/o/acme/settings/", {"do": "profile", "name": "Taken"}),
    ("/account/", {"do": "profile", "name": "Taken"}),
    ("/account/tokens/", {"do": "create", "title": "mine"}),
    ("/notifications/", {"do": "clear"}),
    ("/new/", {"do": "create", "name": "mine"}),
]


@pytest.mark.parametrize(("path", "form"), WRITES, ids=[path for path, _ in WRITES])
def test_she_changes_nothing(viewing, path, form):
    before = LogEntry.objects.exclude(kind="access_denied").count()
    assert viewing.post(path, form).status_code in (200, 302, 403)
    assert LogEntry.objects.exclude(kind="access_denied").count() == before
    assert not Organization.objects.exclude(slug="acme").exists()


def test_wires_refuse_her_writes_and_show_no_secrets(viewing):
    csrf = viewing.get("/csrf_token").json()["csrf_token"]
    headers = {"X-CSRF-Token": csrf}
    made = viewing.put("/api/v1/organization/acme/robots/ci", {}, "application/json", headers=headers)
    assert made.status_code == 403
    make.robot(Organization.objects.get(slug="acme"), "bot")
    robots = viewing.get("/api/v1/organization/acme/robots?token=true").json()["robots"]
    assert [robot.get("token") for robot in robots] in ([None], [""])
    assert not viewing.get("/api/v1/user/apptoken").json().get("tokens")


def test_the_log_of_whom_she_viewed_tells(viewing, bo, operator):
    viewing.post("/o/acme/settings/", {"do": "profile", "name": "Taken"})
    viewing.post(PAGE, {"do": "end"})
    told = LogEntry.objects.filter(kind__startswith="user_view_as").order_by("pk")
    assert [(one.kind, one.performer_name, one.namespace_name) for one in told] == [
        ("user_view_as", "root", "bo"),
        ("user_view_as_end", "root", "bo"),
    ]
    refused = LogEntry.objects.get(kind="access_denied")
    assert (refused.performer_name, refused.metadata["viewing_as"]) == ("root", "bo")
    assert viewing.get("/api/v1/user/").json()["username"] == "root"


@pytest.mark.parametrize("change", ["demoted", "disabled", "ended", "gone", "promoted", "late"])
def test_it_ends_by_itself(viewing, bo, operator, change):
    if change == "demoted":
        User.objects.filter(pk=operator.pk).update(is_superuser=False)
    elif change == "disabled":
        User.objects.filter(pk=operator.pk).update(is_active=False)
    elif change == "ended":
        services.end_sessions(actor=make.SYSTEM, user=operator)
    elif change == "gone":
        services.change_user(actor=make.SYSTEM, user=bo, enabled=False)
    elif change == "promoted":
        services.set_superuser(actor=make.SYSTEM, user=bo, superuser=True)
    late = timezone.now() + timedelta(hours=2 if change == "late" else 0)
    with time_machine.travel(late):
        seen = viewing.get("/api/v1/user/")
    assert seen.status_code == 401 or seen.json()["username"] == "root"
    assert (seen.status_code == 401) == (change in ("disabled", "ended"))


@pytest.mark.parametrize("door", ["/sign-out/", "/admin/logout/"])
def test_signing_out_while_viewing_ends_her_session_and_not_his(viewing, bo, door):
    his = enter(bo)
    assert viewing.post(door).status_code == 302
    assert viewing.get("/account/").status_code == 302
    assert his.get("/account/").status_code == 200


@pytest.mark.parametrize("who", ["bo", "other", "auditor"])
def test_only_superusers_begin(bo, settings, who):
    settings.READONLY_SUPERUSERS = {"auditor"}
    client = enter(bo if who == "bo" else make.user(who))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"do": "begin"}).status_code == 403
    assert not LogEntry.objects.filter(kind="user_view_as").exists()


@pytest.mark.parametrize("whom", ["root", "other-root", "disabled", "nobody"])
def test_nobody_is_viewed_who_sees_more_or_is_not_here(operator, whom):
    make.user("other-root", superuser=True)
    services.change_user(actor=make.SYSTEM, user=make.user("disabled"), enabled=False)
    answer = enter(operator).post(f"/view-as/{whom}/", {"do": "begin"})
    assert answer.status_code == (404 if whom == "nobody" else 302)
    assert not LogEntry.objects.filter(kind="user_view_as").exists()


def test_read_only_superusers_have_a_first_page(settings):
    settings.READONLY_SUPERUSERS = {"auditor"}
    assert enter(make.user("auditor")).get("/").status_code == 200


def test_a_sign_in_of_long_ago_is_proven_again(bo, operator):
    client = enter(operator)
    session = client.session
    session["signed_in_at"] = (timezone.now() - timedelta(days=1)).isoformat()
    session.save()
    assert "Your password" in client.post(PAGE, {"do": "begin"}).content.decode()
    assert client.post(PAGE, {"do": "begin", "own_password": "wrong-horse"}).status_code == 200
    assert not LogEntry.objects.filter(kind="user_view_as").exists()
    assert client.post(PAGE, {"do": "begin", "own_password": make.PASSWORD})["Location"] == "/"


@pytest.mark.parametrize("given", [{}, {"own_password": make.PASSWORD}, {"own_password": "wrong-horse-9"}])
def test_nothing_is_proven_in_the_name_of_whom_she_views(viewing, bo, given):
    session = viewing.session
    long_ago = (timezone.now() - timedelta(days=1)).isoformat()
    session["signed_in_at"] = long_ago
    session.save()
    for path, form in (
        ("/account/", {"do": "profile", "email": "else@example.test"}),
        ("/account/security/", {"do": "app"}),
    ):
        answer = viewing.post(path, form | given)
        assert answer.status_code == 403
        assert "own_password" not in answer.content.decode()
    assert viewing.session["signed_in_at"] == long_ago
    assert User.objects.get(pk=bo.pk).email == bo.email
    assert "own_password" not in viewing.get("/account/security/").content.decode()


@pytest.mark.parametrize("old", [make.PASSWORD, "wrong-horse-9"])
def test_she_is_not_told_whether_it_is_his_password(viewing, old):
    answer = viewing.post("/account/", {"do": "password", "old": old, "password": "another-horse-9"})
    assert answer.status_code == 403
    assert "changes nothing" in answer.content.decode()
    wire = viewing.post("/api/v1/signin/verify", {"password": old}, content_type="application/json")
    assert wire.status_code == 403

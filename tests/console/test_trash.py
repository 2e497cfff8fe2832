"""The trash in the console, without a browser."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Organization, Robot
from logs.models import LogEntry
from projects import services as projects
from projects.models import Project
from projects.tasks import purge_project
from quotas import services as quotas
from quotas.models import Resource
from runs import services as runs
from runs.models import Run
from tests import make
from tests.console.entering import enter, person
from tokens import services as tokens
from tokens.kinds import Kind
from trash.models import Trashed

pytestmark = pytest.mark.django_db
TRASH = "/o/acme/trash/"


@pytest.fixture
def owner(acme):
    return enter(person("owner"))


def delete_web(owner):
    tokens.create_token(
        actor=make.SYSTEM, kind=Kind.REPOSITORY, project=Project.objects.get(slug="web"), title="for builds"
    )
    page = owner.post("/o/acme/projects/web/", {"do": "delete", "name": "web"}, follow=True).content.decode()
    return Trashed.objects.get(kind="project"), page


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


def test_the_news_of_a_deletion_leads_to_the_way_back(owner):
    thing, page = delete_web(owner)
    assert f'is deleted. <a href="/o/acme/trash/?restore={thing.uuid}">Undo</a>' in page
    shown = owner.get(f"{TRASH}?restore={thing.uuid}")
    assert 'id="restore-dialog" aria-labelledby="restore-dialog-title" open' in shown.content.decode()
    assert "These must be made again: repository API token: for builds" in text(shown)
    done = owner.post(f"{TRASH}?restore={thing.uuid}", {"do": "restore", "uuid": thing.uuid, "name": "web"})
    assert done["Location"] == "/o/acme/projects/web/"
    assert "The project web is back." in text(owner.get(done["Location"]))


@pytest.mark.parametrize(
    ("path", "kind", "back"),
    [("robots/ci/", "robot", "/o/acme/robots/ci/"), ("teams/devs/", "team", "/o/acme/teams/devs/")],
)
def test_robots_and_teams_come_back_too(owner, path, kind, back):
    page = owner.post(f"/o/acme/{path}", {"do": "delete", "name": "ci"}, follow=True).content.decode()
    thing = Trashed.objects.get(kind=kind)
    assert f"?restore={thing.uuid}" in page
    done = owner.post(TRASH, {"do": "restore", "uuid": thing.uuid, "name": thing.name})
    assert done["Location"] == back
    assert owner.get(back).status_code == 200


def test_a_taken_name_is_said_at_the_field(owner):
    thing, _ = delete_web(owner)
    make.project(Organization.objects.get(), "web")
    sent = {"do": "restore", "uuid": thing.uuid, "name": "web"}
    page = text(owner.post(TRASH, sent))
    assert "A project of this name is here by now: restore it under another one" in page
    done = owner.post(TRASH, sent | {"name": "web-old"})
    assert done["Location"] == "/o/acme/projects/web-old/"


def test_what_is_missing_is_told(owner):
    thing, _ = delete_web(owner)
    purge_project(thing.target)
    accounts.delete_user(actor=make.SYSTEM, user=person("writer"))
    page = owner.post(TRASH, {"do": "restore", "uuid": thing.uuid, "name": "web"}, follow=True)
    assert "What could not come back: permission of writer." in text(page)


def test_the_list_tells_what_it_is_and_how_long_it_stays(owner):
    thing, _ = delete_web(owner)
    page = text(owner.get(TRASH))
    assert "can be restored for 30 days" in page
    assert "30 days" in page
    Trashed.objects.update(deleted_at=timezone.now() - timedelta(days=29, hours=5))
    assert "1&nbsp;day" in text(owner.get(TRASH))
    Trashed.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    assert "The trash is empty" in text(owner.get(TRASH))
    assert owner.get(f"{TRASH}?restore={thing.uuid}").status_code == 404


def test_it_is_narrowed_by_kind_and_name(owner):
    delete_web(owner)
    accounts.delete_robot(actor=make.SYSTEM, robot=Robot.objects.get())
    assert "1 thing" in text(owner.get(f"{TRASH}?kind=robot"))
    assert "Nothing in the trash has “zebra”" in text(owner.get(f"{TRASH}?q=zebra"))
    assert "Nothing of that kind" in text(owner.get(f"{TRASH}?kind=team"))


def test_for_good_wants_the_name_typed(owner):
    thing, _ = delete_web(owner)
    sent = {"do": "end", "uuid": thing.uuid, "name": "wep"}
    assert "Type web to confirm" in text(owner.post(TRASH, sent))
    assert Trashed.objects.filter(status="purging").count() == 0
    page = owner.post(TRASH, sent | {"name": "web"}, follow=True)
    assert "The project web is deleted for good." in text(page)
    assert "The trash is empty" in text(page)
    assert LogEntry.objects.get(kind="purge_trash").performer_name == "owner"


def bulk(client, verb, path=TRASH, **form):
    return client.post(path, {"do": "bulk", "verb": verb, **form})


def chosen(**those):
    return [str(one.uuid) for one in Trashed.objects.filter(**those)]


def test_several_are_restored_at_once_and_who_is_refused_is_told(owner):
    delete_web(owner)
    site = Project.objects.get(slug="site")
    projects.delete_project(actor=make.SYSTEM, project=site)
    make.project(Organization.objects.get(), "web")
    shown = bulk(owner, "restore", pick=chosen())
    asked = text(shown)
    assert "Restore 2 things?" in asked
    assert "nothing: its name is taken by now: restore it by itself, under another one" in asked
    assert "Nothing happens to 1 of them" in asked
    assert asked.index("web (project)") < asked.index("site (project)")
    assert not Project.objects.filter(slug="site", deleted_at=None).exists()
    sent = {name: hidden(shown.content.decode(), name) for name in ("keys", "key", "confirmed")}
    done = owner.post(TRASH, {"do": "bulk", "verb": "restore", **sent}, follow=True)
    assert "1 thing restored, 1 not" in text(done)
    assert "A project of this name is here by now" in text(done)
    assert done.redirect_chain == [(f"/o/acme/runs/{sent['key']}/", 302)]
    assert Project.objects.get(slug="site", deleted_at=None) == site


@pytest.mark.parametrize(("kind", "name"), [("project", "web"), ("team", "devs"), ("robot", "ci")])
def test_the_preview_knows_whose_name_is_taken(owner, acme, kind, name):
    delete_web(owner)
    accounts.delete_team(actor=make.SYSTEM, team=acme.teams.get(slug="devs"))
    accounts.delete_robot(actor=make.SYSTEM, robot=Robot.objects.get())
    makers: dict[str, Any] = {"project": make.project, "team": make.team, "robot": make.robot}
    makers[kind](acme, name)
    for form in ({"pick": chosen()}, {"all": "1"}):
        asked = text(bulk(owner, "restore", **form))
        assert "Nothing happens to 1 of them" in asked
        assert asked.count("nothing: its name is taken") == 1
        assert asked.index(f"{name} ({kind})") < asked.index("nothing: its name is taken")
    assert "its name is taken" not in text(bulk(owner, "purge", all="1"))


@pytest.mark.parametrize("verb", ["restore", "purge"])
def test_nothing_ticked_is_said(owner, verb):
    delete_web(owner)
    assert "Tick what you mean first." in text(owner.get(bulk(owner, verb)["Location"]))
    assert Trashed.objects.count() == 1


def hidden(page, name):
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


def many_gone(acme, number=60):
    robots = make.robots(acme, number)
    for robot in robots:
        accounts.delete_robot(actor=make.SYSTEM, robot=robot)
    return robots


def finish(run):
    while runs.work(run.pk):
        pass
    run.refresh_from_db()
    return run


def test_all_that_fits_is_restored_by_a_run(owner, acme):
    robots = many_gone(acme)
    delete_web(owner)
    here = f"{TRASH}?kind=robot"
    assert "All 60 that match" in text(owner.get(here))
    page = bulk(owner, "restore", here, all="1").content.decode()
    assert "Restore 60 things?" in page
    assert "and 40 more" in page
    accounts.delete_robot(actor=make.SYSTEM, robot=make.robot(acme, "later"))
    form = {"all": "1", "confirmed": "1", "upto": hidden(page, "upto"), "key": hidden(page, "key")}
    done = bulk(owner, "restore", here, **form)
    run = Run.objects.get(action="thing.restore")
    assert done["Location"] == f"/o/acme/runs/{run.uuid}/"
    assert bulk(owner, "restore", here, **form)["Location"] == done["Location"]
    finish(run)
    assert (run.number, run.done, run.failed) == (60, 60, 0)
    assert Robot.objects.filter(pk__in=[robot.pk for robot in robots]).count() == 60
    assert set(Trashed.objects.values_list("name", flat=True)) >= {"web", "later"}
    shown = owner.get(done["Location"])
    assert "60 things restored" in text(shown)
    assert f'href="{TRASH}"' in shown.content.decode()


@pytest.mark.parametrize("ticked", [True, False])
def test_what_others_hang_on_comes_back_first(owner, acme, ticked):
    robot, team = Robot.objects.get(), acme.teams.get(slug="devs")
    accounts.add_team_member(actor=make.SYSTEM, team=team, robot=robot)
    delete_web(owner)
    accounts.delete_team(actor=make.SYSTEM, team=team)
    accounts.delete_robot(actor=make.SYSTEM, robot=robot)
    form = {"pick": chosen()} if ticked else {"all": "1", "upto": 10**6}
    bulk(owner, "restore", confirmed="1", **form)
    run = finish(Run.objects.get(action="thing.restore"))
    names = [item.name for item in run.items.order_by("position")]
    assert names == ["ci (robot)", "devs (team)", "web (project)"]
    assert (run.done, run.failed) == (3, 0)


@pytest.mark.parametrize("ticked", [True, False])
def test_several_are_deleted_for_good_once_the_name_is_typed(owner, acme, ticked):
    many_gone(acme)
    asked = bulk(owner, "purge", **({"pick": chosen()} if ticked else {"all": "1"})).content.decode()
    assert "Delete 60 things for good?" in asked
    assert asked.count("(robot)") == 20  # however many they are
    assert "and 40 more" in asked
    assert "Type acme to confirm" in asked
    sent = {name: hidden(asked, name) for name in ("keys" if ticked else "upto", "key", "confirmed")}
    sent |= {} if ticked else {"all": "1"}
    for wrong in ({"name": "web"}, {"name": ""}, {}):
        refused = bulk(owner, "purge", **sent, **wrong).content.decode()
        assert 'aria-invalid="true"' in refused
        assert "Delete 60 things for good?" in refused
        kept = "keys" if ticked else "upto"
        assert hidden(refused, kept) == sent[kept]
    assert not Run.objects.filter(action="thing.purge").exists()
    bulk(owner, "purge", name="acme", **sent)
    run = finish(Run.objects.get(action="thing.purge"))
    assert (run.done, run.failed) == (60, 0)
    assert not Trashed.objects.exclude(status="purging").exists()


def test_deleting_for_good_wants_a_recent_sign_in(owner):
    delete_web(owner)
    session = owner.session
    session["signed_in_at"] = (timezone.now() - timedelta(days=1)).isoformat()
    session.save()
    sent = {"pick": chosen(), "confirmed": "1", "name": "acme"}
    assert 'name="own_password"' in bulk(owner, "purge", pick=chosen()).content.decode()
    refused = bulk(owner, "purge", **sent)
    assert 'name="own_password"' in refused.content.decode()
    assert bulk(owner, "purge", own_password="wrong-wrong", **sent).status_code == 200
    assert not Run.objects.filter(action="thing.purge").exists()
    assert bulk(owner, "purge", own_password=make.PASSWORD, **sent).status_code == 302
    assert Run.objects.get(action="thing.purge").done == 1


def test_nobody_below_lets_a_run_empty_the_trash(acme):
    accounts.delete_robot(actor=make.SYSTEM, robot=Robot.objects.get())
    every: dict[str, Any] = {"all": "1", "confirmed": "1", "upto": "9999999", "name": "acme"}
    for name in ("auditor", "member", "stranger"):
        for verb in ("restore", "purge"):
            for form in (every, every | {"all": "", "pick": chosen()}):
                assert bulk(enter(person(name)), verb, **form).status_code == 403
    assert not Run.objects.filter(action__startswith="thing").exists()


def test_what_somebody_deleted_of_her_own_goes_the_same_way(acme):
    me = person("member")
    for name in ("mine", "yours"):
        projects.delete_project(actor=make.SYSTEM, project=make.project(me, name))
    projects.delete_project(actor=make.SYSTEM, project=Project.objects.get(slug="web"))
    client, here = enter(me), "/account/trash/"
    assert "Restore 2 things?" in text(bulk(client, "restore", here, all="1"))
    theirs = bulk(client, "restore", here, pick=chosen(name="web"), confirmed="1")
    assert "0 things restored, 1 not" in text(client.get(theirs["Location"]))
    done = bulk(client, "restore", here, pick=chosen(name="mine"), confirmed="1")
    page = client.get(done["Location"])
    assert done["Location"].startswith("/account/runs/")
    assert "1 thing restored" in text(page)
    assert f'href="{here}"' in page.content.decode()
    assert "Restore 1 thing" in text(client.get("/account/runs/"))
    assert "Type member to confirm" in text(bulk(client, "purge", here, all="1"))
    bulk(client, "purge", here, all="1", upto="9999999", confirmed="1", name="member")
    assert Trashed.objects.get(name="yours").status == "purging"
    for name in ("owner", "stranger"):
        assert enter(person(name)).get(done["Location"]).status_code == 404
        assert enter(person(name)).post(done["Location"], {"do": "retry"}).status_code == 404


def test_what_is_gone_meanwhile_does_not_keep_the_others(owner):
    thing, _ = delete_web(owner)
    accounts.delete_robot(actor=make.SYSTEM, robot=Robot.objects.get())
    both = chosen()
    owner.post(TRASH, {"do": "restore", "uuid": thing.uuid, "name": "web"})
    asked = text(bulk(owner, "restore", pick=both))
    assert "Restore 1 thing?" in asked
    assert "1 is not here any more" in asked
    page = text(owner.get(bulk(owner, "restore", pick=both, confirmed="1")["Location"]))
    assert "1 thing restored, 1 not" in page
    assert "It is not here, or not any more." in page
    assert Robot.objects.get().shortname == "ci"


def test_another_tenants_things_are_not_there(owner):
    other = make.organization("other", owner=make.user("eve"))
    projects.delete_project(actor=make.SYSTEM, project=make.project(other, "theirs"))
    uuid = Trashed.objects.get().uuid
    for form in (
        {"do": "restore", "name": "theirs"},
        {"do": "end", "name": "theirs"},
    ):
        assert owner.post(TRASH, {"uuid": uuid, **form}).status_code == 404
    for verb in ("restore", "purge"):
        sent: dict[str, Any] = {"pick": [str(uuid), "nonsense"], "name": "acme"}
        assert "None of these is here any more" in text(bulk(owner, verb, **sent))
        page = text(owner.get(bulk(owner, verb, confirmed="1", **sent)["Location"]))
        assert "0 things" in page
        assert "theirs" not in page
    assert owner.get(f"{TRASH}?restore={uuid}").status_code == 404
    assert owner.get(f"{TRASH}?restore=nonsense").status_code == 404
    assert Trashed.objects.get().status == "moving"


def test_a_deleted_organization_is_on_its_owners_first_page(owner, acme):
    sent = {"do": "delete", "name": "acme"}
    page = owner.post("/o/acme/settings/", sent, follow=True)
    thing = Trashed.objects.get()
    assert f'<a href="/?restore={thing.uuid}">Undo</a>' in page.content.decode()
    assert "Deleted organizations" in text(page)
    admin = enter(person("admin"))
    assert "Deleted organizations" not in text(admin.get("/"))
    assert admin.get(f"/?restore={thing.uuid}").status_code == 404
    assert admin.post("/", {"do": "restore", "uuid": thing.uuid, "name": "acme"}).status_code == 404
    done = owner.post("/", {"do": "restore", "uuid": thing.uuid, "name": "acme"})
    assert done["Location"] == "/o/acme/"
    assert owner.get("/o/acme/projects/web/").status_code == 200
    assert admin.get("/o/acme/projects/web/").status_code == 200


def test_an_organization_is_deleted_for_good(owner, acme):
    accounts.delete_organization(actor=make.SYSTEM, organization=acme)
    thing = Trashed.objects.get()
    sent = {"do": "end", "uuid": thing.uuid}
    assert "Type acme to confirm" in text(owner.post("/", sent | {"name": "acne"}))
    assert "is deleted for good" in text(owner.post("/", sent | {"name": "acme"}, follow=True))
    assert "Deleted organizations" not in text(owner.get("/"))


def test_what_people_own_themselves(acme):
    stranger = person("stranger")
    mine = make.project(stranger, "mine")
    projects.delete_project(actor=make.actor(stranger), project=mine)
    client, uuid = enter(stranger), Trashed.objects.get().uuid
    assert "mine" in text(client.get("/account/trash/"))
    assert "mine" not in text(enter(person("owner")).get("/account/trash/"))
    client.post("/account/trash/", {"do": "restore", "uuid": uuid, "name": "mine"})
    assert Project.objects.get(slug="mine", deleted_at=None) == mine


def test_without_a_trash_the_page_says_so(owner, settings):
    settings.TRASH_DAYS = 0
    assert "this instance has no trash" in text(owner.get(TRASH))
    page = owner.post("/o/acme/projects/web/", {"do": "delete", "name": "web"}, follow=True)
    assert "Undo" not in page.content.decode()


def test_the_preview_tells_where_the_limits_leave_no_room_for_all(acme, owner):
    for name in ("one", "two", "three"):
        projects.delete_project(actor=make.SYSTEM, project=make.project(acme, name))
    used = acme.namespace.projects.filter(deleted_at=None).count()

    def preview():
        return text(owner.post(TRASH, {"do": "bulk", "verb": "restore", "all": "1"}))

    assert "can come back" not in preview()
    account = acme.account
    for limit, left in ((used + 3, None), (used + 1, 1), (used - 1, 0)):
        quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=limit, namespace=acme.namespace)
        said = f"Of 3 projects {left} can come back: the limit leaves no room for more."
        assert (said in preview()) == (left is not None)
        assert ("can come back" in preview()) == (left is not None)
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=None, namespace=acme.namespace)
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=used + 2, account=account)
    assert "Of 3 projects 2 can come back" in preview()
    done = owner.post(
        TRASH,
        {
            "do": "bulk",
            "verb": "restore",
            "all": "1",
            "confirmed": "1",
            "upto": Trashed.objects.latest("pk").pk,
        },
        follow=True,
    )
    assert "2 things restored, 1 not" in text(done)


def cancelled_purge(owner, acme, number=60):
    """Return the address of a run that deletes many for good, and was cancelled before any."""
    many_gone(acme, number)
    bulk(owner, "purge", all="1", confirmed="1", upto="9999999", name="acme")
    run = Run.objects.get(action="thing.purge")
    here = f"/o/acme/runs/{run.uuid}/"
    owner.post(here, {"do": "cancel"})
    return here


def test_what_is_final_is_done_again_only_once_the_name_is_typed(owner, acme):
    here = cancelled_purge(owner, acme)
    shown = owner.post(here, {"do": "retry"})
    asked = shown.content.decode()
    assert shown.status_code == 200
    assert "Delete 60 things for good?" in asked
    assert asked.count("(robot)") == 20
    assert "and 40 more" in asked
    assert "Type acme to confirm" in asked
    assert 'name="own_password"' not in asked
    for wrong in ({"name": "web"}, {"name": ""}, {}):
        refused = owner.post(here, {"do": "retry", "confirmed": "1"} | wrong).content.decode()
        assert 'aria-invalid="true"' in refused
        assert hidden(refused, "do") == "retry"
    assert Run.objects.filter(action="thing.purge").count() == 1
    assert Trashed.objects.exclude(status="purging").count() == 60
    begun = owner.post(here, {"do": "retry", "confirmed": "1", "name": "acme"})
    assert begun.status_code == 302
    run = finish(Run.objects.get(action="thing.purge", origin__isnull=False))
    assert begun["Location"] == f"/o/acme/runs/{run.uuid}/"
    assert (run.done, run.failed) == (60, 0)


def test_what_is_final_is_done_again_only_after_a_recent_sign_in(owner, acme):
    here = cancelled_purge(owner, acme)
    session = owner.session
    session["signed_in_at"] = (timezone.now() - timedelta(days=1)).isoformat()
    session.save()
    sent = {"do": "retry", "confirmed": "1", "name": "acme"}
    for refused in (
        owner.post(here, {"do": "retry"}),
        owner.post(here, sent),
        owner.post(here, sent | {"own_password": "wrong-wrong"}),
    ):
        assert 'name="own_password"' in refused.content.decode()
    assert Run.objects.filter(action="thing.purge").count() == 1
    assert owner.post(here, sent | {"own_password": make.PASSWORD}).status_code == 302
    assert Run.objects.filter(action="thing.purge").count() == 2


def test_what_is_under_way_is_not_asked_about_again(owner, acme):
    many_gone(acme)
    bulk(owner, "purge", all="1", confirmed="1", upto="9999999", name="acme")
    here = f"/o/acme/runs/{Run.objects.get(action='thing.purge').uuid}/"
    assert "The run is still under way" in text(owner.post(here, {"do": "retry"}, follow=True))


def test_what_is_not_final_is_done_again_by_one_click(owner, acme):
    many_gone(acme)
    bulk(owner, "restore", all="1", confirmed="1", upto="9999999")
    here = f"/o/acme/runs/{Run.objects.get(action='thing.restore').uuid}/"
    owner.post(here, {"do": "cancel"})
    assert owner.post(here, {"do": "retry"}).status_code == 302
    assert Run.objects.filter(action="thing.restore").count() == 2


def restored(owner):
    """Restore all that lies there; return what the preview said, and what the run told."""
    before = text(owner.post(TRASH, {"do": "bulk", "verb": "restore", "all": "1"}))
    sent = {"do": "bulk", "verb": "restore", "all": "1", "confirmed": "1"}
    done = owner.post(TRASH, {**sent, "upto": Trashed.objects.latest("pk").pk}, follow=True)
    return before, text(done)


@pytest.mark.parametrize("of", ["namespace", "account"])
def test_the_preview_tells_of_how_many_teams_the_seats_are_left(acme, owner, of):
    # Deleted last, and so back first: one alone, two of whom one is inside again, then one more.
    everybody = {name: make.user(name) for name in ("a1", "b1", "b2", "c1")}
    for number, names in enumerate((("c1",), ("b1", "b2"), ("a1",))):
        team = make.team(acme, f"group{number}")
        make.member(team, *(everybody[name] for name in names))
        accounts.delete_team(actor=make.SYSTEM, team=team)
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=everybody["b2"], role="member")
    used = acme.namespace.quotas.get(resource=Resource.MEMBERS).used
    whose = {"namespace": acme.namespace} if of == "namespace" else {"account": acme.account}
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.MEMBERS, limit=used + 3, **whose)
    assert "can come back" not in text(owner.post(TRASH, {"do": "bulk", "verb": "restore", "all": "1"}))
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.MEMBERS, limit=used + 2, **whose)
    said, told = restored(owner)
    assert "Of 3 teams 2 can come back: the limit of members leaves no room for more." in said
    assert "2 things restored, 1 not" in told
    assert set(acme.teams.filter(slug__startswith="group").values_list("slug", flat=True)) == {
        "group1",
        "group2",
    }


def sized(acme, *sizes):
    for number, size in enumerate(sizes):
        project = make.project(acme, f"sized{number}")
        if size:
            projects.report_usage(actor=make.SYSTEM, project=project, size_bytes=size)
        projects.delete_project(actor=make.SYSTEM, project=project)


@pytest.mark.parametrize("by", ["threshold", "default", "account"])
def test_the_preview_tells_of_how_many_projects_storage_has_room(acme, owner, settings, by):
    settings.QUOTA_MANAGEMENT = True
    sized(acme, 0, 30, 90, 60)
    if by == "threshold":
        quotas.create_quota(actor=make.SYSTEM, namespace=acme.namespace, limit_bytes=200)
        quotas.add_threshold(actor=make.SYSTEM, namespace=acme.namespace, kind="Reject", percent=50)
    elif by == "default":
        settings.DEFAULT_QUOTA_BYTES = 100
    else:
        quotas.set_limit(actor=make.SYSTEM, resource=Resource.BYTES, limit=99, account=acme.account)
    said, told = restored(owner)
    assert "Of 4 projects 3 can come back: storage has no room for more." in said
    assert "3 things restored, 1 not" in told
    assert Trashed.objects.get(kind="project").name == "sized2"


def test_the_preview_tells_of_both_the_limit_and_storage(acme, owner):
    sized(acme, 1, 1, 90, 60)
    used = acme.namespace.projects.filter(deleted_at=None).count()
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=used + 2, namespace=acme.namespace)
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.BYTES, limit=99, account=acme.account)
    said, told = restored(owner)
    assert "Of 4 projects 2 can come back: neither the limit nor storage has room for more." in said
    assert "2 things restored, 2 not" in told


def test_the_preview_tells_of_no_threshold_that_refuses_nothing(acme, owner, settings):
    settings.QUOTA_MANAGEMENT = True
    sized(acme, 60, 90)
    quotas.create_quota(actor=make.SYSTEM, namespace=acme.namespace, limit_bytes=100)
    quotas.add_threshold(actor=make.SYSTEM, namespace=acme.namespace, kind="Warning", percent=50)
    said, told = restored(owner)
    assert "can come back" not in said
    assert "2 things restored" in told
    assert "not" not in told.split("2 things restored")[1][:6]

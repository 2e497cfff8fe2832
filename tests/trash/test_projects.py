import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.tasks import purge_user
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, Unauthenticated
from core.seal import digest, seal
from logs.models import LogEntry, LogExport
from notifications.models import AuthorizedAddress, Delivery, Subscription
from permissions.models import Grant
from projects import services
from projects.models import Project, Star
from projects.tasks import purge_project, sweep
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tests.trash.kept import differences, everything
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential
from trash import archive
from trash.models import Trashed, TrashedRows

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def acme(ada):
    return make.organization(owner=ada)


@pytest.fixture
def web(acme, ada):
    """Return a project with everything that can hang on one."""
    bo = make.user("bo")
    cy = make.user("cy")
    team = make.team(acme)
    make.member(team, bo)
    robot = make.robot(acme)
    web = make.project(acme, "web", contact=bo, team=team, description="*It*", visibility="public", icon="i")
    make.grant(web, "read", user=bo)
    make.grant(web, "admin", user=cy)
    make.grant(web, "write", team=team)
    make.grant(web, "admin", robot=robot)
    services.star_project(actor=make.actor(bo), project=web)
    services.report_usage(actor=make.SYSTEM, project=web, size_bytes=12345)
    tokens.create_token(actor=make.actor(ada), kind=Kind.REPOSITORY, project=web, title="for the builds")
    hook = Subscription.objects.create(
        project=web,
        event="repo_change",
        method="webhook",
        config={"url": "https://hooks.example.test/", "list": [1, None, {"a": "ä"}]},
        secret_sealed=seal("signing"),
        created_by=cy,
    )
    Delivery.objects.create(subscription=hook, event="repo_change", payload={})
    AuthorizedAddress.objects.create(project=web, email="bo@example.test", code_digest=digest("code"))
    LogExport.objects.create(project=web, starts_at=timezone.now(), ends_at=timezone.now())
    web.refresh_from_db()
    return web


def delete(project, actor=make.SYSTEM):
    services.delete_project(actor=actor, project=project)
    return Trashed.objects.get(kind="project", target=project.pk)


def restore(thing, actor=make.SYSTEM, **fields):
    thing = Trashed.objects.select_related("namespace").get(pk=thing.pk)
    return services.restore_project(actor=actor, thing=thing, **fields)


@pytest.mark.parametrize("put_away", [True, False], ids=["by then a worker came", "at once"])
def test_a_project_comes_back_as_it_was(web, ada, put_away):
    before = everything()
    thing = delete(web, make.actor(ada))
    assert not Project.objects.filter(deleted_at=None).exists()
    if put_away:
        purge_project(web.pk)
        assert not Project.objects.exists()
        thing.refresh_from_db()
        assert thing.status == "kept"
    back, dropped = restore(thing, make.actor(ada))
    assert dropped == []
    assert back.pk == web.pk
    assert differences(before) == []
    assert not Trashed.objects.exists()
    assert not TrashedRows.objects.exists()


def test_its_tokens_stay_dead_and_are_named(web, ada):
    thing = delete(web)
    purge_project(web.pk)
    assert thing.details["tokens"] == ["repository API token: for the builds"]
    restore(thing)
    assert not Credential.objects.filter(project=web).exists()


def test_the_trash_tells_what_it_is_and_who_put_it_there(web, ada):
    thing = delete(web, make.actor(ada))
    assert (thing.kind, thing.name, thing.title, thing.size_bytes) == ("project", "web", "web", 12345)
    assert (thing.deleted_by, thing.deleted_by_name, thing.namespace) == (ada, "ada", web.namespace)


def test_the_log_tells_of_the_return(web, ada):
    restore(delete(web), make.actor(ada), name="web2")
    entry = LogEntry.objects.get(kind="restore_repo")
    assert entry.metadata == {"repo": "web2", "namespace": "acme", "old_name": "web", "dropped": 0}
    assert (entry.performer, entry.project_id, entry.namespace_name) == (ada, web.pk, "acme")


def test_a_taken_name_asks_for_another(web, acme):
    thing = delete(web)
    heir = make.project(acme, "web")
    with pytest.raises(Conflict, match="under another"):
        restore(thing)
    back, _ = restore(thing, name="web-of-old")
    assert (back.pk, back.slug, back.name) == (web.pk, "web-of-old", "web-of-old")
    assert Project.objects.get(slug="web") == heir
    assert not heir.grants.exists()


@pytest.mark.parametrize("name", ["Web", "-", "a b", "x" * 256, "a//b", "../a"])
def test_names_that_break_the_rule(web, name):
    thing = delete(web)
    with pytest.raises(Invalid):
        restore(thing, name=name)
    assert Trashed.objects.filter(pk=thing.pk).exists()


def test_who_is_gone_stays_away_and_is_told(web, acme):
    bo, cy = (web.grants.get(user__username=name).user for name in ("bo", "cy"))
    thing = delete(web)
    purge_project(web.pk)
    accounts.delete_user(actor=make.SYSTEM, user=cy)
    accounts.remove_member(actor=make.SYSTEM, organization=acme, user=bo)
    accounts.delete_robot(actor=make.SYSTEM, robot=acme.namespace.robots.get())
    accounts.delete_team(actor=make.SYSTEM, team=acme.teams.get(slug="devs"))
    back, dropped = restore(thing)
    assert sorted((one.what, one.whom) for one in dropped) == [
        ("permission", "bo"),
        ("permission", "ci"),
        ("permission", "cy"),
        ("permission", "devs"),
    ]
    assert not back.grants.exists()
    assert back.team is None
    assert back.subscriptions.get().created_by is None
    assert Star.objects.count() == 1  # of who is still there


def test_who_was_no_member_and_is_none_comes_back(web):
    """A collaborator from outside, who left nothing."""
    back, _ = restore(delete(web))
    assert back.grants.filter(user__username="cy").exists()


@pytest.mark.parametrize("of", ["namespace", "account"])
def test_no_room_among_projects_is_told(web, acme, of):
    thing = delete(web)
    make.project(acme, "other")
    quotas.set_limit(
        actor=make.SYSTEM,
        resource=Resource.PROJECTS,
        limit=1,
        **({"namespace": acme.namespace} if of == "namespace" else {"account": acme.account}),
    )
    before = everything()
    with pytest.raises(QuotaExceeded, match="limit of projects"):
        restore(thing)
    assert differences(before) == []
    assert Trashed.objects.filter(pk=thing.pk).exists()


def test_no_room_in_storage_is_told(web, acme, settings):
    settings.QUOTA_MANAGEMENT = True
    thing = delete(web)
    quotas.create_quota(actor=make.SYSTEM, namespace=acme.namespace, limit_bytes=10_000)
    quotas.add_threshold(actor=make.SYSTEM, namespace=acme.namespace, kind="Reject", percent=100)
    with pytest.raises(QuotaExceeded, match="refused"):
        restore(thing)
    assert not Project.objects.filter(deleted_at=None).exists()
    assert Quota.objects.get(namespace=acme.namespace, resource="bytes").used == 0


def test_who_may(web, acme, ada):
    thing = delete(web)
    outsider, member = make.user("outsider"), make.user("member")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=member, role="creator")
    for actor, refusal in (
        (make.actor(None), Unauthenticated),
        (make.actor(outsider), Forbidden),
        (make.actor(member), Forbidden),
        (make.actor(ada, "repo:admin"), Forbidden),
    ):
        with pytest.raises(refusal):
            restore(thing, actor)
    restore(thing, make.actor(ada, "org:admin"))


def test_a_person_restores_her_own(ada):
    mine = make.project(ada, "mine")
    thing = delete(mine, make.actor(ada))
    with pytest.raises(Forbidden):
        restore(thing, make.actor(make.user("bo")))
    assert restore(thing, make.actor(ada))[0] == mine


def test_nothing_comes_back_twice(web):
    thing = delete(web)
    restore(thing)
    with pytest.raises(NotFound):
        services.restore_project(actor=make.SYSTEM, thing=thing)


def test_it_can_be_deleted_and_restored_again_and_again(web):
    before = everything()
    for _ in range(3):
        thing = delete(web)
        purge_project(web.pk)
        web, _ = restore(thing)
    assert differences(before) == []


def test_many_rows_go_in_pages_and_come_back(acme):
    web = make.project(acme)
    people = [make.user(f"user{n}") for n in range(25)]
    Grant.objects.bulk_create(Grant(project=web, user=person, role="read") for person in people)
    before = everything()
    thing = delete(web)
    archive.move(thing.pk, size=10)
    assert TrashedRows.objects.filter(model="permissions.Grant").count() == 3
    restore(thing)
    assert differences(before) == []


def test_a_worker_killed_in_between_goes_on(web):
    before = everything()
    thing = delete(web)
    archive.move_some(thing.pk, 2)
    assert Trashed.objects.get().status == "moving"
    assert TrashedRows.objects.exists()
    sweep()
    assert Trashed.objects.get().status == "kept"
    assert not Project.objects.exists()
    restore(thing)
    assert differences(before) == []


def test_without_a_trash_nothing_is_kept(web, settings):
    settings.TRASH_DAYS = 0
    services.delete_project(actor=make.SYSTEM, project=web)
    assert not Trashed.objects.exists()
    purge_project(web.pk)
    assert not Project.objects.exists()


def test_what_lies_in_the_trash_goes_with_its_person(ada):
    delete(make.project(ada, "mine"))
    make.project(ada, "other")
    accounts.delete_user(actor=make.SYSTEM, user=ada)
    purge_user(ada.pk)
    assert not Trashed.objects.exists()
    assert not Project.objects.exists()


def test_a_link_that_was_being_ended_is_ended(web):
    web.connection_status = "connected"
    web.save()
    thing = delete(web)
    assert restore(thing)[0].connection_status == "connected"

import pytest

from accounts import services as accounts
from accounts.models import Robot
from core.batches import delete_in_batches
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, Unauthenticated
from logs.models import LogEntry
from permissions import catalogue
from permissions.catalogue import PROJECT_DELETE, PROJECT_READ
from permissions.models import DefaultGrant, Grant
from projects import selectors, services
from projects.models import Project, Star
from projects.tasks import purge_project, sweep
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def acme(ada):
    return make.organization(owner=ada)


def held(project):
    rows = Grant.objects.filter(project=project).order_by("pk")
    return [(row.role, str(row.user or row.team or row.robot)) for row in rows]


def test_the_creator_gets_admin_and_default_grants_apply(acme, ada):
    bo, team, robot = make.user("bo"), make.team(acme), make.robot(acme)
    for role, holder, activating in (
        ("read", {"team": team}, None),
        ("write", {"team": team}, bo),  # beats the general rule when bo creates
        ("read", {"robot": robot}, None),
        ("read", {"user": ada}, None),
        ("admin", {"user": bo}, ada),
    ):
        services.create_default_grant(
            actor=make.actor(ada), organization=acme, role=role, activating_user=activating, **holder
        )
    accounts.set_member_role(actor=make.actor(ada), organization=acme, user=bo, role="creator")
    by_ada = services.create_project(actor=make.actor(ada), namespace=acme.namespace, slug="one")
    by_bo = services.create_project(actor=make.actor(bo), namespace=acme.namespace, slug="two")
    # A rule for the creator herself is skipped: she has admin anyway.
    assert held(by_ada) == [("admin", "ada"), ("read", "devs"), ("read", "acme+ci"), ("admin", "bo")]
    assert held(by_bo) == [("admin", "bo"), ("write", "devs"), ("read", "acme+ci"), ("read", "ada")]


def test_a_name_is_taken_once_and_free_after_deletion(acme, ada):
    web = make.project(acme)
    with pytest.raises(Conflict) as refused:
        make.project(acme)
    assert refused.value.message == "Repository already exists"
    services.delete_project(actor=make.actor(ada), project=web)
    again = make.project(acme)
    assert again.pk != web.pk
    with pytest.raises(NotFound):
        services.delete_project(actor=make.actor(ada), project=web)
    assert Quota.objects.get(namespace=acme.namespace, resource="projects").used == 1


@pytest.mark.parametrize("name", ["Web", "-web", "a//b", "/a", "a/", "a b", "x" * 256, "a\n", "ä"])
def test_names_that_break_the_rule(acme, name):
    with pytest.raises(Invalid):
        make.project(acme, name)
    assert Quota.objects.get(namespace=acme.namespace, resource="projects").used == 0


def test_a_slug_is_derived_from_what_people_typed(acme):
    made = [
        services.create_project(actor=make.SYSTEM, namespace=acme.namespace, name=name)
        for name in ("Ledger Service", "ledger  service", "!!")
    ]
    assert [one.slug for one in made] == ["ledger-service", "ledger-service-2", "xx"]


def test_bad_words_change_nothing(acme, ada):
    web = make.project(acme)
    for act, word in (
        (services.set_visibility, {"visibility": "secret"}),
        (services.set_state, {"state": "normal"}),
        (services.set_grant, {"role": "king", "user": make.user("bo")}),
    ):
        with pytest.raises(Invalid):
            act(actor=make.actor(ada), project=web, **word)
    web.refresh_from_db()
    assert (web.visibility, web.state) == ("private", "NORMAL")


def test_each_change_needs_its_role(acme, ada):
    web = make.project(acme)
    people = {}
    for role in ("read", "write", "admin"):
        people[role] = make.user(f"has-{role}")
        make.grant(web, role, user=people[role])
    people["none"] = make.user("none")
    changes = {
        "write": lambda actor: services.set_description(actor=actor, project=web, description="x"),
        "admin": lambda actor: services.set_visibility(actor=actor, project=web, visibility="private"),
    }
    order = ["none", "read", "write", "admin"]
    for needed, change in changes.items():
        for role, person in people.items():
            if order.index(role) >= order.index(needed):
                change(make.actor(person))
            else:
                with pytest.raises(Forbidden):
                    change(make.actor(person))
        with pytest.raises(Unauthenticated):
            change(make.actor(None))


def test_grants_are_for_ones_own(acme, ada):
    web, other = make.project(acme), make.organization("other")
    for holder in ({"team": make.team(other)}, {"robot": make.robot(other)}, {}):
        with pytest.raises(Invalid):
            services.set_grant(actor=make.actor(ada), project=web, role="read", **holder)
    own = make.project(ada, "own")
    for act in (
        lambda: services.set_grant(actor=make.actor(ada), project=own, role="read", user=ada),
        lambda: services.revoke_grant(actor=make.actor(ada), project=own, user=ada),
    ):
        with pytest.raises(Invalid):
            act()


def test_granting_twice_keeps_one_grant(acme, ada):
    web, bo = make.project(acme), make.user("bo")
    services.set_grant(actor=make.actor(ada), project=web, role="read", user=bo)
    services.set_grant(actor=make.actor(ada), project=web, role="admin", user=bo)
    assert held(web) == [("admin", "bo")]
    services.revoke_grant(actor=make.actor(ada), project=web, user=bo)
    with pytest.raises(NotFound):
        services.revoke_grant(actor=make.actor(ada), project=web, user=bo)
    last = LogEntry.objects.filter(kind="delete_repo_permission").get()
    assert last.metadata == {"username": "bo", "repo": "web", "namespace": "acme"}


def test_reach_tells_every_grant(acme, ada):
    web, bo, devs = make.project(acme), make.user("bo"), make.team(acme)
    make.member(devs, bo)
    make.grant(web, "read", user=bo)
    make.grant(web, "write", team=devs)
    found = selectors.reach(actor=make.actor(ada), project=web, user=bo)
    assert [(one.role, one.team) for one in found] == [("read", ""), ("write", "devs")]
    assert selectors.reach(actor=make.actor(ada), project=web, user=ada) == []


def test_a_missing_project_is_told_only_to_who_administers_the_namespace(acme, ada):
    def look(actor, namespace="acme"):
        return selectors.project(actor=actor, namespace=namespace, slug="nothing", right=PROJECT_READ)

    with pytest.raises(NotFound):
        look(make.actor(ada))
    for actor in (make.actor(ada, "org:admin"), make.actor(make.user("bo"))):
        for namespace in ("acme", "nowhere"):
            with pytest.raises(Forbidden):
                look(actor, namespace)
    with pytest.raises(Unauthenticated):
        look(make.actor(None))


def test_a_stranger_cannot_tell_a_private_project_from_none(acme):
    make.project(acme, "secret")
    bo = make.actor(make.user("bo"))
    words = set()
    for slug in ("secret", "nothing"):
        with pytest.raises(Forbidden) as refused:
            selectors.project(actor=bo, namespace="acme", slug=slug, right=PROJECT_DELETE)
        words.add(refused.value.message)
    assert len(words) == 1


def test_stars(acme, ada):
    web, bo = make.project(acme), make.user("bo")
    with pytest.raises(Forbidden):
        services.star_project(actor=make.actor(bo), project=web)
    services.star_project(actor=make.actor(ada), project=web)
    services.star_project(actor=make.actor(ada), project=web)
    assert list(selectors.starred(actor=make.actor(ada))) == [web]
    services.delete_project(actor=make.actor(ada), project=web)
    assert not Star.objects.exists()


def test_deleted_projects_rows_go_by_the_worker(acme, ada):
    web, kept = make.project(acme), make.project(acme, "kept")
    for project in (web, kept):
        make.grant(project, "read", robot=make.robot(acme, f"for-{project.slug}"))
    services.delete_project(actor=make.actor(ada), project=web)
    purge_project(web.pk)
    purge_project(web.pk)
    purge_project(kept.pk)
    assert Project.objects.get() == kept
    assert Grant.objects.get().project == kept
    services.delete_project(actor=make.actor(ada), project=kept)
    sweep()
    assert not Project.objects.exists()
    assert LogEntry.objects.filter(kind="delete_repo").count() == 2


def test_batches_are_bounded(acme, django_assert_max_num_queries):
    for number in range(25):
        make.project(acme, f"p{number}")
    with django_assert_max_num_queries(60):
        assert delete_in_batches(Project.objects.all(), size=10) == 25


def test_a_projects_rings_its_bell(acme, ada, bells, django_capture_on_commit_callbacks):
    web = make.project(acme)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_project(actor=make.actor(ada), project=web)
    assert bells == [("projects.purge_project", web.pk)]


def test_limits_below_what_is_used_refuse_growth_only(acme):
    make.project(acme)
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=0, namespace=acme.namespace)
    with pytest.raises(QuotaExceeded):
        make.project(acme, "more")
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=None, namespace=acme.namespace)
    make.project(acme, "more")


@pytest.mark.parametrize("limit", [-1, 2**63])
def test_bad_limits(acme, limit):
    with pytest.raises(Invalid):
        quotas.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=limit, namespace=acme.namespace)


def test_only_superusers_set_limits(acme, ada):
    with pytest.raises(Forbidden):
        quotas.set_limit(actor=make.actor(ada), resource=Resource.PROJECTS, limit=5, namespace=acme.namespace)


def test_default_grants_of_others_are_refused(acme, ada):
    other = make.organization("other")
    for holder in ({"team": make.team(other)}, {"robot": make.robot(other)}, {}):
        with pytest.raises(Invalid):
            services.create_default_grant(actor=make.actor(ada), organization=acme, role="read", **holder)
    rule = services.create_default_grant(actor=make.actor(ada), organization=acme, role="read", user=ada)
    with pytest.raises(Forbidden):
        services.delete_default_grant(actor=make.actor(make.user("bo")), rule=rule)
    services.change_default_grant(actor=make.actor(ada), rule=rule, role="write")
    services.delete_default_grant(actor=make.actor(ada), rule=rule)
    with pytest.raises(NotFound):
        services.delete_default_grant(actor=make.actor(ada), rule=rule)
    told = LogEntry.objects.get(kind="modify_prototype_permission").metadata
    assert (told["original_role"], told["role"], told["delegate_user"]) == ("read", "write", "ada")


def test_a_default_grant_whose_holder_goes_at_the_same_time_is_not_there(acme, ada):
    robot = make.robot(acme)
    services.create_default_grant(actor=make.actor(ada), organization=acme, role="read", robot=robot)
    rule = DefaultGrant.objects.select_related("organization").get()  # as somebody else has it in her hands
    Robot.objects.filter(pk=robot.pk).delete()
    with pytest.raises(NotFound):
        services.delete_default_grant(actor=make.actor(ada), rule=rule)


@pytest.mark.parametrize("size", [1, 30])
def test_the_list_costs_one_query_at_any_size(acme, ada, size, django_assert_num_queries):
    for number in range(size):
        make.project(acme, f"p{number}")
    with django_assert_num_queries(1):
        found = list(selectors.projects(actor=make.actor(ada), namespace="acme", public=True))
        assert [one.full_name for one in found] == [f"acme/p{number}" for number in range(size)]


def test_every_right_has_a_sentence():
    assert all(right.sentence for right in catalogue.RIGHTS.values())

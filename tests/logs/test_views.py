"""Saved views of the log: whose they are, who shares them, and how many there may be."""

import pytest

from accounts import services as accounts
from accounts import tasks
from accounts.models import User
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from logs import selectors, services
from logs.models import LogEntry, LogView
from tests import make
from tests.racing import race
from trash import archive
from trash.models import Trashed

QUERY = {"kind": "create_robot", "days": "7"}


@pytest.fixture
def acme(db):
    acme = make.organization(owner=make.user("owner"))
    for role in ("member", "admin", "auditor"):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user(role), role=role)
    return acme


def actor(name):
    return make.actor(User.objects.get(username=name))


def keep(acme, who="admin", name="Robots", **more):
    return services.save_view(
        actor=actor(who), namespace=acme.namespace, name=name, query=QUERY | more.pop("query", {}), **more
    )


def seen(acme, who):
    return [view.name for view in selectors.views(actor=actor(who), namespace=acme.namespace)]


def test_a_view_is_ones_own_unless_shared(acme):
    keep(acme)
    keep(acme, "auditor", "Mine")
    keep(acme, name="For all", is_shared=True)
    assert seen(acme, "admin") == ["Robots", "For all"]
    assert seen(acme, "auditor") == ["Mine", "For all"]
    assert seen(acme, "owner") == ["For all"]
    with pytest.raises(Forbidden):
        seen(acme, "member")
    assert LogView.objects.get(name="Robots").query == QUERY


def test_it_is_told_where_it_is_seen(acme):
    view = keep(acme)
    told = LogEntry.objects.latest("pk")
    assert (told.kind, told.namespace_name, told.metadata["view"]) == ("create_log_view", "admin", "Robots")
    services.change_view(actor=actor("admin"), view=view, name="  All   robots ", is_shared=True)
    told = LogEntry.objects.latest("pk")
    assert (told.kind, told.namespace_name) == ("change_log_view", "acme")
    assert (told.metadata["view"], told.metadata["old_name"]) == ("All robots", "Robots")
    services.change_view(actor=actor("admin"), view=view, is_shared=False)
    assert LogEntry.objects.latest("pk").namespace_name == "acme"
    services.delete_view(actor=actor("admin"), view=view)
    told = LogEntry.objects.latest("pk")
    assert (told.kind, told.namespace_name) == ("delete_log_view", "admin")
    assert not LogView.objects.exists()
    with pytest.raises(NotFound):
        services.delete_view(actor=actor("admin"), view=view)


def test_who_may_not_read_keeps_nothing_and_who_may_not_share_shares_nothing(acme):
    for who, shared in (("member", False), ("auditor", True)):
        with pytest.raises(Forbidden):
            keep(acme, who, is_shared=shared)
    view = keep(acme, "auditor")
    with pytest.raises(Forbidden):
        services.change_view(actor=actor("auditor"), view=view, is_shared=True)
    own = actor("admin")
    for namespace in (own.user.namespace, None):
        with pytest.raises((Invalid, Forbidden)):
            services.save_view(actor=own, namespace=namespace, name="x", query={}, is_shared=True)
    with pytest.raises(Unauthenticated):
        services.save_view(actor=make.SYSTEM, namespace=acme.namespace, name="x", query={})
    assert not LogView.objects.filter(is_shared=True).exists()
    assert LogView.objects.count() == 1


def test_anothers_view_is_not_there_and_a_shared_one_is_the_administrators(acme):
    view = keep(acme)
    for act in (services.delete_view, services.change_view):
        with pytest.raises(NotFound):
            act(actor=actor("owner"), view=view)
    with pytest.raises(NotFound):
        selectors.view(actor=actor("owner"), namespace=acme.namespace, uuid=view.uuid)
    services.change_view(actor=actor("admin"), view=view, is_shared=True)
    assert selectors.view(actor=actor("auditor"), namespace=acme.namespace, uuid=view.uuid) == view
    with pytest.raises(NotFound):
        selectors.view(actor=actor("owner"), namespace=actor("owner").user.namespace, uuid=view.uuid)
    with pytest.raises(NotFound):
        selectors.view(actor=actor("owner"), namespace=acme.namespace, uuid="nonsense")
    with pytest.raises(Forbidden):
        services.delete_view(actor=actor("auditor"), view=view)
    services.change_view(actor=actor("owner"), view=view, query={"q": "ci"})
    assert LogView.objects.get().query == {"q": "ci"}
    accounts.remove_member(actor=make.SYSTEM, organization=acme, user=actor("admin").user)
    with pytest.raises(Forbidden):
        services.delete_view(actor=actor("admin"), view=view)
    services.delete_view(actor=actor("owner"), view=view)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("", {}),
        ("  ", {}),
        ("a\0b", {}),
        ("n" * 61, {}),
        ("ok", {"page": "x"}),
        ("ok", {"q": "x" * 512}),
        ("ok", {"q": "\0"}),
    ],
)
def test_what_is_no_name_and_no_filter_is_refused(acme, name, query):
    with pytest.raises(Invalid):
        keep(acme, name=name, query=query)
    assert not LogView.objects.exists()


def test_a_name_is_taken_once_by_each(acme):
    view = keep(acme)
    with pytest.raises(Conflict):
        keep(acme)
    keep(acme, "owner")
    own = actor("admin")
    services.save_view(actor=own, namespace=own.user.namespace, name="Robots", query={})
    keep(acme, name="Other")
    with pytest.raises(Conflict):
        services.change_view(actor=own, view=view, name="Other")


def test_views_of_the_instance(acme, settings):
    settings.SUPERUSERS = frozenset({"owner"})
    view = services.save_view(actor=actor("owner"), name="All", query={"namespace": "acme"})
    assert list(selectors.views(actor=actor("owner"))) == [view]
    with pytest.raises(Conflict):
        services.save_view(actor=actor("owner"), name="All", query={})
    with pytest.raises(Forbidden):
        services.save_view(actor=actor("admin"), name="All", query={})
    settings.SUPERUSERS = frozenset()
    with pytest.raises(Forbidden):
        services.delete_view(actor=actor("owner"), view=view)


def test_views_lie_in_the_trash_with_their_organization_and_end_with_their_owner(acme):
    keep(acme)
    keep(acme, "auditor", is_shared=False)
    accounts.delete_organization(actor=actor("owner"), organization=acme)
    thing = Trashed.objects.get()
    archive.move(thing.pk)
    assert not LogView.objects.exists()
    accounts.delete_user(actor=actor("auditor"), user=actor("auditor").user)
    for user in User.objects.exclude(deleted_at=None):
        tasks.purge_user(user.pk)
    accounts.restore_organization(actor=actor("owner"), thing=thing)
    assert [view.user.username for view in LogView.objects.all()] == ["admin"]


@pytest.mark.django_db(transaction=True)
def test_12_views_kept_at_once_under_a_limit_of_5_give_5(monkeypatch):
    monkeypatch.setattr(services, "VIEWS_MAX", 5)
    ada = make.user("ada")
    acme = make.organization(owner=ada)

    def one(number):
        who = make.actor(ada)
        services.save_view(actor=who, namespace=acme.namespace, name=f"view {number}", query={})

    assert race(12, one, at_once=6) == {"ok": 5, "conflict": 7}
    assert LogView.objects.count() == 5

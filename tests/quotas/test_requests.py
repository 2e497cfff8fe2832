"""Asking for a higher limit: who may, what is told to whom, what an answer does, and that there is one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from core.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded, TooManyRequests
from logs.models import LogEntry
from notifications.models import Notice
from projects import services as projects
from quotas import selectors, services
from quotas.models import LimitRequest, Quota, Resource, Threshold
from tests import make
from tests.racing import race

GIB = 2**30


@pytest.fixture
def acme(db, settings):
    settings.SUPERUSERS = frozenset({"root"})
    settings.READONLY_SUPERUSERS = frozenset({"reader"})
    acme = make.organization(owner=make.user("owner"))
    for role in ("member", "auditor"):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user(role), role=role)
    for name in ("root", "reader", "stranger"):
        make.user(name)
    services.set_limit(actor=make.SYSTEM, resource=Resource.ROBOTS, limit=2, namespace=acme.namespace)
    return acme


def actor(name):
    return make.actor(User.objects.get(username=name))


def ask(acme, who="member", wanted=5, resource=Resource.ROBOTS, **more):
    return services.request_limit(
        actor=actor(who), namespace=acme.namespace, resource=resource, wanted=wanted, **more
    )


def limit(acme, resource=Resource.ROBOTS):
    return Quota.objects.get(namespace=acme.namespace, resource=resource).limit


def test_members_ask_and_superusers_are_told(acme):
    request = ask(acme, reason="  Nightly\n builds ")
    assert (request.status, request.wanted, request.reason) == ("open", 5, "Nightly builds")
    told = LogEntry.objects.latest("pk")
    assert (told.kind, told.namespace_name) == ("request_limit", "acme")
    assert told.metadata["limit"] == 5
    notice = Notice.objects.get()
    assert notice.user.username == "root"
    assert notice.sentence == "acme: member asked for a limit of 5 for robots: Nightly builds"


@pytest.mark.parametrize("who", ["stranger", "auditor", "reader"])
def test_others_do_not_ask(acme, who):
    with pytest.raises(Forbidden):
        ask(acme, who)
    assert not LimitRequest.objects.exists()
    assert not Notice.objects.exists()


@pytest.mark.parametrize("wanted", [-1, 0, 2, 2**63])
def test_only_more_than_there_is_can_be_asked_for(acme, wanted):
    with pytest.raises(Invalid):
        ask(acme, wanted=wanted)
    with pytest.raises(Conflict):
        ask(acme, resource=Resource.PROJECTS)
    with pytest.raises(Invalid):
        ask(acme, reason="x" * 501)
    assert not LimitRequest.objects.exists()


def test_nothing_is_asked_for_twice_at_a_time(acme):
    request = ask(acme)
    with pytest.raises(Conflict):
        ask(acme, "owner", wanted=6)
    services.withdraw_limit_request(actor=actor("owner"), request=request)
    with pytest.raises(Conflict):
        services.withdraw_limit_request(actor=actor("owner"), request=request)
    ask(acme, "owner", wanted=6)
    assert LimitRequest.objects.count() == 2


def test_who_asks_and_withdraws_all_day_is_stopped(acme):
    for _ in range(10):
        services.withdraw_limit_request(actor=actor("member"), request=ask(acme))
    for who in ("member", "owner"):
        with pytest.raises(TooManyRequests) as refused:
            ask(acme, who)
        assert 86_000 < refused.value.details["retry_after"] <= 86_401
    assert LimitRequest.objects.count() == 10
    services.set_limit(actor=make.SYSTEM, resource=Resource.PROJECTS, limit=2, namespace=acme.namespace)
    ask(acme, resource=Resource.PROJECTS)
    LimitRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    ask(acme)


def test_an_approval_sets_the_limit_and_tells_who_asked(acme):
    request = ask(acme)
    for who in ("owner", "reader", "stranger"):
        with pytest.raises(Forbidden):
            services.approve_limit_request(actor=actor(who), request=request)
        with pytest.raises(Forbidden):
            services.deny_limit_request(actor=actor(who), request=request)
    assert limit(acme) == 2
    services.approve_limit_request(actor=actor("root"), request=request, answer="Gladly")
    assert limit(acme) == 5
    told = Notice.objects.latest("pk")
    assert told.user.username == "member"
    assert told.sentence == "acme: root gave a limit of 5 for robots, as was asked for: Gladly"
    kinds = list(LogEntry.objects.order_by("-pk").values_list("kind", flat=True)[:2])
    assert kinds == ["approve_limit_request", "change_limit"]
    for act in (services.approve_limit_request, services.deny_limit_request):
        with pytest.raises(Conflict):
            act(actor=actor("root"), request=request)


def test_another_limit_may_be_given_but_none_below_the_present(acme):
    request = ask(acme, wanted=50)
    with pytest.raises(Conflict):
        services.approve_limit_request(actor=actor("root"), request=request, limit=2)
    services.set_limit(actor=make.SYSTEM, resource=Resource.ROBOTS, limit=60, namespace=acme.namespace)
    with pytest.raises(Conflict):
        services.approve_limit_request(actor=actor("root"), request=request)
    request.refresh_from_db()
    assert (request.status, limit(acme)) == ("open", 60)
    services.approve_limit_request(actor=actor("root"), request=request, limit=70)
    assert limit(acme) == 70
    assert LimitRequest.objects.get().granted == 70


def test_a_denial_leaves_the_limit(acme):
    request = ask(acme)
    with pytest.raises(Invalid):
        services.deny_limit_request(actor=actor("root"), request=request, answer="x" * 501)
    services.deny_limit_request(actor=actor("root"), request=request, answer="The disk is full")
    assert limit(acme) == 2
    assert Notice.objects.latest("pk").sentence.endswith("for robots: The disk is full")


def test_storage_under_the_default_of_the_instance_goes_on_being_refused(acme, settings):
    settings.DEFAULT_QUOTA_BYTES = 10 * GIB
    request = ask(acme, resource=Resource.BYTES, wanted=20 * GIB)
    services.approve_limit_request(actor=actor("root"), request=request)
    assert limit(acme, Resource.BYTES) == 20 * GIB
    assert [(step.kind, step.percent) for step in Threshold.objects.all()] == [("Reject", 100)]
    web = make.project(acme, "web")
    projects.report_usage(actor=make.SYSTEM, project=web, size_bytes=15 * GIB)
    with pytest.raises(QuotaExceeded):
        projects.report_usage(actor=make.SYSTEM, project=web, size_bytes=25 * GIB)
    again = ask(acme, resource=Resource.BYTES, wanted=30 * GIB)
    services.approve_limit_request(actor=actor("root"), request=again)
    assert (limit(acme, Resource.BYTES), Threshold.objects.count()) == (30 * GIB, 1)


def test_another_organizations_request_is_not_found(acme):
    request = ask(acme)
    other = make.organization("globex", owner=make.user("globex-owner"))
    with pytest.raises(NotFound):
        selectors.limit_request(namespace=other.namespace, uuid=str(request.uuid))
    with pytest.raises(NotFound):
        selectors.limit_request(namespace=acme.namespace, uuid="nonsense")
    with pytest.raises(Forbidden):
        services.withdraw_limit_request(actor=actor("globex-owner"), request=request)


@pytest.mark.django_db(transaction=True)
def test_asked_at_once_it_is_asked_once_and_answered_at_once_it_is_answered_once():
    acme = make.organization(owner=make.user("owner"))
    services.set_limit(actor=make.SYSTEM, resource=Resource.ROBOTS, limit=2, namespace=acme.namespace)

    def ask_again(number):
        ask(acme, "owner", wanted=10 + number)

    assert race(8, ask_again, at_once=4) == {"ok": 1, "conflict": 7}
    pk = LimitRequest.objects.get().pk

    def answer(number):
        request = LimitRequest.objects.select_related("quota__namespace__organization").get(pk=pk)
        act = services.deny_limit_request if number % 2 else services.approve_limit_request
        act(actor=make.SYSTEM, request=request)

    assert race(8, answer, at_once=4) == {"ok": 1, "conflict": 7}
    assert (limit(acme) == 2) == (LimitRequest.objects.get().status == "denied")

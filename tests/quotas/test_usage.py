"""Bytes: what is counted, what is refused, and what is told."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from accounts import services as accounts
from core.errors import Forbidden, Invalid, NotFound, QuotaExceeded
from logs.models import LogEntry
from notifications import services as notifications
from notifications.models import Delivery
from projects import services as projects
from projects.models import Project
from quotas import services as quotas
from quotas import tasks
from quotas.models import Quota, RegistrySize, Resource
from quotas.selectors import drifting
from tests import make
from tests.racing import race

LIMIT = 1000


def report(project, size, actor=make.SYSTEM):
    return projects.report_usage(actor=actor, project=project, size_bytes=size)


def limited(organization, *steps, limit=LIMIT):
    namespace = organization.namespace
    quotas.create_quota(actor=make.SYSTEM, namespace=namespace, limit_bytes=limit)
    for kind, percent in steps:
        quotas.add_threshold(actor=make.SYSTEM, namespace=namespace, kind=kind, percent=percent)


def used(**owner):
    return Quota.objects.get(resource=Resource.BYTES, **owner).used


def told():
    found = LogEntry.objects.filter(kind__in=["quota_warning", "quota_error"]).order_by("pk")
    return [(one.kind.removeprefix("quota_"), one.metadata["threshold_percent"]) for one in found]


@pytest.fixture
def acme(db):
    return make.organization()


@pytest.fixture
def web(acme):
    return make.project(acme)


def test_the_sum_moves_by_the_difference_in_the_namespace_and_its_account(acme, web):
    api = make.project(acme, "api")
    report(web, 5 * 2**40)
    report(api, 100)
    report(web, 30)
    assert used(namespace=acme.namespace) == used(account=acme.account) == 130
    accounts.rename_organization(actor=make.SYSTEM, organization=acme, name="acme2")
    projects.set_visibility(actor=make.SYSTEM, project=web, visibility="public")
    assert used(namespace=acme.namespace) == 130
    projects.delete_project(actor=make.SYSTEM, project=api)
    assert used(namespace=acme.namespace) == used(account=acme.account) == 30
    assert drifting() == []
    accounts.delete_organization(actor=make.SYSTEM, organization=acme)
    assert used(account=acme.account) == 0


def test_what_a_stale_copy_says_does_not_count(web):
    stale = Project.objects.select_related("namespace__organization").get(pk=web.pk)
    report(web, 70)
    report(stale, 50)
    assert used(namespace=web.namespace) == 50
    projects.delete_project(actor=make.SYSTEM, project=web)
    with pytest.raises(NotFound):
        report(stale, 60)
    assert used(namespace=web.namespace) == 0


def test_a_report_is_logged_where_it_changes_something(web):
    report(web, 1536)
    Project.objects.update(size_reported_at=None)
    report(web, 1536)
    entry = LogEntry.objects.get(kind="report_repo_usage")
    assert entry.project == web
    assert entry.metadata == {
        "repo": "web",
        "namespace": "acme",
        "size": "1.5 KiB",
        "size_bytes": 1536,
        "previous_size_bytes": 0,
    }
    assert Project.objects.get().size_reported_at is not None


@pytest.mark.parametrize("size", [-1, 2**63])
def test_sizes_that_are_none(web, size):
    with pytest.raises(Invalid):
        report(web, size)


def test_a_sum_beyond_64_bits_is_refused(acme, web):
    report(web, 2**63 - 1)
    with pytest.raises(Invalid):
        report(make.project(acme, "api"), 1)
    assert used(namespace=acme.namespace) == 2**63 - 1


def test_the_sum_of_an_account_beyond_64_bits_is_refused(acme, web):
    other = make.organization("other", owner=acme.account.administrators.get(), account=acme.account)
    report(web, 2**63 - 1)
    with pytest.raises(Invalid):
        report(make.project(other), 1)
    assert used(namespace=other.namespace) == 0


def test_people_report_nothing(acme, web):
    owner = acme.account.administrators.get()
    with pytest.raises(Forbidden):
        report(web, 1, make.actor(owner))


# Limits --------------------------------------------------------------------------------------------------


def test_growth_stops_before_the_threshold_and_shrinking_never(acme, web):
    report(web, 990)
    limited(acme, ("Reject", 95))
    with pytest.raises(QuotaExceeded):
        report(web, 991)
    report(web, 960)  # still beyond, and smaller
    report(web, 960)
    report(web, 0)
    with pytest.raises(QuotaExceeded):
        report(web, 950)
    assert used(namespace=acme.namespace) == 0
    report(web, 949)


def test_of_several_thresholds_the_one_with_most_bytes_decides(acme, web):
    limited(acme, ("Warning", 95), ("Reject", 90))
    with pytest.raises(QuotaExceeded):
        report(web, 920)
    report(web, 960)  # odd, and so it is: a mere warning stands higher
    assert told() == [("error", 90), ("warning", 95)]


def test_a_limit_without_thresholds_enforces_nothing(acme, web):
    limited(acme)
    report(web, LIMIT * 2)
    assert told() == []


def test_the_account_holds_its_organizations_together(acme, web):
    quotas.set_limit(actor=make.SYSTEM, resource=Resource.BYTES, limit=100, account=acme.account)
    report(web, 100)
    with pytest.raises(QuotaExceeded):
        report(web, 101)
    assert used(namespace=acme.namespace) == used(account=acme.account) == 100


def test_the_default_limit_is_for_who_has_none(acme, web, settings):
    settings.DEFAULT_QUOTA_BYTES = 100
    report(web, 99)
    for size in (100, 500):
        with pytest.raises(QuotaExceeded):
            report(web, size)
    assert told() == [("error", 100)]
    report(web, 10)
    with pytest.raises(QuotaExceeded):
        report(web, 100)
    assert told() == [("error", 100)] * 2
    limited(acme)
    report(web, 500)


def test_without_quota_management_sizes_are_only_counted(acme, web, settings):
    settings.QUOTA_MANAGEMENT = False
    limited(acme, ("Reject", 50), ("Warning", 10))
    report(web, LIMIT)
    assert used(namespace=acme.namespace) == LIMIT
    assert told() == []


def test_quotas_of_a_namespace_that_was_deleted_just_now(acme):
    stale = acme.namespace
    accounts.delete_organization(actor=make.SYSTEM, organization=acme)
    for act in (quotas.create_quota, quotas.change_quota):
        with pytest.raises(NotFound):
            act(actor=make.SYSTEM, namespace=stale, limit_bytes=1)
    with pytest.raises(NotFound):
        quotas.delete_quota(actor=make.SYSTEM, namespace=stale)


# Telling -------------------------------------------------------------------------------------------------


def test_a_threshold_is_told_once_until_usage_falls_below_it(acme, web):
    limited(acme, ("Warning", 50), ("Warning", 80))
    for size in (499, 500, 600, 799, 800, 900, 850, 800, 799, 790, 801, 499, 500):
        report(web, size)
    assert told() == [("warning", 50), ("warning", 80), ("warning", 80), ("warning", 50)]
    entry = LogEntry.objects.filter(kind="quota_warning").earliest("pk")
    assert entry.namespace == acme.namespace
    assert entry.metadata == {
        "namespace": "acme",
        "threshold_percent": 50,
        "usage_bytes": 500,
        "limit_bytes": 1000,
        "usage_percent": 50,
        "usage_bytes_formatted": "500.0 Byte",
        "limit_bytes_formatted": "1000.0 Byte",
    }


def test_of_thresholds_passed_at_once_one_is_told(acme, web):
    limited(acme, ("Warning", 50), ("Warning", 80), ("Warning", 60))
    report(web, 900)
    report(web, 910)
    assert told() == [("warning", 80)]


def test_refusals_are_told_once_though_nothing_is_counted(acme, web):
    limited(acme, ("Reject", 90))
    report(web, 800)
    for size in (900, 2000, 950):
        with pytest.raises(QuotaExceeded):
            report(web, size)
    report(web, 850)
    with pytest.raises(QuotaExceeded):
        report(web, 900)
    assert told() == [("error", 90)]
    report(web, 100)
    with pytest.raises(QuotaExceeded):
        report(web, 900)
    assert told() == [("error", 90)] * 2


def test_a_refusal_behind_a_warning_is_told_when_it_begins_to_hold(acme, web):
    limited(acme, ("Warning", 95), ("Reject", 90))
    report(web, 960)
    report(web, 920)
    assert told() == [("warning", 95), ("error", 90)]


def test_changes_of_limits_are_told_like_changes_of_usage(acme, web):
    namespace = acme.namespace
    limited(acme, ("Warning", 50))
    report(web, 400)
    quotas.change_quota(actor=make.SYSTEM, namespace=namespace, limit_bytes=700)
    step = quotas.add_threshold(actor=make.SYSTEM, namespace=namespace, kind="Warning", percent=55)
    assert told() == [("warning", 50), ("warning", 55)]
    quota_id, limit_id = str(step.quota_id), str(step.pk)
    quotas.change_threshold(
        actor=make.SYSTEM, namespace=namespace, quota_id=quota_id, limit_id=limit_id, kind="Reject"
    )
    assert told()[2:] == [("error", 55)]
    quotas.change_quota(actor=make.SYSTEM, namespace=namespace, limit_bytes=7000)
    quotas.change_quota(actor=make.SYSTEM, namespace=namespace, limit_bytes=700)
    assert told()[3:] == [("error", 55)]


def test_a_deletion_makes_room_and_rearms(acme, web):
    limited(acme, ("Warning", 50))
    report(web, 500)
    projects.delete_project(actor=make.SYSTEM, project=web)
    report(make.project(acme, "api"), 500)
    assert told() == [("warning", 50)] * 2


def test_subscriptions_of_the_namespace_hear_of_it(acme, web):
    for event in ("quota_warning", "quota_error"):
        notifications.create_subscription(
            actor=make.SYSTEM, namespace=acme.namespace, event=event, method="in_console", config={}
        )
    limited(acme, ("Warning", 50), ("Reject", 90))
    report(web, 600)
    with pytest.raises(QuotaExceeded):
        report(web, 900)
    heard = [(one.event, one.payload["data"]["sentence"]) for one in Delivery.objects.order_by("pk")]
    assert heard == [
        ("quota_warning", "acme uses 600.0 Byte, 50 % or more of its 1000.0 Byte"),
        ("quota_error", "acme may not grow beyond 90 % of its 1000.0 Byte of storage"),
    ]


# Against a model -----------------------------------------------------------------------------------------

SIZES = some.integers(0, 1300)
STEPS = some.lists(
    some.tuples(some.sampled_from(["Warning", "Reject"]), some.integers(1, 100)), max_size=3, unique=True
)
ACTS = some.lists(some.tuples(some.integers(0, 2), SIZES | some.none()), max_size=12)


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, acts=ACTS)
def test_whatever_is_reported_and_deleted_the_sum_is_that_of_the_model(acme, steps, acts):
    """Each act reports a size of one of three projects, or (None) deletes it and makes it anew."""
    with transaction.atomic():
        names = ["a", "b", "c"]
        found = [make.project(acme, name) for name in names]
        sizes = [0, 0, 0]
        limited(acme, *steps)
        for which, size in acts:
            if size is None:
                projects.delete_project(actor=make.SYSTEM, project=found[which])
                found[which] = make.project(acme, names[which])
                sizes[which] = 0
                continue
            after = sum(sizes) - sizes[which] + size
            reached = [(LIMIT * percent // 100, -n, kind) for n, (kind, percent) in enumerate(steps)]
            top = max([one for one in reached if one[0] <= after], default=(0, 0, ""))
            if size > sizes[which] and top[2] == "Reject":
                with pytest.raises(QuotaExceeded):
                    report(found[which], size)
            else:
                report(found[which], size)
                sizes[which] = size
            assert used(namespace=acme.namespace) == sum(sizes)
        assert (
            list(
                Project.objects.filter(deleted_at=None).order_by("slug").values_list("size_bytes", flat=True)
            )
            == sizes
        )
        assert drifting() == []
        transaction.set_rollback(True)


# At once -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_64_reports_at_once_stay_below_the_threshold_and_are_told_once():
    acme = make.organization()
    limited(acme, ("Warning", 40), ("Reject", 90))
    found = [make.project(acme, f"project{n}") for n in range(64)]
    came = race(64, lambda n: report(found[n], 50))
    assert came == {"ok": 17, "quota_exceeded": 47}
    assert used(namespace=acme.namespace) == used(account=acme.account) == 850
    assert sum(Project.objects.values_list("size_bytes", flat=True)) == 850
    assert told() == [("warning", 40), ("error", 90)]


@pytest.mark.django_db(transaction=True)
def test_reports_deletions_and_creations_at_once_leave_no_drift():
    acme = make.organization()
    other = make.organization("other", owner=acme.account.administrators.get(), account=acme.account)
    found = [make.project((acme, other)[n % 2], f"project{n}") for n in range(6)]

    def churn(n):
        project = found[n % 6]
        if n % 4 == 3:
            projects.delete_project(actor=make.SYSTEM, project=project)
        elif n % 8 == 4:
            report(make.project((acme, other)[n % 2], f"new{n}"), n)
        else:
            report(project, n * 7)

    came = race(48, churn)
    assert set(came) <= {"ok", "not_found"}
    assert drifting() == []
    living = Project.objects.filter(deleted_at=None).values_list("size_bytes", flat=True)
    assert used(account=acme.account) == sum(living)


# Counting everything -------------------------------------------------------------------------------------


def test_counting_is_queued_once_and_done_by_one_worker(acme, web, django_capture_on_commit_callbacks):
    report(web, 70)
    ada = make.user("root", superuser=True)
    report(make.project(ada), 2**40)
    with django_capture_on_commit_callbacks() as rung:
        assert quotas.request_registry_size(actor=make.SYSTEM)
        assert not quotas.request_registry_size(actor=make.SYSTEM)
    assert len(rung) == 1
    with django_capture_on_commit_callbacks() as rung:
        tasks.sweep()
    assert len(rung) == 1
    tasks.count_registry()
    row = RegistrySize.objects.get()
    assert (row.size_bytes, row.status, row.drifting) == (2**40 + 70, "idle", 0)
    tasks.count_registry()
    assert RegistrySize.objects.get().ran_at == row.ran_at
    with django_capture_on_commit_callbacks() as rung:
        tasks.sweep()
    assert rung == []


def test_a_count_whose_worker_died_is_taken_over(acme, web):
    report(web, 70)
    quotas.request_registry_size(actor=make.SYSTEM)
    RegistrySize.objects.update(status="running", started_at="2020-01-01T00:00:00Z")
    tasks.count_registry()
    assert RegistrySize.objects.get().size_bytes == 70


def test_counters_that_were_meddled_with_are_noticed(acme, web, caplog):
    report(web, 70)
    Quota.objects.filter(namespace=acme.namespace, resource="bytes").update(used=71)
    assert [(row.namespace_id, row.account_id, truth) for row, truth in drifting()] == [
        (acme.namespace_id, None, 70),
        (None, acme.account_id, 71),
    ]
    quotas.request_registry_size(actor=make.SYSTEM)
    tasks.count_registry()
    assert RegistrySize.objects.get().drifting == 2
    assert "are 71, but its projects have 70" in caplog.text

"""When a limit will be reached, as the past tells; and the past, noted once a day for a month."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Organization
from quotas import services, tasks
from quotas.models import LimitRequest, Quota, Resource, UsageSample
from quotas.selectors import Forecast, forecasts
from tests import make

pytestmark = pytest.mark.django_db
NOW = date(2026, 6, 30)


@pytest.fixture
def robots(time_machine):
    time_machine.move_to("2026-06-30T12:00:00+00:00", tick=False)
    acme = make.organization()
    services.set_limit(actor=make.SYSTEM, resource=Resource.ROBOTS, limit=100, namespace=acme.namespace)
    Quota.objects.filter(namespace=acme.namespace, resource=Resource.ROBOTS).update(used=60)
    return Quota.objects.get(namespace=acme.namespace, resource=Resource.ROBOTS)


def past(row, *found):
    for days, used in found:
        UsageSample.objects.create(quota=row, day=NOW - timedelta(days=days), used=used)


@pytest.mark.parametrize(
    ("samples", "wanted"),
    [
        ([], Forecast(0)),
        ([(6, 10)], Forecast(0)),
        ([(31, 10)], Forecast(0)),
        ([(7, 53)], Forecast(7, 40, date(2026, 8, 9))),
        ([(30, 0), (7, 59)], Forecast(30, 20, date(2026, 7, 20))),
        ([(30, 59), (7, 0)], Forecast(30, 1200, date(2029, 10, 12))),
        ([(10, 60)], Forecast(10)),
        ([(10, 70)], Forecast(10)),
        ([(30, 1), (1, 60)], Forecast(30, 21, date(2026, 7, 21))),
    ],
)
def test_the_pace_is_that_of_the_last_thirty_days(robots, samples, wanted):
    past(robots, *samples)
    assert forecasts(numbers=[robots]) == {"robots": wanted}


def test_what_is_full_or_unlimited_has_no_forecast(robots, django_assert_num_queries):
    past(robots, (10, 1))
    numbers = list(Quota.objects.filter(namespace=robots.namespace))
    with django_assert_num_queries(1):
        assert forecasts(numbers=numbers).keys() == {"robots"}
    robots.used = 100
    assert forecasts(numbers=[robots]) == {}
    robots.limit, robots.used = 10**18, 60
    assert forecasts(numbers=[robots]) == {"robots": Forecast(10)}  # in thousands of years


def test_each_day_is_noted_once_and_kept_for_a_month(robots, settings, time_machine):
    for _ in range(2):
        tasks.sample()
    assert list(UsageSample.objects.values_list("quota", "day", "used")) == [(robots.pk, NOW, 60)]
    Quota.objects.filter(pk=robots.pk).update(used=70)
    time_machine.move_to("2026-07-01T00:41:00+00:00", tick=False)
    tasks.sample()
    assert list(UsageSample.objects.order_by("day").values_list("used", flat=True)) == [60, 70]
    time_machine.move_to("2026-07-31T00:41:00+00:00", tick=False)
    tasks.sample()
    assert [row.day for row in UsageSample.objects.order_by("day")] == [date(2026, 7, 1), date(2026, 7, 31)]
    settings.DEFAULT_QUOTA_BYTES = 1000
    Quota.objects.filter(namespace=robots.namespace, resource=Resource.BYTES).update(used=5)
    tasks.sample()
    assert UsageSample.objects.filter(quota__resource="bytes").count() == 1  # of those that hold something


def test_many_are_noted_in_pieces_and_a_killed_worker_goes_on(robots, monkeypatch):
    monkeypatch.setattr(tasks, "SAMPLED_AT_ONCE", 2)
    for number in range(4):
        made = make.organization(f"org{number}", owner=make.user(f"owner{number}"))
        services.set_limit(actor=make.SYSTEM, resource=Resource.ROBOTS, limit=5, namespace=made.namespace)
    UsageSample.objects.create(quota=robots, day=timezone.now().date(), used=1)
    tasks.sample()
    assert UsageSample.objects.count() == 5
    assert UsageSample.objects.get(quota=robots).used == 1


def test_what_belongs_to_limits_that_are_gone_goes_too(robots):
    past(robots, (3, 10))
    services.request_limit(
        actor=make.SYSTEM, namespace=robots.namespace, resource=Resource.ROBOTS, wanted=200
    )
    kept = make.organization("kept", owner=make.user("ada"))
    services.set_limit(actor=make.SYSTEM, resource=Resource.ROBOTS, limit=5, namespace=kept.namespace)
    accounts.delete_organization(actor=make.SYSTEM, organization=Organization.objects.get(slug="acme"))
    tasks.sample()
    assert list(UsageSample.objects.values_list("quota__namespace__name", flat=True)) == ["kept"]
    assert not LimitRequest.objects.exists()

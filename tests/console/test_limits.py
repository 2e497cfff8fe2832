"""The page of limits: bars, thresholds, what is to be expected, and asking for more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.models import Notice
from quotas import services
from quotas.models import LimitRequest, Quota, Resource, UsageSample
from tests import make
from tests.console.entering import enter, person

pytestmark = pytest.mark.django_db
PAGE = "/o/acme/limits/"
GIB = 2**30


@pytest.fixture
def limited(acme):
    space = acme.namespace
    services.set_limit(actor=make.SYSTEM, resource=Resource.ROBOTS, limit=10, namespace=space)
    services.create_quota(actor=make.SYSTEM, namespace=space, limit_bytes=100 * GIB)
    for kind, percent in (("Warning", 80), ("Reject", 95)):
        services.add_threshold(actor=make.SYSTEM, namespace=space, kind=kind, percent=percent)
    return {row.resource: row for row in Quota.objects.filter(namespace=space)}


def text(client, path=PAGE):
    return client.get(path).content.decode()


def opened(client, user):
    """Return where somebody's only notification leads."""
    return client.get(f"/notifications/?open={Notice.objects.get(user=user).uuid}")["Location"]


def test_it_teaches_where_nothing_is_limited(acme):
    page = text(enter(person("member")))
    assert "Nothing is limited here" in page
    assert "ask-dialog" not in page


def test_thresholds_and_the_day_on_which_it_is_full_are_said(limited):
    client = enter(person("member"))
    assert "Warns at 80 % (80 GiB), refuses from 95 % (95 GiB)" in text(client)
    assert "can be told after a week of history" in text(client)
    Quota.objects.filter(pk=limited["bytes"].pk).update(used=60 * GIB)
    day = timezone.now().date() - timedelta(days=30)
    UsageSample.objects.create(quota=limited["bytes"], day=day, used=0)
    page = text(client)
    assert "Full in about 20 days, on " in page
    assert "at the pace of the last 30 days" in page
    assert "Without limit: Members, Projects" in page or "Without limit: Projects, Members" in page
    Quota.objects.filter(pk=limited["bytes"].pk).update(used=100 * GIB)
    assert "<p>Full.</p>" in text(client)
    Quota.objects.filter(pk=limited["bytes"].pk).update(used=101 * GIB)
    assert "Exceeded" in text(client)


def test_a_member_asks_and_reads_the_answer(limited, settings):
    settings.SUPERUSERS = frozenset({"stranger"})
    client = enter(person("member"))
    assert "selected>Storage" in text(client, f"{PAGE}?of=bytes")
    sent = {"do": "ask", "resource": "bytes", "wanted": "1,000 GiB", "reason": "Images"}
    assert client.post(f"{PAGE}?of=bytes", sent)["Location"] == PAGE
    request = LimitRequest.objects.get()
    assert request.wanted == 1000 * GIB
    assert "waiting for an answer" in text(client)
    assert f"{PAGE}?of=bytes" not in text(client)
    assert "asked for already" in client.post(PAGE, sent).content.decode()
    operator = enter(person("stranger"))
    assert opened(operator, person("stranger")) == "/admin/quotas/limitrequest/?status__exact=open"
    services.deny_limit_request(
        actor=make.actor(person("stranger")), request=request, answer="Clean up first"
    )
    assert "Clean up first" in text(client)
    assert opened(client, person("member")) == PAGE
    assert Notice.objects.filter(user=person("member")).count() == 1


@pytest.mark.parametrize("wanted", ["", "x", "-5", "1.5", "10", "9" * 40, "²", "7 GiB"])
def test_what_is_no_higher_limit_is_refused_in_the_dialog(limited, wanted):
    answer = enter(person("member")).post(PAGE, {"do": "ask", "resource": "robots", "wanted": wanted})
    assert answer.status_code == 200
    assert answer.context["forms"]["ask"].errors["wanted"]
    assert not LimitRequest.objects.exists()


def test_what_is_not_limited_cannot_be_asked_for(limited):
    answer = enter(person("member")).post(PAGE, {"do": "ask", "resource": "projects", "wanted": "7"})
    assert "Select a valid choice" in answer.content.decode()


def test_it_is_withdrawn_by_those_who_may_ask(limited):
    client = enter(person("member"))
    client.post(PAGE, {"do": "ask", "resource": "robots", "wanted": "20"})
    sent = {"do": "withdraw", "uuid": str(LimitRequest.objects.get().uuid)}
    auditor = enter(person("auditor"))
    assert "Withdraw" not in text(auditor)
    assert auditor.post(PAGE, sent).status_code == 403
    assert enter(person("stranger")).post(PAGE, sent).status_code == 403
    assert enter(person("creator")).post(PAGE, sent).status_code == 302
    assert LimitRequest.objects.get().status == "withdrawn"


def test_the_limit_is_raised_in_the_back_office(limited, settings):
    settings.SUPERUSERS = frozenset({"stranger"})
    enter(person("member")).post(PAGE, {"do": "ask", "resource": "robots", "wanted": "20"})
    row = LimitRequest.objects.get()
    page = text(enter(person("stranger")), f"/admin/quotas/limitrequest/{row.pk}/change/")
    assert "Approve" in page

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts import listing, services
from accounts.models import Organization
from core.actor import Actor
from core.errors import Conflict, Invalid
from logs.models import LogEntry
from portal import first_start
from projects.models import Project
from quotas import selectors as quotas
from tests import make

pytestmark = pytest.mark.django_db
VISITOR = Actor(dialect="console")


@pytest.fixture(autouse=True)
def keys(settings, tmp_path):
    settings.KEY_DIR = tmp_path / "keys"
    return settings.KEY_DIR


# The demo ------------------------------------------------------------------------------------------------


def test_an_empty_instance_gets_an_administrator_and_the_demo(settings):
    settings.DEMO = True
    given = first_start.give()
    user = services.sign_in(actor=VISITOR, username="admin", password=given.password)
    assert user.is_superuser
    assert given.secret == ""
    assert "northwind" in given.words
    assert first_start.give() == first_start.Given()


def test_the_demo_looks_like_a_company():
    out = StringIO()
    call_command("load_demo", stdout=out)
    assert out.getvalue().startswith("northwind: 20 people, 12 projects, ")
    assert Project.objects.filter(namespace__name="northwind").count() == 12
    # A month of history: something on every day, nothing from the future.
    days = LogEntry.objects.annotate(day=TruncDate("at")).values("day").annotate(entries=Count("pk"))
    assert len(days) >= 30
    assert all(day["entries"] >= 3 for day in days if day["day"] < timezone.now().date())
    assert not LogEntry.objects.filter(at__gt=timezone.now()).exists()
    # Its sentences can all be told.
    assert LogEntry.objects.values("kind").distinct().count() >= 15


def test_the_demo_has_a_past_and_something_to_attend_to():
    call_command("load_demo", stdout=StringIO())
    organization = Organization.objects.get(slug="northwind")
    now = timezone.now()
    assert (now - organization.created_at).days >= 365
    for made in (organization.teams, organization.memberships, organization.namespace.projects):
        assert all(thing.created_at < now - timedelta(days=30) for thing in made.all())
    # Everything was made after what it stands in, and nothing is said to have been done by nobody.
    first = LogEntry.objects.filter(namespace=organization.namespace).earliest("at", "pk")
    assert (first.kind, first.performer_name) == ("org_create", "amira")
    newest = LogEntry.objects.filter(namespace=organization.namespace).latest("at", "pk")
    assert newest.performer_name != "system"
    counts = listing.robot_counts(actor=Actor.of_system(), namespace=organization.namespace)
    assert counts == listing.RobotCounts(all=10, expiring=1, never=1, idle=1, unused=1, endless=3, disabled=1)
    limits = {quota.resource: (quota.used, quota.limit) for quota in organization.namespace.quotas.all()}
    assert limits["robots"] == (10, 12)
    forecasts = quotas.forecasts(numbers=organization.namespace.quotas.all())
    assert 0 < forecasts["bytes"].days < 60
    assert 0 < forecasts["robots"].days < 60
    seen = [one.user.seen_at for one in organization.memberships.select_related("user")]
    assert all(at is not None and organization.created_at < at < now for at in seen)


def test_the_demo_comes_once_and_whole():
    call_command("load_demo", stdout=StringIO())
    entries = LogEntry.objects.count()
    with pytest.raises(CommandError, match="already exists"):
        call_command("load_demo", stdout=StringIO())
    assert LogEntry.objects.count() == entries


def test_the_demo_may_be_owned_by_somebody():
    ada = make.user("ada")
    call_command("load_demo", "--owner", "ada", stdout=StringIO())
    assert list(ada.memberships.values_list("organization__slug", "role")) == [("northwind", "owner")]


# The first visit -----------------------------------------------------------------------------------------


@pytest.fixture
def secret(settings):
    settings.DEMO = False
    return first_start.give().secret


def set_up(secret, **fields):
    return services.set_up(actor=VISITOR, secret=secret, username="ada", password="correct-horse", **fields)


def test_the_printed_secret_makes_one_superuser(secret, keys, django_capture_on_commit_callbacks):
    assert services.first_run_is_open()
    with django_capture_on_commit_callbacks(execute=True):
        user = set_up(secret, email="ada@example.com")
    assert (user.username, user.is_superuser) == ("ada", True)
    assert LogEntry.objects.filter(kind="user_create").count() == 1
    # It is burned: not a trace of it is left, and it opens nothing.
    assert list(keys.iterdir()) == []
    assert not services.first_run_is_open()
    with pytest.raises(Conflict):
        set_up(secret)


def test_only_a_digest_is_kept_for_this_user_alone(secret, keys):
    (file,) = keys.iterdir()
    assert secret.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("wrong", ["", "wrong", "x" * 24])
def test_another_secret_is_refused(secret, wrong):
    with pytest.raises(Invalid) as refused:
        set_up(wrong)
    assert refused.value.field == "secret"
    assert services.first_run_is_open()


def test_a_new_start_voids_the_old_secret(secret):
    newer = first_start.give().secret
    with pytest.raises(Invalid):
        set_up(secret)
    assert set_up(newer)


def test_a_refused_password_burns_nothing(secret, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(Invalid):
        services.set_up(actor=VISITOR, secret=secret, username="ada", password="short")
    assert services.first_run_is_open()
    assert set_up(secret)


def test_without_an_offer_nothing_is_open(keys):
    assert not services.first_run_is_open()
    with pytest.raises(Invalid):
        set_up("")


def test_with_people_here_nothing_is_open(secret):
    make.user("somebody")
    assert not services.first_run_is_open()
    with pytest.raises(Conflict):
        set_up(secret)

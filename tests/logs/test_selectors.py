from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from accounts import services as accounts
from core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from core.paging import page_token
from logs import selectors, services
from logs.models import LogEntry
from tests import make
from tests.logs import written
from tests.logs.conftest import NOBODY
from tests.logs.written import END, START, WEEK

pytestmark = pytest.mark.django_db


# Who may read


def test_administrators_read_a_namespace_and_nobody_else(acme, owner):
    member = make.user("member")
    make.member(make.team(acme), member)
    written.entries(acme, 2)
    assert selectors.entries(actor=owner, namespace=acme.namespace, **WEEK).count() == 2
    for actor in (make.actor(member), make.actor(make.user("stranger"))):
        with pytest.raises(Forbidden):
            selectors.entries(actor=actor, namespace=acme.namespace, **WEEK)
        with pytest.raises(Forbidden):
            selectors.by_day(actor=actor, namespace=acme.namespace, **WEEK)
    with pytest.raises(Unauthenticated):
        selectors.entries(actor=NOBODY, namespace=acme.namespace, **WEEK)


def test_scopes_cap_reading(acme, owner):
    user = owner.user
    assert selectors.entries(actor=make.actor(user, "org:admin"), namespace=acme.namespace) is not None
    with pytest.raises(Forbidden):
        selectors.entries(actor=make.actor(user, "repo:admin user:admin"), namespace=acme.namespace)
    # Her own log is a matter of her account.
    assert selectors.entries(actor=make.actor(user, "user:admin"), namespace=user.namespace) is not None
    with pytest.raises(Forbidden):
        selectors.entries(actor=make.actor(user, "org:admin"), namespace=user.namespace)


def test_a_projects_log_is_for_its_administrators(acme, owner):
    project = make.project(acme)
    bo = make.user("bo")
    make.grant(project, "write", user=bo)
    told = written.of_project(project)
    written.entries(acme, 3)
    assert list(selectors.entries(actor=owner, project=project, **WEEK)) == [told]
    with pytest.raises(Forbidden):
        selectors.entries(actor=make.actor(bo), project=project)
    make.grant(project, "admin", user=bo)
    assert selectors.entries(actor=make.actor(bo), project=project, **WEEK).get() == told
    with pytest.raises(Forbidden):
        selectors.entries(actor=make.actor(bo), namespace=acme.namespace)


def test_the_whole_log_is_for_superusers(acme, owner, superuser, settings):
    written.entries(acme, 2)
    written.entries(superuser.user, 1)
    assert selectors.entries(actor=superuser, **WEEK).count() == 3
    with pytest.raises(Forbidden):
        selectors.entries(actor=owner)
    # Without full access a superuser does not read an organization's own log.
    with pytest.raises(Forbidden):
        selectors.entries(actor=superuser, namespace=acme.namespace)
    settings.READONLY_SUPERUSERS = {"watcher"}
    watcher = make.actor(make.user("watcher"))
    assert selectors.entries(actor=watcher, **WEEK).count() == 3
    assert selectors.entries(actor=watcher, namespace=acme.namespace, **WEEK).count() == 2


# What is found


def test_the_range_is_half_open_and_newest_comes_first(acme, owner):
    last = END - timedelta(microseconds=1)
    for at in (START - timedelta(microseconds=1), START, last, END):
        written.entry(acme, at).save()
    found = selectors.entries(actor=owner, namespace=acme.namespace, **WEEK)
    assert [entry.at for entry in found] == [last, START]
    with pytest.raises(Invalid):
        selectors.entries(actor=owner, namespace=acme.namespace, starts_at=END, ends_at=START)


FILTERS = [
    ({"performer": "bo"}, {"b"}),
    ({"performer": "b"}, set()),
    ({"kinds": ["create_team"]}, {"c"}),
    ({"kinds": ["create_team", "create_robot"]}, {"a", "b", "c", "d"}),
    ({"kinds": ["create_robot"], "performer": "bo"}, {"b"}),
    ({"search": "CREATE_TE"}, {"c"}),
    ({"search": "web-fr"}, {"d"}),
    ({"search": "192.168."}, {"b"}),
    ({"search": "deploy key"}, {"c"}),
    ({"search": 'say "hé" \\o/'}, {"a"}),
    ({"search": "100%"}, set()),
    ({"search": "_ob"}, set()),
    ({"search": "TE"}, {"a", "b", "c", "d"}),
    ({"search": "d"}, {"c", "d"}),
    ({"search": "HÉ"}, {"a"} if connection.vendor == "postgresql" else set()),
    ({"search": "0.0.9"}, set()),
    ({"search": "deploy key10"}, set()),
    ({"search": "robot\x1fbo"}, set()),
    ({"about": "web-front"}, {"d"}),
    ({"about": "web"}, set()),
    ({"credential": "deploy key"}, {"c"}),
    ({"ip": "192.168.3.1"}, {"b"}),
    ({"door": "quay"}, {"a"}),
    ({"door": "quay", "performer": "bo"}, set()),
]


@pytest.mark.parametrize(("by", "wanted"), FILTERS)
def test_filters(acme, owner, by, wanted):
    LogEntry.objects.bulk_create(
        [
            written.entry(acme, metadata={"mark": "a", "note": 'say "hé" \\o/'}, dialect="quay"),
            written.entry(acme, metadata={"mark": "b"}, performer_name="bo", ip="192.168.3.1"),
            written.entry(acme, metadata={"mark": "c"}, kind="create_team", credential_name="deploy key"),
            written.entry(acme, metadata={"mark": "d"}, project_name="web-front", ip=None),
        ]
    )
    found = selectors.entries(actor=owner, namespace=acme.namespace, **WEEK, **by)
    assert {entry.metadata["mark"] for entry in found} == wanted
    counted = selectors.by_day(actor=owner, namespace=acme.namespace, **WEEK, **by)
    assert sum(day.count for day in counted) == len(wanted)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no index of texts")
def test_a_text_is_found_by_its_index(superuser):
    found = selectors.entries(actor=superuser, search='say "hé" 100%').order_by()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # so small a table is read as a whole
        told = found.explain()
    assert "Bitmap Index Scan on logs_logentry_past_by_text" in told


# Pages


def test_pages_show_every_entry_once_even_of_one_moment(acme, owner):
    written.entries(acme, 30, step=timedelta())
    written.entries(acme, 25)
    rows = selectors.entries(actor=owner, namespace=acme.namespace, **WEEK)
    seen: list[LogEntry] = []
    token, pages = "", 0
    while pages == 0 or token:
        page = selectors.page(rows, next_page=token)
        seen, token, pages = [*seen, *page.entries], page.next_page, pages + 1
        # What comes in meanwhile moves nothing.
        written.entry(acme, END - timedelta(seconds=1)).save()
    assert pages == 3
    assert [len(seen), len({entry.pk for entry in seen})] == [55, 55]
    assert seen == sorted(seen, key=lambda entry: (entry.at, entry.pk), reverse=True)


@pytest.mark.parametrize(
    "after",
    [
        None,
        {"id": 1},
        {"at": "yesterday", "id": 1},
        {"at": "2025-03-01T00:00:00", "id": 1},
        {"at": "2025-03-01T00:00:00+00:00", "id": "1"},
        {"at": 7, "id": 1},
    ],
)
def test_an_unreadable_token_is_the_first_page(acme, owner, after):
    token = page_token(after) if after else "nonsense"
    entries = written.entries(acme, 3)
    rows = selectors.entries(actor=owner, namespace=acme.namespace, **WEEK)
    page = selectors.page(rows, next_page=token, size=2)
    assert list(page.entries) == [entries[2], entries[1]]
    assert page.next_page


@pytest.mark.parametrize("size", [1, 50])
def test_a_page_costs_one_query_whatever_it_shows(acme, owner, size, django_assert_num_queries):
    project = make.project(acme)
    for number in range(size):
        written.of_project(project, START + timedelta(minutes=number))
    rows = selectors.entries(actor=owner, namespace=acme.namespace, **WEEK)
    with django_assert_num_queries(1):
        page = selectors.page(rows, size=100)
        told = [
            (e.kind, e.namespace_name, e.project_name, e.performer_name, e.metadata) for e in page.entries
        ]
    assert len(told) == size


def test_the_pages_of_a_namespace_are_those_of_its_entries(acme, owner):
    written.entries(acme, 30, step=timedelta())
    written.entries(acme, 25)
    written.entries(make.organization("other"), 5)
    for starts_at, ends_at in ((START, END), (START, START + timedelta(minutes=7)), (END, END)):
        asked = {"actor": owner, "namespace": acme.namespace, "starts_at": starts_at, "ends_at": ends_at}
        token, pages = "", 0
        while pages == 0 or token:
            page = selectors.page_of_namespace(**asked, next_page=token)
            general = selectors.page(selectors.entries(**asked), next_page=token)
            assert (page.entries, bool(page.next_page)) == (general.entries, bool(general.next_page))
            token, pages = page.next_page, pages + 1
        first = selectors.page_of_namespace(**asked)
        assert selectors.page_of_namespace(**asked, next_page="nonsense").entries == first.entries
    with pytest.raises(Invalid):
        selectors.page_of_namespace(actor=owner, namespace=acme.namespace, starts_at=END, ends_at=START)
    stranger = make.actor(make.user("stranger"))
    with pytest.raises(Forbidden):
        selectors.page_of_namespace(actor=stranger, namespace=acme.namespace, **WEEK)


def test_a_list_costs_two_queries_in_all(acme, owner, django_assert_num_queries):
    written.entries(acme, 30)
    with django_assert_num_queries(2):  # how the actor belongs to the organization, and the page
        selectors.page(selectors.entries(actor=owner, namespace=acme.namespace, **WEEK))


# Days


def test_days_are_counted_by_kind_in_utc(acme, owner, django_assert_num_queries):
    midnight = datetime(2025, 3, 3, tzinfo=UTC)
    for at in (midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23, minutes=59)):
        written.entry(acme, at).save()
    written.entry(acme, midnight, kind="create_team").save()
    selectors.require_reader(owner, acme.namespace, None)  # asked once a request
    with django_assert_num_queries(1):
        found = selectors.by_day(actor=owner, namespace=acme.namespace, **WEEK)
    assert found == [
        selectors.DayCount("create_robot", date(2025, 3, 2), 1),
        selectors.DayCount("create_robot", date(2025, 3, 3), 2),
        selectors.DayCount("create_team", date(2025, 3, 3), 1),
    ]


# Exports


def test_exports_are_shown_to_who_may_export(acme, owner, superuser):
    project = make.project(acme)
    of_acme = services.request_export(actor=owner, namespace=acme.namespace, **WEEK)
    of_project = services.request_export(actor=owner, project=project, **WEEK)
    of_all = services.request_export(actor=superuser, **WEEK)
    assert list(selectors.exports(actor=owner, namespace=acme.namespace)) == [of_project, of_acme]
    assert list(selectors.exports(actor=owner, project=project)) == [of_project]
    assert list(selectors.exports(actor=superuser)) == [of_all, of_project, of_acme]
    assert selectors.export(actor=owner, uuid=str(of_acme.uuid)) == of_acme
    stranger = make.actor(make.user("stranger"))
    with pytest.raises(Forbidden):
        selectors.exports(actor=stranger, namespace=acme.namespace)
    with pytest.raises(Forbidden):
        selectors.exports(actor=owner)
    for actor, uuid in [(stranger, of_acme.uuid), (owner, of_all.uuid), (owner, uuid4())]:
        with pytest.raises(NotFound):
            selectors.export(actor=actor, uuid=uuid)
    with pytest.raises(NotFound):
        selectors.export(actor=owner, uuid="nonsense")
    bo = make.user("bo")
    make.grant(project, "admin", user=bo)
    assert selectors.export(actor=make.actor(bo), uuid=of_project.uuid) == of_project
    accounts.delete_organization(actor=owner, organization=acme)
    with pytest.raises(NotFound):
        selectors.export(actor=make.actor(bo), uuid=of_acme.uuid)

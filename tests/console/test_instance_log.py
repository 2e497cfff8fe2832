"""The log over all namespaces in the console: who reads it, what narrows it, and the files made of it."""

import pytest
from django.utils import timezone

from accounts.models import Namespace, User
from logs.exports.file import rows_of
from logs.models import LogEntry, LogExport
from tests import make
from tests.console.entering import enter
from tests.console.test_rooms import BUDGET

pytestmark = pytest.mark.django_db

PAGES = ("/logs/", "/exports/")


@pytest.fixture
def instance(settings):
    """Make two organizations, an operator and somebody who reads everything."""
    settings.SUPERUSERS = frozenset({"operator"})
    settings.READONLY_SUPERUSERS = frozenset({"reader"})
    for name in ("acme", "globex"):
        organization = make.organization(name, owner=make.user(f"{name}-owner"))
        make.robot(organization, "ci")
    return {name: make.user(name) for name in ("operator", "reader")}


def names(page):
    return {line.entry.namespace_name for line, _ in page.context["lines"]}


@pytest.mark.parametrize("who", ["operator", "reader"])
@pytest.mark.parametrize("path", PAGES)
def test_superusers_and_readers_of_everything_come_in(instance, who, path):
    page = enter(instance[who]).get(path)
    assert page.status_code == 200
    assert 'href="/logs/"' in page.content.decode()
    assert 'href="/exports/"' in page.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_nobody_else_comes_in_or_is_shown_the_way(instance, path):
    client = enter(make.user("stranger"))
    assert client.get(path).status_code == 403
    assert f'href="{path}"' not in client.get("/").content.decode()
    assert client.post("/logs/", {"do": "export"}).status_code == 403
    assert not LogExport.objects.exists()


def test_it_holds_every_namespace_and_is_narrowed_to_one(instance):
    client = enter(instance["operator"])
    assert {"acme", "globex"} <= names(client.get("/logs/"))
    page = client.get("/logs/?namespace=GLOBEX")
    assert names(page) == {"globex"}
    assert page.context["narrowed"] == [("of GLOBEX", "/logs/")]
    robot = client.get("/logs/?namespace=acme&kind=create_robot")
    assert names(robot) == {"acme"}
    assert robot.context["chart"].total == 1
    assert client.get("/logs/?namespace=nowhere").context["lines"] == []
    assert client.get("/logs/?namespace=nowhere").context["chart"].total == 0
    assert (
        client.get("/logs/?namespace=acme").context["chart"].total
        == LogEntry.objects.filter(namespace_name="acme").count()
    )
    line = next(line for line, _ in client.get("/logs/?kind=create_robot").context["lines"])
    assert line.only_there == f"/logs/?kind=create_robot&namespace={line.entry.namespace_name}"


def test_the_log_of_an_organization_is_not_opened_by_that_field(instance):
    third = make.user("third-owner")
    make.organization("third", owner=third)
    page = enter(third).get("/o/third/logs/?namespace=acme")
    assert names(page) == {"third"}


def test_an_export_of_everything_obeys_the_filter(instance):
    client = enter(instance["operator"])
    answer = client.post("/logs/?namespace=globex&kind=create_robot", {"do": "export"})
    export = LogExport.objects.get()
    assert answer["Location"] == f"/exports/{export.uuid}/"
    assert export.namespace is None
    assert export.filters == {"kinds": ["create_robot"], "space": "globex"}
    assert [(row.kind, row.namespace_name) for row in rows_of(export)] == [("create_robot", "globex")]
    page = client.get(answer["Location"])
    assert page.context["narrowed"] == ["Create robot", "of globex"]
    assert "namespace=globex" in page.context["again"]
    shown = client.get("/exports/").content.decode()
    assert "of globex" in shown
    assert f'href="/exports/{export.uuid}/"' in shown
    client.post(answer["Location"])
    export.refresh_from_db()
    assert export.status == "cancelled"
    again = client.get(answer["Location"]).context["again"]
    assert client.get(again).context["chart"].total == 1


def test_who_reads_everything_exports_and_cancels_nothing(instance):
    reader = enter(instance["reader"])
    assert "export-dialog" not in reader.get("/logs/").content.decode()
    assert reader.post("/logs/", {"do": "export"}).status_code == 403
    export = LogExport.objects.create(starts_at=timezone.now(), ends_at=timezone.now())
    assert reader.get(f"/exports/{export.uuid}/").status_code == 200
    assert reader.post(f"/exports/{export.uuid}/").status_code == 403
    assert LogExport.objects.get().status == "queued"


def test_exports_of_organizations_stand_there_too(instance):
    space = Namespace.objects.get(name="acme")
    export = LogExport.objects.create(
        namespace=space, namespace_name="acme", starts_at=timezone.now(), ends_at=timezone.now()
    )
    operator = enter(instance["operator"])
    assert f'href="/exports/{export.uuid}/"' in operator.get("/exports/").content.decode()
    assert operator.get(f"/exports/{export.uuid}/").status_code == 200
    # The other way round there is no way: an organization's page shows its own alone.
    owner = enter(User.objects.get(username="acme-owner"))
    assert owner.get(f"/o/acme/exports/{export.uuid}/").status_code == 200
    other = LogExport.objects.create(starts_at=timezone.now(), ends_at=timezone.now())
    assert owner.get(f"/o/acme/exports/{other.uuid}/").status_code == 404


@pytest.mark.parametrize("path", ["/logs/", "/logs/?namespace=acme&q=ci&group=change", "/exports/"])
def test_pages_of_the_instance_ask_the_same_at_any_size(instance, path, django_assert_max_num_queries):
    found = []
    for number in range(2):
        client = enter(instance["operator"])
        client.get(path)
        with django_assert_max_num_queries(BUDGET) as asked:
            assert client.get(path).status_code == 200
        found.append(len(asked))
        for more in range(20 * (1 - number)):
            make.robot(make.organization(f"more{more}", owner=make.user(f"more{more}-owner")), "ci")
            LogExport.objects.create(starts_at=timezone.now(), ends_at=timezone.now())
    assert found[0] == found[1]

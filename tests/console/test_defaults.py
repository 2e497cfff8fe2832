"""Default permissions in the console: made, changed, removed; and what new projects get by them."""

import pytest

from logs.models import LogEntry
from permissions.models import DefaultGrant, Grant
from projects import services
from tests import make
from tests.console.entering import enter

pytestmark = pytest.mark.django_db
HERE = "/o/acme/defaults/"


@pytest.fixture
def owner():
    return make.user("owner")


@pytest.fixture
def acme(owner):
    acme = make.organization(owner=owner)
    make.team(acme)
    make.robot(acme)
    make.user("bo")
    return acme


def test_rules_are_made_and_changed_in_another_language(acme, owner):
    client, german = enter(owner), {"accept-language": "de"}
    form = {"do": "create", "holder": "@devs", "role": "write", "creator": ""}
    assert client.post(HERE, form, headers=german)["Location"] == HERE
    rule = DefaultGrant.objects.get()
    assert rule.role == "write"
    form = {"do": "change", "uuid": str(rule.uuid), "role": "read"}
    # The dialog is not opened again.
    assert client.post(f"{HERE}?rule={rule.uuid}", form, headers=german)["Location"] == HERE
    rule.refresh_from_db()
    assert rule.role == "read"


def test_rules_are_made_changed_and_removed_and_new_projects_follow(acme, owner):
    client = enter(owner)
    for holder, role, creator in (
        ("@devs", "write", ""),
        ("acme+ci", "read", ""),
        ("bo", "admin", "owner"),
    ):
        form = {"do": "create", "holder": holder, "role": role, "creator": creator}
        assert client.post(HERE, form)["Location"] == HERE
    page = client.get(HERE).content.decode()
    assert "acme<wbr>+ci" in page or "acme+ci" in page
    project = make.project(acme, "by-system")
    assert set(Grant.objects.filter(project=project).values_list("role", flat=True)) == {"write", "read"}

    rule = DefaultGrant.objects.get(team__slug="devs")
    assert 'id="change-dialog"' in client.get(f"{HERE}?rule={rule.uuid}").content.decode()
    client.post(HERE, {"do": "change", "uuid": str(rule.uuid), "role": "read"})
    rule.refresh_from_db()
    assert rule.role == "read"
    assert Grant.objects.get(project=project, team__slug="devs").role == "write", "what exists stays"
    client.post(HERE, {"do": "remove", "uuid": str(rule.uuid)})
    assert not DefaultGrant.objects.filter(team__slug="devs").exists()
    kinds = LogEntry.objects.filter(kind__contains="prototype").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [
        "create_prototype_permission",
        "create_prototype_permission",
        "create_prototype_permission",
        "modify_prototype_permission",
        "delete_prototype_permission",
    ]


@pytest.mark.parametrize(
    "form",
    [
        {"holder": "@nothing", "role": "read"},
        {"holder": "nobody", "role": "read"},
        {"holder": "globex+ci", "role": "read"},
        {"holder": "@ours", "role": "read"},
        {"holder": "bo", "role": "owner"},
        {"holder": "", "role": "read"},
        {"holder": "bo", "role": "read", "creator": "nobody"},
        {"holder": "bo", "role": "read", "creator": "globex+ci"},
        {"holder": "bo\0", "role": "read"},
        {"holder": "x" * 600, "role": "read"},
    ],
)
def test_bad_rules_are_told_in_the_dialog_and_change_nothing(acme, owner, form):
    globex = make.organization("globex", owner=make.user("gil"))
    make.robot(globex)
    make.team(globex, "ours")
    answer = enter(owner).post(HERE, {"do": "create", **form})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode() or "error" in answer.content.decode()
    assert not DefaultGrant.objects.exists()


def test_a_rule_of_another_tenant_is_none(acme, owner):
    globex = make.organization("globex", owner=make.user("gil"))
    rule = services.create_default_grant(
        actor=make.SYSTEM, organization=globex, role="read", team=make.team(globex)
    )
    client = enter(owner)
    assert client.get(f"{HERE}?rule={rule.uuid}").status_code == 404
    for form in ({"do": "change", "role": "admin"}, {"do": "remove"}):
        assert client.post(HERE, form | {"uuid": str(rule.uuid)}).status_code == 404
    rule.refresh_from_db()
    assert rule.role == "read"

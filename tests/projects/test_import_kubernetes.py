"""The import of a real organization, where its files lie beside the project."""

from time import monotonic

import pytest
from django.db.models import Count

from accounts.models import Membership, Organization, Team, TeamMember, User
from logs.models import LogEntry
from permissions.models import Grant
from projects.models import Project
from projects.services import importing
from quotas.models import Quota
from tests import make
from tests.kubernetes import DIRECTORY, needs_files

pytestmark = [pytest.mark.django_db, needs_files]
SECONDS = 60
# The files write the names of 1,285 people. GitHub does not tell upper from lower case, and nine of them are
# written in two ways: Champbreed in one list, champbreed in another.
SPELLINGS, PEOPLE, TEAMS, REPOSITORIES, GRANTS, SEATS = 1285, 1276, 284, 78, 156, 1690


def run(files):
    return importing.import_organization(actor=make.SYSTEM, name="kubernetes", files=files)


def test_the_real_organization_is_imported_whole_and_once():
    began = monotonic()
    files = importing.read(DIRECTORY)
    assert (files.spellings, len(files.people())) == (SPELLINGS, PEOPLE)
    plan = run(files)
    took = monotonic() - began
    assert took < SECONDS
    org = Organization.objects.select_related("namespace", "account").get(slug="kubernetes")

    assert User.objects.count() == PEOPLE
    by_role = Membership.objects.filter(organization=org).values_list("role").annotate(count=Count("pk"))
    assert dict(by_role.order_by()) == {"owner": 1, "admin": 9, "member": PEOPLE - 10}
    assert Team.objects.filter(organization=org).count() == TEAMS
    assert Team.objects.filter(organization=org).exclude(parent=None).count() == 42
    assert Team.objects.filter(organization=org, role="admin").values_list("slug").get() == ("owners",)
    assert TeamMember.objects.filter(team__organization=org).count() == SEATS
    assert Project.objects.filter(namespace=org.namespace, visibility="public").count() == REPOSITORIES
    granted = Grant.objects.values_list("role").annotate(count=Count("pk"))
    assert dict(granted.order_by()) == {"admin": 92, "write": 55 + 1, "read": 4 + 4}
    assert Grant.objects.count() == GRANTS

    managers = Team.objects.get(organization=org, slug="release-managers")
    assert managers.previous_names == ["kubernetes-release-managers"]
    assert User.objects.get(username="champbreed").name == "Champbreed"
    assert User.objects.filter(username="249043822").exists()
    for resource, count in (("members", PEOPLE), ("projects", REPOSITORIES)):
        assert Quota.objects.get(namespace=org.namespace, resource=resource).used == count
        assert Quota.objects.get(account=org.account, resource=resource).used == count
    told = LogEntry.objects.values_list("kind").annotate(count=Count("pk")).order_by()
    assert dict(told) == {
        "user_create": PEOPLE,
        "org_create": 1,
        "org_change_profile": 1,
        "org_change_invoicing": 1,
        "org_set_member_role": PEOPLE - 1,
        "org_create_team": TEAMS - 1,
        "org_set_team_description": 1,
        "org_add_team_member": SEATS - 1,
        "org_set_team_maintainer": 1,
        "create_repo": REPOSITORIES,
        "change_repo_permission": GRANTS,
        "org_import": 1,
    }
    assert len(plan.mapped) == 220

    began = monotonic()
    again = run(importing.read(DIRECTORY))
    assert monotonic() - began < SECONDS
    assert again.is_empty
    assert again.kept == []
    assert LogEntry.objects.filter(kind="org_import").count() == 1


def test_rows_are_written_in_bulk(django_assert_max_num_queries):
    files = importing.read(DIRECTORY)
    with django_assert_max_num_queries(300):  # SQLite takes few rows at a time
        run(files)
    with django_assert_max_num_queries(30):
        run(files)

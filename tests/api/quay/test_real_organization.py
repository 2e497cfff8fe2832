"""A real organization, imported and found again through the wire with a real token."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from tests import make

DIRECTORY = Path(__file__).resolve().parents[4] / "shared" / "data" / "kubernetes-org"
# 1,285 spellings of logins, nine of which are a second spelling of the same person.
PEOPLE, TEAMS, PROJECTS, GRANTS = 1276, 284, 78, 156

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    if not DIRECTORY.is_dir():
        pytest.skip("NOT TESTED: the real organization is not beside the project")
    call_command("import_org", "kubernetes", str(DIRECTORY), verbosity=0)
    admin = User.objects.get(username="nikhita")
    client = Client(headers={"authorization": f"Bearer {make.token(admin)}"})
    client.get("/api/v1/user/")  # the token's first use is noted, which costs a query more
    return client


def get(client, path):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def projects(client):
    found, page = [], ""
    while True:
        body = get(client, f"repository?namespace=kubernetes&next_page={page}")
        found += [one["name"] for one in body["repositories"]]
        page = body.get("next_page")
        if not page:
            return found


def test_everything_is_found_again(client, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        organization = get(client, "organization/kubernetes")
    with django_assert_max_num_queries(8):
        members = get(client, "organization/kubernetes/members")["members"]
    teams = organization["teams"]
    assert len(members) == PEOPLE
    assert len(teams) == TEAMS
    assert sum(team["member_count"] for team in teams.values()) == sum(len(one["teams"]) for one in members)
    names = projects(client)
    assert len(set(names)) == len(names) == PROJECTS
    granted = {name: get(client, f"repository/kubernetes/{name}/permissions/team/") for name in names}
    assert sum(len(one["permissions"]) for one in granted.values()) == GRANTS
    assert sum(team["repo_count"] for team in teams.values()) == GRANTS
    assert granted["client-go"]["permissions"]["client-go-admins"]["role"] == "admin"
    # GitHub's triage and maintain are read and write here.
    roles = {entry["role"] for one in granted.values() for entry in one["permissions"].values()}
    assert roles == {"read", "write", "admin"}


def test_a_person_is_found_with_her_teams(client):
    found = get(client, "organization/kubernetes/members/deads2k")
    assert {"api-approvers", "api-reviewers", "client-go-admins"} <= {team["name"] for team in found["teams"]}
    entities = get(client, "entities/deads?namespace=kubernetes")["results"]
    assert [one["name"] for one in entities] == ["deads2k"]

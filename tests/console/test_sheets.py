"""Members and credentials as files: what is in them, for whom, and no cell that is a formula."""

import csv
import io
from typing import Any

import pytest

from accounts import services as accounts
from accounts.models import User
from core.sheets import sheet
from logs.models import LogEntry
from tests import make
from tests.console.entering import enter, person
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

pytestmark = pytest.mark.django_db
PAGES = ["/o/acme/members/", "/o/acme/credentials/"]


def read(client, path):
    answer: Any = client.post(path, {"do": "csv"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="acme-')
    return b"".join(answer.streaming_content).decode()


def take(client, path):
    return list(csv.DictReader(io.StringIO(read(client, path))))


def test_no_cell_begins_a_formula():
    lines = b"".join(
        sheet(["a"], [["=1+1"], ["+1"], ["-1"], ["@x"], ["\t"], [True], [None], ["a,b"]])
    ).decode()
    wanted = ["a", "'=1+1", "'+1", "'-1", "'@x", "'\t", "true", '""', '"a,b"', ""]
    assert lines.split("\r\n") == wanted


def test_members_are_told_with_roles_teams_and_grants(acme):
    User.objects.filter(username="member").update(name="=cmd|calc")
    make.grant(acme.namespace.projects.get(slug="web"), "read", user=person("member"))
    found = {row["username"]: row for row in take(enter(person("admin")), PAGES[0])}
    assert found.keys() == {"admin", "auditor", "creator", "member", "owner"}
    row = found["member"]
    assert (row["name"], row["role"], row["teams"]) == ("'=cmd|calc", "member", "devs")
    assert row["projects_granted_directly"] == "web"
    assert row["second_factor"] == "false"
    assert found["owner"]["role"] == "owner"
    told = LogEntry.objects.get(kind="export_members")
    assert (told.performer_name, told.namespace_name, told.metadata) == ("admin", "acme", {})


def test_what_is_narrowed_on_the_page_is_narrowed_in_the_file(acme):
    client = enter(person("auditor"))
    assert [row["username"] for row in take(client, f"{PAGES[0]}?role=admin")] == ["admin"]
    assert [row["username"] for row in take(client, f"{PAGES[0]}?q=creat")] == ["creator"]
    assert LogEntry.objects.filter(kind="export_members").latest("pk").metadata == {
        "filter": {"search": "creat"}
    }
    issued = {"actor": make.SYSTEM, "kind": Kind.KEY, "organization": acme}
    for title in ("Nightly", "Other"):
        tokens.create_token(title=title, **issued)
    assert [row["title"] for row in take(client, f"{PAGES[1]}?q=night")] == ["Nightly"]
    assert [row["kind"] for row in take(client, f"{PAGES[1]}?kind=key")] == ["key", "key"]


def test_no_secret_is_in_the_list_of_credentials(acme):
    _, secret = tokens.create_token(actor=make.SYSTEM, kind=Kind.KEY, organization=acme, title="Nightly")
    text = read(enter(person("admin")), PAGES[1])
    assert "Nightly" in text
    assert secret not in text
    for token in Credential.objects.all():
        assert not token.digest or str(token.digest) not in text


@pytest.mark.parametrize("path", PAGES)
def test_nobody_else_takes_them(acme, path):
    for name in ("stranger", "member", "creator"):
        assert enter(person(name)).post(path, {"do": "csv"}).status_code == 403
    assert not LogEntry.objects.filter(kind__in=["export_members", "export_credentials"]).exists()
    assert "As a CSV file" in enter(person("auditor")).get(path).content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_a_file_costs_the_same_at_any_size(acme, path, django_assert_max_num_queries):
    client, found = enter(person("owner")), []
    take(client, path)
    for number in range(2):
        with django_assert_max_num_queries(12) as asked:
            take(client, path)
        found.append(len(asked))
        for more in range(20 * (1 - number)):
            user = make.user(f"grown{more}")
            accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=user, role="member")
            tokens.create_token(actor=make.SYSTEM, kind=Kind.KEY, organization=acme, title=f"grown{more}")
    assert found[0] == found[1]

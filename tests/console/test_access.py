"""The rooms that explain access: what they say, what they must not know, and the files they give."""

import csv
import io
import json
import re

import pytest

from accounts import services as accounts
from accounts.models import Team, User
from logs.models import LogEntry
from permissions.catalogue import ORGANIZATION_LEVEL
from permissions.matrix import Filter, Matrix
from permissions.resolver import PERSON
from permissions.selectors import facts
from tests import make
from tests.console.entering import enter, person

pytestmark = pytest.mark.django_db
WHY = "/o/acme/access/"
MATRIX = "/o/acme/access/matrix/"


def page(path, name="owner"):
    answer = enter(person(name)).get(path)
    assert answer.status_code == 200
    return text_of(answer)


def text_of(answer):
    text = re.sub(r"<wbr>", "", answer.content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def test_every_way_is_told_and_which_decides(acme):
    make.grant(acme.namespace.projects.get(slug="web"), "read", user=person("member"))
    text = page(f"{WHY}?who=member&project=web")
    assert "member has write on web" in text
    assert "Write by team devs decides" in text
    assert "Read granted directly" in text
    assert "A grant on the project itself: admin" in text
    assert "The role administrator in acme" in text
    text = page(f"{WHY}?who=admin&project=web")
    assert "Admin of acme, and so admin of its projects" in text
    assert "What would give" not in text
    assert "admin granted" not in text


def test_why_not_says_what_would_open_it(acme):
    text = page(f"{WHY}?who=creator&project=web")
    assert "creator has no access to web" in text
    assert "A grant on the project itself: read or more" in text
    assert "A place in the team devs , which has write" in text
    assert "Making the project public lets everybody read it" in text
    text = page(f"{WHY}?who=stranger&project=web")
    assert "stranger has no access to web" in text
    assert "Not a member of acme" in text
    text = page(f"{WHY}?who=acme%2Bci&project=site")
    assert "acme+ci has read on site" in text
    assert "The project is public" in text
    assert "administrator" not in text.partition("What would give more")[2].partition("Look further")[0]


def test_a_disabled_bearer_is_marked(acme):
    accounts.change_user(actor=make.SYSTEM, user=person("member"), enabled=False)
    assert "None of it works until member is enabled again" in page(f"{WHY}?who=member&project=web")


def test_one_alone_gives_a_list(acme):
    text = page(f"{WHY}?who=@devs")
    assert re.search(r"web write Write granted directly", text)
    text = page(f"{WHY}?project=web")
    for line in ("member write Write by team devs", "acme+ci write", "writer write", "owner admin"):
        assert line in text
    assert "creator" not in text.partition("Decided by")[2]
    assert "only those who may do more are listed" in page(f"{WHY}?project=site")


def test_a_piece_of_a_name_finds_who_is_meant(acme):
    text = page(f"{WHY}?who=WRI&project=we")
    assert "Who is meant?" in text
    assert "writer" in text
    assert "Which project is meant?" in text
    assert "Nobody here is called so" in page(f"{WHY}?who=nobody-of-that-name")
    assert "No project fits" in page(f"{WHY}?project=nothing")


@pytest.fixture
def other(acme):
    """Make another tenant with things of telling names."""
    other = make.organization("other", owner=make.user("rival"))
    secret = make.project(other, "secret")
    make.grant(secret, "write", team=make.team(other, "theirs"))
    make.grant(secret, "write", robot=make.robot(other, "zebra"))
    return other


def test_other_tenants_names_never_resolve(acme, other):
    for query in ("who=@theirs", "who=other%2Bzebra", "who=theirs", "who=zebra", "who=other%2Bci"):
        text = page(f"{WHY}?{query}")
        assert "Nobody here is called so" in text, query
    for query in ("project=secret", "project=other/secret", "project=secr"):
        assert "No project fits" in page(f"{WHY}?{query}"), query
    text = page(MATRIX)
    for name in ("rival", "theirs", "zebra", "secret"):
        assert name not in text
    # A person of the instance may be asked about: whatever she has elsewhere is not told.
    text = page(f"{WHY}?who=rival")
    assert "secret" not in text
    assert "theirs" not in text
    # Whoever administers the other one learns nothing of this one.
    assert enter(person("rival")).get(WHY).status_code == 403
    assert enter(person("rival")).get(f"{MATRIX}?project=web").status_code == 403
    assert enter(person("rival")).post(MATRIX, {"do": "csv"}).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "who=%00&project=%00",
        "who=%40",
        "who=%2B",
        "who=" + "x" * 600,
        "level=king&source=x&kind=x",
        "start=-1&from=-1",
        "start=99999999999&from=99999999999",
        "start=90&from=90",
        "q=%F0%9F%9A%80&project=%25",
    ],
)
def test_nonsense_in_the_address_is_a_page_all_the_same(acme, query):
    for path in (WHY, MATRIX):
        assert enter(person("owner")).get(f"{path}?{query}").status_code == 200


def test_names_of_projects_are_offered_to_who_sees_them(acme):
    def offered(name, typed):
        answer = enter(person(name)).get(f"/o/acme/suggest/?kinds=projects&project={typed}")
        return re.findall(r'<option value="([^"]*)">', answer.content.decode())

    assert offered("owner", "e") == ["site", "web"]
    assert offered("creator", "e") == ["site"]
    assert offered("owner", "") == []


# The matrix ----------------------------------------------------------------------------------------------


def test_the_matrix_shows_each_role_with_its_reason(acme):
    answer = enter(person("owner")).get(MATRIX)
    assert (
        '<a class="badge good" href="/o/acme/access/?who=member&amp;project=web"' in answer.content.decode()
    )
    assert "write on web: Write by team devs" in text_of(answer)
    assert "@devs" in text_of(answer)
    assert "outside collaborator" in text_of(answer)


def cells(wanted, organization):
    matrix = Matrix(facts(actor=make.SYSTEM, organization=organization), wanted)
    names, slugs = matrix.facts.bearers, matrix.facts.projects
    return {(names[row.key].name, slugs[row.project].slug, row.role) for row in matrix.rows()}


def test_filters_leave_what_fits_and_nothing_else(acme):
    mirror = make.team(acme, "mirror", role="creator")
    make.member(mirror, person("creator"))
    make.grant(acme.namespace.projects.get(slug="site"), "write", team=mirror)
    Team.objects.filter(pk=mirror.pk).update(sync_service="oidc")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person("owner"), role="owner")
    everything = cells(Filter(), acme)
    found = facts(actor=make.SYSTEM, organization=acme)
    assert everything == {
        (found.bearers[key].name, found.projects[pk].slug, role)
        for key in found.bearers
        for pk in found.projects
        for role in ("read", "write", "admin")
        if (paths := found.paths(key, pk)) and {1: "read", 2: "write", 3: "admin"}[paths[0].level] == role
    }
    for level in ("read", "write", "admin"):
        assert cells(Filter(level=level), acme) == {one for one in everything if one[2] == level}
    direct = cells(Filter(source="direct"), acme)
    assert direct == {
        ("writer", "web", "write"),
        ("@devs", "web", "write"),
        ("acme+ci", "web", "write"),
        ("@mirror", "site", "write"),
    }
    assert {who for who, *_ in cells(Filter(source="outside"), acme)} == {"writer"}
    assert cells(Filter(source="synced"), acme) == {("creator", "site", "write")}
    assert {who for who, *_ in cells(Filter(kind="team"), acme)} == {"@owners", "@devs", "@mirror"}
    assert {slug for _, slug, _ in cells(Filter(project="WE"), acme)} == {"web"}
    assert {who for who, *_ in cells(Filter(holder="writ"), acme)} == {"writer"}
    # Rows and columns without a single cell that fits go.
    narrow = Matrix(found, Filter(source="direct", level="write", holder="writer"))
    assert [found.bearers[key].name for key in narrow.keys] == ["writer"]
    assert [found.projects[pk].slug for pk in narrow.projects] == ["web"]


def test_both_directions_are_paged(acme):
    for number in range(30):
        make.project(acme, f"p{number:02}")
        make.robot(acme, f"r{number:02}")
    text = page(f"{MATRIX}?kind=robot&start=25&from=20")
    assert "21\N{EN DASH}30 of 32 projects" in text
    assert "26\N{EN DASH}31 of 31 rows" in text
    answer = enter(person("owner")).get(MATRIX, headers={"hx-request": "true"})
    assert "<html" not in answer.content.decode()


def taken(name, do, query=""):
    answer = enter(person(name)).post(f"{MATRIX}{query}", {"do": do})
    assert answer.status_code == 200
    return answer, b"".join(answer).decode()


def test_the_file_for_spreadsheets(acme):
    evil = '=cmd|"/c calc",\r\n@x'
    User.objects.filter(username="member").update(name=evil)
    answer, text = taken("admin", "csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="acme-access-\d{4}-\d\d-\d\d\.csv"', answer["Content-Disposition"]
    )
    assert text.count("\r\n") >= 8
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    matrix = cells(Filter(), acme)
    assert {(line["name"], line["project"], line["role"]) for line in lines} == {
        (who.removeprefix("@"), slug, role) for who, slug, role in matrix
    }
    mine = next(line for line in lines if line["name"] == "member" and line["project"] == "web")
    assert mine["display_name"] == f"'{evil}"
    assert (mine["role"], mine["by"], mine["team"]) == ("write", "team_grant", "devs")
    assert (mine["in_organization"], mine["enabled"], mine["visibility"]) == ("true", "true", "private")
    told = LogEntry.objects.get(kind="export_access")
    assert (told.performer_name, told.namespace_name, told.metadata) == ("admin", "acme", {"format": "csv"})


def test_the_file_for_programs_follows_the_filter(acme):
    answer, text = taken("owner", "json", "?source=outside&level=write")
    assert answer["Content-Type"] == "application/json"
    told = json.loads(text)
    assert told["organization"] == "acme"
    assert told["filter"] == {"source": "outside", "level": "write"}
    assert [(one["name"], one["project"], one["in_organization"]) for one in told["access"]] == [
        ("writer", "web", False)
    ]
    assert LogEntry.objects.get(kind="export_access").metadata["filter"] == told["filter"]
    _, text = taken("owner", "json", "?q=nobody-of-that-name")
    assert json.loads(text)["access"] == []


def test_read_only_superusers_may_read_and_take_all_of_it(acme, settings):
    settings.READONLY_SUPERUSERS = frozenset({"stranger"})
    client = enter(person("stranger"))
    assert client.get(MATRIX).status_code == 200
    assert client.get(f"{WHY}?who=member&project=web").status_code == 200
    assert client.post(MATRIX, {"do": "csv"}).status_code == 200


@pytest.mark.parametrize("size", [1, 40])
def test_a_file_costs_the_same_queries_at_any_size(acme, size, django_assert_max_num_queries):
    for number in range(size):
        project, team = make.project(acme, f"p{number}"), make.team(acme, f"t{number}")
        make.grant(project, "write", team=team)
        make.member(team, make.user(f"u{number}"))
    client = enter(person("owner"))
    client.get(MATRIX)
    with django_assert_max_num_queries(17):
        answer = client.post(MATRIX, {"do": "json"})
        assert sum(len(piece) for piece in answer) > 100


def test_roles_of_the_organization_are_known_to_the_resolver(acme):
    found = facts(actor=make.SYSTEM, organization=acme)
    for key in found.holders([PERSON]):
        if key.pk in found.standings:
            assert found.standings[key.pk].role in ORGANIZATION_LEVEL

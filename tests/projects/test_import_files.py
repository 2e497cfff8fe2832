"""Reading a directory in peribolos format: what is understood, and what is refused, with file and line."""

import os

import pytest

from core.errors import Invalid
from projects.services.importing import BrokenFiles, read, sources
from projects.services.importing.naming import is_project_name, wire_names

ORG = "admins: [ada]\nmembers: [bob, Cleo]\n"


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def problems(folder, files):
    with pytest.raises(BrokenFiles) as refusal:
        read(write(folder, files))
    assert isinstance(refusal.value, Invalid)
    return refusal.value.problems


def test_all_that_the_format_has_is_understood(tmp_path):
    org = """\
admins:
- ada
members: [bob]
name: Acme
description: We make everything
billing_email: bills@acme.test
email: hello@acme.test
company: Acme Inc.
location: Moon
has_organization_projects: true
has_repository_projects: false
default_repository_permission: read
members_can_create_repositories: true
repos:
  web:
    description: The site
    homepage: https://acme.test
    private: true
    archived: true
    has_issues: false
    previously: [www]
    collaborators: {eve: triage}
teams:
  Site:
    description: Makes the site
    privacy: secret
    maintainers: [ada]
    members: [bob]
    previously: [pages]
    repos: {web: maintain}
    teams:
      night:
        members: []
"""
    files = read(write(tmp_path, {"org.yaml": org, "sig/deep/teams.yaml": "teams: {lone: {}}\n"}))
    assert files.profile == {
        "name": "Acme",
        "description": "We make everything",
        "billing_email": "bills@acme.test",
        "email": "hello@acme.test",
        "location": "Moon",
    }
    assert [(team.name, team.parent, team.depth) for team in files.teams] == [
        ("Site", "", 0),
        ("night", "Site", 1),
        ("lone", "", 0),
    ]
    site = files.teams[0]
    assert (site.description, site.is_secret, str(site.at)) == ("Makes the site", True, "org.yaml:24")
    assert [name.text for name in site.maintainers + site.members + site.previously] == [
        "ada",
        "bob",
        "pages",
    ]
    web = files.repositories["web"]
    assert (web.description, web.private, web.archived) == ("The site", True, True)
    assert [(one.holder, one.is_team, one.word) for one in files.permissions] == [
        ("eve", False, "triage"),
        ("Site", True, "maintain"),
    ]
    assert files.ignored == {
        "company": 1,
        "has_organization_projects": 1,
        "has_repository_projects": 1,
        "repos: homepage": 1,
        "repos: has_issues": 1,
    }


def test_nothing_said_is_an_empty_list(tmp_path):
    org = ORG + "teams:\n  devs:\n    description:\n    members:\n    repos:\n  ops:\nrepos:\n"
    files = read(write(tmp_path, {"org.yaml": org}))
    assert [team.name for team in files.teams] == ["devs", "ops"]
    assert files.teams[0].description is None


def test_spellings_of_one_person_are_one_person(tmp_path):
    teams = "teams:\n  devs: {members: [BOB], maintainers: [ADA]}\n  ops: {members: [cleo, Ada]}\n"
    files = read(write(tmp_path, {"org.yaml": ORG, "a/teams.yaml": teams}))
    people = [name.text for team in files.teams for name in team.maintainers + team.members]
    assert people == ["ada", "bob", "Cleo", "ada"]
    assert [name.text for name in files.people()] == ["ada", "bob", "Cleo"]
    assert files.spellings == 7


def test_spellings_of_one_repository_are_one_repository(tmp_path):
    teams = "teams:\n  devs: {repos: {Web: read}}\n  ops: {repos: {web: admin}}\n"
    files = read(write(tmp_path, {"org.yaml": ORG, "a/teams.yaml": teams}))
    assert list(files.repositories) == ["Web"]
    assert [one.repository for one in files.permissions] == ["Web", "Web"]


def test_other_files_and_hidden_directories_are_not_read(tmp_path):
    found = {"org.yaml": ORG, "a/OWNERS": "{", "a/team.yaml": "{", ".git/teams.yaml": "{", "b/org.yaml": "{"}
    files = read(write(tmp_path, found))
    assert sorted(files.unread) == ["a/team.yaml", "b/org.yaml"]


BROKEN = [  # org.yaml, sig/teams.yaml, what is said
    ("admins: [ada\n", "", "org.yaml:2: not YAML"),
    ("admins:\n- ada\n\tmembers: x\n", "", "org.yaml:3: not YAML"),
    ("", "", "org.yaml:1: the file is empty"),
    ("# nothing yet\n", "", "org.yaml:1: the file is empty"),
    ("---\n", "", "org.yaml:1: nobody is in the organization"),
    (ORG, "\n", "sig/teams.yaml:1: the file is empty"),
    ("- ada\n", "", "org.yaml:1: the file must be a mapping (key: value), not a list"),
    ("just text\n", "", "org.yaml:1: the file must be a mapping (key: value), not a text"),
    (ORG + "---\nadmins: [eve]\n", "", "org.yaml:3: a second document"),
    ("a: &a [ada]\nadmins: *a\n", "", "org.yaml:2: aliases (*name) are not allowed"),
    (ORG + "owner: ada\n", "", "org.yaml:3: unknown key 'owner' of an organization"),
    (ORG + "<<: {name: x}\n", "", "org.yaml:3: a key of the file must be a text"),
    ("orgs:\n  acme: {}\n", "", "org.yaml:1: this file has many organizations"),
    (ORG, "members: [eve]\n", "sig/teams.yaml:1: unknown key 'members': this file has teams only"),
    (ORG, "teams:\n  devs:\n    member: [ada]\n", "sig/teams.yaml:3: unknown key 'member' of team devs"),
    (ORG + "repos:\n  web:\n    privat: true\n", "", "org.yaml:5: unknown key 'privat' of repository web"),
    ("admins: ada\n", "", "org.yaml:1: admins must be a list (- name), not a text"),
    (
        "admins:\n- ada\n- 42\n",
        "",
        "org.yaml:3: admins must list texts, not a number: write the name in quotes",
    ),
    ("admins:\n- ada\n- no\n", "", "org.yaml:3: admins must list texts, not true or false"),
    ("admins:\n- ada\n-\n", "", "org.yaml:3: admins must list texts, not nothing"),
    ("admins:\n- {ada: x}\n", "", "org.yaml:2: admins must list texts, not a mapping"),
    ('admins:\n- ""\n', "", "org.yaml:2: empty name in admins"),
    ('admins:\n- "ada\\0"\n', "", "org.yaml:2: 'ada\\x00' has white space around it, or control characters"),
    ('admins:\n- " ada"\n', "", "org.yaml:2: ' ada' has white space"),
    (f"admins:\n- {'a' * 256}\n", "", "org.yaml:2: a name in admins is longer than 255 characters"),
    (ORG + "name: [x]\n", "", "org.yaml:3: name must be a text, not a list"),
    (ORG + "name: 42\n", "", "org.yaml:3: name must be a text, not a number"),
    (ORG + f"name: {'x' * 256}\n", "", "org.yaml:3: name is longer than 255 characters"),
    (ORG + 'description: "a\\0"\n', "", "org.yaml:3: description has a character that cannot be stored"),
    (ORG + "description: !!python/name:os.system x\n", "", "org.yaml:3: description must be a text"),
    (ORG + "billing_email: nobody\n", "", "org.yaml:3: billing_email is no e-mail address"),
    (
        ORG + "default_repository_permission: all\n",
        "",
        "org.yaml:3: default_repository_permission must be one",
    ),
    (ORG + "members_can_create_repositories: 1\n", "", "org.yaml:3: members_can_create_repositories must be"),
    (ORG + "repos:\n  web: {private: maybe}\n", "", "org.yaml:4: private must be true or false, not a text"),
    (ORG + "repos:\n  acme/web: {}\n", "", "org.yaml:4: 'acme/web': a repository is named without its owner"),
    (ORG + "repos: [web]\n", "", "org.yaml:3: repos must be a mapping (key: value), not a list"),
    (ORG, "teams: [devs]\n", "sig/teams.yaml:1: teams must be a mapping (key: value), not a list"),
    (ORG, "teams:\n  7: {}\n", "sig/teams.yaml:2: a key of teams must be a text, not a number"),
    (ORG, "teams:\n  devs: [ada]\n", "sig/teams.yaml:2: team devs must be a mapping"),
    (ORG, "teams:\n  devs: {privacy: open}\n", "sig/teams.yaml:2: privacy must be one of closed, secret"),
    (
        ORG,
        "teams:\n  devs:\n    repos:\n      web: own\n",
        "sig/teams.yaml:4: the permission for web must be one of none, pull, read, triage, push, write, "
        "maintain, admin, not 'own'",
    ),
    (ORG, "teams:\n  devs:\n    repos: {acme/web: read}\n", "sig/teams.yaml:3: 'acme/web': a repository is"),
    # Said twice
    (ORG + "admins: [bob]\n", "", "org.yaml:3: 'admins' stands twice in the file, first in line 1"),
    (ORG, "teams:\n  devs: {}\n  devs: {}\n", "sig/teams.yaml:3: 'devs' stands twice in teams"),
    ("admins:\n- ada\n- ADA\n", "", "org.yaml:3: ADA in admins stands already in admins, org.yaml:2"),
    (
        "admins: [ada]\nmembers:\n- Ada\n",
        "",
        "org.yaml:3: Ada in members stands already in admins, org.yaml:1",
    ),
    (
        ORG + "teams: {Devs: {}}\n",
        "teams:\n  devs: {}\n",
        "sig/teams.yaml:2: the team name devs is used already",
    ),
    (
        ORG + "teams: {devs: {}}\n",
        "teams:\n  ops:\n    previously:\n    - Devs\n",
        "sig/teams.yaml:4: the team name Devs is used already, org.yaml:3",
    ),
    (
        ORG,
        "teams:\n  a: {previously: [x]}\n  b: {previously: [x]}\n",
        "sig/teams.yaml:3: the team name x is used already, sig/teams.yaml:2",
    ),
    (
        ORG,
        "teams:\n  devs:\n    maintainers: [ada]\n    members: [bob, Ada]\n",
        "sig/teams.yaml:4: Ada stands twice in team devs, first in sig/teams.yaml:3",
    ),
    (
        ORG,
        "teams:\n  devs:\n    repos: {web: read, Web: write}\n",
        "sig/teams.yaml:3: what devs may do in web is said already",
    ),
    (ORG + "repos:\n  web: {}\n  Web: {}\n", "", "org.yaml:5: the repository name Web is used already"),
    (ORG + "repos:\n  web: {}\n  site: {previously: [web]}\n", "", "org.yaml:5: the repository name web is"),
    # Who is whom
    (ORG, "teams:\n  devs:\n    members: [eve]\n", "sig/teams.yaml:3: eve in team devs is not in the organi"),
    (ORG, "teams:\n  owners:\n    members: [bob]\n", "sig/teams.yaml:3: bob in team owners is not an admin"),
    (
        ORG,
        "teams:\n  Owners!:\n    members: [bob]\n",
        "sig/teams.yaml:3: bob in team Owners! is not an admin",
    ),
    (ORG, "teams:\n  devs:\n    previously: [owners]\n", "sig/teams.yaml:3: a team that was owners cannot"),
]


@pytest.mark.parametrize(("org", "teams", "said"), BROKEN)
def test_broken_files_are_refused_with_file_and_line(tmp_path, org, teams, said):
    found = {"org.yaml": org} | ({"sig/teams.yaml": teams} if teams else {})
    first = problems(tmp_path, found)[0]
    assert first.startswith(said)


def test_every_fault_is_named_at_once(tmp_path):
    found = problems(tmp_path, {"org.yaml": "admins: ada\nowner: x\n", "a/teams.yaml": "x: 1\n"})
    assert [problem.split(": ")[0] for problem in found] == ["org.yaml:1", "org.yaml:2", "a/teams.yaml:1"]


def test_very_many_faults_do_not_flood_the_screen(tmp_path):
    org = "admins:\n" + "- 1\n" * 200
    with pytest.raises(BrokenFiles) as refusal:
        read(write(tmp_path, {"org.yaml": org}))
    assert len(refusal.value.problems) == 200
    assert refusal.value.message.endswith("… and 150 more")


def test_no_directory(tmp_path):
    with pytest.raises(BrokenFiles, match="nowhere: there is no such directory"):
        read(tmp_path / "nowhere")


def test_no_org_file(tmp_path):
    assert "org.yaml: there is no such file" in problems(tmp_path, {"a/teams.yaml": "teams: {}\n"})[0]


def test_bytes_that_are_not_utf_8_are_shown_by_position(tmp_path):
    org = b"admins:\n- ada\nname: caf\xe9\n"
    assert problems(tmp_path, {"org.yaml": org}) == ["org.yaml:3: not UTF-8: byte 0xe9 in column 10"]


def test_utf_8_with_a_mark_at_the_beginning_is_read(tmp_path):
    assert read(write(tmp_path, {"org.yaml": b"\xef\xbb\xbf" + ORG.encode()})).admins[0].text == "ada"


def test_control_characters_are_shown_by_position(tmp_path):
    said = problems(tmp_path, {"org.yaml": ORG + "name: a\x07b\n"})
    assert said == ["org.yaml:3: the character U+0007 in column 8 is not allowed"]


def test_an_alias_bomb_is_refused_before_it_grows(tmp_path):
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 40))
    said = problems(tmp_path, {"org.yaml": "l0: &l0 [x]\n" + levels})
    assert said == ["org.yaml:2: aliases (*name) are not allowed: write the content out"]


def test_deep_nesting_is_refused(tmp_path):
    said = problems(tmp_path, {"org.yaml": "name: " + "[" * 100_000})
    assert said == [f"org.yaml:1: nested deeper than {sources.MAX_DEPTH} levels"]


def test_a_large_file_is_refused(tmp_path):
    org = ORG + "#" * sources.MAX_FILE_BYTES
    assert problems(tmp_path, {"org.yaml": org}) == ["org.yaml:1: larger than 4 MiB"]


def test_very_many_entries_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_NODES", 12)
    found = {"org.yaml": ORG, "a/teams.yaml": "teams:\n  x: {}\n  y: {}\n"}
    assert problems(tmp_path, found) == ["a/teams.yaml:2: all files together have more than 12 entries"]


def test_very_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_FILES", 2)
    found = {"org.yaml": ORG} | {f"t{n}/teams.yaml": "teams: {}\n" for n in range(2)}
    assert problems(tmp_path, found)[0].endswith("3 files are more than 2")


def test_a_link_out_of_the_directory_is_refused(tmp_path):
    secret = write(tmp_path / "outside", {"teams.yaml": "teams: {stolen: {}}\n"}) / "teams.yaml"
    inside = write(tmp_path / "inside", {"org.yaml": ORG, "a/x": "x"})
    (inside / "a/teams.yaml").symlink_to(secret)
    assert problems(inside, {}) == ["a/teams.yaml:1: a link that leads out of the directory is not followed"]


def test_a_linked_directory_is_refused(tmp_path):
    inside = write(tmp_path / "inside", {"org.yaml": ORG, "a/teams.yaml": "teams: {}\n"})
    (inside / "again").symlink_to(inside)
    assert problems(inside, {}) == ["again:1: a linked directory is not followed"]


def test_a_link_within_the_directory_is_read(tmp_path):
    folder = write(tmp_path, {"org.yaml": ORG, "real/list": "teams: {devs: {}}\n", "a/x": "x"})
    (folder / "a/teams.yaml").symlink_to("../real/list")
    assert [team.name for team in read(folder).teams] == ["devs"]


def test_a_pipe_is_not_waited_for(tmp_path):
    folder = write(tmp_path, {"org.yaml": ORG, "a/x": "x"})
    os.mkfifo(folder / "a/teams.yaml")
    assert problems(folder, {}) == ["a/teams.yaml:1: not a regular file"]


NAMES = [  # as typed, on the wires
    (["ada"], ["ada"]),
    (["Ada-Lovelace"], ["ada-lovelace"]),
    (["x"], ["xx"]),
    (["Ünlü Team"], ["unlu-team"]),
    (["dependabot[bot]"], ["dependabot-bot"]),
    (["ends-"], ["ends"]),
    (["two--dashes"], ["two-dashes"]),
    # Whoever has the plain name keeps it, wherever she stands; the others are counted.
    (["a--b", "a-b", "a---b"], ["a-b-2", "a-b", "a-b-3"]),
    (["日本", "中国"], ["xx", "xx-2"]),
]


@pytest.mark.parametrize(("typed", "wire"), NAMES)
def test_names_follow_one_rule(typed, wire):
    assert list(map(wire_names(typed).get, typed)) == wire


def test_a_name_given_once_stays():
    names = wire_names(["a---b", "a--b", "a-b"], remembered={"a--b": "a-b-2"})
    assert names == {"a---b": "a-b-3", "a--b": "a-b-2", "a-b": "a-b"}


@pytest.mark.parametrize(
    ("typed", "wire"),
    [
        ([".github"], ["github"]),
        (["Web.Site"], ["web.site"]),
        (["a--b"], ["a--b"]),
        (["_x", "x"], ["xx", "x"]),
    ],
)
def test_projects_have_a_wider_rule(typed, wire):
    assert list(map(wire_names(typed, accepts=is_project_name).get, typed)) == wire

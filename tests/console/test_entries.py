"""Log entries in plain words."""

from collections import Counter
from string import Formatter

import pytest

from console import entries
from logs.kinds import KINDS
from logs.models import LogEntry


def line(kind, **metadata):
    return entries.Line(LogEntry(kind=kind, performer_name="ada", namespace_name="acme", metadata=metadata))


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("org_create_team", "Create team"),
        ("org_create", "Create organization"),
        ("org_change_email", "Change organization email"),
        ("org_change_team", "Change team"),
        ("org_change_quota", "Change quota"),
        ("user_create", "Create user"),
        ("user_change_password", "Change user password"),
        ("change_repo_permission", "Change project permission"),
        ("modify_prototype_permission", "Change default permission"),
        ("login_failure", "Failed sign-in"),
        ("of_another_version", "Of another version"),
    ],
)
def test_kinds_have_names_for_people(kind, label):
    assert entries.label_of(kind) == label


def test_no_two_kinds_of_entries_are_called_the_same():
    often = Counter(map(entries.label_of, KINDS)).most_common(1)
    assert often[0][1] == 1, often
    assert entries.LABELS.keys() <= KINDS.keys()
    assert entries.WHOM.keys() <= KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_group_and_a_sentence_without_loose_ends(kind):
    keys = {key for _, key, _, _ in Formatter().parse(KINDS[kind].sentence) if key}
    told = line(kind, **{key: f"<{key}>" for key in keys - {"performer", "namespace"}})
    assert entries.group_of(kind) in entries.GROUPS
    assert "{" not in told.sentence
    assert "…" not in told.sentence
    assert all(f"&lt;{key}&gt;" in told.sentence for key in keys - {"performer", "namespace"})


def test_grants_say_to_whom():
    told = line("change_repo_permission", repo="web", role="write", team="devs")
    assert told.sentence == ("<b>ada</b> granted <code>write</code> on <code>web</code> to <code>devs</code>")
    assert line("delete_repo_permission", repo="web", username="bo").sentence.endswith("of <code>bo</code>")
    assert line("create_prototype_permission", role="read", delegate_user="acme+ci").sentence.endswith(
        "for <code>acme+ci</code>"
    )


def test_what_is_not_told_is_a_gap_and_not_an_error():
    assert "…" in line("change_repo_permission").sentence
    assert line("of_another_version").sentence == "ada of another version"
    assert line("create_robot", robot="", description=None).details == ""

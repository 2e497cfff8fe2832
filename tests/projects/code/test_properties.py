"""Whatever somebody edits in a file: applied, it differs in nothing, and what is exported says the same."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core.errors import DomainError
from projects.services import code
from tests import make
from tests.make import SYSTEM
from tests.projects.code import world

pytestmark = pytest.mark.django_db

PEOPLE = ("ada", "bob", "eve", "zoe")
TEAMS, ROBOTS, PROJECTS = ("devs", "night", "mirror", "ops"), ("ci", "off", "new"), ("web", "old", "new/one")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ROLES = st.sampled_from(["read", "write", "admin"])


def some(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), unique=True)


@st.composite
def files(draw: Any) -> dict[str, Any]:
    """Draw a whole file, of people who exist; it may lack any section and any field."""
    teams = draw(some(TEAMS))
    robots = draw(some(ROBOTS))
    places = {team: draw(st.sampled_from([None, *teams[:number]])) for number, team in enumerate(teams)}
    file: dict[str, Any] = {
        "version": 1,
        "profile": {"description": draw(TEXT), "location": draw(TEXT)},
        "members": {
            "owner": "owner",
            **draw(st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(["admin", "creator", "member"]))),
        },
        "teams": {"owners": {}},
        "robots": {name: {"description": draw(TEXT), "enabled": draw(st.booleans())} for name in robots},
        "projects": {},
        "default_permissions": [{"role": draw(ROLES), "team": team} for team in teams if draw(st.booleans())],
        "applications": [{"name": name, "description": draw(TEXT)} for name in draw(some(("Control", "B")))],
    }
    for team in teams:
        people = draw(some(PEOPLE))
        cut = draw(st.integers(0, len(people)))
        file["teams"][team] = {
            "description": draw(TEXT),
            "role": draw(st.sampled_from(["creator", "member"])),
            "parent": places[team],
            "members": people[:cut],
            "maintainers": people[cut:],
            "robots": draw(some(tuple(robots))) if robots else [],
        }
    for name in draw(some(PROJECTS)):
        project: dict[str, Any] = {
            "description": draw(TEXT),
            "visibility": draw(st.sampled_from(["public", "private"])),
            "state": draw(st.sampled_from(["NORMAL", "READ_ONLY"])),
            "contact": draw(st.sampled_from([None, *PEOPLE])),
            "team": draw(st.sampled_from([None, *teams])),
            "grants": {"users": draw(st.dictionaries(st.sampled_from(PEOPLE), ROLES))},
        }
        for sort, names in (("teams", teams), ("robots", robots)):
            if names:
                project["grants"][sort] = draw(st.dictionaries(st.sampled_from(names), ROLES))
        file["projects"][name] = project
    return file


def without(file: dict[str, Any], cut: set[str]) -> dict[str, Any]:
    """Return a file that does not tell of some sections."""
    return {name: value for name, value in file.items() if name not in cut}


class TestAnyFile(TestCase):
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        files(),
        st.sets(st.sampled_from(["members", "teams", "robots", "projects", "applications"])),
        st.booleans(),
    )
    def test_what_is_applied_differs_in_nothing(self, file, cut, prune):
        people = world.people("owner", *PEOPLE)
        acme = world.build(people["owner"], people)
        text = yaml.safe_dump(without(file, cut), allow_unicode=True, sort_keys=False)
        document = code.read_document(text.encode())
        asked = {"actor": SYSTEM, "organization": acme, "document": document, "prune": prune}
        try:
            planned = code.plan_document(**asked)
        except code.BrokenFiles:
            return  # it names what the cut sections would have made
        try:
            done = code.apply_document(**asked, expected=planned.fingerprint)
        except DomainError as error:
            raise AssertionError(error.message) from error
        assert [(step.sign, step.key) for step in done.steps] == [
            (step.sign, step.key) for step in planned.steps
        ]
        assert list(code.lines_of(code.plan_document(**asked)))[-1].startswith("Nothing to change")
        exported = code.export_organization(actor=SYSTEM, organization=acme)
        again = code.read_document(exported.encode())
        for also_prune in (False, True):
            assert code.plan_document(**{**asked, "document": again, "prune": also_prune}).is_empty
        if prune and not cut:
            said = yaml.safe_load(exported)
            assert set(said["teams"]) == set(file["teams"])
            assert set(said["projects"]) == set(file["projects"])
            assert {name: one["grants"] for name, one in said["projects"].items()} == {
                name: {sort: held for sort, held in one["grants"].items() if held}
                for name, one in deepcopy(file["projects"]).items()
            }

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(files())
    def test_what_is_exported_makes_the_same_in_an_empty_organization(self, file):
        people = world.people("owner", *PEOPLE)
        acme = make.organization("acme", owner=people["owner"])
        apply = partial(code.apply_document, actor=SYSTEM, prune=False)
        document = code.read_document(yaml.safe_dump(file, allow_unicode=True).encode())
        apply(organization=acme, document=document)
        first = code.export_organization(actor=SYSTEM, organization=acme)
        other = make.organization("other", owner=people["owner"])
        copied = code.read_document(first.replace("organization: acme\n", "", 1).encode())
        apply(organization=other, document=copied)
        second = yaml.safe_load(code.export_organization(actor=SYSTEM, organization=other))
        assert second == {**yaml.safe_load(first), "organization": "other"}

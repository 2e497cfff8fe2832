"""What the domain says is English for everybody but a door that says it again."""

from __future__ import annotations

import json

from django.utils import translation

from core.errors import Invalid
from core.words import say, say_many, told

REQUIRED = "This field is required."  # in Django's own catalogues


def test_what_is_said_is_english_whatever_language_is_active():
    with translation.override("de"):
        error = Invalid(say("There is no team {name!r}", name="core"))
        assert error.message == "There is no team 'core'"
        assert json.dumps({"message": error.message}) == """{"message": "There is no team 'core'"}"""
        assert say(REQUIRED) == REQUIRED


def test_a_door_says_it_in_the_language_of_the_reader():
    with translation.override("de"):
        assert told(say(REQUIRED)) == told(REQUIRED) == "Dieses Feld ist zwingend erforderlich."
        assert told("Nobody has translated this") == "Nobody has translated this"
        assert told("") == ""
    assert told(say(REQUIRED)) == REQUIRED


def test_values_that_are_said_are_told_and_names_are_not():
    with translation.override("de"):
        assert told(say("{what}: {name}", what=say(REQUIRED), name=REQUIRED)) == (
            f"Dieses Feld ist zwingend erforderlich.: {REQUIRED}"
        )


def test_a_value_with_braces_is_a_value():
    assert told(say("There is no team {name}", name="{name}")) == "There is no team {name}"
    assert say("{}") == "{}"


def test_numbers_choose_the_sentence():
    assert say_many("{count} day", "{count} days", 1) == "1 day"
    assert say_many("{count} day", "{count} days", 2) == "2 days"

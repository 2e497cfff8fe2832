from pathlib import Path

import pytest

from logs import kinds
from notifications.events import EVENT_OF_KIND, EVENTS, event

PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="event repo_push"):
        event("repo_push", "an image is pushed")


def test_a_kind_means_one_event():
    with pytest.raises(ValueError, match="create_repo"):
        event("again", "a project is created", kinds.CREATE_REPO)
    assert "again" not in EVENTS
    assert sum(len(one.kinds) for one in EVENTS.values()) == len(EVENT_OF_KIND)


def test_what_happens_by_the_thousand_or_to_ourselves_is_silent():
    for kind in (
        kinds.LOGIN_SUCCESS,
        kinds.LOGIN_FAILURE,
        kinds.ACCESS_DENIED,
        kinds.STAR_REPO,
        kinds.ADD_REPO_NOTIFICATION,
        kinds.DISABLE_NAMESPACE_NOTIFICATION,
    ):
        assert kind.name not in EVENT_OF_KIND


def test_the_page_names_every_event():
    text = PAGE.read_text()
    for one in EVENTS.values():
        assert f"| `{one}` | {one.words} |" in text

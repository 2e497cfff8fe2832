"""What each operation of the Quay wire answers, to the letter; see golden.py."""

import pytest

from tests.api.quay import access, golden, world


@pytest.mark.django_db
@pytest.mark.parametrize("operation", golden.operations())
def test_the_answer_is_golden(operation):
    assert golden.play(operation, world.build()) == []


def test_every_route_and_method_has_a_golden_answer():
    missing = set(access.all_routes()) - golden.routes()
    assert not missing, f"golden answers are missing for {sorted(missing)}"


@pytest.mark.parametrize(
    ("kept", "came", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": "1"}, [".a: '1' instead of 1"]),
        ({"a": 1}, {"a": True}, [".a: True instead of 1"]),
        ({"a": None}, {}, [".a: missing"]),
        ({}, {"a": None}, [".a: not expected"]),
        (["<date>"], ["Mon, 13 Jan 2025 11:41:16 -0000"], []),
        (["<date>"], ["2025-01-13T11:41:16Z"], [".0: '2025-01-13T11:41:16Z' is no <date>"]),
        ("<token64>", "a" * 64, [": '" + "a" * 64 + "' is no <token64>"]),
        ("<int>", True, [": True is no integer"]),
        ([1], [1, 2], [": 2 instead of 1 items"]),
    ],
)
def test_the_comparison_tells_what_differs(kept, came, told):
    assert golden.differences(kept, came) == told

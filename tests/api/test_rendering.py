"""The quick JSON is DRF's own, byte for byte, or DRF writes it."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer

from api.quay.dates import rfc2822
from api.quay.view import QuayRenderer
from api.rendering import Renderer


class Ascii(JSONRenderer):
    ensure_ascii = True


BODIES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(-1e15, 1e15).map(lambda one: round(one, 3))
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(body=BODIES)
def test_any_body(body):
    same = body is None
    for ours, theirs in ((Renderer(), JSONRenderer()), (QuayRenderer(), Ascii())):
        got, expected = ours.render(body), theirs.render(body)
        if same:
            assert got == expected == b""
        elif isinstance(ours, QuayRenderer):
            assert json.loads(got) == json.loads(expected)
            assert got.isascii()
        else:
            assert json.loads(got) == json.loads(expected)


@pytest.mark.parametrize(
    "body",
    [
        "plain", "Zoë", "del \x7f", "line \u2028 and \u2029", "\x00\x1f\n\t\"\\/", "half \ud800", "😀",
        {"é": [1, 2.5, 0.0, -1, None, True]}, 2**70, {1: "number", None: "none"}, [], {}, (1, 2), [[], {}],
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), date(2026, 1, 2), UUID(int=5), Decimal("1.50"),
        gettext_lazy("Name"), mark_safe("<b>"), {"n": 1e16}, {"n": 123456.789},
    ],
)  # fmt: skip
def test_what_is_special(body):
    def spoken(renderer):
        try:
            return renderer.render(body)
        except (UnicodeEncodeError, TypeError) as error:
            return type(error)

    assert spoken(QuayRenderer()) == spoken(type("Line", (QuayRenderer,), {"render": _by_drf})())
    if body != {"n": 1e16}:
        assert spoken(Renderer()) == spoken(JSONRenderer())


def _by_drf(self, data):
    text = Ascii().render(data)
    return text + b"\n" if text else text


def test_an_indent_is_given_to_who_asks():
    asked = "application/json; indent=2"
    assert Renderer().render({"a": 1}, asked) == JSONRenderer().render({"a": 1}, asked) == b'{\n  "a": 1\n}'


@pytest.mark.parametrize(
    "when", [datetime(2025, 1, 13, 11, 41, 16, 999999, tzinfo=UTC), datetime(987, 12, 31, tzinfo=UTC)]
)
def test_dates_are_as_mail_writes_them(when):
    from email.utils import format_datetime

    assert rfc2822(when) == format_datetime(when).replace("+0000", "-0000")

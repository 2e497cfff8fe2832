"""Public ids: one spelling, one kind, and back again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core import publicids

KEYS = some.integers(0, publicids.PK_MAX)
MOMENTS = some.datetimes(
    datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2200-01-01"), timezones=some.just(UTC)
)


@given(KEYS)
def test_ids_lead_back_to_their_key_and_to_no_other_kind(pk):
    assert publicids.short_pk("user", publicids.short_id("user", pk)) == pk
    assert publicids.nid_pk("prj", publicids.nid("prj", pk)) == pk
    assert publicids.nid_pk("org", publicids.nid("prj", pk)) is None
    assert publicids.nid_pk("org", publicids.nid("prj", pk).replace("prj", "org")) != pk


@given(KEYS, MOMENTS)
def test_times_lead_back_too(pk, moment):
    found = publicids.time_id("project", pk, moment)
    assert (found.version, found.variant) == (7, UUID(int=found.int).variant)
    assert publicids.time_pk("project", found) == pk
    assert publicids.time_pk("member", found) is None
    for text in (publicids.base58(found), str(found), found.hex):
        assert publicids.parsed_uuid(text) == found


@given(some.text(max_size=40))
def test_whatever_else_is_sent_is_no_id_or_has_one_spelling(text):
    pk = publicids.short_pk("user", text)
    assert pk is None or publicids.short_id("user", pk) == text
    pk = publicids.nid_pk("usr", text)
    assert pk is None or publicids.nid("usr", pk) == text


def test_lengths():
    assert {len(publicids.short_id("user", pk)) for pk in range(1, 2000)} == {5}
    assert {len(publicids.nid("usr", pk)) for pk in (1, 10**6, 10**9)} == {16}


def test_later_rows_sort_later():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [
        publicids.base58(publicids.time_id("project", 9 - n, now + timedelta(seconds=n))) for n in range(9)
    ]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("uuid", "text"),
    [
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "YcVfxkQb6JRzqk5kF2tNLv"),
        ("00000000-0000-0000-0000-000000000000", "1" * 22),
        ("018f2d4a-1c3b-7e55-9a10-3f6b2c7d8e91", "1CAjFu471zu6KptY3ZaDKe"),
    ],
)
def test_the_vectors_of_flexstack(uuid, text):
    assert publicids.base58(UUID(uuid)) == text
    assert publicids.parsed_uuid(text) == publicids.parsed_uuid(uuid) == UUID(uuid)


@pytest.mark.parametrize(
    "text",
    [
        "YcVfxkQb6JRzqk5kF2tNLw",  # beyond 128 bits
        "018F2D4A-1C3B-7E55-9A10-3F6B2C7D8E91",
        "018f2d4a1c3b7e559a103f6b2c7d8e9",
        "1CAjFu471zu6KptY3ZaDK0",
        "1CAjFu471zu6KptY3ZaDKe\n",
        "",
    ],
)
def test_what_is_no_uuid(text):
    assert publicids.parsed_uuid(text) is None

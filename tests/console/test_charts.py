"""Charts are geometry: what is drawn must be what was counted."""

from datetime import date, timedelta
from itertools import pairwise
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import charts
from console.charts import Day

START = date(2026, 10, 22)


def days(*counts):
    return [Day(START + timedelta(days=index), row) for index, row in enumerate(counts)]


def chart(*counts, series=("Pull", "Push")):
    return charts.daily_bars(key="k", title="Activity", series=series, days=days(*counts))


def percent(text):
    assert text.endswith("%")
    return float(text[:-1])


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (2, (0, 1, 2)),
        (7, (0, 2, 4, 6, 8)),
        (10, (0, 2, 4, 6, 8, 10)),
        (100, (0, 25, 50, 75, 100)),
        (109, (0, 30, 60, 90, 120)),
        (1240, (0, 250, 500, 750, 1000, 1250)),
        (7001, (0, 2500, 5000, 7500)),
        (9_999_999_999, tuple(range(0, 10_000_000_001, 2_500_000_000))),
    ],
)
def test_scale_is_round_and_ends_just_above_the_highest(highest, ticks):
    assert charts.scale(highest) == ticks


@given(st.integers(min_value=1, max_value=10**15))
def test_scale_holds_for_any_number(highest):
    ticks = charts.scale(highest)
    step = ticks[1]
    assert ticks[0] == 0
    assert all(after - before == step for before, after in pairwise(ticks))
    assert ticks[-1] - step < highest <= ticks[-1]
    assert len(ticks) <= 6
    labels = [charts.short(tick) for tick in ticks]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 5


def test_legend_totals_are_those_of_the_bars():
    drawn = chart((54, 17), (27, 11), (0, 3))
    assert [(entry.label, entry.total) for entry in drawn.series] == [("Pull", 81), ("Push", 31)]
    assert drawn.total == 112 == sum(bar.total for bar in drawn.bars)
    assert [sum(bar.counts[index] for bar in drawn.bars) for index in (0, 1)] == [81, 31]


def test_bar_heights_follow_the_ticks():
    drawn = chart((60, 30), (30, 0))
    zero, top = float(drawn.ticks[0].y), float(drawn.ticks[-1].y)
    per_event = (zero - top) / drawn.ticks[-1].value
    tall, low = drawn.bars
    assert isclose(float(tall.segments[-1].y), zero - 90 * per_event, abs_tol=0.02)
    assert isclose(float(low.segments[0].y), zero - 30 * per_event, abs_tol=0.02)
    assert isclose(float(low.segments[0].y) + float(low.segments[0].height), zero, abs_tol=0.02)
    lower, upper = tall.segments
    assert float(upper.y) + float(upper.height) <= float(lower.y)


def test_nothing_counted_draws_no_bar_and_says_so():
    drawn = chart((0, 0), (0, 0))
    assert drawn.total == 0
    assert [bar.segments for bar in drawn.bars] == [(), ()]
    assert [tick.label for tick in drawn.ticks] == ["0", "1"]
    assert drawn.description == "Oct 22 to Oct 23: no events."


def test_no_days_at_all():
    drawn = charts.daily_bars(key="k", title="Activity", series=("Pull",), days=())
    assert (drawn.bars, drawn.labels, drawn.total) == ((), (), 0)


def test_one_day_is_one_slim_bar_in_the_middle():
    drawn = chart((3, 0))
    (bar,) = drawn.bars
    assert percent(bar.width) == charts.WIDEST_BAR
    assert isclose(percent(bar.x) + percent(bar.width) / 2, 50)
    assert [(label.text, label.x, label.sparse) for label in drawn.labels] == [("Oct 22", "50%", False)]
    assert drawn.description == "Oct 22: 3 events, most on Oct 22 with 3."


@pytest.mark.parametrize("count", [2, 7, 14, 30, 31, 92])
def test_bars_stay_inside_and_apart_and_the_last_day_is_labelled(count):
    drawn = chart(*[(number, 1) for number in range(count)])
    edges = [(percent(bar.x), percent(bar.x) + percent(bar.width)) for bar in drawn.bars]
    assert edges[0][0] >= 0
    assert edges[-1][1] <= 100
    assert all(left[1] < right[0] for left, right in pairwise(edges))
    assert drawn.labels[-1].text == drawn.bars[-1].label
    assert not drawn.labels[-1].sparse
    assert 2 <= len(drawn.labels) <= 8
    middles = {bar.label: sum(edge) / 2 for bar, edge in zip(drawn.bars, edges, strict=True)}
    assert all(isclose(percent(label.x), middles[label.text], abs_tol=0.01) for label in drawn.labels)


def test_huge_numbers_keep_short_ticks_and_full_totals():
    drawn = chart((9_876_543_210, 1), (1, 1))
    assert [tick.label for tick in drawn.ticks] == ["0", "2.5B", "5B", "7.5B", "10B"]
    assert drawn.series[0].total == 9_876_543_211
    assert all(float(part.height) > 0 for bar in drawn.bars for part in bar.segments)
    assert drawn.bars[0].summary == "Oct 22: 9,876,543,211 events (Pull 9,876,543,210, Push 1)"


def test_days_must_fit_the_series():
    with pytest.raises(ValueError, match="1 counts for 2 series"):
        chart((1,))
    with pytest.raises(ValueError, match="negative"):
        chart((1, -1))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1250, "1.25k"),
        (12_500, "12.5k"),
        (125_999, "125k"),
        (2_000_000, "2M"),
        (7_000_000_000, "7B"),
    ],
)
def test_short_numbers(number, words):
    assert charts.short(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (17, "17 B"),
        (1023, "1,023 B"),
        (1024, "1 KiB"),
        (1024**2 - 1, "1 MiB"),
        (443_025_000_000, "412.6 GiB"),
        (536_870_912_000, "500 GiB"),
        (3 * 1024**5, "3 PiB"),
    ],
)
def test_sizes_have_no_trailing_zero(number, words):
    assert charts.size(number) == words


@pytest.mark.parametrize(
    ("used", "limit", "percent", "tone", "words"),
    [
        (0, 100, 0, "", "0%"),
        (799, 1000, 79, "", "79%"),
        (80, 100, 80, "warn", "80%"),
        (9999, 10000, 99, "bad", "99%"),
        (40, 40, 100, "bad", "full"),
        (41, 40, 102, "bad", "exceeded"),
        (0, 0, 100, "bad", "full"),
    ],
)
def test_full_is_worded_apart_from_exceeded(used, limit, percent, tone, words):
    meter = charts.meter("Robots", used, limit)
    assert (meter.percent, meter.tone, meter.words) == (percent, tone, words)
    assert meter.value <= 100


def test_a_size_names_its_unit_once():
    meter = charts.meter("Storage", 443_025_000_000, 536_870_912_000, unit="bytes")
    assert (meter.used, meter.limit) == ("412.6", "500 GiB")
    mixed = charts.meter("Storage", 5 * 1024**2, 1024**3, unit="bytes")
    assert (mixed.used, mixed.limit) == ("5 MiB", "1 GiB")


@pytest.mark.parametrize("values", [(), (0,), (5,), (0, 0, 0), tuple(range(31)), (10**12, 1)])
def test_sparkline_stays_in_its_box(values):
    line = charts.sparkline(values, title="Events")
    points = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert len(points) >= 2
    assert points[0][0] == 0
    assert points[-1][0] == 100
    assert all(0 <= x <= 100 and 0 <= y <= 28 for x, y in points)

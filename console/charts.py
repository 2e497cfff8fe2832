"""Charts as plain geometry: numbers in, coordinates out. Templates draw them, the stylesheet colours them.

Widths are percentages and heights are pixels, and there is no view box: a chart fills its card while its
letters keep their size, on a phone as on a desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

PLOT_HEIGHT = 168  # px between the zero line and the top tick
HEADROOM = 8  # px above the top tick, for half a line of text
FOOTROOM = 26  # px below the zero line, for the day labels
WIDEST_BAR = 8.0  # percent of the plot
TONES = 6  # series colours that the stylesheet knows

# What is counted, with its number, and where there is none of it.
NOUNS = {
    "event": (ngettext_lazy("{count} event", "{count} events", "number"), gettext_lazy("no events")),
    "entry": (ngettext_lazy("{count} entry", "{count} entries", "number"), gettext_lazy("no entries")),
}
WARN_AT = 80
BAD_AT = 95


@dataclass(frozen=True)
class Day:
    """One column: a count per series, in the order of the series; ``url`` leads to that day's entries."""

    day: date
    counts: tuple[int, ...]
    url: str = ""

    @property
    def total(self) -> int:
        """Sum all series of this day."""
        return sum(self.counts)


@dataclass(frozen=True)
class Series:
    """A legend entry: the total is that of the drawn bars, nothing else."""

    label: str
    tone: int
    total: int


@dataclass(frozen=True)
class Tick:
    """A line across the plot at ``y`` pixels."""

    label: str
    value: int
    y: str


@dataclass(frozen=True)
class Segment:
    """One series' part of a bar; ``y`` and ``height`` in pixels."""

    tone: int
    y: str
    height: str


@dataclass(frozen=True)
class Bar:
    """One day; ``x``, ``width``, ``band_x`` and ``band_width`` in percent of the plot."""

    day: date
    label: str
    summary: str
    url: str
    x: str
    width: str
    band_x: str
    band_width: str
    counts: tuple[int, ...]
    total: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class DayLabel:
    """A date below the plot, centred on its bar; ``sparse`` ones step aside where the chart is narrow."""

    text: str
    x: str
    sparse: bool


@dataclass(frozen=True)
class BarChart:
    """A stacked column per day, ready to be drawn."""

    key: str
    title: str
    description: str
    height: int
    zero: str
    plot_height: int
    series: tuple[Series, ...]
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]
    labels: tuple[DayLabel, ...]
    total: int

    @property
    def linked(self) -> bool:
        """Tell whether bars lead somewhere."""
        return any(bar.url for bar in self.bars)


@dataclass(frozen=True)
class Sparkline:
    """A line in a box of 100 x 28 units that stretches to its place."""

    points: str
    area: str
    title: str
    tone: int


@dataclass(frozen=True)
class Meter:
    """Use of a limit. ``percent`` never rounds up to 100 before the limit is reached."""

    label: str
    used: str
    limit: str
    percent: int
    tone: str
    words: str

    @property
    def value(self) -> int:
        """Return what the bar shows: it ends at its end."""
        return min(self.percent, 100)


def scale(highest: int, *, lines: int = 4) -> tuple[int, ...]:
    """Return the tick values from 0 up to the first round step at or above ``highest``.

    Steps are 1, 2, 2.5, 3, 4 or 5 times a power of ten and whole numbers; of the scales with up to
    ``lines + 1`` steps the one with the least empty space wins. The top is less than one step above
    ``highest``, except that an empty chart runs from 0 to 1.
    """
    if highest <= 0:
        return (0, 1)
    steps = [_round_step(Fraction(highest, count)) for count in (lines, lines + 1, lines - 1)]
    step = min(steps, key=lambda step: _up_to(highest, step))
    return tuple(range(0, _up_to(highest, step) + 1, step))


def _up_to(number: int, step: int) -> int:
    """Return the first multiple of ``step`` that is not below ``number``."""
    return -(-number // step) * step


def _round_step(least: Fraction) -> int:
    """Return the smallest round whole step that is at least ``least``."""
    power = 1
    while True:
        for tenths in (10, 20, 25, 30, 40, 50):
            step = Fraction(tenths * power, 10)
            if step >= least and step.denominator == 1:
                return int(step)
        power *= 10


def full(number: int) -> str:
    """Write a count in full, its thousands apart: 2,178."""
    return number_format(number, force_grouping=True)


def short(number: int) -> str:
    """Write a count in at most five characters, cut and not rounded: 940, 1.25k, 12.5k, 125k, 2M, 7B."""
    for thousand, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= thousand:
            whole, rest = divmod(number * 100 // thousand, 100)
            decimals = f"{rest:02}"[: max(3 - len(str(whole)), 0)].rstrip("0")
            return number_format(f"{whole}.{decimals}" if decimals else whole) + unit
    return str(number)


def day_label(day: date) -> str:
    """Write a day as the axis does: Nov 5."""
    return date_format(day, _("M j"))


def daily_bars(
    *, key: str, title: str, series: Sequence[str], days: Sequence[Day], noun: str = "event"
) -> BarChart:
    """Lay out a stacked column per day, oldest first.

    ``key`` is unique on the page: ids are built from it. ``series`` names what each count is,
    ``noun`` is one of `NOUNS`: what is counted.

    Raises:
        ValueError: a day has more or fewer counts than there are series, or a negative one.
    """
    for day in days:
        if len(day.counts) != len(series):
            raise ValueError(f"{day.day}: {len(day.counts)} counts for {len(series)} series")
        if min(day.counts, default=0) < 0:
            raise ValueError(f"{day.day}: a count is negative")
    highest = max((day.total for day in days), default=0)
    values = scale(highest)
    top = values[-1]
    zero = HEADROOM + PLOT_HEIGHT
    totals = tuple(
        Series(label=label, tone=_tone(index), total=sum(day.counts[index] for day in days))
        for index, label in enumerate(series)
    )
    total = sum(entry.total for entry in totals)
    band = 100 / len(days) if days else 100.0
    return BarChart(
        key=key,
        title=title,
        description=_describe(days, total, noun),
        height=zero + FOOTROOM,
        zero=_px(zero),
        plot_height=zero,
        series=totals,
        ticks=tuple(
            Tick(label=short(value), value=value, y=_px(zero - value / top * PLOT_HEIGHT)) for value in values
        ),
        bars=tuple(_bar(day, index, band, top, zero, series, noun) for index, day in enumerate(days)),
        labels=_labels(days, band),
        total=total,
    )


def _bar(day: Day, index: int, band: float, top: int, zero: int, series: Sequence[str], noun: str) -> Bar:
    width = min(band * 0.74, WIDEST_BAR)
    segments: list[Segment] = []
    floor = float(zero)
    for number, count in enumerate(day.counts):
        if not count:
            continue
        height = count / top * PLOT_HEIGHT
        # A hair of ground between two colours; what is there stays visible, however small.
        drawn = max(height - (1 if segments and height > 3 else 0), 0.75)
        segments.append(Segment(tone=_tone(number), y=_px(floor - height), height=_px(drawn)))
        floor -= height
    # Read from the zero line up, a gap belongs to the foot of the upper colour.
    parts = ", ".join(
        f"{label} {full(count)}" for label, count in zip(series, day.counts, strict=True) if count
    )
    return Bar(
        day=day.day,
        label=day_label(day.day),
        summary=f"{day_label(day.day)}: {_counted(day.total, noun)}" + (f" ({parts})" if parts else ""),
        url=day.url,
        x=_pct((index + 0.5) * band - width / 2),
        width=_pct(width),
        band_x=_pct(index * band),
        band_width=_pct(band),
        counts=day.counts,
        total=day.total,
        segments=tuple(segments),
    )


def _labels(days: Sequence[Day], band: float) -> tuple[DayLabel, ...]:
    """Label the newest day and every so many before it, every second one only where there is room."""
    count = len(days)
    step = next((step for most, step in ((7, 1), (14, 2), (35, 5), (63, 7)) if count <= most), -(-count // 7))
    chosen = []
    for place, index in enumerate(range(count - 1, -1, -step)):
        x = _pct((index + 0.5) * band)
        chosen.append(DayLabel(text=day_label(days[index].day), x=x, sparse=place % 2 == 1 and count > 4))
    return tuple(reversed(chosen))


def _counted(number: int, noun: str) -> str:
    return NOUNS[noun][0].format(number=number, count=full(number))


def _describe(days: Sequence[Day], total: int, noun: str) -> str:
    if not days:
        return _("No days, {none}.").format(none=NOUNS[noun][1])
    first, last = day_label(days[0].day), day_label(days[-1].day)
    span = first if first == last else _("{first} to {last}").format(first=first, last=last)
    if not total:
        return f"{span}: {NOUNS[noun][1]}."
    busiest = max(days, key=lambda day: day.total)
    return _("{span}: {counted}, most on {day} with {number}.").format(
        span=span,
        counted=_counted(total, noun),
        day=day_label(busiest.day),
        number=full(busiest.total),
    )


def sparkline(values: Sequence[int], *, title: str, tone: int = 1) -> Sparkline:
    """Lay out a small line of ``values``, oldest first; a single value is a level line."""
    numbers = list(values) or [0]
    if len(numbers) == 1:
        numbers *= 2
    top = max(*numbers, 1)
    step = 100 / (len(numbers) - 1)
    points = [f"{_px(index * step)},{_px(27 - value / top * 26)}" for index, value in enumerate(numbers)]
    return Sparkline(
        points=" ".join(points), area=" ".join(["0,28", *points, "100,28"]), title=title, tone=tone
    )


def meter(label: str, used: int, limit: int, *, unit: str = "") -> Meter:
    """Describe the use of a limit; ``unit="bytes"`` writes sizes.

    Full (exactly at the limit) is worded apart from exceeded (above it, after the limit was lowered).
    """
    percent = used * 100 // limit if limit > 0 else 100
    if used > limit:
        words = _("exceeded")
    elif used == limit:
        words = _("full")
    else:
        words = f"{percent}%"
    tone = "bad" if percent >= BAD_AT else "warn" if percent >= WARN_AT else ""
    shown, most = (size(used), size(limit)) if unit == "bytes" else (amount(used), amount(limit))
    if unit == "bytes" and shown.split()[1] == most.split()[1]:
        shown = shown.split()[0]  # 412.6 of 500 GiB
    return Meter(label=label, used=shown, limit=most, percent=percent, tone=tone, words=words)


def amount(number: int) -> str:
    """Write a count in full while that is readable at a glance: 2,178, 25,000, 2.1M."""
    return full(number) if number < 1_000_000 else short(number)


def size(number: int) -> str:
    """Write bytes with a binary unit and no trailing zero: 412.6 GiB, 500 GiB, 17 B."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
    left, power = float(number), 0
    while round(left, 1) >= 1024 and power < len(units) - 1:
        left, power = left / 1024, power + 1
    shown = f"{left:.1f}".removesuffix(".0")
    return number_format(shown, force_grouping=True) + f" {units[power]}"


def _tone(index: int) -> int:
    return index % TONES + 1


def _px(number: float) -> str:
    """Write a coordinate the way SVG reads it, whatever the locale."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _pct(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".") + "%"

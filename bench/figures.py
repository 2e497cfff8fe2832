"""How figures are written down: lines, a table for docs/figures.md, and what the short run compares with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench import goals

if TYPE_CHECKING:
    import argparse

    from bench.__main__ import Measured

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "bench" / "recorded.json"
FIGURES = ROOT / "docs" / "figures.md"
START, END = "<!-- measured -->", "<!-- /measured -->"
HEAD = (
    f"{'CPU ms a call':<16}{'muster':>8}{'+ db':>8}{'plain':>8}{'+ db':>8}{'raw':>8}{'+ db':>8}"
    f"{'x plain':>9}{'x raw':>7}   {'calls/s':>8}{'x plain':>9}{'x raw':>7}{'p50':>7}{'p99':>7} ms"
)


def line(one: Measured) -> str:
    """Return a case's figures for the terminal."""
    spent = "".join(
        f"{one.median(site, 'web'):>8.2f}{one.median(site, 'database'):>8.2f}"
        for site in ("muster", "plain", "raw")
    )
    return (
        f"{one.case.name:<16}{spent}{one.ratio('plain'):>9.2f}{one.ratio('raw'):>7.2f}"
        f"   {one.median('muster', 'rate'):>8.0f}{one.rate('plain'):>9.2f}{one.rate('raw'):>7.2f}"
        f"{one.median('muster', 'half'):>7.1f}{one.median('muster', 'most'):>7.1f}"
    )


def record(
    results: dict[int, list[Measured]],
    held: list[goals.Goal],
    *,
    memory: float,
    postgres: str,
    wanted: argparse.Namespace,
) -> None:
    """Write the tables into the documentation, and the ratios to where the short run looks them up."""
    known = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    for one in results[1]:
        known[one.case.name] = {site: round(one.ratio(site), 2) for site in ("plain", "raw")}
    RECORDED.write_text(json.dumps(known, indent=2) + "\n")
    before, _, rest = FIGURES.read_text().partition(START)
    after = rest.partition(END)[2]
    FIGURES.write_text(
        f"{before}{START}\n{table(results, memory, postgres, wanted)}{reached(held)}{END}{after}"
    )


def reached(held: list[goals.Goal]) -> str:
    """Return the goals as a table of their own; nothing where none was asked for."""
    return "\n".join(["", *goals.HEAD, *(one.line() for one in held), ""]) if held else ""


def table(
    results: dict[int, list[Measured]], memory: float, postgres: str, wanted: argparse.Namespace
) -> str:
    """Return the figures as a table, with all that is needed to get them again."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    versions = ", ".join(f"{name} {version(name)}" for name in ("django", "djangorestframework", "psycopg"))
    rows = [
        f"`make bench`, {datetime.now(UTC):%Y-%m-%d}, on {commit}; Python {platform.python_version()},",
        f"{versions}, PostgreSQL {postgres}; {os.cpu_count()} cores, load"
        f" {'/'.join(f'{one:.1f}' for one in os.getloadavg())} at the end; {wanted.rounds} turns of"
        f" {wanted.seconds:g} s. The largest web worker held {memory:.0f} MB.",
        "",
        "| call | web | database | plain: web | database | raw: web | database | CPU plain : Muster"
        " | CPU raw : Muster | calls/s | of plain's | of raw's | p50 | p99 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for size, measured in results.items():
        for one in measured:
            name = one.case.name if size == 1 else f"{one.case.name}, in the large world"
            spent = " | ".join(
                f"{one.median(site, what):.2f}"
                for site in ("muster", "plain", "raw")
                for what in ("web", "database")
            )
            rows.append(
                f"| {name} | {spent} | {one.ratio('plain'):.2f} | {one.ratio('raw'):.2f}"
                f" | {one.median('muster', 'rate'):.0f} | {one.rate('plain'):.2f} | {one.rate('raw'):.2f}"
                f" | {one.median('muster', 'half'):.1f} | {one.median('muster', 'most'):.1f} |"
            )
    return "\n".join([*rows, ""])

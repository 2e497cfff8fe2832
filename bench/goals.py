"""The goals that one call beside another does not tell: load, size, memory, start, neighbours.

Each is measured against the product alone, in the world of the other measurements, and told with what it is
held to. They say how it stands on this machine; on a busy one seconds mean little, ratios more.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bench import spent
from bench.cases import CASES
from bench.ground import ROOT, answers
from bench.load import Call, Numbers, paced, press
from bench.world import CROWDED
from tests.faults.servers import free_ports, tied, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.__main__ import Measured
    from bench.ground import Ground, Site
    from bench.load import Answers

LOAD, LATE = 0.7, 0.15  # of what it can answer; seconds within which 99 of 100 answers are to come then
LARGER, CROWD, NOISE, DRIFT = 1.5, 1.3, 1.2, 1.05
WORKER_MB, START_SECONDS = 120.0, 3.0
NAMES = ("user", "organization", "robots", "repositories", "log-day")


@dataclass
class Goal:
    """What was measured, and whether it is within what it is held to."""

    name: str
    told: str
    bound: str
    is_held: bool

    def line(self) -> str:
        """Return it as a line for the terminal and a table alike."""
        return f"| {self.name} | {self.told} | {self.bound} | {'held' if self.is_held else 'missed'} |"


HEAD = ("| goal | measured | bound | |", "|---|---|---|---|")


def measure(ground: Ground, site: Site, told: dict[str, str], seconds: float) -> Iterator[Goal]:
    """Measure load, neighbours, memory and starts; about two minutes at three seconds each."""
    numbers = Numbers(time.time_ns() // 10**9)
    calls = {case.name: case.call(told) for case in CASES if case.name in NAMES}
    before = spent.memory(site.pid)
    for name, call in calls.items():
        most = press(site.port, call, seconds, numbers).rate
        found = paced(site.port, call, most * LOAD, seconds)
        half, late = found.after(0.5), found.after(0.99)
        yield Goal(
            f"{name} at 70 % of {most:.0f} calls/s",
            f"p50 {half * 1000:.0f} ms, p99 {late * 1000:.0f} ms ({late / half:.1f} times)",
            f"p99 {LATE * 1000:.0f} ms",
            late <= LATE,
        )
    quiet = replace(calls["organization"], path=f"/api/v1/organization/{told['writes']}")
    yield _noise(site, calls["robots"], quiet, seconds, numbers)
    yield from _memory(site, calls, before, seconds, numbers)
    for name, environment in (
        ("SQLite", ground.environment(1) | {"DATABASE_URL": "", "MUSTER_DATA": str(ground.where / "cold")}),
        ("PostgreSQL", ground.environment(1)),
    ):
        with started(environment):
            pass  # what is made once: tables, files
        with started(environment) as took:
            yield Goal(
                f"cold start on {name}", f"{took:.1f} s", f"{START_SECONDS:g} s", took <= START_SECONDS
            )


def of_project(told: dict[str, str], who: str) -> Call:
    """Return the call for one project by somebody who has one (``few``), or by who has 10,000 (``many``)."""
    path = f"/api/v1/repository/{told['crowd']}/crowd-1"
    return Call("GET", path, {"Authorization": f"Bearer {told[who]}", "User-Agent": "bench"})


def crowd(ground: Ground, seconds: float) -> Iterator[Goal]:
    """Measure what belonging to much adds to the question whether somebody may, in a world of its own."""
    told, numbers = ground.world(CROWDED), Numbers(0)
    with ground.serve(CROWDED) as sites:
        yield _crowd(ground, sites["muster"], told, seconds, numbers)


def _crowd(ground: Ground, site: Site, told: dict[str, str], seconds: float, numbers: Numbers) -> Goal:
    took: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(3):
        for who, found in took.items():
            call, above = of_project(told, who), ground.postmaster()
            press(site.port, call, seconds / 2, numbers)
            start = spent.cpu(site.pid) + spent.cpu(above)
            count = len(press(site.port, call, seconds, numbers).took)
            found.append((spent.cpu(site.pid) + spent.cpu(above) - start) / count * 1000)
    few, many = (sorted(found)[1] for found in took.values())
    return Goal(
        "a project, by who is in 200 teams with 10,000 projects, beside who is in one with one",
        f"{many:.2f} ms of CPU time, {few:.2f}: {many / few:.2f} times",
        f"{CROWD:g} times",
        many <= few * CROWD,
    )


def _noise(site: Site, loud: Call, quiet: Call, seconds: float, numbers: Numbers) -> Goal:
    half = press(site.port, loud, seconds, numbers).rate / 2
    rate = press(site.port, quiet, seconds, numbers).rate / 10
    alone = paced(site.port, quiet, rate, seconds)
    found: list[Answers] = []
    noise = threading.Thread(target=lambda: found.append(paced(site.port, loud, half, seconds)), daemon=True)
    noise.start()
    beside = paced(site.port, quiet, rate, seconds)
    noise.join()
    before, after = alone.after(0.99), beside.after(0.99)
    return Goal(
        "p99 of one organization while another takes half of all there is",
        f"{before * 1000:.0f} ms, then {after * 1000:.0f}: {after / before:.1f} times",
        f"{NOISE:g} times",
        after <= before * NOISE,
    )


def _memory(
    site: Site, calls: dict[str, Call], before: float, seconds: float, numbers: Numbers
) -> Iterator[Goal]:
    sizes, asked = [], 0
    for _ in range(4):
        for call in calls.values():
            asked += len(press(site.port, call, seconds / 2, numbers).took)
        sizes.append(spent.memory(site.pid))
    first, last = sizes[0], sizes[-1]
    name = "the largest web worker"
    yield Goal(name, f"{before:.0f} MB, then {last:.0f}", f"{WORKER_MB:g} MB", last <= WORKER_MB)
    grew = f"{first:.0f} to {last:.0f} MB: {last / first:.2f} times"
    yield Goal(f"{name} over {asked} calls", grew, f"{DRIFT:g} times", last <= first * DRIFT)


@contextmanager
def started(environment: dict[str, str]) -> Iterator[float]:
    """Serve the whole product, and yield the seconds until it answered."""
    port = free_ports(1)[0]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "manage.py", "serve"],
        cwd=ROOT, env=environment | {"PORT": str(port)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=tied(),
    )  # fmt: skip
    try:
        yield wait_until(partial(answers, port), "the product answers", 180)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(180)  # its workers end what they are at


def sizes(small: list[Measured], large: list[Measured]) -> Iterator[Goal]:
    """Compare a world with one ten times as large: CPU time of an answer, or of its row."""
    known = {one.case.name: one for one in small}
    for one in large:
        more = 10 if one.case.rows else 1
        ratio = one.median("muster", "both") / known[one.case.name].median("muster", "both") / more
        what = "by the row, " if one.case.rows else ""
        name = f"{one.case.name} in the large world, beside the small one"
        yield Goal(name, f"{what}{ratio:.2f} times", f"{LARGER:g} times", ratio <= LARGER)

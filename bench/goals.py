"""The goals that one call beside another does not tell: load, size, memory, start, neighbours.

Each is measured against the product alone, in the world of the other measurements, and told with what it is
held to. They say how it stands on this machine; on a busy one seconds mean little, ratios more.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from bench import spent
from bench.cases import CASES
from bench.ground import ROOT, WORKERS, answers
from bench.load import Call, Numbers, paced, press
from bench.world import CROWDED
from tests.faults.servers import free_ports, tied, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.synchronize import Event

    from bench.__main__ import Measured
    from bench.ground import Ground, Site
    from bench.load import Answers

LOAD, LATE = 0.7, 4.0  # of what it can answer; how much longer 99 of 100 answers may take than half of them
LARGER, CROWD, NOISE, DRIFT = 1.3, 1.3, 1.2, 1.05
WORKER_MB, START_SECONDS = 120.0, 3.0
PAGE_MS = 500
READS, OF_RAW, WRITES = 1.5, 0.3, 0.7  # times what the references spend
ONE_MS, LIST_MS = 1.5, 3.0  # of the web part
TURNS, AROUND = 5, 0.5  # of which the one in the middle counts; seconds of noise before and after
CALLS = 200_000  # over which memory is to stay as it is
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
    """Measure load, neighbours, memory and starts; some ten minutes, most of them for memory."""
    numbers = Numbers(time.time_ns() // 10**9)
    calls = {case.name: case.call(told) for case in CASES if case.name in NAMES}
    before = spent.each(site.pid, WORKERS)
    for name, call in calls.items():
        most = press(site.port, call, seconds, numbers).rate
        turns = [paced(site.port, call, most * LOAD, seconds) for _ in range(TURNS)]
        half, late = _median(turns, 0.5), _median(turns, 0.99)
        yield Goal(
            f"{name} at 70 % of {most:.0f} calls/s",
            f"p50 {half * 1000:.0f} ms, p99 {late * 1000:.0f} ms ({late / half:.1f} times)",
            f"p99 {LATE:g} times p50",
            late <= LATE * half,
        )
    quiet = replace(calls["organization"], path=f"/api/v1/organization/{told['writes']}")
    yield page(ground, site, told, seconds, numbers)
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


def _median(turns: list[Answers], share: float) -> float:
    """Return the seconds within which a share of the answers came, in the turn in the middle."""
    return statistics.median(one.after(share) for one in turns)


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
    alone, beside = [], []
    for _ in range(TURNS):
        alone.append(paced(site.port, quiet, rate, seconds))
        with _noisy(site, loud, half, seconds):
            beside.append(paced(site.port, quiet, rate, seconds))
    before, after = _median(alone, 0.99), _median(beside, 0.99)
    return Goal(
        "p99 of one organization while another takes half of all there is",
        f"{before * 1000:.0f} ms, then {after * 1000:.0f}: {after / before:.1f} times",
        f"{NOISE:g} times",
        after <= before * NOISE,
    )


@contextmanager
def _noisy(site: Site, loud: Call, rate: float, seconds: float) -> Iterator[None]:
    """Let another process ask for these seconds and some: callers of one process wait for each other, too."""
    away = get_context("spawn")
    begun = away.Event()
    noise = away.Process(target=_make_noise, args=(begun, site.port, loud, rate, seconds + 2 * AROUND))
    noise.start()
    try:
        assert begun.wait(60), "the noise does not begin"
        time.sleep(AROUND)
        yield
        assert noise.is_alive(), "the noise ended early"
    finally:
        noise.join()
    assert noise.exitcode == 0, "the noise was not answered"


def _make_noise(begun: Event, port: int, call: Call, rate: float, seconds: float) -> None:
    begun.set()
    paced(port, call, rate, seconds)


def _memory(
    site: Site, calls: dict[str, Call], before: float, seconds: float, numbers: Numbers
) -> Iterator[Goal]:
    sizes, asked = [before], 0
    while asked < CALLS:
        for call in calls.values():
            asked += len(press(site.port, call, seconds, numbers).took)
        sizes.append(spent.each(site.pid, WORKERS))
    # Half of the way everything that is kept is there.
    middle, last = sizes[len(sizes) // 2], sizes[-1]
    name = "memory of the web part by the worker, shared pages counted once"
    whole = f"the largest alone, with all it shares, {spent.memory(site.pid):.0f}"
    yield Goal(name, f"{before:.0f} MB, then {last:.0f}; {whole}", f"{WORKER_MB:g} MB", last <= WORKER_MB)
    grew = f"{middle:.1f} MB after half of them, then {last:.1f}: {last / middle:.2f} times"
    yield Goal(f"its growth over {asked:,} calls", grew, f"{DRIFT:g} times", last <= middle * DRIFT)


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


def page(ground: Ground, site: Site, told: dict[str, str], seconds: float, numbers: Numbers) -> Goal:
    """Measure a page of the console alone: nothing else makes the same one."""
    call = Call("GET", f"/o/{told['organization']}/", {"Cookie": told["session"], "User-Agent": "bench"})
    press(site.port, call, seconds, numbers)
    above = ground.postmaster()
    web, database = spent.cpu(site.pid), spent.cpu(above)
    found = press(site.port, call, 2 * seconds, numbers)
    by = 1000 / len(found.took)
    web, database = (spent.cpu(site.pid) - web) * by, (spent.cpu(above) - database) * by
    late, half = found.after(0.99) * 1000, found.after(0.5) * 1000
    return Goal(
        "the overview of the organization in the console",
        f"{web:.1f} ms of CPU time, {database:.1f} in the database; p50 {half:.0f} ms, p99 {late:.0f} ms",
        f"p99 {PAGE_MS} ms, of four callers",
        late <= PAGE_MS,
    )


def ratios(measured: list[Measured]) -> Iterator[Goal]:
    """Compare each call with the references, and its CPU time with what an answer may take."""
    reads = [one for one in measured if one.case.kind in ("one", "list")]
    writes = [one for one in measured if one.case.kind == "write"]
    for name, found, against, least in (
        ("reads, against plain", reads, "plain", READS),
        ("reads, against raw", reads, "raw", OF_RAW),
        ("writes, against plain", writes, "plain", WRITES),
    ):
        if found:
            yield _all(name, {one.case.name: one.ratio(against) for one in found}, least, "times", least=True)
    for name, kind, most in (("a single object", "one", ONE_MS), ("a list", "list", LIST_MS)):
        found_ms = {one.case.name: one.median("muster", "web") for one in reads if one.case.kind == kind}
        if found_ms:
            yield _all(f"CPU time of the web part for {name}", found_ms, most, "ms", least=False)


def _all(name: str, found: dict[str, float], bound: float, unit: str, *, least: bool) -> Goal:
    ranked = sorted(found.items(), key=lambda one: one[1])
    missed = [f"{who} {value:.2f}" for who, value in ranked if (value < bound if least else value > bound)]
    told = f"{ranked[0][1]:.2f} to {ranked[-1][1]:.2f} {unit}" + (f"; {', '.join(missed)}" if missed else "")
    return Goal(name, told, f"{'at least' if least else 'at most'} {bound:g} {unit}", not missed)


def sizes(small: list[Measured], large: list[Measured]) -> Iterator[Goal]:
    """Compare a world with one ten times as large: CPU time of an answer, or of its row."""
    known = {one.case.name: one for one in small}
    for one in large:
        more = 10 if one.case.rows else 1
        ratio = one.median("muster", "both") / known[one.case.name].median("muster", "both") / more
        what = "by the row, " if one.case.rows else ""
        name = f"{one.case.name} in the large world, beside the small one"
        yield Goal(name, f"{what}{ratio:.2f} times", f"{LARGER:g} times", ratio <= LARGER)

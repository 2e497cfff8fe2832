"""Measure: ``python -m bench [CASE …] [--rounds 5] [--seconds 1.5] [--large] [--goals] [--short]``."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from bench import figures, goals, spent
from bench.cases import CASES
from bench.ground import lay
from bench.load import Numbers, ask, press

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.cases import Case
    from bench.ground import Ground, Site

WARM_CALLS, WARM_SECONDS = 120, 6.0
LEAST_SPENT = 0.25  # seconds of CPU time in a turn: 25 ticks
LOST = 0.8  # of the recorded ratio; less is a failure
NAMES = [case.name for case in CASES]


@dataclass
class Round:
    """What one program spent on a case in one turn: milliseconds a call, and calls a second."""

    web: float
    database: float
    rate: float
    half: float
    most: float

    @property
    def both(self) -> float:
        return self.web + self.database


@dataclass
class Measured:
    """All turns of a case, by program."""

    case: Case
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def median(self, site: str, what: str) -> float:
        return float(statistics.median(getattr(one, what) for one in self.rounds[site]))

    def ratio(self, against: str, what: str = "both") -> float:
        """Return how many times the product's CPU time a reference takes: the median of turns."""
        pairs = zip(self.rounds["muster"], self.rounds[against], strict=True)
        return float(statistics.median(getattr(other, what) / getattr(mine, what) for mine, other in pairs))

    def rate(self, against: str) -> float:
        pairs = zip(self.rounds["muster"], self.rounds[against], strict=True)
        return statistics.median(mine.rate / other.rate for mine, other in pairs)


def same(case: Case, sites: dict[str, Site], told: dict[str, str]) -> None:
    """Stop where a reference does not answer what the product does: that would compare two things."""
    bodies = {}
    for name, site in sites.items():
        status, body = ask(site.port, case.call(told), NUMBERS.next())
        if status != case.status:
            raise SystemExit(f"{case.name}: {name} answers {status}: {body[:300]!r}")
        bodies[name] = body
    found = {name: orjson.loads(body) for name, body in bodies.items()}
    for key in case.loose:
        for name, body in found.items():
            if not body.pop(key, None):
                raise SystemExit(f"{case.name}: {name} leaves out {key}")
    if case.writes:
        found = {name: shape(body) for name, body in found.items()}
    for name, body in found.items():
        if body != found["muster"]:
            mine = bodies["muster"]
            raise SystemExit(
                f"{case.name}: {name} answers other than\n{mine[:500]!r}:\n{bodies[name][:500]!r}"
            )
    if not (case.loose or case.writes) and bodies["raw"] != bodies["muster"]:
        raise SystemExit(f"{case.name}: raw answers other bytes")


def shape(body: Any) -> Any:
    """Return what a body is made of, without the values that each new thing has of its own."""
    if isinstance(body, dict):
        return {key: shape(value) for key, value in body.items()}
    return [shape(value) for value in body] if isinstance(body, list) else type(body).__name__


def turn(ground: Ground, site: Site, case: Case, told: dict[str, str], seconds: float) -> Round:
    """Ask one program for a while; on a busy machine for longer, as time is told in hundredths of seconds."""
    above = ground.postmaster()
    web, database = spent.cpu(site.pid), spent.cpu(above)
    answers = press(site.port, case.call(told), seconds, NUMBERS)
    most = time.monotonic() + 3 * seconds
    while spent.cpu(site.pid) - web < LEAST_SPENT and time.monotonic() < most:
        answers.add(press(site.port, case.call(told), seconds / 2, NUMBERS))
    count = len(answers.took)
    return Round(
        (spent.cpu(site.pid) - web) / count * 1000,
        (spent.cpu(above) - database) / count * 1000,
        answers.rate,
        answers.after(0.5) * 1000,
        answers.after(0.99) * 1000,
    )


NUMBERS = Numbers(time.time_ns() // 10**9)


def measure(
    ground: Ground,
    size: int,
    sites: dict[str, Site],
    cases: list[Case],
    told: dict[str, str],
    wanted: argparse.Namespace,
) -> list[Measured]:
    """Ask all programs for each case, in turns. What a case wrote is gone before the next."""
    done = []
    for case in cases:
        same(case, sites, told)
        for site in sites.values():
            # What is loaded once, and the plans that every connection keeps after its tenth time or so.
            asked, end = 0, time.monotonic() + WARM_SECONDS
            while asked < WARM_CALLS and time.monotonic() < end:
                asked += len(press(site.port, case.call(told), 0.3, NUMBERS).took)
        measured = Measured(case, {name: [] for name in sites})
        for _ in range(wanted.rounds):
            for name, site in sites.items():
                measured.rounds[name].append(turn(ground, site, case, told, wanted.seconds))
        if case.writes:
            ground.settle(size)
        done.append(measured)
        print(figures.line(measured), flush=True)
    return done


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CASE", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="that each program is asked in a turn")
    parser.add_argument("--large", action="store_true", help="also in a world ten times as large")
    parser.add_argument("--goals", action="store_true", help="also load, memory, start and neighbours")
    parser.add_argument("--short", action="store_true", help="the quick ones, compared with what is recorded")
    parser.add_argument(
        "--record", action="store_true", help="write what comes out to docs and bench/recorded"
    )
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(NAMES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if wanted.short:
        wanted.rounds, wanted.seconds = 5, 0.4
    cases = [
        case for case in CASES if case.name in (wanted.names or NAMES) and (case.short or not wanted.short)
    ]
    print(figures.HEAD)
    with lay() as ground:
        results, memory = {}, 0.0
        held: list[goals.Goal] = []
        for size in (1, 10) if wanted.large else (1,):
            told = ground.world(size)
            with ground.serve(size) as sites:
                results[size] = measure(ground, size, sites, cases, told, wanted)
                if wanted.short:
                    again = {one.case.name: one for one in results[size] if fallen(one)}
                    for name in again:
                        print(f"{name} fell, and is measured once more: the better of the two counts")
                    # A machine that gates changes has its moods; what is slower is slower twice.
                    second = measure(ground, size, sites, [one.case for one in again.values()], told, wanted)
                    better = {one.case.name: max(again[one.case.name], one, key=margin) for one in second}
                    results[size] = [better.get(one.case.name, one) for one in results[size]]
                memory = max(memory, spent.memory(sites["muster"].pid))
                if wanted.goals and size == 1:
                    held += tell(goals.measure(ground, sites["muster"], told, 2 * wanted.seconds))
        if wanted.goals:
            held = [*tell(goals.ratios(results[1])), *held, *tell(goals.crowd(ground, wanted.seconds))]
        if wanted.goals and wanted.large:
            held += tell(goals.sizes(results[1], results[10]))
        version = ground.version()
    print(f"\nload {'/'.join(f'{one:.1f}' for one in os.getloadavg())}; largest worker {memory:.0f} MB")
    if wanted.record:
        figures.record(results, held, memory=memory, postgres=version, wanted=wanted)
    return compare(results[1]) if wanted.short else 0


def tell(found: Iterable[goals.Goal]) -> Iterator[goals.Goal]:
    """Say each goal as soon as it is measured."""
    for one in found:
        print(one.line(), flush=True)
        yield one


def recorded(case: Case) -> dict[str, float]:
    """Return the ratios of a case that are to be held, by reference."""
    found: dict[str, float] = json.loads(figures.RECORDED.read_text())[case.name]
    return found


def margin(one: Measured) -> float:
    """Return the share of what is recorded that a case reaches, toward the reference where it is least."""
    return min(one.ratio(against) / was for against, was in recorded(one.case).items())


def fallen(one: Measured) -> list[str]:
    """Return a sentence for each ratio of a case that is more than a fifth below what is recorded."""
    found = [(against, was, one.ratio(against)) for against, was in recorded(one.case).items()]
    return [
        f"{one.case.name}: {now:.2f} of {against}'s CPU time, and was {was:.2f}"
        for against, was, now in found
        if now < was * LOST
    ]


def compare(found: list[Measured]) -> int:
    """Tell which ratio fell; return the status to end with."""
    told = [sentence for one in found for sentence in fallen(one)]
    for sentence in told:
        print(sentence, file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())

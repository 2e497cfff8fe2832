"""Play scenarios: ``python -m tests.faults [NAME …] [--scale 1.0 | --short] [--keep] [--list]``."""

from __future__ import annotations

import argparse
import contextlib
import os
import pkgutil
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import scenarios
from tests.faults.ground import ROOT, lay, load, template
from tests.faults.servers import find_postgres

if TYPE_CHECKING:
    from tests.faults.servers import Postgres

HOURS = 3  # that a scenario at full scale may take
NAMES = sorted(module.name for module in pkgutil.iter_modules(scenarios.__path__))


@dataclass
class Outcome:
    """What came of a scenario: its figure, or what went wrong."""

    name: str
    fine: bool
    words: str
    seconds: float
    load: str

    def __str__(self) -> str:
        verdict = "ok" if self.fine else "FAILED"
        return f"{self.name:<22} {verdict:<6} {self.seconds:6.0f} s  load {self.load:<14}  {self.words}"


def play(name: str, scale: float | None, stopped: Postgres, where: Path) -> Outcome:
    """Play one scenario in a process of its own, on a ground of its own."""
    start = time.monotonic()
    with lay(where, stopped) as ground:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.faults.play", name, str(scale or 0), str(where)),
                *(str(port) for port in (ground.postgres.port, ground.redis.port, *ground.ports)),
            ],
            cwd=ROOT,
            env=ground.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            told = process.communicate(timeout=HOURS * 3600)[0].strip()
        finally:
            # All that it started, if it could not do that itself.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    words = told.splitlines()[-1] if told else "no figure"
    return Outcome(name, process.returncode == 0, words, time.monotonic() - start, load())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is what the documentation's table tells")
    parser.add_argument("--short", action="store_true", help="the scale at which the tests play each")
    parser.add_argument("--keep", action="store_true", help="leave logs and data where they are")
    parser.add_argument("--list", action="store_true", help="say what there is")
    wanted = parser.parse_args()
    if wanted.list:
        for name in NAMES:
            source = Path(scenarios.__path__[0], f"{name}.py").read_text()
            print(f"{name:<22} {source.split(chr(34) * 3)[1].strip().splitlines()[0]}")  # noqa: T201
        return 0
    if unknown := set(wanted.names) - set(NAMES):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if find_postgres() is None:
        parser.error("no PostgreSQL server's programs are on this machine")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    where = Path(tempfile.mkdtemp(prefix="muster-faults-"))
    failed = 0
    try:
        with template(where) as stopped:
            for name in wanted.names or NAMES:
                outcome = play(name, None if wanted.short else wanted.scale, stopped, where / name)
                print(outcome, flush=True)  # noqa: T201
                failed += not outcome.fine
    finally:
        if not wanted.keep:
            shutil.rmtree(where, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

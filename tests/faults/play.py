"""One scenario, in its own process: ``python -m tests.faults.play NAME SCALE DIRECTORY PORTS …``."""

from __future__ import annotations

import ast
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from tests.faults.ground import Ground
from tests.faults.servers import Postgres, Redis

HERE = Path(__file__).resolve().parent


def main(name: str, scale: float, directory: Path, ports: list[int]) -> int:
    # The settings read these, and the scenario's module can be loaded only when they stand.
    os.environ |= switches((HERE / "scenarios" / f"{name}.py").read_text())
    import django

    django.setup()
    from tests.faults.nursery import Nursery

    first, second, *rest = ports
    redis = Redis(second)
    ground = Ground(directory, Postgres(directory / "postgres", first), redis, rest, nursery=Nursery())
    scenario = import_module(f"tests.faults.scenarios.{name}")
    try:
        print(scenario.play(ground, scale or scenario.SHORT))  # noqa: T201
    except BaseException as error:
        traceback.print_exc()
        sys.stderr.write(ground.lines())
        print(" ".join(f"{type(error).__name__}: {error}".split())[:300])  # noqa: T201
        return 1
    finally:
        ground.close()
        redis.stop()  # where it was started again here
    return 0


def switches(source: str) -> dict[str, str]:
    """Return what a module says ``SWITCHES`` are, without loading it."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SWITCHES":
            found: dict[str, str] = ast.literal_eval(node.value)
            return found
    return {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), [int(one) for one in sys.argv[4:]]))

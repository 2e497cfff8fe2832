"""Runs docs/tour.md as a newcomer would: its own words, a real server, a real worker, a real mail."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import serving

ROOT = Path(__file__).resolve().parent.parent
LARGE = ROOT.parent / "shared" / "data" / "kubernetes-org"
ORGANIZATIONS = {
    "sample": {},
    "large": {
        "ORG": "kubernetes",
        "DIRECTORY": str(LARGE),
        "ADMIN": "nikhita",
        "PERSON": "deads2k",
        "PROJECT": "client-go",
    },
}


def script() -> str:
    """Return the commands of the tour, in their order."""
    text = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 8
    return "set -euo pipefail\n" + "\n".join(blocks)


@pytest.mark.each_database
@pytest.mark.processes
@pytest.mark.parametrize("which", ORGANIZATIONS)
def test_the_tour_runs_as_printed(which, tmp_path):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed: the tour was NOT run")
    variables = ORGANIZATIONS[which]
    if which == "large" and not LARGE.is_dir():
        pytest.skip("the large organization is not beside the project: the tour was NOT run on it")
    with serving.server(tmp_path) as server:
        done = subprocess.run(
            ["bash", "-c", script()],
            cwd=ROOT,
            env=os.environ | server.environment | variables | {"BASE": server.url},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

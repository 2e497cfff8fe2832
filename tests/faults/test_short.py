"""A short version of every scenario. `make faults` plays them at full length; see `tests.faults`."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.faults.__main__ import NAMES, play
from tests.faults.ground import template
from tests.faults.play import switches
from tests.faults.servers import find_postgres

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def stopped():
    """A cluster to copy, made by the first worker of pytest-xdist who wants one."""
    if find_postgres() is None:
        pytest.skip("no PostgreSQL server's programs found")
    where = Path(os.environ["FAULTS_TEMPLATE"])
    with (where / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with template(where) as cluster:
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield cluster


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(name, stopped):
    # Not tmp_path: the user that the server runs as must come through.
    where = Path(tempfile.mkdtemp(prefix="muster-faults-"))
    where.chmod(0o755)
    try:
        outcome = play(name, None, stopped, where / name)
        assert outcome.fine, outcome.words
    finally:
        shutil.rmtree(where, ignore_errors=True)


def test_switches_are_read_without_loading_the_module():
    assert switches('import nothing_there\nSWITCHES = {"A": "1"}\n') == {"A": "1"}
    assert switches("OTHER = 1\n") == {}

"""What the tests see of the world: loaded before the settings are, see ``addopts`` in pyproject.toml.

The developer's own switches do not reach the tests, and nothing is written below ``var/``. Only what the
suite is run *on* is taken over: ``DATABASE_URL``, ``REDIS_URL`` and ``MUSTER_REDIS_PREFIX``.
"""

import atexit
import gc
import os
import shutil
import tempfile

TAKEN_OVER = {"MUSTER_REDIS_PREFIX", "MUSTER_DATABASE_POOL"}
SWITCHES = {"DEBUG", "DEMO", "HOST", "PORT", "EMAIL_URL", "SECRET_KEY"}

for name in list(os.environ):
    if (name.startswith("MUSTER_") and name not in TAKEN_OVER) or name.removesuffix("_FILE") in SWITCHES:
        del os.environ[name]

# Each worker of pytest-xdist is a process of its own, and so has its own directory and its own keys in Redis.
worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
DATA = tempfile.mkdtemp(prefix=f"muster-tests-{worker}-")
atexit.register(shutil.rmtree, DATA, ignore_errors=True)

if "FAULTS_TEMPLATE" not in os.environ:  # one for all workers, who inherit it: see tests/faults
    os.environ["FAULTS_TEMPLATE"] = tempfile.mkdtemp(prefix="muster-faults-")
    atexit.register(shutil.rmtree, os.environ["FAULTS_TEMPLATE"], ignore_errors=True)

os.environ["MUSTER_DATA"] = DATA
os.environ["MUSTER_REDIS_PREFIX"] = (
    f"{os.environ.get('MUSTER_REDIS_PREFIX', 'muster')}-tests-{os.getpid()}-{worker}"
)

# Collecting makes much and leaves no rubbish: until all is collected nobody looks for any (see conftest.py).
gc.disable()

"""The commands of docs/operations.md, run as they stand there."""

import json
import os
import re
import subprocess
import sys

import pytest
from django.db import connection

from tests.architecture.product import ROOT

pytestmark = pytest.mark.processes
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

MIGRATE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
WRITE = """
import sys
from accounts import services as accounts
from core.actor import Actor
from django.db import transaction
name = sys.argv[1]
with transaction.atomic():
    user = accounts.create_user(actor=Actor.of_system(), username=name, password="correct-horse")
    _, secret = accounts.create_robot(actor=Actor.of_system(), namespace=user.namespace, shortname="ci")
print(secret)
"""
READ = """
import json, sys
from accounts.models import User
from logs.models import LogEntry
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential
actor = tokens.authenticate(sys.argv[1], kinds=[Kind.ROBOT])
print(json.dumps({
    "people": sorted(User.objects.values_list("username", flat=True)),
    "robot": actor.robot.full_name,
    "opens": tokens.reveal(Credential.objects.get(robot=actor.robot)) == sys.argv[1],
    "entries": LogEntry.objects.count(),
}))
"""


def blocks(title):
    """Return the shell commands below a heading, block by block."""
    (section,) = re.findall(rf"^#+ {title}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


class Shell:
    """A shell in which an instance lives."""

    def __init__(self, tmp_path, **switches):
        self.data = tmp_path / "data"
        self.data.mkdir(mode=0o700)
        (tmp_path / "backup").mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "MUSTER_DATA": str(self.data),
            "BACKUP": str(tmp_path / "backup"),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            **switches,
        }

    def run(self, script):
        # The page says .venv, where the two commands put it; here it is whatever runs the tests.
        script = script.replace(".venv/bin/python", sys.executable)
        script = "\n".join(line for line in script.splitlines() if line != "make run")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{script}\nprintf '\\n%s' \"${{DATABASE_URL:-}}\" >&2"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        url = done.stderr.rpartition("\n")[2]
        if url:
            self.environment["DATABASE_URL"] = url  # what the page exports holds on
        return done.stdout

    def python(self, script, *arguments):
        return subprocess.run(
            [sys.executable, "-c", f"import django\ndjango.setup()\n{script}", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=180,
        ).stdout


def test_sqlite_backup_and_restore(tmp_path):
    shell = Shell(tmp_path)
    backup, restore = blocks("SQLite")
    token = shell.python(MIGRATE + WRITE, "ada").strip()
    before = json.loads(shell.python(READ, token))

    assert "bytes" in shell.run(backup)
    file = tmp_path / "backup" / "muster.tar"
    assert file.stat().st_mode & 0o777 == 0o600
    shell.python(WRITE, "grace")
    assert json.loads(shell.python(READ, token))["people"] == ["ada", "grace"]

    shell.run(restore)
    assert json.loads(shell.python(READ, token)) == before
    assert before == {"people": ["ada"], "robot": "ada+ci", "opens": True, "entries": 2}


def test_a_backup_is_never_written_over(tmp_path):
    shell = Shell(tmp_path)
    (tmp_path / "backup" / "muster.tar").write_text("yesterday's")
    with pytest.raises(AssertionError, match="exists already"):
        shell.run(blocks("SQLite")[0])
    assert (tmp_path / "backup" / "muster.tar").read_text() == "yesterday's"


@pytest.mark.each_database
def test_postgresql_backup_and_restore(tmp_path):
    if connection.vendor != "postgresql":
        pytest.skip("the suite runs on SQLite")
    names = [f"muster_backup_{os.getpid()}", f"muster_restored_{os.getpid()}"]
    server = os.environ["DATABASE_URL"].rpartition("/")[0]

    def sql(command):
        subprocess.run(
            ["psql", "-q", "-d", f"{server}/postgres", "-c", command], check=True, capture_output=True
        )

    sql(f"create database {names[0]}")
    try:
        shell = Shell(tmp_path, DATABASE_URL=f"{server}/{names[0]}", RESTORED=names[1])
        backup, restore = blocks("PostgreSQL")
        token = shell.python(MIGRATE + WRITE, "ada").strip()
        before = json.loads(shell.python(READ, token))

        shell.run(backup)
        shell.python(WRITE, "grace")
        shell.run(restore)
        assert shell.environment["DATABASE_URL"].endswith(names[1])
        assert json.loads(shell.python(READ, token)) == before
        assert before == {"people": ["ada"], "robot": "ada+ci", "opens": True, "entries": 2}
    finally:
        for name in names:
            sql(f"drop database if exists {name} with (force)")


def test_rotating_the_keys(tmp_path):
    shell = Shell(tmp_path)
    (rotate,) = blocks("Keys")
    token = shell.python(MIGRATE + WRITE, "ada").strip()
    keys = tmp_path / "data" / "keys" / "encryption_keys"
    old = keys.read_text()

    assert "secrets are sealed with the newest key" in shell.run(rotate)
    assert keys.read_text() != old
    assert "," not in keys.read_text()
    assert keys.stat().st_mode & 0o777 == 0o600
    assert json.loads(shell.python(READ, token))["opens"] is True

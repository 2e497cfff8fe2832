"""The supervisor with real processes, each a few lines long. It forks, so it has a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[2]

STAGE = """
import json, os, signal, sys, time
from pathlib import Path
from portal import supervisor
from portal.supervisor import GaveUp, Service, Supervisor

here = Path(sys.argv[1])
supervisor.BACKOFF_SECONDS = (0.01,)

def say(text):
    print(text, flush=True)

def sleep():
    time.sleep(60)

def note(name):
    with (here / name).open("a") as file:
        file.write(f"{os.getpid()}\\n")

def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("stubborn")
    sleep()

def with_child():
    if os.fork() == 0:
        note("child")
        sleep()
    note("parent")
    sleep()

def until(path, lines=1):
    end = time.monotonic() + 10
    while not path.exists() or len(path.read_text().splitlines()) < lines:
        watcher.look(0.01)
        assert time.monotonic() < end, path

watcher = Supervisor(here / "log", say)
"""


@pytest.fixture
def play(tmp_path):
    """Run a scene after the stage is set; return what it printed."""

    def run(scene, status=0):
        done = subprocess.run(
            [sys.executable, "-c", STAGE + scene, str(tmp_path)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, done.stderr
        return done.stdout

    return run


def is_alive(pid):
    """Tell whether a process runs; a dead one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(pids, seconds=5.0):
    end = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    return [pid for pid in pids if is_alive(pid)] == []


def noted(path):
    return [int(line) for line in path.read_text().split()]


def test_a_crashed_service_is_started_again(play, tmp_path):
    told = play(
        """
def crash_once():
    note("runs")
    if len((here / "runs").read_text().split()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    sleep()

watcher.start(Service("hero", crash_once))
until(here / "runs", lines=2)
watcher.stop()
"""
    )
    assert "hero was killed by SIGKILL; starting it again" in told
    assert gone(noted(tmp_path / "runs"))


def test_it_gives_up_on_one_that_crashes_again_and_again_and_says_its_last_words(play, tmp_path):
    told = play(
        """
def crash():
    note("runs")
    raise RuntimeError("no such table: hope")

watcher.start(Service("hero", crash))
try:
    watcher.watch()
except GaveUp as error:
    say(str(error))
watcher.stop()
"""
    )
    assert len(noted(tmp_path / "runs")) == 5
    assert "hero ended with status 1, 5 times in a row. Its last words:" in told
    assert "RuntimeError: no such table: hope" in told
    assert "no such table: hope" in (tmp_path / "log" / "hero.log").read_text()


def test_one_that_never_gets_ready_is_given_up(play):
    told = play(
        """
def run():
    print("waiting for a train", flush=True)
    sleep()

service = Service("hero", run, ready=lambda: False)
watcher.start(service)
try:
    watcher.wait_ready(service, 0.5)
except GaveUp as error:
    say(str(error))
watcher.stop()
"""
    )
    assert "hero is not ready" in told
    assert "waiting for a train" in told


def test_one_that_does_not_stop_is_ended(play, tmp_path):
    told = play(
        """
watcher.start(Service("mule", stubborn, grace=0.3))
until(here / "stubborn")
watcher.stop()
"""
    )
    assert "mule does not stop within 0.3 s; ending it" in told
    assert gone(noted(tmp_path / "stubborn"))


def test_children_of_services_go_with_them(play, tmp_path):
    play(
        """
watcher.start(Service("family", with_child))
until(here / "child")
until(here / "parent")
watcher.stop()
"""
    )
    assert gone(noted(tmp_path / "child") + noted(tmp_path / "parent"))


def test_services_do_not_outlive_a_killed_supervisor(play, tmp_path):
    play(
        """
watcher.start(Service("hero", lambda: (note("hero"), sleep())))
other = [sys.executable, "-c", "import time; time.sleep(60)"]
watcher.start(Service("other", lambda: os.execv(other[0], other)))
until(here / "hero")
(here / "other").write_text(str(watcher.services[1].pid))
os.kill(os.getpid(), signal.SIGKILL)
""",
        status=-signal.SIGKILL,
    )
    assert gone(noted(tmp_path / "hero") + noted(tmp_path / "other"))


def test_what_services_say_is_kept_in_files_and_errors_are_told(play, tmp_path):
    told = play(
        """
def talk():
    print("[INFO] all is well")
    print("[ERROR] all is lost", flush=True)
    os.write(1, b"no line feed here")
    note("said")
    sleep()

watcher.start(Service("poet", talk))
until(here / "said")
watcher.stop()
"""
    )
    lines = (tmp_path / "log" / "poet.log").read_text().splitlines()
    assert lines == ["[INFO] all is well", "[ERROR] all is lost", "no line feed here"]
    assert told == "poet | [ERROR] all is lost\n"


def test_the_one_started_first_stops_last(play, tmp_path):
    play(
        """
def leave(name):
    def left(*_):
        note("left-" + name)
        with (here / "order").open("a") as file:
            file.write(name + " ")
        os._exit(0)

    def run():
        signal.signal(signal.SIGTERM, left)
        note("is-" + name)
        sleep()

    return run

for name in ("broker", "web", "worker"):
    watcher.start(Service(name, leave(name)))
    until(here / ("is-" + name))
watcher.stop()
"""
    )
    assert (tmp_path / "order").read_text().split()[-1] == "broker"


def test_services_hold_nothing_of_the_supervisors(play):
    told = play(
        """
held = (here / "held").open("w")
watcher.let_go = held.close

def list_open():
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.exists():
            print(descriptor.readlink(), flush=True)
    note("listed")
    sleep()

watcher.start(Service("first", sleep))
watcher.start(Service("second", list_open))
until(here / "listed")
watcher.stop()
say((here / "log" / "second.log").read_text())
"""
    )
    assert "held" not in told
    assert ".log" not in told
    assert "null" in told

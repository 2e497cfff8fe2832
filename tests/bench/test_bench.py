"""The measurements measure: CPU time of processes and their children, answers, ratios that fell."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import __main__ as main
from bench import figures, goals, spent
from bench.cases import CASES
from bench.load import Answers, Call, Numbers, ask, paced, press

BUSY = """
import subprocess, sys, time
def work():
    start = time.process_time()
    while time.process_time() - start < 0.3:
        pass
if len(sys.argv) > 1:
    child = subprocess.Popen([sys.executable, sys.argv[0]])
    work()
    child.wait()
else:
    work()
if len(sys.argv) > 1:
    print("done", flush=True)
    sys.stdin.read()
"""


def test_time_of_children_counts_after_they_have_ended(tmp_path):
    program = tmp_path / "busy.py"
    program.write_text(BUSY)
    process = subprocess.Popen(
        [sys.executable, str(program), "with"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    assert spent.tree(process.pid) == [process.pid]
    assert 0.55 <= spent.cpu(process.pid) < 3
    process.communicate("")


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(418 if self.path == "/tea" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_callers_take_whole_answers_and_numbers_of_their_own(port):
    large = Call("PUT", "/{n}", {}, b"x" * 300_000 + b"{n}")
    assert ask(port, large, 7) == (200, b"x" * 300_000 + b"7")
    numbers = Numbers(0)
    answers = press(port, Call("PUT", "/{n}", {}, b"{n}"), 0.3, numbers)
    assert len(answers.took) == numbers.last > 4
    assert answers.after(0.5) <= answers.after(0.99) < 30


def test_a_wrong_answer_ends_it(port):
    with pytest.raises(AssertionError, match="418"):
        press(port, Call("PUT", "/tea", {}, b"no"), 0.3, Numbers(0))


def test_paced_calls_keep_their_rate_and_count_from_when_they_were_due(port):
    answers = paced(port, Call("PUT", "/", {}, b"x"), 50, 0.4)
    assert len(answers.took) == 20
    # One caller, who cannot keep up: what waits for its turn is late.
    behind = paced(port, Call("PUT", "/", {}, b"x"), 100_000, 0.002, callers=1)
    assert len(behind.took) == 200
    assert sorted(behind.took)[-1] > 20 * sorted(behind.took)[0]


def test_a_wrong_answer_ends_paced_calls(port):
    with pytest.raises(AssertionError, match="418"):
        paced(port, Call("PUT", "/tea", {}, b"no"), 50, 0.1)


def measured(mine: float, theirs: float) -> main.Measured:
    def turn(spent: float) -> list[main.Round]:
        return [main.Round(spent / 2, spent / 2, 100, 1, 2)] * 3

    return main.Measured(CASES[0], {"muster": turn(mine), "plain": turn(theirs), "raw": turn(theirs)})


@pytest.mark.parametrize(("mine", "status"), [(1.0, 0), (1.2, 0), (1.3, 1)])
def test_a_ratio_that_fell_by_more_than_a_fifth_fails(mine, status, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figures, "RECORDED", tmp_path / "recorded.json")
    figures.RECORDED.write_text(json.dumps({CASES[0].name: {"plain": 2.0}}))
    assert main.compare([measured(mine, 2.0)]) == status
    assert ("and was 2.00" in capsys.readouterr().err) == bool(status)


def test_goals_compare_worlds_and_say_what_is_missed():
    (flat,), (grown,) = (list(goals.sizes([measured(1.0, 2.0)], [measured(now, 2.0)])) for now in (1.2, 1.6))
    assert (flat.is_held, grown.is_held) == (True, False)
    assert grown.line() == f"| {grown.name} | 1.60 times | 1.3 times | missed |"
    assert grown.line() in figures.reached([flat, grown])
    assert figures.reached([]) == ""


def test_goals_name_the_calls_that_miss_them():
    quick, slow = measured(1.0, 2.0), measured(5.0, 2.0)
    slow.case = replace(CASES[0], name="slow")
    told = {goal.name: goal for goal in goals.ratios([quick, slow])}
    assert told["reads, against plain"].told == "0.40 to 2.00 times; slow 0.40"
    assert not told["reads, against plain"].is_held
    assert told["reads, against raw"].is_held
    assert told["CPU time of the web part for a single object"].told == "0.50 to 2.50 ms; slow 2.50"


def test_of_two_measurements_that_fell_the_better_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "RECORDED", tmp_path / "recorded.json")
    figures.RECORDED.write_text(json.dumps({CASES[0].name: {"plain": 2.0, "raw": 0.5}}))
    slow, quick = measured(2.0, 2.0), measured(1.25, 2.0)
    assert (main.margin(slow), main.margin(quick)) == (0.5, 0.8)
    assert max(slow, quick, key=main.margin) is quick
    assert (bool(main.fallen(slow)), main.fallen(quick)) == (True, [])


def test_every_case_is_recorded():
    recorded = json.loads(figures.RECORDED.read_text())
    assert recorded.keys() == {case.name for case in CASES}


def test_written_bodies_are_compared_by_what_they_are_made_of():
    mine = {"name": "a", "teams": [{"n": 1}], "used": None}
    assert main.shape(mine) == main.shape({"name": "b", "teams": [{"n": 2}], "used": None})
    assert main.shape(mine) != main.shape(mine | {"used": "now"})
    assert main.shape(mine) != main.shape(mine | {"more": 1})
    assert main.shape(mine) != main.shape(mine | {"teams": []})


def test_turns_that_were_too_short_are_added_up():
    answers = Answers(1.0, [0.2])
    answers.add(Answers(0.5, [0.1, 0.3]))
    assert (answers.rate, answers.after(0.99)) == (2.0, 0.3)


def test_each_case_names_what_its_call_needs():
    told = dict.fromkeys(
        ("token", "organization", "writes", "nid", "account", "access", "key", "qodana"), "known"
    )
    for case in CASES:
        lines = case.call(told).lines(7)
        assert b"known" in lines
        assert b"{" not in lines.partition(b"\r\n\r\n")[0]

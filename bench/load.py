"""Callers: threads that send one call after the other over connections that stay open."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field

PATIENCE = 30.0


@dataclass
class Call:
    """One HTTP call, and what is to come back."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    status: int = 200

    def lines(self, number: int = 0) -> bytes:
        """Return what goes over the wire; ``{n}`` in path and body becomes a number of its own."""
        body = self.body.replace(b"{n}", str(number).encode())
        lines = [f"{self.method} {self.path.replace('{n}', str(number))} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Wire:
    """A connection to a server on this machine that sends ``Content-Length``."""

    port: int
    socket: socket.socket | None = None
    rest: bytes = b""

    def ask(self, lines: bytes) -> tuple[int, bytes]:
        """Send a call and return the status and the body of what comes back."""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.rest = b""
        self.socket.sendall(lines)
        data = self.rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        at = head.find(b"content-length:")
        assert at >= 0, head
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        size = end + 4 + length
        if len(data) < size:
            parts, have = [data], len(data)
            while have < size:
                parts.append(self._more())
                have += len(parts[-1])
            data = b"".join(parts)
        self.rest = data[size:]
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), data[end + 4 : size]

    def _more(self) -> bytes:
        assert self.socket is not None
        data = self.socket.recv(262144)
        assert data, "the server hung up"
        return data

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


@dataclass
class Answers:
    """How many answers came, in what time, and how long each took."""

    seconds: float = 0.0
    took: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.took) / self.seconds

    def add(self, more: Answers) -> None:
        """Count those that came later as well."""
        self.seconds += more.seconds
        self.took += more.took

    def after(self, share: float) -> float:
        """Return the seconds within which a share of the answers came."""
        took = sorted(self.took)
        return took[min(int(len(took) * share), len(took) - 1)]


class Numbers:
    """Numbers that no two calls share."""

    def __init__(self, start: int) -> None:
        self.last = start
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self.last += 1
            return self.last


def ask(port: int, call: Call, number: int = 0) -> tuple[int, bytes]:
    """Ask once."""
    wire = Wire(port)
    try:
        return wire.ask(call.lines(number))
    finally:
        wire.close()


def press(port: int, call: Call, seconds: float, numbers: Numbers, callers: int = 4) -> Answers:
    """Let callers ask for a while; any answer but the expected one ends it all."""
    answers = Answers()
    wrong: list[object] = []
    end = time.perf_counter() + seconds
    fixed = None if b"{n}" in call.lines(0) or "{n}" in call.path + call.body.decode() else call.lines()

    def work() -> None:
        wire, took = Wire(port), []
        try:
            while (start := time.perf_counter()) < end and not wrong:
                status, body = wire.ask(fixed or call.lines(numbers.next()))
                took.append(time.perf_counter() - start)
                if status != call.status:
                    wrong.append((status, body[:500]))
        except (OSError, AssertionError) as error:
            wrong.append(error)
        finally:
            wire.close()
        answers.took.extend(took)

    start = time.perf_counter()
    threads = [threading.Thread(target=work, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.seconds = time.perf_counter() - start
    if wrong:
        raise AssertionError(f"{call.method} {call.path}: {wrong[0]}")
    return answers


def paced(port: int, call: Call, rate: float, seconds: float, callers: int = 16) -> Answers:
    """Ask ``rate`` times a second, whether or not the last answer came; a late start counts as waiting."""
    answers, lines = Answers(seconds), call.lines()
    wrong: list[object] = []
    start = time.perf_counter()
    moments = iter(range(max(int(rate * seconds), callers)))
    lock = threading.Lock()

    def work() -> None:
        wire = Wire(port)
        try:
            while not wrong:
                with lock:
                    number = next(moments, None)
                if number is None:
                    break
                due = start + number / rate
                time.sleep(max(0.0, due - time.perf_counter()))
                status, body = wire.ask(lines)
                answers.took.append(time.perf_counter() - due)
                if status != call.status:
                    wrong.append((status, body[:500]))
        except (OSError, AssertionError) as error:
            wrong.append(error)
        finally:
            wire.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise AssertionError(f"{call.method} {call.path}: {wrong[0]}")
    return answers

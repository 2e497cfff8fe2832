"""Sockets for the tests of outgoing calls: a resolver's answers, tripwires, and servers that misbehave."""

import abc
import contextlib
import select
import socket
import threading
from typing import Any

PUBLIC = "93.184.216.34"
NAME = "hooks.example.com"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Outside:
    """What the test's resolver answers, what it was asked, and where somebody tried to connect."""

    def __init__(self):
        self.answers: dict[str, Any] = {NAME: [PUBLIC]}  # addresses, or a call that returns some
        self.asked = []
        self.dialled = []

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        self.asked.append(host)
        answer = self.answers.get(host)
        answer = answer() if callable(answer) else answer
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        six = socket.AF_INET6, socket.SOCK_STREAM, 6, ""
        four = socket.AF_INET, socket.SOCK_STREAM, 6, ""
        return [(*six, (ip, port, 0, 0)) if ":" in ip else (*four, (ip, port)) for ip in answer]


class Tripwires:
    """Listeners that nobody may connect to. The kernel queues a connection even if it is dropped at once."""

    def __init__(self, path):
        self.path = str(path)
        self.listeners = [socket.create_server(("127.0.0.1", 0))]
        self.port = self.listeners[0].getsockname()[1]
        with contextlib.suppress(OSError):  # a machine without IPv6 cannot be reached that way either
            self.listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(self.path)
        unix.listen()
        self.listeners.append(unix)

    @property
    def touched(self):
        return bool(select.select(self.listeners, [], [], 0)[0])

    def close(self):
        for listener in self.listeners:
            listener.close()


class Listener(abc.ABC):
    """Listens on loopback, in a thread of its own that ``serve`` keeps busy until it is to stop."""

    def __init__(self, host="127.0.0.1", port=0):
        self.listener = socket.create_server((host, port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    @abc.abstractmethod
    def serve(self):
        """Take what comes, until ``stopping`` is set."""

    def drip(self, sock, head, piece, pause=0.05):
        """Send ``piece`` again and again, for as long as the other side listens."""
        sock.sendall(head)
        while not self.stopping.wait(pause):
            sock.sendall(piece)

    def close(self):
        self.stopping.set()
        self.thread.join(60)
        self.listener.close()
        assert not self.thread.is_alive()


class Server(Listener):
    """A server on loopback that reads one request a connection, then lets ``answer(socket)`` do its worst."""

    def __init__(self, answer, host="127.0.0.1", port=0, tls=None):
        self.answer, self.tls = answer, tls
        self.requests = []
        super().__init__(host, port)

    def serve(self):
        while not self.stopping.is_set():
            if not select.select([self.listener], [], [], 0.05)[0]:
                continue
            sock, _ = self.listener.accept()
            sock.settimeout(5)
            # An attacker's server is cut off in the middle; that is no error here.
            with sock, contextlib.suppress(OSError):
                if self.tls is not None:
                    with self.tls.wrap_socket(sock, server_side=True) as secured:
                        self.talk(secured)
                else:
                    self.talk(sock)

    def talk(self, sock):
        with sock.makefile("rb") as incoming:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = incoming.readline()
                if not line:
                    return
                head += line
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = incoming.read(int(length[0].split(b":")[1])) if length else b""
        self.requests.append((head.decode("latin-1"), body))
        self.answer(self, sock)

"""A piece of wire between a worker and its Redis, which can go dead without either end being told."""

from __future__ import annotations

import selectors
import socket
import threading


class Wire:
    """Passes on what comes in at ``port``; connections that are cut stay open, and carry nothing."""

    def __init__(self, port: int, to: int) -> None:
        self.to = to
        self.pairs: dict[socket.socket, socket.socket] = {}
        self.dead: set[socket.socket] = set()
        self.found = selectors.DefaultSelector()
        self.server = socket.create_server(("127.0.0.1", port), backlog=64)
        self.found.register(self.server, selectors.EVENT_READ)
        threading.Thread(target=self._carry, daemon=True).start()

    def cut(self) -> None:
        """Let what is connected now hang; new connections are carried."""
        self.dead |= set(self.pairs)

    def _carry(self) -> None:
        while True:
            for key, _ in self.found.select():
                if key.fileobj is self.server:
                    self._join(self.server.accept()[0])
                else:
                    self._pass_on(key.fileobj)  # type: ignore[arg-type]

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            self.pairs[one] = other
            self.found.register(one, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        try:
            data = one.recv(65536)
            if data and one not in self.dead:
                self.pairs[one].sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (one, self.pairs.pop(one)):
                if end.fileno() >= 0 and end in self.found.get_map():
                    self.found.unregister(end)
                    end.close()

"""Receivers on loopback, and what they got."""

from __future__ import annotations

import json

from tests.core.sockets import OK, Server

ERROR = b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nno\x00t now\xff"
GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
LATER = b"HTTP/1.1 503 Busy\r\nRetry-After: 900\r\nContent-Length: 0\r\n\r\n"


class Receiver(Server):
    """Gives ``answers`` one after the other, then 200; an answer may also be a call of the socket."""

    def __init__(self):
        self.answers = []
        super().__init__(self.say)
        self.url = f"http://127.0.0.1:{self.port}/hook?key=k"

    def say(self, _, sock):
        answer = self.answers.pop(0) if self.answers else OK
        if callable(answer):
            answer(sock)
        else:
            sock.sendall(answer)

    @property
    def calls(self):
        """What came in, as (headers by lower-case names, body)."""
        found = []
        for head, body in self.requests:
            lines = [line.partition(": ") for line in head.strip().split("\r\n")[1:]]
            found.append(({name.lower(): value for name, _, value in lines}, body))
        return found

    @property
    def told(self):
        return [json.loads(body) for _, body in self.requests]

"""Hosts that take what is sent over TLS and answer nothing, as collectors of logs do; or that misbehave."""

import contextlib
import select
import socket
import ssl
import struct

from tests.core.sockets import Listener

AT_ONCE = struct.pack("ii", 1, 0)  # of SO_LINGER: closing resets the connection


class Collector(Listener):
    """A collector on loopback. Each connection is met by the next of ``manners``, then by the usual one.

    ``heard`` are the bytes of each connection that was read to its end, ``met`` how many there were.
    """

    def __init__(self, tls, *manners):
        self.tls, self.manners = tls, list(manners)
        self.heard: list[bytes] = []
        self.met = 0
        super().__init__()

    @property
    def url(self):
        return f"syslog+tls://127.0.0.1:{self.port}"

    def serve(self):
        while not self.stopping.is_set():
            if not select.select([self.listener], [], [], 0.02)[0]:
                continue
            sock, _ = self.listener.accept()
            self.met += 1
            sock.settimeout(5)
            manner = self.manners.pop(0) if self.manners else take
            with sock, contextlib.suppress(OSError):
                manner(self, sock)


def read(sock):
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


# Good manners --------------------------------------------------------------------------------------------


def take(collector, sock):
    """Read all, and answer the farewell."""
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        collector.heard.append(read(secured))
        secured.unwrap().close()


def take_and_hang_up(collector, sock):
    """Read all, and close without TLS's farewell."""
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        collector.heard.append(read(secured))


# Bad ones ------------------------------------------------------------------------------------------------


def reset_midway(collector, sock):
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        secured.recv(100)
        secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)


def reset_at_the_end(collector, sock):
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        read(secured)
        secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)


def leave_unread(collector, sock):
    """Close in good order, without having read anything."""
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        # Until something is there that is not read.
        select.select([secured], [], [], 5)


def leave_early(collector, sock):
    """Say farewell before anything came."""
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        secured.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):
            secured.unwrap()


def never_read(collector, sock):
    with collector.tls.wrap_socket(sock, server_side=True):
        collector.stopping.wait(5)


def never_close(collector, sock):
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        read(secured)
        collector.stopping.wait(5)


def never_greet(collector, sock):
    collector.stopping.wait(5)


def drip_greeting(collector, sock):
    """Begin a record of TLS that never comes to its end."""
    sock.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while not collector.stopping.wait(0.05):
        sock.sendall(b"\0")


def answer(collector, sock):
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        secured.recv(100)
        secured.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        read(secured)


def greet_and_answer(collector, sock):
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        secured.sendall(b"220 mail ESMTP\r\n")
        read(secured)


def chatter(collector, sock):
    """Answer, and never end."""
    with collector.tls.wrap_socket(sock, server_side=True) as secured:
        while not collector.stopping.is_set():
            secured.sendall(b"x" * 16384)


def speak_plainly(collector, sock):
    """Take syslog without TLS."""
    sock.recv(1)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def hang_up(collector, sock):
    """Close at once."""

"""The world outside, for tests of outgoing calls.

Servers and tripwires are real sockets on loopback. Two things are not ours and are replaced: the resolver, to
give the answers an attacker's name server would give, and ``connect()`` to anything beyond loopback, which is
written down and refused, so that no test leaves the machine. The tests' own Redis, where there is one, is
no part of that world.
"""

import errno
import ipaddress
import socket
from urllib.parse import urlsplit

import pytest
from django.conf import settings as configured

from tests.core.sockets import Outside, Server, Tripwires


@pytest.fixture
def outside(monkeypatch):
    outside = Outside()
    connect, look_up = socket.socket.connect, socket.getaddrinfo
    own = urlsplit(configured.REDIS_URL or "")

    def asked(host, port, *args, **kwargs):
        if own.hostname and (host, port) == (own.hostname, own.port or 6379):
            return look_up(host, port, *args, **kwargs)
        return outside.getaddrinfo(host, port, *args, **kwargs)

    def guarded(self, address):
        if own.hostname and isinstance(address, tuple) and address[1] == (own.port or 6379):
            return connect(self, address)
        outside.dialled.append(address[:2] if isinstance(address, tuple) else address)
        if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    monkeypatch.setattr(socket.socket, "connect", guarded)
    return outside


@pytest.fixture
def tripwires(tmp_path, settings):
    wires = Tripwires(tmp_path / "s")
    # The port rule must not hide a hole in the address rule.
    settings.EGRESS_PORTS = [80, 443, wires.port]
    settings.EGRESS_SYSLOG_PORTS = [6514, wires.port]
    settings.EGRESS_ALLOW = []
    yield wires
    wires.close()


@pytest.fixture
def serve(settings):
    servers = []

    def start(answer, **options):
        if isinstance(answer, bytes):
            data = answer
            server = Server(lambda _, sock: sock.sendall(data), **options)
        else:
            server = Server(answer, **options)
        servers.append(server)
        settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, f"127.0.0.1:{server.port}"]
        return server

    settings.EGRESS_ALLOW = []
    yield start
    for server in servers:
        server.close()

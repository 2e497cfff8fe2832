"""The world outside, for tests of outgoing calls.

Servers and tripwires are real sockets on loopback. Two things are not ours and are replaced: the resolver, to
give the answers an attacker's name server would give, and ``connect()`` to anything beyond loopback, which is
written down and refused, so that no test leaves the machine.
"""

import errno
import ipaddress
import socket

import pytest

from tests.core.sockets import Outside, Server, Tripwires


@pytest.fixture
def outside(monkeypatch):
    outside = Outside()
    connect = socket.socket.connect

    def guarded(self, address):
        outside.dialled.append(address[:2] if isinstance(address, tuple) else address)
        if isinstance(address, tuple) and not ipaddress.ip_address(address[0]).is_loopback:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", outside.getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", guarded)
    return outside


@pytest.fixture
def tripwires(tmp_path, settings):
    wires = Tripwires(tmp_path / "s")
    # The port rule must not hide a hole in the address rule.
    settings.EGRESS_PORTS = [80, 443, wires.port]
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

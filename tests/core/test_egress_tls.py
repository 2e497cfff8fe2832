"""TLS of outgoing calls, against a real server on loopback with certificates made for the test."""

import socket
import threading

import pytest

from core import egress
from tests.core.authorities import Authority
from tests.core.sockets import NAME, OK

pytestmark = pytest.mark.usefixtures("outside")


@pytest.fixture
def authority(tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


def test_name_is_verified_and_sent_though_the_address_is_dialled(authority, serve, outside):
    tls = authority.server(NAME)
    asked_for = []
    tls.sni_callback = lambda _, name, __: asked_for.append(name)
    server = serve(OK, tls=tls)
    outside.answers[NAME] = ["127.0.0.1"]
    reply = egress.post(f"https://{NAME.upper()}.:{server.port}/hook", body=b"{}" * 100_000)
    assert (reply.status, reply.body) == (200, b"ok")
    assert asked_for == [NAME]
    [(head, body)] = server.requests
    assert f"\r\nHost: {NAME}:{server.port}\r\n" in head
    assert body == b"{}" * 100_000
    assert outside.dialled == [("127.0.0.1", server.port)]


def test_address_is_verified_too(authority, serve):
    server = serve(OK, tls=authority.server("127.0.0.1"))
    assert egress.post(f"https://127.0.0.1:{server.port}/", body=b"").status == 200


@pytest.mark.parametrize(
    ("hosts", "validity"),
    [
        (["other.example.com"], {}),
        (["example.com"], {}),
        (["*.com"], {}),
        (["127.0.0.1"], {}),  # where the name leads is not who it is
        ([NAME], {"began": -3, "ends": -1}),
        ([NAME], {"began": 1, "ends": 3}),
    ],
)
def test_certificate_of_another_host_or_time_fails_before_anything_is_sent(
    hosts, validity, authority, serve, outside
):
    server = serve(OK, tls=authority.server(*hosts, **validity))
    outside.answers[NAME] = ["127.0.0.1"]
    with pytest.raises(egress.Failed, match="certificate is not valid"):
        egress.post(f"https://{NAME}:{server.port}/", body=b"{}")
    assert server.requests == []


def test_certificate_of_an_unknown_authority_fails(authority, serve, outside, monkeypatch):
    server = serve(OK, tls=authority.server(NAME))
    monkeypatch.delenv("SSL_CERT_FILE")
    outside.answers[NAME] = ["127.0.0.1"]
    with pytest.raises(egress.Failed, match="certificate is not valid"):
        egress.post(f"https://{NAME}:{server.port}/", body=b"{}")
    assert server.requests == []


def test_plain_server_on_a_tls_port_fails(settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings.EGRESS_ALLOW = [f"127.0.0.1:{port}"]

        def speak():
            with listener.accept()[0] as sock:
                sock.recv(1)
                sock.sendall(OK)

        server = threading.Thread(target=speak)
        server.start()
        with pytest.raises(egress.Failed, match=r"No TLS|connection was lost"):
            egress.post(f"https://127.0.0.1:{port}/", body=b"{}")
        server.join()


def test_slow_body_over_tls_is_cut_off_in_time(authority, serve):
    server = serve(
        lambda server, sock: server.drip(sock, b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        tls=authority.server("127.0.0.1"),
    )
    with pytest.raises(egress.Failed, match="took too long"):
        egress.post(f"https://127.0.0.1:{server.port}/", body=b"", timeout=1)

"""What of the Quay wire only a socket shows: escapes, slashes, HEAD, preflights, words for true."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests import make
from tests.clients import strict
from tests.clients.strict import decode


@pytest.mark.django_db(transaction=True)
def test_what_only_a_socket_shows(live_server):
    owner = make.user("owner")
    acme = make.organization(owner=owner)
    make.robot(acme, "ci")
    make.project(acme, "team-a/web")
    secret = make.token(owner)
    host = urlsplit(live_server.url).netloc

    def send(method, path, **headers):
        connection = HTTPConnection(host, timeout=30)
        connection.request(method, f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"} | headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    for path in ("repository/acme/team-a/web", "repository/acme%2Fteam-a%2Fweb"):
        answer, body = send("GET", path)
        assert decode(strict.Repository, json.loads(body)).name == "team-a/web"
    for path in ("user", "user/", "organization/acme/", "organization/acme"):
        answer, body = send("GET", path)
        assert answer.status in (200, 308), path
    for path in ("organization/acme/members/acme+ci", "organization/acme/members/acme%2Bci"):
        answer, body = send("GET", path)
        assert json.loads(body)["name"] == "acme+ci"
    answer, body = send("HEAD", "organization/acme")
    assert (answer.status, body, answer.getheader("Content-Type")) == (200, b"", "application/json")
    whole, body = send("GET", "organization/acme")
    assert (
        int(answer.getheader("Content-Length", "-1")) == len(body) == int(whole.getheader("Content-Length"))
    )
    answer, body = send("HEAD", "organization/nowhere")
    assert (answer.status, body) == (404, b"")
    preflight = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer, _ = send("OPTIONS", "organization/acme/robots/new", **preflight)
    assert answer.status == 200
    assert answer.getheader("Access-Control-Allow-Origin") == "*"
    assert "PUT" in answer.getheader("Access-Control-Allow-Methods")
    assert {"Authorization", "Content-Type"} <= set(
        answer.getheader("Access-Control-Allow-Headers").split(", ")
    )
    for word, shown in (("True", True), ("False", False)):
        _, body = send("GET", f"organization/acme/robots?permissions={word}")
        assert ("teams" in json.loads(body)["robots"][0]) is shown
    # A content type without a body is what some clients send with everything.
    answer, _ = send("DELETE", "organization/acme/robots/ci", **{"Content-Type": "application/json"})
    assert answer.status == 204

"""What is written to the logs of processes, and what never is."""

import json
import logging
import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from portal import logs


def written(line, *arguments, as_json=True, **more):
    record = logging.LogRecord("gunicorn.access", logging.INFO, "", 0, line, arguments, None)
    record.__dict__.update(more)
    return logs.formatter(json=as_json).format(record)


def secret_routes(resolver, before=""):
    """Yield all addresses a part of which is a code or a token."""
    for one in resolver.url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from secret_routes(one, route)
        elif isinstance(one, URLPattern) and re.search(r"<(str:)?(code|token)>", route):
            yield route


@pytest.mark.parametrize("route", sorted(secret_routes(get_resolver())))
def test_the_code_of_a_link_is_in_no_line(route):
    path = "/" + re.sub(r"\(\?P<[^>]+>(?:[^()]|\([^()]*\))*\)|<[^>]+>", "s3cr3t-c0de_x", route)
    path = path.replace("repository/s3cr3t-c0de_x", "repository/acme/web").replace("^", "")
    for as_json in (True, False):
        line = written(
            '10.0.0.9 "GET %s" 200', path, as_json=as_json, path=path, referer=f"http://host{path}?x=1"
        )
        assert "s3cr3t" not in line
        assert "10.0.0.9" in line


def test_there_are_such_routes():
    assert len(list(secret_routes(get_resolver()))) == 8


def test_other_addresses_stay_whole():
    line = json.loads(
        written('"%s %s" %s', "GET", "/o/acme/exports/5f0c1a52-0000-4000-8000-000000000001/", 200)
    )
    assert line["event"] == '"GET /o/acme/exports/5f0c1a52-0000-4000-8000-000000000001/" 200'


def test_neither_a_request_nor_another_address_brings_a_code_into_a_line():
    from django.test import RequestFactory

    request = RequestFactory().get(
        "/sign-in/", {"next": "/invitations/urn:teaminvite:s3cr3t/join/", "a": "b"}
    )
    for as_json in (True, False):
        line = written("Forbidden: %s", request.get_full_path(), as_json=as_json, request=request)
        assert "s3cr3t" not in line
        assert line.count("/sign-in/?next=%2Finvitations%2F") == 2

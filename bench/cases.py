"""What is measured: each call as the owner of the world's organization, or with a token of its own kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.load import Call

if TYPE_CHECKING:
    from collections.abc import Mapping


BEARER = "Authorization: Bearer {token}"
QODANA = "Authorization: Bearer {qodana}"
LOGS = "/api/v1/organization/{organization}/logs"
COUNTS = "/api/v1/organization/{organization}/aggregatelogs"
DAY = "starttime=06/15/2025&endtime=06/15/2025"
MONTH = "starttime=06/01/2025&endtime=06/30/2025"
PROJECT = "/api/v1/public/organizations/projects"


@dataclass
class Case:
    """A call that the product and both references answer alike.

    ``kind`` is what it is held to: "one" object, a "list", or a "write". ``loose`` are keys whose values
    differ by nature: a sealed token, a moment. ``rows`` tells that the answer itself is as long as the world
    is large, so that a larger world is compared by the row. ``writes`` makes something new with each call:
    the answers then have one status and one shape. ``{n}`` in path and body becomes a number of its own.
    ``short`` is whether the short run measures it.
    """

    name: str
    method: str
    path: str
    kind: str = "one"
    loose: tuple[str, ...] = ()
    rows: bool = False
    short: bool = True
    header: str = BEARER
    body: bytes = b""
    status: int = 200
    writes: bool = False

    def call(self, told: Mapping[str, str]) -> Call:
        """Return the call with a world's credentials."""
        named = {**told, "n": "{n}"}
        name, _, value = self.header.format(**named).partition(": ")
        headers = {name: value, "User-Agent": "bench"}
        return Call(self.method, self.path.format(**named), headers, self.body, self.status)


CASES = (
    Case("user", "GET", "/api/v1/user/"),
    Case("organization", "GET", "/api/v1/organization/{organization}", "list", rows=True),
    Case(
        "robots", "GET", "/api/v1/organization/{organization}/robots?permissions=true&token=false", "list",
        rows=True,
    ),
    Case("repositories", "GET", "/api/v1/repository?namespace={organization}", "list", loose=("next_page",)),
    Case("log-day", "GET", f"{LOGS}?{DAY}", "list", loose=("next_page",)),
    Case("log-month", "GET", f"{LOGS}?{MONTH}", "list", loose=("next_page",), short=False),
    Case("log-counts", "GET", f"{COUNTS}?{MONTH}", "list", short=False),
    Case(
        "new-robot", "PUT", "/api/v1/organization/{writes}/robots/robot{n}", "write",
        body=b'{"description": "Builds"}', status=201, writes=True,
    ),
    Case(
        "project-token", "POST", PROJECT, "write", header=QODANA,
        body=b'{"teamName": "Team", "projectName": "Project"}', short=False,
    ),
    Case(
        "new-project", "POST", PROJECT, "write", header=QODANA,
        body=b'{"teamName": "Team", "projectName": "Project {n}"}', status=201, writes=True, short=False,
    ),
    Case(
        "codacy", "GET", "/api/v3/organizations/gh/{organization}/repositories", "list",
        header="api-token: {account}", short=False,
    ),
    Case(
        "flexstack", "GET", "/v1/projects", "list", header="X-API-Key: {key}", loose=("next_page",),
        short=False,
    ),
    Case("cisense", "GET", "/v3/organizations/{nid}", header="Authorization: Bearer {access}", short=False),
)  # fmt: skip

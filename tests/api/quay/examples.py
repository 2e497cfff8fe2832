"""Answers that the description of the Quay wire shows, taken from the golden files.

``python -m tests.api.quay.examples`` writes them anew; test_discovery.py tells when that is due.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parents[3] / "api" / "quay" / "examples.json"
LONGEST = 1500
SAMPLES = {
    "<base58>": "8vPz3kQxT6mWcR2hYbN4aL",
    "<client id>": "ODKPQ7QWX4BC1A2YRT6E",
    "<client secret>": "4HWDPSMA6UVRK1XQZT0NBYEGL7C2JF9I3O5859AB",
    "<color>": "#1f77b4",
    "<csrf>": "kT4vXo2pRz8cWm1nBq6yHs9dLf3gJe7aUi5tPx0-QvCzMwNbKrYhDsLfGjEaUiTp",
    "<date>": "Sun, 22 Nov 2026 09:15:00 -0000",
    "<hex32>": "9f86d081884c7d659a2feaa0c55ad015",
    "<httpdate>": "Sun, 22 Nov 2026 09:15:00 GMT",
    "<int>": 7,
    "<iso>": "2026-11-22T09:15:00.000000Z",
    "<iso seconds>": "2026-11-22T09:15:00Z",
    "<kid>": "m3vJ0d5kq8Yw2xB7nR4tZcFhLpS6uGaE9iKoNyXQbVs",
    "<list>": [],
    "<object>": {},
    "<private pem>": "-----BEGIN RSA PRIVATE KEY-----\n…\n-----END RSA PRIVATE KEY-----\n",
    "<public pem>": "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n",
    "<sealed>": "gAAAAABn…",
    "<text>": "…",
    "<token32>": "B7QK2XW9M4RZ1TPL8VHC5NDJ3YF6SGEA",
    "<token40>": "x7Rq2LmK9vTz4WpN1cYb6HsD3fJgE8aUiOtQkPrM",
    "<token64>": "5WZB8K2Q" * 8,
    "<token120>": "R4TN9XQ1" * 15,
    "<uuid>": "6f1c0d52-7a3b-4e9d-8c21-5b0e94a7d3f6",
}
COMPUTED = re.compile(r"<avatar (\S+) (\S+)(?: \S+)?>")


def told() -> dict[str, Any]:
    """Return an answer of each operation that has a body, by the operation's name."""
    from api.quay.operation import operations_of
    from tests.api.quay import golden
    from tests.api.quay.access import Row
    from tests.api.quay.test_discovery import VIEWS

    found: dict[str, Any] = {}
    for file in sorted(golden.operations()):
        for exchange in golden.BOOK.exchanges(file):
            method, _, path = exchange["call"].partition(" ")
            if path.startswith("/") or exchange["status"] >= 300 or "body" not in exchange:
                continue
            name, verb = Row(method.lower(), path, {"": exchange["status"]}).route
            body = sample(exchange["body"])
            for one in operations_of(VIEWS[name], verb):
                told_before = len(json.dumps(found.get(one.name, "")))
                fits = path.startswith(one.under) and exchange["status"] == one.success and not one.empty
                if fits and one.name != "discovery" and told_before < len(json.dumps(body)) < LONGEST:
                    found[one.name] = body
    return dict(sorted(found.items()))


def sample(body: Any) -> Any:
    """Return a golden body with something for what varies, and with the first of each list alone."""
    if isinstance(body, dict):
        return {str(sample(key)): sample(value) for key, value in body.items()}
    if isinstance(body, list):
        return [sample(one) for one in body[:1]]
    if not isinstance(body, str):
        return body
    if avatar := COMPUTED.fullmatch(body):
        kind, name = avatar.groups()
        return {"name": name, "hash": "9f86d081…", "color": "#1f77b4", "kind": kind}
    if body in SAMPLES:
        return SAMPLES[body]
    assert not re.fullmatch(r"<[a-z0-9 ]+>", body) or body.startswith("<id "), f"no sample of {body}"
    return re.sub(r"<id (\w+)>|{(\w+)}", "6f1c0d52", body)


def written() -> str:
    """Return the text of the file."""
    return json.dumps(told(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    PLACE.write_text(written())

"""Golden bodies: what each operation of a wire answers, kept in ``golden/<operation>.json`` beside its tests.

A file holds a list of exchanges: ``{"call": "GET organization/acme", "as": "owner", "sent": …, "status": 200,
"body": …}``, played in order in one world; ``sent`` and ``body`` are left out where nothing is. ``{name}``
in a call comes from the world's names; ``"keep": {"uuid": "messages.0.uuid"}`` adds to them from the answer.
Values that vary are placeholders that must match in type and form: see FORMS. ``<int>`` is any whole number,
``<object>`` and ``<list>`` one of something, and ``<id name>``, in what is sent, too, the world's name.

``settings`` are switches during a call, and ``fault`` is what its first statement meets: "crash", or "busy",
as a database says it that does not answer in time. ``factor`` names an organization that asks its people for
a second factor from then on.
"""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connection
from django.test import override_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from django.test import Client

    Exchange = dict[str, Any]

NOTHING = object()
FAULTS = {"crash": RuntimeError("a fault"), "busy": OperationalError("canceling statement due to timeout")}

_DAY = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
FORMS = {
    "<color>": r"#[0-9a-f]{6}",
    "<iso>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "<client id>": r"[A-Z0-9]{20}",
    "<client secret>": r"[A-Z0-9]{40}",
    "<token120>": r"[A-Z0-9]{120}",
    "<date>": rf"{_DAY} \d\d:\d\d:\d\d -0000",
    "<httpdate>": rf"{_DAY} \d\d:\d\d:\d\d GMT",
    "<kid>": r"[A-Za-z0-9_-]{43}",
    "<public pem>": r"-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n",
    "<private pem>": r"-----BEGIN RSA PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END RSA PRIVATE KEY-----\n",
    "<token32>": r"[A-Z0-9]{32}",
    "<token40>": r"[A-Za-z0-9]{40}",
    "<token64>": r"[A-Z0-9]{64}",
    "<csrf>": r"[A-Za-z0-9_-]{64}",
    "<sealed>": r"gAAAA[A-Za-z0-9_=-]+",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<iso seconds>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "<iso hundredths>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\dZ",
    "<iso thousandths>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "<short id>": r"[A-Za-z0-9]{5,}",
    "<nid prj>": r"prj-[A-Za-z0-9]{12}",
    "<nid org>": r"org-[A-Za-z0-9]{12}",
    "<base58>": r"[1-9A-HJ-NP-Za-km-z]{22}",
    "<token20>": r"[A-Za-z0-9]{20}",
    "<token20 begun>": r"[A-Za-z0-9]{6}…",
    "<token name>": r"token-[0-9a-f]{8}",
    "<sig>": r"sig_[0-9a-f]{64}",
    "<hex32>": r"[0-9a-f]{32}",
    "<token159>": r"[\w-]+\.[\w-]+\.[\w-]+",
    "<text>": r"[^\x00]+",
}


def differences(golden: Any, came: Any, where: str = "", unfold: Callable[[str], Any] = str) -> list[str]:
    """Return where an answer differs from its golden body; types count: 1 is neither "1" nor 1.0 nor true.

    ``unfold`` returns what a placeholder of the wire's own stands for.
    """
    if golden == "<int>":
        return [] if type(came) is int else [f"{where}: {came!r} is no integer"]
    if golden == "<object>":
        return [] if isinstance(came, dict) and came else [f"{where}: {came!r} is no object with keys"]
    if golden == "<list>":
        return [] if isinstance(came, list) and came else [f"{where}: {came!r} is no list of something"]
    if isinstance(golden, str):
        golden = unfold(golden)
    if isinstance(golden, str) and golden in FORMS:
        fits = isinstance(came, str) and re.fullmatch(FORMS[golden], came)
        return [] if fits else [f"{where}: {came!r} is no {golden}"]
    if type(golden) is not type(came):
        return [f"{where}: {came!r} instead of {golden!r}"]
    if isinstance(golden, dict):
        found = [f"{where}.{key}: missing" for key in golden.keys() - came.keys()]
        found += [f"{where}.{key}: not expected" for key in came.keys() - golden.keys()]
        for key in golden.keys() & came.keys():
            found += differences(golden[key], came[key], f"{where}.{key}", unfold)
        return sorted(found)
    if isinstance(golden, list):
        if len(golden) != len(came):
            return [f"{where}: {len(came)} instead of {len(golden)} items"]
        pairs = enumerate(zip(golden, came, strict=True))
        return [line for i, (one, other) in pairs for line in differences(one, other, f"{where}.{i}", unfold)]
    return [] if golden == came else [f"{where}: {came!r} instead of {golden!r}"]


@dataclass(frozen=True)
class Book:
    """The golden files of a wire, in a folder."""

    directory: Path
    unfold: Callable[[str], Any] = str

    def operations(self) -> list[str]:
        """Return the names of all files."""
        return sorted(path.stem for path in self.directory.glob("*.json"))

    def exchanges(self, operation: str) -> list[Exchange]:
        """Return what a file holds."""
        found: list[Exchange] = json.loads((self.directory / f"{operation}.json").read_text())
        return found

    def play(
        self, operation: str, names: dict[str, str], call: Callable[[Exchange], tuple[int, Any]]
    ) -> list[str]:
        """Play an operation's exchanges; return every difference. ``call`` answers status and body."""
        found: list[str] = []
        for number, exchange in enumerate(self.exchanges(operation)):
            status, body = call(exchange)
            where = f"{operation} {number}"
            if status != exchange["status"]:
                found.append(f"{where}: {status} instead of {exchange['status']}: {body}")
                continue
            golden = exchange.get("body", NOTHING)
            if golden is NOTHING or body is NOTHING:
                found += [] if golden is body else [f"{where}: {body!r} instead of {golden!r}"]
            else:
                found += differences(named(golden, names), body, where, self.unfold)
            for name, path in exchange.get("keep", {}).items():
                value = body
                for step in path.split("."):
                    value = value[int(step) if isinstance(value, list) else step]
                names[name] = str(value)
        return found


def named(part: Any, names: dict[str, str]) -> Any:
    """Put the world's names in the place of ``<id name>``."""
    if isinstance(part, str):
        return re.sub(r"<id ([\w-]+)>", lambda found: names[found[1]], part)
    if isinstance(part, list):
        return [named(one, names) for one in part]
    return {key: named(one, names) for key, one in part.items()} if isinstance(part, dict) else part


def send(client: Client, exchange: Exchange, names: dict[str, str], prefix: str, **headers: str) -> Any:
    """Make the call of an exchange; return the answer. A string is sent as it is, all else as JSON."""
    method, _, path = exchange["call"].partition(" ")
    path = path.format(**names)
    sent: dict[str, Any] = {"headers": headers}
    if "sent" in exchange:
        body = named(exchange["sent"], names)
        text = body if isinstance(body, str) else json.dumps(body)
        sent |= {"data": text, "content_type": "application/json"}
    with override_settings(**exchange.get("settings", {})), _faulty(exchange.get("fault", "")):
        return client.generic(method, path if path.startswith("/") else prefix + path, **sent)


def _faulty(fault: str) -> AbstractContextManager[Any]:
    def fail(*_: Any) -> None:
        raise FAULTS[fault]

    return connection.execute_wrapper(fail) if fault else nullcontext()


def told(answer: Any) -> tuple[int, Any]:
    """Return status and body of an answer: JSON, a string, or nothing."""
    if not answer.content:
        return answer.status_code, NOTHING
    if answer["Content-Type"].partition(";")[0] == "application/json":
        return answer.status_code, json.loads(answer.content)
    return answer.status_code, answer.content.decode()

"""What scenarios write: projects with webhooks, changes that are told to them, and whether all arrived."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.db import connection, connections, transaction
from django.db.models import Count, Q

from logs.kinds import SET_REPO_DESCRIPTION
from logs.record import draft, record_many
from notifications import services as notifications
from notifications.models import Delivery
from projects import services as projects
from projects.models import Project
from tests import make
from tests.faults.ground import steadily, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from accounts.models import Organization
    from tests.faults.sink import Sink

Status = Delivery.Status


def project(name: str = "web", *, organization: str = "acme", urls: Iterable[str] = ()) -> Project:
    """Return a project whose changes are told to these URLs."""
    made = make.project(make.organization(organization), name)
    for url in urls:
        notifications.create_subscription(
            actor=make.SYSTEM, project=made, event="repo_change", method="webhook", config={"url": url}
        )
    return made


def subscribe(organization: Organization, url: str, event: str = "repo_change") -> None:
    """Let everything that changes in an organization be told to a URL."""
    notifications.create_subscription(
        actor=make.SYSTEM,
        namespace=organization.namespace,
        event=event,
        method="webhook",
        config={"url": url},
    )


def change(project: Project, text: str) -> None:
    """Change a project, as its people do: one transaction with an entry and its deliveries."""
    projects.set_description(actor=make.SYSTEM, project=project, description=text)


def in_threads(count: int, work: Callable[[int], None]) -> list[threading.Thread]:
    """Let threads work, each with its number; their connections end with them."""

    def run(number: int) -> None:
        try:
            work(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


class Caller:
    """Somebody who calls the web part with a token, over one connection as long as that holds."""

    def __init__(self, url: str, token: str) -> None:
        self.where, self.token = urlsplit(url).netloc, token
        self.connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: object = None) -> int:
        """Return the status of an answer; 0 where none came."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.where, timeout=30)
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            with suppress(AttributeError):
                self.connection.close()  # type: ignore[union-attr]
            self.connection = None
            return 0
        return answer.status


class Writers:
    """Calls of the web part that change projects, at a rate; what they answered and how long it took."""

    def __init__(self, url: str, token: str, paths: list[str], rate: float) -> None:
        self.url, self.token, self.paths, self.rate = url, token, paths, rate
        self.answers: Counter[int] = Counter()
        self.took: list[tuple[float, float]] = []  # when it began, for how long
        self._lock = threading.Lock()

    def write(self, seconds: float, threads: int = 8) -> None:
        """Write for so long, and return when the last answer has come."""

        def work(number: int) -> None:
            caller = Caller(self.url, self.token)
            for count in steadily(self.rate / threads, seconds):
                path = self.paths[(number + count * threads) % len(self.paths)]
                start = time.monotonic()
                status = caller.call("PUT", path, {"description": f"{number}/{count}"})
                with self._lock:
                    self.answers[status] += 1
                    self.took.append((start, time.monotonic() - start))

        for thread in in_threads(threads, work):
            thread.join()

    def slowest(self, share: float = 0.99, since: float = 0, until: float = float("inf")) -> float:
        """Return a percentile of the seconds that calls took which began in a span."""
        return percentile([took for begun, took in self.took if since <= begun < until], share)


def percentile(values: Iterable[float], share: float) -> float:
    found = sorted(values)
    return found[min(len(found) - 1, int(share * len(found)))] if found else 0.0


def left() -> int:
    """Return how many deliveries are not over."""
    with suppress(Exception):  # the database may be what is away
        return Delivery.objects.filter(due_at__isnull=False).count()
    connection.close()
    return -1


def wait_until_delivered(seconds: float) -> float:
    """Wait until nothing is due or under way any more; return for how long."""

    def over() -> bool:
        time.sleep(0.2)
        return left() == 0

    return wait_until(over, "everything is delivered", seconds)


def settle(sinks: list[Sink], *, doubled_at_most: float) -> tuple[int, int]:
    """Check that what was to be told arrived, as often as is promised; return how many, how many doubled."""
    told = dict(Delivery.objects.values_list("status").annotate(Count("pk")))
    assert set(told) <= {Status.DONE}, f"not all delivered: {told}"
    expected = {f"msg_{uuid.hex}" for uuid in Delivery.objects.values_list("uuid", flat=True)}
    came: Counter[str] = sum((sink.count for sink in sinks), Counter())
    lost = expected - set(came)
    assert not lost, f"{len(lost)} of {len(expected)} never arrived"
    strange = set(came) - expected
    assert not strange, f"{len(strange)} arrived that nobody wrote"
    doubled = came.total() - len(came)
    assert doubled <= doubled_at_most, f"{doubled} came twice, at most {doubled_at_most:.0f} may"
    return len(expected), doubled


def first_attempts(since: float, of: Collection[int]) -> list[float]:
    """Return how long after its change each delivery was told, of those of some tenants made since then."""
    rows = Delivery.objects.filter(~Q(finished_at=None), tenant__in=of, attempts=1)
    found = rows.values_list("created_at", "begun_at", "last_seconds")
    return [
        (begun - made).total_seconds() + (seconds or 0)
        for made, begun, seconds in found
        if made.timestamp() >= since and begun is not None
    ]


def burst(project: Project, count: int) -> None:
    """Write so many changes at once, each with an entry and its deliveries, as an import does."""
    for start in range(0, count, 500):
        with transaction.atomic():
            tell(project, min(500, count - start))


def tell(project: Project, count: int) -> None:
    """Write entries of one project, inside a transaction."""
    one = partial(
        draft, SET_REPO_DESCRIPTION, actor=make.SYSTEM, namespace=project.namespace, project=project
    )
    record_many([one(repo=project.slug) for _ in range(count)])


def moment(at: float) -> datetime:
    """Return a time of the clock on the wall as the database tells it."""
    return datetime.fromtimestamp(at, UTC)

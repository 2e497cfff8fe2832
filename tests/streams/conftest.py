import pytest

from logs.models import LogEntry
from streams import services, tasks
from streams.models import Stream
from tests import make
from tests.logs.written import settle
from tests.notifications.receiver import Receiver


@pytest.fixture
def acme():
    return make.organization("acme", owner=make.user("owner"))


@pytest.fixture
def owner(acme):
    return make.actor(acme.memberships.get(role="owner").user)


@pytest.fixture
def root():
    return make.actor(make.user("root", superuser=True))


@pytest.fixture
def receiver(settings):
    receiver = Receiver()
    settings.EGRESS_ALLOW = [f"127.0.0.1:{receiver.port}"]
    yield receiver
    receiver.close()


@pytest.fixture
def begin(acme, owner, receiver):
    """Begin a stream of acme's log, of what is written from now on unless a cursor says otherwise."""

    def begin(namespace=acme.namespace, actor=owner, url="", cursor=None):
        settle()
        made, _ = services.create_stream(
            actor=actor,
            namespace=namespace,
            method="webhook",
            config={"url": url or receiver.url},
            cursor=cursor,
        )
        return made

    return begin


def push():
    """Let a worker have its turn, once all that is committed is settled."""
    settle()
    tasks.work()


def row(stream):
    return Stream.objects.get(pk=stream.pk)


def make_due(stream):
    """Let the pause after a failure, or the lease of a worker that is gone, be over."""
    Stream.objects.filter(pk=stream.pk).update(due_at=stream.created_at)


def heard(receiver):
    """Return the numbers of the entries that a receiver was sent, in its order."""
    return [entry["id"] for told in receiver.told for entry in told["data"]["entries"]]


def entries_of(namespace, after=0):
    """Return the numbers of the entries of a namespace, or of all, that come after one."""
    rows = LogEntry.objects.filter(pk__gt=after)
    rows = rows if namespace is None else rows.filter(namespace=namespace)
    order = ("xact", "pk")
    return list(rows.order_by(*order).values_list("pk", flat=True))

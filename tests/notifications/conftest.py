import pytest

from core.actor import Actor
from notifications import services
from tests import make
from tests.notifications.receiver import Receiver

NOBODY = Actor()


@pytest.fixture
def acme():
    return make.organization("acme", owner=make.user("owner"))


@pytest.fixture
def owner(acme):
    return make.actor(acme.memberships.get(role="owner").user)


@pytest.fixture
def web(acme):
    return make.project(acme, "web")


@pytest.fixture
def receiver(settings):
    receiver = Receiver()
    settings.EGRESS_ALLOW = [f"127.0.0.1:{receiver.port}"]
    yield receiver
    receiver.close()


@pytest.fixture
def subscribe(owner):
    """Subscribe ``project`` or ``namespace``; ``config`` by name. Returns the subscription."""

    def subscribe(method="in_console", event="repo_change", project=None, namespace=None, title="", **config):
        made, _ = services.create_subscription(
            actor=owner,
            project=project,
            namespace=namespace,
            event=event,
            method=method,
            config=config,
            title=title,
        )
        return made

    return subscribe


@pytest.fixture
def hook(subscribe, receiver, web):
    """A webhook of the project ``acme/web``, told of its changes."""
    return subscribe("webhook", project=web, url=receiver.url)

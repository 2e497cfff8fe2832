import pytest
from django.utils import timezone

from core.actor import Actor
from notifications import services
from notifications.models import AuthorizedAddress
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
    """Subscribe ``project`` or ``namespace``; ``config`` by name. Returns the subscription.

    An address of a project has been confirmed by its owner.
    """

    def subscribe(method="in_console", event="repo_change", project=None, namespace=None, title="", **config):
        if project and "email" in config:
            confirmed(project, config["email"])
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


def confirmed(project, email):
    """Let an address be told about a project."""
    AuthorizedAddress.objects.get_or_create(
        project=project, email=email, defaults={"confirmed_at": timezone.now(), "mail_due_at": None}
    )


@pytest.fixture
def hook(subscribe, receiver, web):
    """A webhook of the project ``acme/web``, told of its changes."""
    return subscribe("webhook", project=web, url=receiver.url)

"""Everything that calls a URL, or is told one that will be called: by the doors that people and workers use.

``REGISTERS`` are told a URL. Each returns the error that the URL is refused with. ``CALLS`` call one that is
on a row, in the settings or in a provider's document already, as one is that was good when it came there.
Each returns what became of it.
"""

import contextlib
import json
from dataclasses import dataclass

import pytest
from django.utils import timezone

from accounts import provider
from core import egress
from core.errors import BadCredentials, Invalid, Unreachable
from logs import services as logs
from logs import tasks as log_tasks
from logs.models import LogExport
from notifications import services, tasks
from notifications.models import Delivery, Subscription
from streams import services as streams
from streams import tasks as stream_tasks
from streams.models import Stream
from tests import make
from tests.core.hostile import as_syslog
from tests.logs.written import WEEK

GOOD = "http://93.184.216.34/hook"
GOOD_SYSLOG = "syslog+tls://93.184.216.34"
FLAGS = {"deployments.failed": True}
CHANNEL = {"channel_id": "C0DEPLOYS", "channel_name": "deploys", "team_id": "T0", "team_name": "Acme"}
LIMIT = 0.6  # seconds, of a call in a hurry


@dataclass(frozen=True)
class Outcome:
    """What became of a call: the words that people are shown, and what they see of an answer's body."""

    good: bool
    words: str
    shown: str = ""
    final: bool = False


class World:
    """An organization with a project, a subscription of every kind that calls, and an export."""

    def __init__(self, settings, monkeypatch, outside, serve):
        self.settings, self.monkeypatch, self.outside = settings, monkeypatch, outside
        acme = make.organization("acme", owner=make.user("owner"))
        self.space = acme.namespace
        self.actor = make.actor(acme.memberships.get(role="owner").user)
        self.project = make.project(acme, "web")
        settings.SLACK_TOKEN, settings.SLACK_API = "xoxb-1-2-three", GOOD
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "muster", "secret"
        # One failure after the other must not switch off what the next one is tried with.
        settings.NOTIFICATION_FAILURES = 10_000
        self.webhook = self.subscribe("webhook")
        self.slack = self.subscribe("slack")
        self.integration = services.create_integration(
            actor=self.actor, project=self.project, flags=FLAGS, url=GOOD
        )
        self.app = Subscription.objects.create(
            project=self.project, event=self.integration.event, method="slack", config=CHANNEL, flags=FLAGS
        )
        self.export = logs.request_export(
            actor=self.actor, namespace=self.space, callback_url="", callback_email="", **WEEK
        )
        log_tasks.build_export(self.export.pk)
        self.stream = self.begin_stream(GOOD)
        self.syslog = self.begin_stream(GOOD_SYSLOG, "syslog")
        # The provider's own host, which is good; the endpoints that it names are what is called.
        self.document = {}
        self.host = serve(lambda _, sock: sock.sendall(self.answer()))
        self.issuer = f"http://127.0.0.1:{self.host.port}"
        outside.dialled.clear()

    def subscribe(self, method, url=GOOD, **more):
        made, _ = services.create_subscription(
            actor=self.actor,
            project=self.project,
            event="repo_change",
            method=method,
            config={"url": url},
            **more,
        )
        return made

    def begin_stream(self, url, method="webhook"):
        made, _ = streams.create_stream(
            actor=self.actor, namespace=self.space, method=method, config={"url": url}
        )
        return made

    def answer(self):
        body = json.dumps(self.document | {"access_token": "a"}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def provide(self, **endpoints):
        """Let the provider describe itself with these endpoints, and have that read."""
        self.settings.OIDC_ISSUER = self.issuer
        own = {"issuer": self.issuer, "authorization_endpoint": GOOD, "token_endpoint": self.issuer}
        self.document = own | endpoints
        provider._shelf.documents.clear()
        provider.begin(redirect_uri="http://127.0.0.1:8000/")

    def dialled(self):
        """Return where somebody connected to, without the provider's own host."""
        return [where for where in self.outside.dialled if where[-1] != self.host.port]

    @contextlib.contextmanager
    def hurry(self):
        """Let every call be over within LIMIT seconds."""
        with self.monkeypatch.context() as patch:
            patch.setattr(egress, "TOTAL_SECONDS", LIMIT)
            self.settings.NOTIFICATION_SECONDS = LIMIT
            yield
        self.settings.NOTIFICATION_SECONDS = 10


# Told a URL ----------------------------------------------------------------------------------------------


def counted():
    return [model.objects.count() for model in (Subscription, LogExport, Stream)]


def refused(call, *args, **kwargs):
    before = counted()
    with pytest.raises(Invalid) as caught:
        call(*args, **kwargs)
    assert counted() == before
    return caught.value


def new_webhook(world, url):
    return refused(world.subscribe, "webhook", url)


def new_flat_webhook(world, url):
    return refused(world.subscribe, "webhook", url, flat=True)


def new_slack(world, url):
    return refused(world.subscribe, "slack", url)


def changed_webhook(world, url):
    row = Subscription.objects.get(pk=world.webhook.pk)
    error = refused(
        services.change_subscription, actor=world.actor, subscription=row, changes={"config": {"url": url}}
    )
    row.refresh_from_db()
    assert row.config == {"url": GOOD}
    return error


def new_integration(world, url):
    return refused(
        services.create_integration, actor=world.actor, project=world.project, flags=FLAGS, url=url
    )


def new_export(world, url):
    # Without a URL nobody is called: the empty one is none.
    return refused(
        logs.request_export, actor=world.actor, namespace=world.space, callback_url=url or "/", **WEEK
    )


def new_stream(world, url):
    return refused(world.begin_stream, url)


def new_syslog(world, url):
    return refused(world.begin_stream, as_syslog(url), "syslog")


def changed_stream(world, url):
    return _directed(world, world.stream, url)


def changed_syslog(world, url):
    return _directed(world, world.syslog, as_syslog(url))


def _directed(world, stream, url):
    error = refused(streams.change_stream, actor=world.actor, stream=stream, config={"url": url})
    assert Stream.objects.get(pk=stream.pk).config == stream.config
    return error


REGISTERS = {
    call.__name__: call
    for call in (
        *(new_webhook, new_flat_webhook, new_slack, changed_webhook, new_integration, new_export),
        *(new_stream, new_syslog, changed_stream, changed_syslog),
    )
}
CHANGES = {"changed_webhook", "changed_stream", "changed_syslog"}  # of a row that is there
FLAT = "new_flat_webhook"  # which looks nothing up: on that wire a name need not exist so far


# Call a URL ----------------------------------------------------------------------------------------------


def delivered(world, subscription, **config):
    Subscription.objects.filter(pk=subscription.pk).update(**config)
    subscription.refresh_from_db()
    row = services.send_test(actor=world.actor, subscription=subscription)
    tasks.deliver(row.pk)
    row.refresh_from_db()
    assert row.attempts == 1
    assert row.claim is None
    assert row.status in ("done", "failed", "queued")
    history = "".join(one["error"] + one["excerpt"] for one in row.history)
    assert history == row.error + row.last_excerpt
    Delivery.objects.all().delete()
    return Outcome(row.status == "done", row.error, row.last_excerpt, row.status == "failed")


def webhook(world, url):
    return delivered(world, world.webhook, config={"url": url})


def slack(world, url):
    return delivered(world, world.slack, config={"url": url})


def integration(world, url):
    return delivered(world, world.integration, config={"url": url})


def slack_app(world, url):
    world.settings.SLACK_API = url
    return delivered(world, world.app)


def slack_channel(world, url):
    """Ask Slack about a channel that somebody names."""
    world.settings.SLACK_API = url
    try:
        services.create_integration(
            actor=world.actor, project=world.project, flags=FLAGS, channel_id="C0DEPLOYS"
        )
    except Unreachable as error:
        return Outcome(False, str(error))
    return Outcome(True, "")


def export(world, url):
    """Call back who waits for an export's file."""
    url = url or "/"  # without one nobody is called
    row = LogExport.objects.filter(pk=world.export.pk)
    row.update(
        callback_url=url, called_back_at=None, tellings=0, due_at=timezone.now(), error="", status="done"
    )
    log_tasks.build_export(world.export.pk)
    found = row.get()
    assert found.claim is None
    final = found.tellings == world.settings.EXPORT_ATTEMPTS
    return Outcome(found.called_back_at is not None, found.error, final=final)


def failed_export(world, url):
    """Tell once that there will be no file; whether anybody hears of it is the operator's log's to say."""
    row = LogExport.objects.filter(pk=world.export.pk)
    attempts = world.settings.EXPORT_ATTEMPTS
    row.update(callback_url=url, attempts=attempts, due_at=timezone.now(), error="", status="queued")
    log_tasks.build_export(world.export.pk)
    found = row.get()
    assert (found.status, found.claim) == ("failed", None)
    return Outcome(False, found.error, final=True)


def stream(world, url):
    """Push the log to a webhook, from its beginning."""
    return _pushed(world.stream, {"url": url})


def syslog(world, url, **more):
    """Push it to a receiver of syslog."""
    return _pushed(world.syslog, {"url": as_syslog(url), **more})


def _pushed(stream, config):
    Stream.objects.exclude(pk=stream.pk).update(disabled_at=timezone.now(), due_at=None)
    rows = Stream.objects.filter(pk=stream.pk)
    rows.update(
        config=config,
        **dict.fromkeys(("until_xact", "until_entry", "claim", "disabled_at", "failing_since")),
        xact=0,
        entry=0,
        failures=0,
        due_at=timezone.now(),
    )
    stream_tasks.work()
    found = rows.get()
    assert found.claim is None
    return Outcome(found.failures == 0, found.error)


def asked(call, **kwargs):
    try:
        call(**kwargs)
    except (Unreachable, BadCredentials) as error:
        return Outcome(False, str(error))
    return Outcome(True, "")


def provider_itself(world, url):
    world.settings.OIDC_ISSUER = url
    provider._shelf.documents.clear()
    return asked(provider.begin, redirect_uri="http://127.0.0.1:8000/")


def provider_token(world, url):
    world.provide(token_endpoint=url)
    return asked(provider.refresh, refresh_token="r", subject="s")


def provider_person(world, url):
    world.provide(userinfo_endpoint=url or "/")  # without one nobody is asked
    return asked(provider.refresh, refresh_token="r", subject="s")


def provider_keys(world, url):
    world.provide(jwks_uri=url)
    return asked(provider.subject_of, token="a.b.c")


IN_DATABASE = (webhook, slack, integration, export, failed_export, stream, syslog)
IN_SETTINGS = (slack_app, slack_channel, provider_itself)
IN_DOCUMENT = (provider_token, provider_person, provider_keys)
CALLS = {call.__name__: call for call in (*IN_DATABASE, *IN_SETTINGS, *IN_DOCUMENT)}
WEB = [name for name in CALLS if name != "syslog"]  # which speak HTTP
# Content with the head of an answer: who said 200 has it, and is not told twice.
BY_HEAD = {"webhook", "slack", "integration", "stream"}

# Which module's calls each sink goes through; a module that takes to the door belongs here, with its sinks.
MODULES = {
    "notifications/services/subscriptions.py": (new_webhook, new_flat_webhook, new_slack, changed_webhook),
    "notifications/services/integrations.py": (new_integration,),
    "notifications/channels/http.py": (webhook, slack, integration, slack_app, stream),
    "notifications/channels/slack_app.py": (slack_channel,),
    "logs/services.py": (new_export,),
    "streams/config.py": (new_stream, new_syslog, changed_stream, changed_syslog),
    "streams/channels/syslog.py": (syslog,),
    "logs/exports/tell.py": (export, failed_export),
    "accounts/provider.py": (provider_itself, provider_token, provider_person, provider_keys),
}


def storable(call, url):
    """Tell whether a database can hold the URL at all, where that is where it comes from."""
    if call not in IN_DATABASE:
        return True
    return "\0" not in url and url.encode(errors="ignore").decode() == url

"""Telling: a real HTTP receiver and a real mail server on loopback."""

import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.utils import timezone

from logs import services, tasks
from logs.models import LogExport
from tests import make
from tests.core.sockets import OK, Server
from tests.logs import written
from tests.logs.written import WEEK

pytestmark = pytest.mark.django_db(transaction=True)
ERROR = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"


class Receiver(Server):
    """A callback receiver that gives ``answers`` one after the other, then 200."""

    def __init__(self):
        self.answers: list[bytes] = []
        super().__init__(lambda _, sock: sock.sendall(self.answers.pop(0) if self.answers else OK))
        self.url = f"http://127.0.0.1:{self.port}/done?who=acme"


@pytest.fixture
def receiver(settings):
    receiver = Receiver()
    settings.EGRESS_ALLOW = [f"127.0.0.1:{receiver.port}"]
    yield receiver
    receiver.close()


@pytest.fixture
def ask(acme, owner):
    written.entries(acme, 5)

    def ask(**callback):
        return services.request_export(actor=owner, namespace=acme.namespace, **WEEK, **callback)

    return ask


def work(export, seconds=0):
    with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True):
        tasks.build_export(export.pk)
    export.refresh_from_db()
    return export


def parsed(client, link):
    parts = urlsplit(link)
    assert f"{parts.scheme}://{parts.netloc}" == "http://127.0.0.1:8000"
    response = client.get(parts.path)
    assert response.status_code == 200
    return json.loads(b"".join(response))


def test_the_callback_gets_one_post_with_the_link(ask, receiver, client):
    export = work(ask(callback_url=receiver.url))
    [(head, body)] = receiver.requests
    assert head.startswith("POST /done?who=acme HTTP/1.1\r\n")
    assert "content-type: application/json\r\n" in head.lower()
    told = json.loads(body)
    link = told.pop("exported_data_url")
    assert told == {
        "export_id": str(export.uuid),
        "start_time": "03/01/2025",
        "end_time": "03/07/2025",
        "namespace": "acme",
        "repository": None,
        "status": "success",
    }
    assert len(parsed(client, link)["logs"]) == 6
    assert (export.status, export.error, export.tellings) == ("done", "", 1)
    assert export.called_back_at is not None


def test_a_mail_brings_the_link(ask, mailbox, client):
    export = work(ask(callback_email="ops@example.test"))
    [told] = mailbox.mails
    assert mailbox.recipients == ["ops@example.test"]
    assert told["Subject"] == "[Muster] Export Action Logs Complete"
    assert told["To"] == "ops@example.test"
    assert told["Message-ID"] == f"<{export.uuid}.success@127.0.0.1>"
    text = told.get_body(("plain",)).get_content()
    html = told.get_body(("html",)).get_content()
    [link] = re.findall(r"https?://\S+/exportedlogs/\S+", text)
    assert f'href="{link}"' in html
    for part in (text, html):
        assert str(export.uuid) in part
        assert "3600 seconds" in part
        assert "5 entries" in part
        assert "If you did not ask for this export" in part
    body = parsed(client, link)
    assert body["export_id"] == str(export.uuid)
    assert [entry["metadata"] for entry in body["logs"][:-1]] == [{"number": n} for n in range(5)]
    assert export.mailed_at is not None


def test_names_are_escaped_in_the_html_part_only(mailbox, acme, owner):
    project = make.project(acme, "web")
    export = services.request_export(actor=owner, project=project, callback_email="ops@example.test", **WEEK)
    LogExport.objects.update(project_name="<b>&amp;")
    work(export)
    [told] = mailbox.mails
    assert "acme/<b>&amp;" in told.get_body(("plain",)).get_content()
    assert "acme/&lt;b&gt;&amp;amp;" in told.get_body(("html",)).get_content()


def test_the_mail_follows_the_callback(ask, receiver, mailbox):
    receiver.answers[:] = [ERROR]
    export = work(ask(callback_url=receiver.url, callback_email="ops@example.test"))
    assert (export.status, export.error) == ("done", "The callback URL answered 500, not 200.")
    assert mailbox.mails == []
    work(export, 31)
    assert (len(receiver.requests), len(mailbox.mails)) == (2, 1)
    assert export.error == ""
    work(export, 31)
    assert (len(receiver.requests), len(mailbox.mails)) == (2, 1)


@pytest.mark.parametrize("answer", [ERROR, ACCEPTED, MOVED, b"nonsense\r\n\r\n", b""])
def test_only_200_counts_and_the_file_is_built_once(ask, receiver, mailbox, client, answer):
    receiver.answers[:] = [answer] * 99
    export = ask(callback_url=receiver.url, callback_email="ops@example.test")
    files = set()
    for tellings, seconds in [(1, 0), (2, 31), (3, 200)]:
        work(export, seconds)
        files.add((export.storage_name, export.sha256, export.finished_at))
        assert (export.status, export.attempts, export.tellings) == ("done", 1, tellings)
        assert export.called_back_at is None
    assert len(files) == 1
    assert len(receiver.requests) == 3
    work(export, 500)
    assert len(receiver.requests) == 3
    # The file is there, and somebody waits for it: the mail comes, and says what went wrong.
    [told] = mailbox.mails
    text = told.get_body(("plain",)).get_content()
    assert export.error
    assert export.error in text
    [link] = re.findall(r"https?://\S+/exportedlogs/\S+", text)
    with time_machine.travel(timezone.now() + timedelta(seconds=201), tick=True):
        assert len(parsed(client, link)["logs"]) == 6


def test_a_callback_that_is_not_allowed_any_more_is_not_tried_again(ask, receiver, settings):
    export = ask(callback_url=receiver.url)
    settings.EGRESS_ALLOW = []
    work(export)
    assert export.status == "done"
    assert export.error.startswith("The callback URL may not be called")
    assert export.due_at == export.expires_at
    assert receiver.requests == []


def test_a_mail_server_that_says_no_is_asked_again_and_nobody_is_called_back_twice(ask, receiver, mailbox):
    mailbox.answer = "451 later"
    export = work(ask(callback_url=receiver.url, callback_email="ops@example.test"))
    assert (export.status, export.error) == ("done", "The mail could not be sent.")
    mailbox.answer = "250 OK"
    work(export, 31)
    assert (export.error, export.tellings) == ("", 2)
    assert (len(receiver.requests), len(mailbox.mails)) == (1, 1)


def test_a_mail_server_that_is_away_is_given_up(ask, mailbox):
    mailbox.close()
    export = ask(callback_email="ops@example.test")
    for seconds in (0, 31, 200, 999):
        work(export, seconds)
    assert (export.status, export.tellings, export.mailed_at) == ("done", 3, None)
    assert export.error == "The mail could not be sent."
    assert export.due_at == export.expires_at


def test_the_link_lives_from_when_it_is_told(ask, receiver, client):
    receiver.answers[:] = [ERROR]
    export = work(ask(callback_url=receiver.url))
    first = export.expires_at
    work(export, 40)
    assert export.expires_at - first >= timedelta(seconds=39)


def test_a_failure_is_told_too(ask, receiver, mailbox):
    export = ask(callback_url=receiver.url, callback_email="ops@example.test")
    LogExport.objects.update(status="running", attempts=3)
    work(export)
    assert export.status == "failed"
    [(_, body)] = receiver.requests
    told = json.loads(body)
    assert (told["status"], told["exported_data_url"]) == ("failed", None)
    assert "The export failed" in mailbox.mails[0].get_body(("plain",)).get_content()
    work(export, 999)
    assert (len(receiver.requests), len(mailbox.mails)) == (1, 1)


def test_nobody_wants_to_be_told(ask):
    export = work(ask())
    assert (export.status, export.tellings, export.error) == ("done", 0, "")
    assert export.due_at == export.expires_at

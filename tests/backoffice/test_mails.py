"""The operators' page of mails: newest first, as text, and nothing but what the mail backend wrote."""

import os
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.http import Http404
from django.urls import reverse

from backoffice import mails

LIST = reverse("admin:mails")


@pytest.fixture
def folder(world, settings):
    settings.EMAIL_FILE_PATH.mkdir()
    return settings.EMAIL_FILE_PATH


def drop(folder, name, text):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def test_mails_are_listed_newest_first(folder, operator):
    drop(folder, "20250301-080000-1.log", "Subject: first\nTo: a@b.test\n\nx\n" + "-" * 79 + "\n")
    drop(folder, "20250302-080000-1.log", "Subject: last\n\ny\n" + "-" * 79 + "\nSubject: later still\n\nz\n")
    shown = [(one.subject, one.number) for one in operator.get(LIST).context["mails"]]
    assert shown == [("later still", 1), ("last", 0), ("first", 0)]


def test_what_django_wrote_is_read_again(folder, operator):
    with mail.get_connection() as connection:
        for number in range(2):
            mail.EmailMessage(
                f"Grüße {number}",
                f"Fetch it: https://muster.example.test/x?a=1&b=2\n<script>alert({number})</script>",
                to=["ada@example.test"],
                connection=connection,
            ).send()
    (name,) = mails.file_names()
    first, second = mails.read(name)
    assert (first.subject, second.subject) == ("Grüße 0", "Grüße 1")
    assert first.to == "ada@example.test"
    assert first.at is not None
    assert abs(first.at - datetime.now(UTC)).total_seconds() < 60
    page = operator.get(reverse("admin:mail", args=[name, 1])).content.decode()
    assert '<a href="https://muster.example.test/x?a=1&amp;b=2" rel="nofollow">' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "alert(0)" not in page
    assert operator.get(reverse("admin:mail", args=[name, 2])).status_code == 404


def test_html_is_shown_as_its_source(folder, operator):
    message = mail.EmailMultiAlternatives("Both", "the plain one", to=["ada@example.test"])
    message.attach_alternative("<b>the rich one</b>", "text/html")
    message.send()
    assert mails.read(mails.file_names()[0])[0].text.strip() == "the plain one"
    drop(folder, "20990101-000000-1.log", "Content-Type: text/html\n\n<b onclick=x()>bold</b>")
    page = operator.get(reverse("admin:mail", args=["20990101-000000-1.log", 0])).content.decode()
    assert "&lt;b onclick=x()&gt;bold&lt;/b&gt;" in page


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe" * 50,
        b"Subject: =?utf-8?b?////?=\nDate: yesterday\nTo: <<>>,,\n\nx",
        b"Date: Mon, 99 Foo 20250 99:99:99 +9999\n\nx",
        b'To: "\\\n\nx',
        b"Subject: =?nonsense?q?a?=\n\nx",
        b"Content-Type: text/plain; charset=nonsense\nContent-Transfer-Encoding: base64\n\n!!!",
        b"Content-Type: multipart/mixed\n\nno boundary",
        b"Content-Type: multipart/alternative; boundary=x\n\n--x\n\n--x--",
        b"To: " + b"(" * 5000 + b"\n\nx",
        b"Content-Type: message/rfc822\n\n" * 200,
    ],
    ids=range(11),
)
def test_broken_mails_break_no_page(folder, operator, content):
    name = "20250301-080000-1.log"
    drop(folder, name, content)
    assert operator.get(LIST).status_code == 200
    assert operator.get(reverse("admin:mail", args=[name, 0])).status_code == (200 if content else 404)


def test_long_mails_are_cut(folder, operator):
    name = "20250301-080000-1.log"
    drop(folder, name, b"Subject: " + b"s" * 2000 + b"\n\n" + b"x" * (mails.FILE_BYTES_MAX * 2))
    (found,) = mails.read(name)
    assert (len(found.subject), len(found.text)) == (mails.HEADER_MAX, mails.TEXT_MAX)
    assert found.is_cut
    page = operator.get(reverse("admin:mail", args=[name, 0])).content
    assert b"the mail is too long" in page
    assert len(page) < mails.TEXT_MAX + 100_000


def test_nothing_but_mails_is_read(folder, operator, tmp_path):
    secret = tmp_path / "secret_key"
    secret.write_text("Subject: secret\n\nx")
    (folder / "notes.txt").write_text("Subject: note\n\nx")
    os.symlink(secret, folder / "20250301-080000-1.log")
    (folder / "20250301-080000-2.log").mkdir()
    assert mails.file_names() == []
    for name in (
        "../secret_key",
        str(secret),
        "notes.txt",
        "20250301-080000-1.log",
        "20250301-080000-2.log",
        "20250301-080000-3.log",
        "20250301-080000-1.log\n",
        "..",
        "",
    ):
        with pytest.raises(Http404):
            mails.read(name)
    for path in ("..%2Fsecret_key/0", "%2e%2e/secret_key/0", "20250301-080000-1.log/0", "notes.txt/0"):
        assert operator.get(f"{LIST}{path}/").status_code == 404


def test_many_files_come_by_pages(folder, operator):
    for number in range(mails.PAGE + 1):
        drop(folder, f"20250301-080000-{number:03}.log", f"Subject: n{number}\n\nx")
    first = operator.get(LIST)
    assert len(first.context["mails"]) == mails.PAGE
    assert [one.subject for one in operator.get(LIST, {"p": 2}).context["mails"]] == ["n0"]
    assert operator.get(LIST, {"p": "x"}).status_code == 200


def test_readonly_superusers_see_that_mails_are_there_but_no_text(folder, reader):
    drop(folder, "20250301-080000-1.log", "Subject: Export ready\n\nhttps://x.test/?token=secret")
    page = reader.get(LIST).content.decode()
    assert "Export ready" in page
    assert "token=secret" not in page
    assert "20250301-080000-1.log" not in page
    assert reader.get(reverse("admin:mail", args=["20250301-080000-1.log", 0])).status_code == 403


@pytest.mark.parametrize("backend", ["smtp", "locmem"])
def test_where_mails_are_sent_there_is_no_page(world, operator, settings, backend):
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    assert operator.get(LIST).status_code == 404
    assert operator.get(reverse("admin:mail", args=["20250301-080000-1.log", 0])).status_code == 404
    assert LIST not in operator.get(reverse("admin:index")).content.decode()


def test_before_the_first_mail_the_page_is_empty(world, operator):
    assert b"No mail yet." in operator.get(LIST).content

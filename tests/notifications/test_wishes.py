"""What people read, and which mails they do without."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import User
from core.errors import Forbidden, Invalid
from logs.models import LogEntry
from notifications import notices, reminders, selectors, services, wishes
from notifications.models import Notice
from tests import make
from tokens import services as tokens
from tokens.kinds import Kind

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def told(ada):
    """Tell Ada three things, and Eve one."""
    acme = make.organization("acme", owner=ada)
    eve = make.user("eve")
    for number, person in enumerate([ada, ada, ada, eve]):
        notices.write(
            [person],
            namespace=acme.namespace,
            origin=UUID(int=number),
            kind="quota_warning",
            sentence=f"Thing {number} happened",
            metadata={},
        )
    return list(Notice.objects.filter(user=ada).order_by("pk"))


def enter(user):
    client = Client()
    client.force_login(user)
    return client


def waiting(user):
    return selectors.surroundings(actor=make.actor(user)).open_notices


def test_read_notices_stay_and_count_no_more(ada, told):
    client = enter(ada)
    assert waiting(ada) == 3
    client.post("/notifications/", {"do": "read", "uuid": told[0].uuid})
    assert waiting(ada) == 2
    assert len(selectors.own_notices(actor=make.actor(ada))) == 3
    page = client.get("/notifications/?state=unread").content.decode()
    assert "Thing 0" not in page
    assert "Thing 1" in page
    client.post("/notifications/", {"do": "unread", "uuid": told[0].uuid})
    assert waiting(ada) == 3
    client.post("/notifications/", {"do": "read_all"})
    assert waiting(ada) == 0
    assert "All is read" in client.get("/notifications/?state=unread").content.decode()
    assert "3 open" in client.get("/notifications/").content.decode()


def test_following_one_reads_it(ada, told):
    answer = enter(ada).get(f"/notifications/?open={told[1].uuid}")
    assert answer["Location"] == "/o/acme/"
    assert waiting(ada) == 2


def test_anothers_notice_is_not_there(ada, told):
    hers = Notice.objects.get(user__username="eve")
    client = enter(ada)
    for name in ("read", "unread"):
        assert client.post("/notifications/", {"do": name, "uuid": hers.uuid}).status_code == 404
    assert client.get(f"/notifications/?open={hers.uuid}").status_code == 404
    client.post("/notifications/", {"do": "read_all"})
    hers.refresh_from_db()
    assert hers.read_at is None
    with pytest.raises(Forbidden):
        services.mark_notices(actor=make.actor(ada, "user:read"))


def test_who_looks_as_somebody_else_reads_nothing_for_her(ada, told, settings):
    settings.READ_ONLY = True
    assert enter(ada).get(f"/notifications/?open={told[1].uuid}").status_code == 302
    assert waiting(ada) == 3


def test_choosing_mails(ada, told, settings):
    settings.MAILING = True
    client = enter(ada)
    assert client.get("/notifications/").content.decode().count('type="checkbox"') == 2
    client.post("/notifications/", {"do": "mails", "switched_off": "on"})
    ada.refresh_from_db()
    assert ada.unwanted_mails == [wishes.EXPIRING]
    entry = LogEntry.objects.get(kind="user_change_mails")
    assert entry.metadata == {"unwanted": ["expiring"]}
    # The same again is no change.
    client.post("/notifications/", {"do": "mails", "switched_off": "on"})
    assert LogEntry.objects.filter(kind="user_change_mails").count() == 1
    with pytest.raises(Invalid):
        services.choose_mails(actor=make.actor(ada), unwanted=["security"])


@pytest.mark.parametrize("unwanted", [[], [wishes.EXPIRING], [wishes.SWITCHED_OFF]])
def test_a_reminder_is_mailed_to_who_wants_it(ada, settings, unwanted):
    settings.MAILING = True
    User.objects.filter(pk=ada.pk).update(unwanted_mails=unwanted, email="ada@example.test")
    made = timezone.now() - timedelta(days=60)
    credential, _ = tokens.issue(kind=Kind.APP_SPECIFIC, user=ada, title="laptop")
    type(credential).objects.filter(pk=credential.pk).update(
        created_at=made, expires_at=timezone.now() + timedelta(days=5)
    )
    reminders.remind()
    reminders.mail(ada.pk)
    assert len(mail.outbox) == (wishes.EXPIRING not in unwanted)
    assert not reminders.due(10)
    # The notice in the console comes all the same.
    assert Notice.objects.filter(user=ada, kind=reminders.KIND).count() == 1


def test_administrators_who_do_not_want_it_are_left_out(ada):
    acme = make.organization("acme", owner=ada)
    assert notices.addresses(acme.namespace, mail=wishes.SWITCHED_OFF) == [ada.email]
    User.objects.filter(pk=ada.pk).update(unwanted_mails=[wishes.SWITCHED_OFF])
    assert notices.addresses(acme.namespace, mail=wishes.SWITCHED_OFF) == []
    # What somebody subscribed the administrators to is the organization's to say.
    assert notices.addresses(acme.namespace) == [ada.email]

"""Links that are mailed, by a real server, and work once: for a new password, for proof of an address."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import services, tasks
from accounts.models import MailedLink, User
from core import seal
from core.errors import BadCredentials, Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from logs.models import LogEntry
from tests import make
from tests.console.entering import enter
from tests.racing import race

pytestmark = pytest.mark.django_db
NEW = "brand-new-9"
LINK = re.compile(r"http://127\.0\.0\.1:8000/(recover|verify)/([A-Za-z0-9_-]{43})/")


@pytest.fixture
def ada():
    return make.user("ada")


def somebody(ip="192.0.2.1"):
    return make.actor(None).at(dialect="test", ip=ip, user_agent="curl")


def deliver(seconds=0):
    """Do what a worker does with everything that is due."""
    with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False):
        for key in MailedLink.objects.filter(due_at__lte=timezone.now()).values_list("pk", flat=True):
            tasks.send_link(key)


def ask(login="ada", ip="192.0.2.1"):
    services.request_recovery(actor=somebody(ip), login=login)


def code(mail):
    """Return the code of a mail, which is the same in both of its forms."""
    texts = [mail.get_body([sort]).get_content() for sort in ("plain", "html")]
    [found] = {match[2] for text in texts for match in LINK.finditer(text)}
    return found


def fresh(user):
    return User.objects.get(pk=user.pk)


def kinds():
    return list(LogEntry.objects.order_by("pk").values_list("kind", flat=True))


@pytest.mark.parametrize("login", ["ada", " ADA ", "ada@example.test", "Ada@Example.test"])
def test_a_new_password_by_a_link(ada, mailbox, login):
    ask(login)
    deliver()
    [mail] = mailbox.mails
    assert mailbox.recipients == ["ada@example.test"]
    assert mail["Subject"] == "[Muster] Set a new password"
    assert "30 minutes" in mail.get_body(["plain"]).get_content()
    secret = code(mail)
    assert services.link_is_good(code=secret, purpose="recovery")
    services.recover(actor=somebody(), code=secret, password=NEW)
    assert services.sign_in(actor=somebody(), username="ada", password=NEW) == ada
    with pytest.raises(BadCredentials):
        services.sign_in(actor=somebody(), username="ada", password=make.PASSWORD)
    assert kinds()[:4] == ["user_create", "user_recovery_mail", "user_recover", "account_change_password"]
    told = LogEntry.objects.get(kind="user_recover")
    assert (told.namespace, told.performer, told.ip) == (ada.namespace, ada, "192.0.2.1")


def test_a_link_works_once(ada, mailbox):
    ask()
    deliver()
    secret = code(mailbox.mails[0])
    services.recover(actor=somebody(), code=secret, password=NEW)
    assert not services.link_is_good(code=secret, purpose="recovery")
    with pytest.raises(NotFound):
        services.recover(actor=somebody(), code=secret, password="another-9")
    assert fresh(ada).check_password(NEW)


def test_no_code_is_kept(ada, mailbox):
    ask()
    deliver()
    secret = code(mailbox.mails[0])
    link = MailedLink.objects.get()
    assert bytes(link.digest or b"") == seal.digest(secret)
    kept = [str(value) for row in MailedLink.objects.values() for value in row.values()]
    kept += [str(entry.metadata) for entry in LogEntry.objects.all()]
    assert not [text for text in kept if secret in text]


def test_a_bad_password_does_not_use_the_link_up(ada, mailbox):
    ask()
    deliver()
    secret = code(mailbox.mails[0])
    for password in ("short", "with space", ""):
        with pytest.raises(Invalid):
            services.recover(actor=somebody(), code=secret, password=password)
    services.recover(actor=somebody(), code=secret, password=NEW)


def test_a_link_ends_with_its_time(ada, mailbox, settings):
    ask()
    deliver()
    secret = code(mailbox.mails[0])
    with time_machine.travel(timezone.now() + timedelta(seconds=settings.RECOVERY_LINK_SECONDS + 1)):
        assert not services.link_is_good(code=secret, purpose="recovery")
        with pytest.raises(NotFound):
            services.recover(actor=somebody(), code=secret, password=NEW)
    assert fresh(ada).check_password(make.PASSWORD)


@pytest.mark.parametrize("change", ["disabled", "deleted", "address", "recovered"])
def test_a_link_ends_with_what_it_rests_on(ada, mailbox, change):
    ask()
    deliver()
    ask()
    deliver()
    first, second = (code(mail) for mail in mailbox.mails)
    if change == "disabled":
        services.change_user(actor=make.SYSTEM, user=ada, enabled=False)
    elif change == "deleted":
        services.delete_user(actor=make.SYSTEM, user=ada)
    elif change == "address":
        services.change_user(actor=make.SYSTEM, user=ada, email="other@example.test")
    else:
        services.recover(actor=somebody(), code=second, password=NEW)
    with pytest.raises(NotFound):
        services.recover(actor=somebody(), code=first, password="another-9")


def test_a_link_is_for_one_purpose(ada, mailbox):
    ask()
    deliver()
    with pytest.raises(NotFound):
        services.verify_email(actor=somebody(), code=code(mailbox.mails[0]))
    for wrong in ("", "x", "x" * 5000, "\u00e4"):
        with pytest.raises(NotFound):
            services.recover(actor=somebody(), code=wrong, password=NEW)


def test_a_new_password_ends_every_session(ada, mailbox):
    client = Client()
    client.force_login(ada)
    ask()
    deliver()
    services.recover(actor=somebody(), code=code(mailbox.mails[0]), password=NEW)
    assert client.get("/account/").status_code == 302


# Who is here is told to nobody ---------------------------------------------------------------------------


def test_whoever_is_meant_the_request_is_the_same(ada, mailbox, bells, django_capture_on_commit_callbacks):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    services.change_user(actor=make.SYSTEM, user=make.user("off"), enabled=False)
    make.user("bare", email="")
    asked = []
    for login in ("ada", "ada@example.test", "nobody", "nobody@example.test", "off", "bare"):
        with (
            CaptureQueriesContext(
                connection,
            ) as queries,
            django_capture_on_commit_callbacks(execute=True),
        ):
            ask(login)
        asked.append([re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries])
    assert all(one == asked[0] for one in asked)
    assert [name for name, _ in bells] == ["accounts.send_link"] * 6
    deliver()
    assert mailbox.recipients == ["ada@example.test"] * 2
    assert not MailedLink.objects.exclude(due_at=None).exists()


def test_what_is_typed_is_no_way_for_mail(ada, mailbox):
    for login in ("ada@example.test\nBcc: eve@example.test", "ada@example.test,eve@example.test", "<ada>"):
        ask(login)
    deliver()
    assert mailbox.recipients == []


@pytest.mark.parametrize("login", ["", "  ", "x" * 256])
def test_something_has_to_be_typed(mailbox, login):
    with pytest.raises(Invalid):
        ask(login)
    assert not MailedLink.objects.exists()


def test_nobody_is_mailed_more_than_three_times_an_hour(ada, mailbox):
    for number in range(5):
        ask(ip=f"192.0.2.{number}")
        ask("ada@example.test", ip=f"198.51.100.{number}")
    deliver()
    assert len(mailbox.mails) == 3
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        ask()
        deliver()
    assert len(mailbox.mails) == 4


@pytest.mark.parametrize("ips", [["192.0.2.1"], ["2001:db8::1", "2001:db8::2"], [None]])
def test_nobody_asks_more_than_ten_times_an_hour(mailbox, ips):
    for number in range(10):
        ask(f"name{number}", ip=ips[number % len(ips)])
    with pytest.raises(TooManyRequests) as caught:
        ask("other", ip=ips[0])
    assert caught.value.details["retry_after"] > 0
    ask("other", ip="203.0.113.7")


def test_an_instance_without_mail_queues_nothing(ada, settings):
    settings.MAILING = False
    with pytest.raises(NotFound):
        ask()
    with pytest.raises(NotFound):
        services.send_recovery(actor=make.SYSTEM, user=ada)
    assert not MailedLink.objects.exists()


# The worker ----------------------------------------------------------------------------------------------


def test_a_mail_that_is_not_taken_is_sent_later_and_once(ada, mailbox):
    ask()
    mailbox.answer = "451 Later"
    deliver()
    deliver()
    link = MailedLink.objects.get()
    assert (link.attempts, link.sent_at) == (1, None)
    mailbox.answer = "250 OK"
    deliver(seconds=61)
    deliver(seconds=62)
    assert len(mailbox.mails) == 1
    services.recover(actor=somebody(), code=code(mailbox.mails[0]), password=NEW)


def test_a_mail_that_is_never_taken_is_given_up(ada, mailbox, settings):
    ask()
    mailbox.answer = "550 No"
    for _ in range(9):
        due = MailedLink.objects.get().due_at
        if due is None:
            break
        deliver(seconds=max(0, (due - timezone.now()).total_seconds() + 1))
    link = MailedLink.objects.get()
    assert (link.due_at, link.sent_at) == (None, None)
    assert 3 < link.attempts < 9


def test_a_lost_bell_is_rung_again(ada, mailbox):
    ask()
    tasks.sweep()
    assert len(mailbox.mails) == 1
    tasks.sweep()
    assert len(mailbox.mails) == 1
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        tasks.sweep()
    assert not MailedLink.objects.exists()


def test_a_worker_that_was_killed_sends_a_new_link(ada, mailbox):
    ask()
    deliver()
    MailedLink.objects.update(sent_at=None, due_at=timezone.now())  # killed before it could note that
    deliver()
    first, second = (code(mail) for mail in mailbox.mails)
    assert not services.link_is_good(code=first, purpose="recovery")
    assert services.link_is_good(code=second, purpose="recovery")


# Superusers ----------------------------------------------------------------------------------------------


def test_a_superuser_lets_a_person_be_mailed(ada, mailbox):
    superuser = make.user("root", superuser=True)
    root = make.actor(superuser)
    assert services.send_recovery(actor=root, user=ada) == "ada@example.test"
    deliver()
    assert services.link_is_good(code=code(mailbox.mails[0]), purpose="recovery")
    told = LogEntry.objects.get(kind="user_send_recovery")
    assert (told.namespace, told.metadata) == (ada.namespace, {"username": "ada", "superuser": "root"})
    for _ in range(2):
        services.send_recovery(actor=root, user=ada)
    with pytest.raises(TooManyRequests):
        services.send_recovery(actor=root, user=ada)
    with pytest.raises(Forbidden):
        services.send_recovery(actor=make.actor(ada), user=superuser)


def test_who_cannot_be_mailed(ada, mailbox):
    bare = make.user("bare", email="")
    off = services.change_user(actor=make.SYSTEM, user=make.user("off"), enabled=False)
    for user in (bare, off):
        with pytest.raises(Invalid):
            services.send_recovery(actor=make.SYSTEM, user=user)
    assert not MailedLink.objects.exists()


def test_whose_password_is_a_directorys_is_mailed_none(ada, mailbox):
    ada.identities.create(service="ldap", subject="7")
    ask()
    deliver()
    assert mailbox.mails == []
    with pytest.raises(Invalid):
        services.send_recovery(actor=make.SYSTEM, user=ada)


def test_who_links_an_account_to_her_password_goes_on_to_recover_it(ada, mailbox):
    ada.identities.create(service="oidc", issuer="https://login.example.test", subject="7")
    ask()
    deliver()
    assert len(mailbox.mails) == 1
    ada.set_unusable_password()
    ada.save()
    ask()
    deliver()
    assert len(mailbox.mails) == 1


# Proof of an address -------------------------------------------------------------------------------------


@pytest.fixture
def eve(settings, mailbox):
    settings.USER_CREATION = True
    return services.sign_up(
        actor=somebody(), username="eve", password=make.PASSWORD, email="eve@example.test"
    )


def test_who_signs_up_proves_her_address_before_she_signs_in(eve, mailbox):
    with pytest.raises(BadCredentials) as wrong:
        services.sign_in(actor=somebody(), username="eve", password="wrong-horse")
    assert not wrong.value.details.get("unverified")
    with pytest.raises(BadCredentials) as caught:
        services.sign_in(actor=somebody(), username="eve", password=make.PASSWORD)
    assert caught.value.details["unverified"]
    deliver()
    assert [mail["Subject"] for mail in mailbox.mails] == ["[Muster] Confirm your e-mail address"] * 2
    first, second = (code(mail) for mail in mailbox.mails)
    services.verify_email(actor=somebody(), code=second)
    assert services.sign_in(actor=somebody(), username="eve", password=make.PASSWORD) == eve
    with pytest.raises(NotFound):
        services.verify_email(actor=somebody(), code=first)
    assert "user_verify_email" in kinds()


def test_trying_to_sign_in_floods_no_mailbox(eve, mailbox):
    for _ in range(6):
        with pytest.raises(BadCredentials):
            services.sign_in(actor=somebody(), username="eve", password=make.PASSWORD)
    deliver()
    assert len(mailbox.mails) == 3


@pytest.mark.parametrize("switch", ["MAILING", "VERIFY_EMAIL"])
def test_without_the_switches_nobody_has_to_prove_anything(eve, settings, switch):
    setattr(settings, switch, False)
    assert services.sign_in(actor=somebody(), username="eve", password=make.PASSWORD) == eve


def test_where_addresses_are_proven_one_is_needed(mailbox, settings):
    settings.USER_CREATION = True
    with pytest.raises(Invalid):
        services.sign_up(actor=somebody(), username="eve", password=make.PASSWORD)


def test_recovering_proves_the_address_too(eve, mailbox):
    ask("eve")
    deliver()
    [secret] = [code(mail) for mail in mailbox.mails if "password" in mail["Subject"]]
    services.recover(actor=somebody(), code=secret, password=NEW)
    assert services.sign_in(actor=somebody(), username="eve", password=NEW) == eve


def change(user, email):
    return services.change_own_account(actor=make.actor(fresh(user)), changes={"email": email})


def test_a_changed_address_counts_once_it_is_proven(ada, mailbox):
    assert change(ada, "new@example.test").email == "ada@example.test"
    deliver()
    assert mailbox.recipients == ["new@example.test"]
    for sort in ("plain", "html"):
        assert "24 hours" in mailbox.mails[0].get_body([sort]).get_content()
    services.verify_email(actor=somebody(), code=code(mailbox.mails[0]))
    assert (fresh(ada).email, fresh(ada).is_verified) == ("new@example.test", True)
    told = LogEntry.objects.get(kind="user_change_email").metadata
    assert told == {"email": "new@example.test", "old_email": "ada@example.test"}


@pytest.mark.parametrize(("who", "where"), [("ada", "/account/"), ("bo", "/sign-in/"), ("", "/sign-in/")])
def test_who_proves_her_address_goes_on_where_she_is(ada, mailbox, who, where):
    make.user("bo")
    change(ada, "new@example.test")
    deliver()
    client = enter(User.objects.filter(username=who).first())
    assert client.post(f"/verify/{code(mailbox.mails[0])}/")["Location"] == where
    assert fresh(ada).email == "new@example.test"


def test_the_last_wish_for_an_address_counts(ada, mailbox):
    change(ada, "one@example.test")
    deliver()
    change(ada, "two@example.test")
    deliver()
    first, second = (code(mail) for mail in mailbox.mails)
    with pytest.raises(NotFound):
        services.verify_email(actor=somebody(), code=first)
    services.verify_email(actor=somebody(), code=second)
    assert fresh(ada).email == "two@example.test"


def test_a_superusers_change_ends_the_wish(ada, mailbox):
    change(ada, "one@example.test")
    deliver()
    services.change_user(actor=make.SYSTEM, user=fresh(ada), email="two@example.test")
    with pytest.raises(NotFound):
        services.verify_email(actor=somebody(), code=code(mailbox.mails[0]))


def test_an_address_that_somebody_else_took_meanwhile(ada, mailbox):
    with pytest.raises(Conflict):
        change(ada, make.user("bo").email)
    change(ada, "new@example.test")
    deliver()
    make.user("cy", email="New@example.test")
    with pytest.raises(Conflict):
        services.verify_email(actor=somebody(), code=code(mailbox.mails[0]))
    assert fresh(ada).email == "ada@example.test"


def test_wishes_for_addresses_flood_nobody(ada, mailbox):
    for number in range(3):
        change(ada, f"victim{number}@example.test")
    with pytest.raises(TooManyRequests):
        change(ada, "victim3@example.test")
    deliver()
    assert len(mailbox.mails) == 1  # the last; the others are no longer wanted


@pytest.mark.django_db(transaction=True)
def test_a_link_is_used_once_in_a_race(mailbox):
    ada = make.user("ada")
    ask()
    deliver()
    secret = code(mailbox.mails[0])
    came = race(4, lambda n: services.recover(actor=somebody(), code=secret, password=f"password-{n}"))
    assert came == {"ok": 1, "not_found": 3}
    assert LogEntry.objects.filter(kind="user_recover", namespace=ada.namespace).count() == 1

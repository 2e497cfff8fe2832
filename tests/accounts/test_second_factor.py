"""The second factor: codes of an app, single use, recovery codes, guessing, and its reset."""

from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import services, tasks
from accounts.models import AuthenticatorApp, FailedSignIn, RecoveryCode, SecurityMail, User
from accounts.services import factors
from core import seal
from core.actor import Actor
from core.errors import (
    BadCredentials,
    Conflict,
    Forbidden,
    FreshLoginRequired,
    Invalid,
    NotFound,
    SecondFactorRequired,
    TooManyRequests,
)
from logs.models import LogEntry
from tests import make
from tests.racing import race
from tokens import services as tokens

pytestmark = pytest.mark.django_db


def herself(user, *, ago=0):
    at = timezone.now() - timedelta(seconds=ago)
    found = User.objects.select_related("namespace").get(pk=user.pk)
    return Actor(user=found, signed_in_at=at).at(dialect="test", ip="192.0.2.1", user_agent="curl")


def somebody(ip="192.0.2.1"):
    return Actor().at(dialect="test", ip=ip, user_agent="curl")


def code(secret, steps=0):
    return pyotp.TOTP(secret).generate_otp(int(timezone.now().timestamp()) // 30 + steps)


def set_up(user):
    """Set up an app half a minute ago, and return its secret and the recovery codes."""
    with time_machine.travel(timezone.now() - timedelta(seconds=90), tick=False):
        _, sealed = services.offer_authenticator_app(actor=herself(user))
        secret = services.offered_secret(actor=herself(user), sealed=sealed)
        codes = services.add_authenticator_app(actor=herself(user), sealed=sealed, code=code(secret))
    return secret, codes


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def bo():
    return make.user("bo")


def sign_in(typed="", ip="192.0.2.1", name="ada"):
    return services.sign_in(actor=somebody(ip), username=name, password=make.PASSWORD, code=typed)


def kinds():
    return list(LogEntry.objects.order_by("pk").values_list("kind", flat=True))


def test_a_password_alone_signs_nobody_in_who_has_an_app(ada):
    secret, _ = set_up(ada)
    with pytest.raises(SecondFactorRequired):
        sign_in()
    with pytest.raises(SecondFactorRequired):
        services.prove(actor=somebody(), username="ada", password=make.PASSWORD)
    assert services.begin_sign_in(actor=somebody(), username="ada", password=make.PASSWORD) == (ada, False)
    assert "login_success" not in kinds()
    assert sign_in(code(secret)) == ada
    entry = LogEntry.objects.get(kind="login_success")
    assert entry.metadata == {"type": "muster", "useragent": "curl", "factor": "app"}


def test_without_a_second_factor_nothing_changes(ada):
    assert services.begin_sign_in(actor=somebody(), username="ada", password=make.PASSWORD) == (ada, True)
    assert sign_in("123456") == ada


def test_a_code_works_once_and_no_older_one_after_it(ada):
    secret, _ = set_up(ada)
    with time_machine.travel(timezone.now(), tick=False):
        now, older = code(secret), code(secret, -1)
        sign_in(now)
        for used in (now, older):
            with pytest.raises(BadCredentials):
                sign_in(used)
        sign_in(code(secret, 1))


def test_the_code_that_set_the_app_up_signs_nobody_in(ada):
    with time_machine.travel(timezone.now(), tick=False):
        _, sealed = services.offer_authenticator_app(actor=herself(ada))
        secret = services.offered_secret(actor=herself(ada), sealed=sealed)
        services.add_authenticator_app(actor=herself(ada), sealed=sealed, code=code(secret))
        with pytest.raises(BadCredentials):
            sign_in(code(secret))


@pytest.mark.parametrize(("steps", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_be_wrong_by_half_a_minute(ada, steps, is_good):
    secret, _ = set_up(ada)
    AuthenticatorApp.objects.update(last_step=0)
    with time_machine.travel(timezone.now(), tick=False):
        typed = code(secret, steps)
        if is_good:
            assert sign_in(f"{typed[:3]} {typed[3:]}") == ada
        else:
            with pytest.raises(BadCredentials):
                sign_in(typed)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_bring_one_code_at_once_one_gets_in(ada, monkeypatch):
    monkeypatch.setattr(factors, "TRIES_PER_ADDRESS", 100)
    secret, codes = set_up(ada)
    with time_machine.travel(timezone.now(), tick=False):
        typed = code(secret)
        found = race(8, lambda number: sign_in(typed, ip=f"192.0.2.{number}"), at_once=8)
    assert found == {"ok": 1, "bad_credentials": 7}
    found = race(8, lambda number: sign_in(codes[0], ip=f"192.0.2.{number}"), at_once=8)
    assert found == {"ok": 1, "bad_credentials": 7}


@pytest.mark.django_db(transaction=True)
def test_a_race_of_guesses_makes_no_more_of_them(ada):
    set_up(ada)
    found = race(12, lambda _: sign_in("000000"), at_once=12)
    assert found["bad_credentials"] <= factors.TRIES_PER_ADDRESS
    assert found["bad_credentials"] + found["too_many_requests"] == 12


def test_guesses_are_bounded_for_an_address_and_for_the_person(ada):
    secret, _ = set_up(ada)
    for number in range(4):
        for _ in range(5):
            with pytest.raises(BadCredentials):
                sign_in("000000", ip=f"192.0.2.{number}")
        with pytest.raises(TooManyRequests):
            sign_in(code(secret), ip=f"192.0.2.{number}")
    with pytest.raises(TooManyRequests):
        sign_in(code(secret), ip="198.51.100.1")
    assert FailedSignIn.objects.filter(user=ada).count() == 20, "who is turned away makes it no longer"
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        sign_in(code(secret))


def test_right_codes_forget_the_wrong_ones(ada):
    secret, _ = set_up(ada)
    for _ in range(4):
        with pytest.raises(BadCredentials):
            sign_in("000000")
    sign_in(code(secret))
    assert not FailedSignIn.objects.exists()


@pytest.mark.parametrize("typed", ["", " ", "12345", "1234567", "abcdef", "٣٤٥٦٧٨", "\0" * 6, "x" * 5000])
def test_nonsense_is_no_code(ada, typed):
    set_up(ada)
    with pytest.raises(BadCredentials):
        sign_in(typed)


def test_secrets_are_sealed_and_codes_are_digests(ada):
    secret, codes = set_up(ada)
    app = AuthenticatorApp.objects.get()
    assert secret not in app.secret_sealed
    assert seal.unseal(app.secret_sealed) == secret
    kept = {bytes(row.digest) for row in RecoveryCode.objects.all()}
    assert len(kept) == len(codes) == len(set(codes)) == 10
    assert not any(one.encode() in digest for one in codes for digest in kept)
    assert tokens.rotate_keys(actor=make.SYSTEM) == 1
    assert seal.unseal(AuthenticatorApp.objects.get().secret_sealed) == secret


def test_a_recovery_code_signs_in_once_and_is_told(ada, settings, bells, django_capture_on_commit_callbacks):
    settings.MAILING = True
    _, codes = set_up(ada)
    SecurityMail.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        assert sign_in(codes[3].upper().replace("-", " ")) == ada
    assert LogEntry.objects.get(kind="user_use_recovery_code").metadata == {"left": 9}
    assert LogEntry.objects.get(kind="user_use_recovery_code").performer == ada
    assert LogEntry.objects.get(kind="login_success").metadata["factor"] == "recovery"
    mail = SecurityMail.objects.get()
    assert (mail.event, mail.detail, mail.ip) == ("code_used", "9", "192.0.2.1")
    assert ("accounts.send_security_mail", mail.pk) in bells
    with pytest.raises(BadCredentials):
        sign_in(codes[3])


def test_codes_are_ones_own(ada, bo):
    secret, codes = set_up(ada)
    set_up(bo)
    for typed in (codes[0], code(secret)):
        with pytest.raises(BadCredentials):
            sign_in(typed, name="bo")


def test_new_recovery_codes_replace_the_old(ada):
    _, old = set_up(ada)
    new = services.make_recovery_codes(actor=herself(ada))
    assert not set(old) & set(new)
    with pytest.raises(BadCredentials):
        sign_in(old[0])
    sign_in(new[0])


def test_recovery_codes_go_with_the_app_and_need_one(ada):
    set_up(ada)
    services.remove_authenticator_app(actor=herself(ada))
    assert not RecoveryCode.objects.exists()
    assert sign_in() == ada
    with pytest.raises(Conflict):
        services.make_recovery_codes(actor=herself(ada))
    with pytest.raises(NotFound):
        services.remove_authenticator_app(actor=herself(ada))


# Setting up ----------------------------------------------------------------------------------------------


def test_the_offer_is_for_one_person_and_a_quarter_of_an_hour(ada, bo):
    _, sealed = services.offer_authenticator_app(actor=herself(ada))
    secret = services.offered_secret(actor=herself(ada), sealed=sealed)
    wrong = (seal.seal("nonsense"), "nonsense", "", sealed[:-4])
    for actor, offer in [(herself(bo), sealed), *((herself(ada), one) for one in wrong)]:
        with pytest.raises(Invalid, match="too long"):
            services.add_authenticator_app(actor=actor, sealed=offer, code=code(secret))
    with time_machine.travel(timezone.now() + timedelta(minutes=16)), pytest.raises(Invalid):
        services.add_authenticator_app(actor=herself(ada), sealed=sealed, code=code(secret))
    with pytest.raises(Invalid, match="another code"):
        services.add_authenticator_app(actor=herself(ada), sealed=sealed, code="000000")
    assert not AuthenticatorApp.objects.exists()


def test_one_app_at_a_time(ada):
    _, sealed = services.offer_authenticator_app(actor=herself(ada))
    secret = services.offered_secret(actor=herself(ada), sealed=sealed)
    set_up(ada)
    with pytest.raises(Conflict):
        services.offer_authenticator_app(actor=herself(ada))
    with pytest.raises(Conflict):
        services.add_authenticator_app(actor=herself(ada), sealed=sealed, code=code(secret))


def test_the_first_second_factor_ends_sessions(ada):
    before = ada.get_session_auth_hash()
    set_up(ada)
    ada.refresh_from_db()
    assert ada.get_session_auth_hash() != before


CHANGES = [
    ("offer_authenticator_app", {}),
    ("add_authenticator_app", {"sealed": "x", "code": "000000"}),
    ("remove_authenticator_app", {}),
    ("make_recovery_codes", {}),
]


@pytest.mark.parametrize(("service", "data"), CHANGES)
def test_changes_need_a_recent_sign_in_in_a_browser(ada, service, data):
    act = getattr(services, service)
    with pytest.raises(FreshLoginRequired):
        act(actor=herself(ada, ago=3600), **data)
    token, _ = tokens.create_app_token(actor=make.actor(ada), title="laptop")
    with pytest.raises(Forbidden):
        act(actor=replace(herself(ada), credential=token), **data)
    with pytest.raises(Forbidden):
        act(actor=make.SYSTEM, **data)


def test_it_is_told_to_the_owner_and_the_log(ada, settings, mailbox):
    settings.MAILING = True
    set_up(ada)
    services.make_recovery_codes(actor=herself(ada))
    services.remove_authenticator_app(actor=herself(ada))
    assert kinds()[-4:] == [
        "user_add_authenticator",
        "user_make_recovery_codes",
        "user_make_recovery_codes",
        "user_remove_authenticator",
    ]
    for key in SecurityMail.objects.values_list("pk", flat=True):
        tasks.send_security_mail(key)
        tasks.send_security_mail(key)
    assert [mail["Subject"] for mail in mailbox.mails] == [
        "[Muster] An authenticator app was set up",
        "[Muster] New recovery codes were made",
        "[Muster] Your authenticator app was removed",
    ]
    text = mailbox.mails[0].get_body(["plain"]).get_content()
    assert "192.0.2.1" in text
    assert "/account/security/" in text


# Proving again, and the reset ----------------------------------------------------------------------------


def test_who_has_an_app_proves_herself_again_by_a_code_or_the_password(ada, bo):
    secret, codes = set_up(ada)
    typed = code(secret)
    services.prove_again(actor=herself(ada), proof=typed)
    services.prove_again(actor=herself(ada), proof=make.PASSWORD)
    for wrong in (typed, codes[0], "000000", ""):
        with pytest.raises(BadCredentials):
            services.prove_again(actor=herself(ada), proof=wrong)
    with pytest.raises(BadCredentials):
        services.prove_again(actor=herself(bo), proof="000000")


def test_an_operator_resets_it_and_she_is_told(ada, bo, settings):
    settings.MAILING = True
    set_up(ada)
    before = User.objects.get(pk=ada.pk).get_session_auth_hash()
    with pytest.raises(Forbidden):
        services.reset_second_factor(actor=herself(bo), user=ada)
    services.reset_second_factor(actor=herself(make.user("root", superuser=True)), user=ada)
    assert not RecoveryCode.objects.exists()
    assert not AuthenticatorApp.objects.exists()
    assert User.objects.get(pk=ada.pk).get_session_auth_hash() != before
    assert SecurityMail.objects.latest("pk").event == "reset"
    assert LogEntry.objects.get(kind="user_reset_second_factor").metadata == {"username": "ada"}
    assert sign_in() == ada
    with pytest.raises(Conflict):
        services.reset_second_factor(actor=make.SYSTEM, user=ada)


def test_the_command_resets_it(ada, capsys):
    set_up(ada)
    call_command("reset_second_factor", "ada")
    assert capsys.readouterr().out == "ada signs in by her password alone now.\n"
    for name in ("ada", "nobody"):
        with pytest.raises(CommandError):
            call_command("reset_second_factor", name)

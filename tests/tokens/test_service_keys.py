"""Keys of services: what is kept of them, who is told, and what time does to them."""

import base64
import io
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import tasks
from core.errors import Conflict, Invalid, NotFound
from logs.models import LogEntry
from tests import make, pems
from tests.racing import race
from tokens import selectors, services
from tokens.models import ServiceKey


@pytest.fixture
def root(db):
    return make.actor(make.user("root", superuser=True))


def register(number=0, **fields):
    fields = {"actor": make.SYSTEM, "service": "relay", "public_key": pems.public_pem(number), **fields}
    return services.register_service_key(**fields)


def kinds():
    return list(
        LogEntry.objects.filter(kind__startswith="service_key").order_by("pk").values_list("kind", flat=True)
    )


def test_the_private_half_is_shown_and_kept_nowhere(root):
    key, pem = services.create_service_key(actor=root, service="relay", expires_at=None, name="one")
    private = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert pem.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert private.key_size == 2048
    stored = ServiceKey.objects.values().get()
    secret = private.private_numbers()
    shown = json.dumps(stored, default=str)
    for number in (secret.d, secret.p, secret.q):
        octets = number.to_bytes((number.bit_length() + 7) // 8)
        assert base64.urlsafe_b64encode(octets).rstrip(b"=").decode() not in shown
        assert str(number) not in shown
    assert pem[40:100] not in shown
    public = serialization.load_pem_public_key(services.public_pem(key).encode())
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.public_numbers() == private.public_key().public_numbers()


def test_the_kid_is_the_thumbprint_of_the_key(db):
    # The example key of RFC 7638, section 3.1.
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV"
        "4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7"
        "d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF4"
        "4-csFCur-kEgU8awapJzKnqDKgw"
    )
    modulus = int.from_bytes(base64.urlsafe_b64decode(n + "=="))
    public = rsa.RSAPublicNumbers(e=65537, n=modulus).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    key = register(public_key=public.public_bytes(serialization.Encoding.PEM, form).decode())
    assert key.kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert key.jwk == {"kty": "RSA", "e": "AQAB", "n": n, "kid": key.kid}


def test_a_key_that_is_made_is_approved_by_who_made_it(root):
    key, _ = services.create_service_key(actor=root, service="relay", expires_at=None, notes="for the relay")
    assert (key.approval, key.approved_by, key.approval_notes) == (
        "Super User API",
        root.user,
        "for the relay",
    )
    assert kinds() == ["service_key_create", "service_key_approve"]


def test_a_registered_key_waits_until_it_is_approved_once(root):
    key = register()
    assert (key.approval, key.approved_at) == ("", None)
    services.approve_service_key(actor=root, key=key, notes="yes")
    services.approve_service_key(actor=root, key=key, notes="again")
    key.refresh_from_db()
    assert (key.approval, key.approval_notes) == ("Super User API", "yes")
    assert kinds() == ["service_key_create", "service_key_approve"]


@pytest.mark.parametrize("service", ["", "Relay", "re lay", "re-lay", "rel\u00e4y", "a" * 256, "relay\n"])
def test_services_have_plain_names(db, service):
    with pytest.raises(Invalid) as caught:
        register(service=service)
    assert caught.value.field == "service"
    assert not ServiceKey.objects.exists()


@pytest.mark.parametrize("name", ["a" * 256, "<b>", "k\u00e9y", "a.b", "a\x00"])
def test_keys_have_plain_names(db, name):
    with pytest.raises(Invalid) as caught:
        register(name=name)
    assert caught.value.field == "name"


@pytest.mark.parametrize("bits", [1024])
def test_a_small_key_is_none(db, bits):
    with pytest.raises(Invalid):
        register(public_key=pems.public_pem(bits=bits))


@pytest.mark.parametrize(
    "pem", ["", "nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_what_is_no_key(db, pem):
    with pytest.raises(Invalid):
        register(public_key=pem)


def test_a_key_is_registered_once(db):
    register()
    with pytest.raises(Conflict):
        register(service="other")
    assert kinds() == ["service_key_create"]


def test_expired_keys_are_shown_for_a_week_and_then_removed(root):
    key = register(expires_at=timezone.now() + timedelta(days=1))
    for days, shown in ((2, 1), (-6, 1), (-8, 0)):
        ServiceKey.objects.update(expires_at=timezone.now() + timedelta(days=days))
        assert selectors.service_keys(actor=root).count() == shown
        tasks.sweep()
        assert ServiceKey.objects.count() == shown
    with pytest.raises(NotFound):
        selectors.service_key(actor=root, kid=key.kid)


def test_changes_are_told_by_what_they_are(root):
    soon = timezone.now().replace(microsecond=0) + timedelta(days=1)
    key = register(metadata={"a": 1}, expires_at=soon)
    changed = services.change_service_key(actor=root, key=key, changes={"metadata": {"b": 2}})
    assert changed.metadata == {"a": 1, "b": 2}
    services.change_service_key(actor=root, key=key, changes={"expires_at": None, "name": "two"})
    services.change_service_key(actor=root, key=key, changes={})
    services.delete_service_key(actor=root, key=key)
    assert kinds() == [
        "service_key_create",
        "service_key_modify",
        "service_key_extend",
        "service_key_modify",
        "service_key_delete",
    ]
    told = LogEntry.objects.get(kind="service_key_extend").metadata
    assert (told["old_expiration_date"], told["expiration_date"]) == (int(soon.timestamp()), None)


def test_a_past_expiration_changes_nothing(root):
    key = register()
    past = timezone.now() - timedelta(seconds=1)
    with pytest.raises(Invalid):
        services.change_service_key(actor=root, key=key, changes={"name": "two", "expires_at": past})
    key.refresh_from_db()
    assert (key.name, key.expires_at) == ("", None)


def test_a_deleted_key_is_not_changed(root):
    key = register()
    services.delete_service_key(actor=root, key=key)
    for act in (
        lambda: services.change_service_key(actor=root, key=key, changes={"name": "x"}),
        lambda: services.approve_service_key(actor=root, key=key),
        lambda: services.delete_service_key(actor=root, key=key),
    ):
        with pytest.raises(NotFound):
            act()
    assert not ServiceKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_key_is_approved_once_in_a_race():
    key, user = register(), make.user("root", superuser=True)
    race(4, lambda _: services.approve_service_key(actor=make.actor(user), key=key))
    assert kinds() == ["service_key_create", "service_key_approve"]
    assert ServiceKey.objects.get(pk=key.pk).approved_by_id == user.pk


def run(*arguments):
    out = io.StringIO()
    call_command("register_service_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_registers_a_key_that_waits(db, tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(pems.public_pem())
    kid = run("relay", "--public-key", str(file), "--name", "relay 1", "--days", "30").removesuffix("\n")
    key = ServiceKey.objects.get()
    assert (key.kid, key.name, key.approval) == (kid, "relay 1", "")
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=31)


def test_the_command_may_approve(db, tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(pems.public_pem())
    run("relay", "--public-key", str(file), "--approve")
    assert ServiceKey.objects.get().approval == "Automatic"
    with pytest.raises(CommandError, match="registered already"):
        run("relay", "--public-key", str(file))
    with pytest.raises(CommandError, match="cannot be read"):
        run("relay", "--public-key", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="whole number"):
        run("relay", "--public-key", str(file), "--days", "0")

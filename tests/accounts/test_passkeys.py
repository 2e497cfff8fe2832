"""Passkeys without a browser: an authenticator of our own that signs as one does, and what it may not."""

import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from accounts import services
from accounts.models import Passkey, RecoveryCode
from core.errors import BadCredentials, Conflict, FreshLoginRequired, NotFound, Unauthenticated
from logs.models import LogEntry
from tests import make
from tests.accounts.test_second_factor import herself, set_up, somebody

pytestmark = pytest.mark.django_db
HOST = "muster.example.test"
FLAG = AuthenticatorData.FLAG
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Device:
    """An authenticator with one key; ``count`` is its counter."""

    def __init__(self, name="key", *, host=HOST, count=1, is_verifying=True):
        self.id, self.host, self.count = sha256(name.encode()), host, count
        self.flags = PRESENT | (VERIFIED if is_verifying else 0)
        self.key = ec.generate_private_key(ec.SECP256R1())

    def _client(self, kind, challenge, origin):
        told = {"type": kind, "challenge": challenge, "origin": origin or f"https://{self.host}"}
        return json.dumps(told).encode()

    def make(self, options, *, origin=""):
        credential = AttestedCredentialData.create(
            bytes(16), self.id, ES256.from_cryptography_key(self.key.public_key())
        )
        data = AuthenticatorData.create(
            sha256(self.host.encode()),
            FLAG(self.flags | ATTESTED),
            self.count,
            bytes(credential),
        )
        client = self._client("webauthn.create", options["challenge"], origin)
        attested = bytes(AttestationObject.create("none", data, {}))
        return self._answer(clientDataJSON=client, attestationObject=attested)

    def sign(self, options, *, origin=""):
        self.count += bool(self.count)
        data = AuthenticatorData.create(sha256(self.host.encode()), FLAG(self.flags), self.count)
        client = self._client("webauthn.get", options["challenge"], origin)
        signature = self.key.sign(bytes(data) + sha256(client), ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=bytes(data), signature=signature)

    def _answer(self, **parts):
        name = websafe_encode(self.id)
        response = {part: websafe_encode(value) for part, value in parts.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


@pytest.fixture
def ada():
    return make.user("ada")


@pytest.fixture
def bo():
    return make.user("bo")


def add(user, device, name="key", **changes):
    actor = herself(user)
    options, state = services.offer_passkey(actor=actor, host=HOST)
    answer = device.make(options, **changes)
    return services.add_passkey(actor=actor, host=HOST, state=state, answer=answer, name=name)


def sign_in(device, *, user=None, alter=lambda answer: answer, **changes):
    options, state = services.ask_for_passkey(host=HOST, user=user)
    answer = alter(device.sign(options, **changes))
    return services.sign_in_by_passkey(actor=somebody(), host=HOST, state=state, answer=answer)


def test_a_passkey_signs_in_alone(ada):
    device = Device()
    assert len(add(ada, device)) == 10
    assert sign_in(device) == ada
    assert LogEntry.objects.get(kind="login_success").metadata["factor"] == "passkey"
    assert sign_in(device) == ada


def test_an_answer_works_once_for_its_counter_and_a_copied_key_is_refused(ada):
    device = Device(count=5)
    add(ada, device)
    options, state = services.ask_for_passkey(host=HOST)
    answer = device.sign(options)
    services.sign_in_by_passkey(actor=somebody(), host=HOST, state=state, answer=answer)
    with pytest.raises(BadCredentials):
        services.sign_in_by_passkey(actor=somebody(), host=HOST, state=state, answer=answer)
    device.count = 2
    with pytest.raises(BadCredentials):
        sign_in(device)


def test_keys_that_do_not_count_work(ada):
    device = Device(count=0)
    add(ada, device)
    for _ in range(2):
        assert sign_in(device) == ada


def changed(**parts):
    def alter(answer):
        whole = json.loads(answer)
        whole["response"] |= parts
        return json.dumps(whole)

    return alter


REFUSED = {
    "another site": {"origin": "https://evil.example.test"},
    "a subdomain": {"origin": f"https://evil.{HOST}"},
    "no https": {"origin": f"http://{HOST}"},
    "a changed signature": {"alter": changed(signature="AAAA")},
    "no client data": {"alter": changed(clientDataJSON="AAAA")},
    "no data": {"alter": changed(authenticatorData="AAAA")},
    "no answer": {"alter": lambda _: "{}"},
    "no object": {"alter": lambda _: "[]"},
    "no JSON": {"alter": lambda _: "passkey"},
    "nothing": {"alter": lambda _: ""},
    "numbers": {"alter": lambda _: '{"id": 7, "rawId": 7, "type": "public-key", "response": 7}'},
    "null": {"alter": changed(signature=None)},
    "a text that is too long": {"alter": lambda answer: answer + " " * 20_000},
    "deep nesting": {"alter": lambda _: "[" * 15_000},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(ada, case):
    device = Device()
    add(ada, device)
    with pytest.raises(BadCredentials):
        sign_in(device, **REFUSED[case])
    assert not LogEntry.objects.filter(kind="login_success").exists()
    assert LogEntry.objects.filter(kind="login_failure").exists()


def test_a_key_that_asks_for_nothing_is_no_way_in_alone(ada):
    device = Device(is_verifying=False)
    add(ada, device)
    with pytest.raises(BadCredentials):
        sign_in(device)
    with pytest.raises(BadCredentials):
        # Nor by a challenge that was made for the second step.
        sign_in(device, user=ada)
    options, state = services.ask_for_passkey(host=HOST, user=ada)
    services.finish_sign_in(actor=somebody(), user=ada, host=HOST, state=state, answer=device.sign(options))


def test_another_challenge_another_host_and_anothers_key(ada, bo):
    device, other = Device(), Device("other")
    add(ada, device)
    add(bo, other)
    options, _ = services.ask_for_passkey(host=HOST)
    _, state = services.ask_for_passkey(host=HOST)
    for kept in (state, {}):
        with pytest.raises(BadCredentials):
            services.sign_in_by_passkey(actor=somebody(), host=HOST, state=kept, answer=device.sign(options))
    options, state = services.ask_for_passkey(host="other.example.test")
    with pytest.raises(BadCredentials):
        services.sign_in_by_passkey(
            actor=somebody(), host="other.example.test", state=state, answer=device.sign(options)
        )
    options, state = services.ask_for_passkey(host=HOST, user=ada)
    with pytest.raises(BadCredentials):
        services.finish_sign_in(
            actor=somebody(), user=ada, host=HOST, state=state, answer=other.sign(options)
        )


def test_a_directorys_people_are_asked_by_the_directory(ada, settings):
    device = Device()
    add(ada, device)
    settings.AUTHENTICATION = "LDAP"
    with pytest.raises(BadCredentials):
        sign_in(device)


def test_who_is_disabled_does_not_come_in(ada):
    device = Device()
    add(ada, device)
    services.change_user(actor=make.SYSTEM, user=ada, enabled=False)
    with pytest.raises(BadCredentials):
        sign_in(device)


def test_making_one_is_refused_when_it_was_made_elsewhere_or_long_after(ada, bo):
    device = Device()
    with pytest.raises(BadCredentials):
        add(ada, device, origin="https://evil.example.test")
    options, state = services.offer_passkey(actor=herself(ada), host=HOST)
    answer = device.make(options)
    stale = herself(ada, ago=3600)
    with pytest.raises(FreshLoginRequired):
        services.add_passkey(actor=stale, host=HOST, state=state, answer=answer, name="x")
    for wrong in ("", "{}", "[]", answer.replace("response", "reply"), device.sign(options)):
        with pytest.raises(BadCredentials):
            services.add_passkey(actor=herself(ada), host=HOST, state=state, answer=wrong, name="x")
    add(ada, device)
    with pytest.raises(Conflict):
        add(bo, device)
    with pytest.raises(Unauthenticated):
        services.offer_passkey(actor=make.actor(None), host=HOST)


def test_they_are_ones_own_to_rename_and_remove(ada, bo):
    add(ada, Device())
    kept = Passkey.objects.get()
    for uuid in (str(kept.uuid), "nonsense", ""):
        with pytest.raises(NotFound):
            services.rename_passkey(actor=herself(bo), uuid=uuid, name="mine")
        with pytest.raises(NotFound):
            services.remove_passkey(actor=herself(bo), uuid=uuid)
    services.rename_passkey(actor=herself(ada), uuid=str(kept.uuid), name=" blue ")
    assert Passkey.objects.get().name == "blue"
    with pytest.raises(FreshLoginRequired):
        services.remove_passkey(actor=herself(ada, ago=3600), uuid=str(kept.uuid))
    services.remove_passkey(actor=herself(ada), uuid=str(kept.uuid))
    assert not RecoveryCode.objects.exists()
    told = LogEntry.objects.filter(kind__contains="passkey").order_by("pk").values_list("kind", flat=True)
    assert list(told) == ["user_add_passkey", "user_rename_passkey", "user_remove_passkey"]


def test_codes_stay_while_another_factor_does_and_a_reset_takes_all(ada):
    set_up(ada)
    assert add(ada, Device()) == [], "she has codes already"
    services.remove_passkey(actor=herself(ada), uuid=str(Passkey.objects.get().uuid))
    assert RecoveryCode.objects.count() == 10
    add(ada, Device())
    services.reset_second_factor(actor=make.SYSTEM, user=ada)
    assert not Passkey.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_a_challenge_is_found_by_the_answer():
    options, _ = services.ask_for_passkey(host=HOST)
    assert services.challenge_of(Device().sign(options)) == options["challenge"]
    assert websafe_decode(options["challenge"])
    assert services.challenge_of("nonsense") == ""

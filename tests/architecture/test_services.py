"""Every write goes through a service that asks for a right and tells the log."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from logs import kinds
from permissions import catalogue
from tests.architecture.product import DOMAIN, Definition, Module, calls, mentioned, modules

RIGHTS = {"require", "check", "checks.require", "checks.check"}
TELLING = {"record", "record_many", "draft", "record_denial"}

# Services that ask for no right, and why that is right.
OPEN_TO_ALL = {
    "accounts.services.sessions.sign_in": "whoever knows the password; guessing is slowed down",
    "accounts.services.sessions.prove": "as above",
    "accounts.services.sessions.begin_sign_in": "as above",
    "accounts.services.sessions.finish_sign_in": "whoever has her code; guessing is slowed down",
    "accounts.services.sessions.sign_in_by_passkey": "whoever has the passkey",
    "accounts.services.sessions.record_sign_in": "tells of a sign-in that has been checked",
    "accounts.services.links.request_recovery": "anyone who has forgotten her password",
    "accounts.services.links.recover": "whoever has the mailed code",
    "accounts.services.links.verify_email": "whoever has the mailed code",
    "accounts.services.users.sign_up": "anyone, where the instance says so",
    "accounts.services.users.initialize": "anyone, while nobody is there",
    "tokens.services.authorizations.exchange": "whoever knows an application's secret and brings it a code",
    "accounts.services.first_run.set_up": "whoever holds the printed secret, while nobody is there",
    "notifications.services.addresses.confirm_address": "whoever holds the code that was mailed",
}
# Public functions of services that change nothing by themselves, or only as a part of a service.
BUILDING_BLOCKS = {
    "accounts.services.users.nobody_is_here": "a question",
    "accounts.services.links.link_is_good": "a question",
    "accounts.services.joining.invites_stranger": "a question",
    "accounts.services.joining.invited_may_join": "a question",
    "accounts.services.joining.invitation_of_stranger": "a question, whose answer the code opens",
    "accounts.services.sessions.password_of": "a question",
    "accounts.services.browsers.note_session": "a part of what signs somebody in",
    "accounts.services.browsers.note_activity": "concerns nobody's rights",
    "accounts.services.factors.has_second_factor": "a question",
    "accounts.services.factors.offer_authenticator_app": "makes a secret, and keeps nothing",
    "accounts.services.factors.offered_secret": "a question",
    "accounts.services.factors.setup_address": "a question",
    "accounts.services.passkeys.offer_passkey": "makes a challenge, and keeps nothing",
    "accounts.services.passkeys.ask_for_passkey": "makes a challenge, and keeps nothing",
    "accounts.services.passkeys.challenge_of": "a question",
    "accounts.services.first_run.first_run_is_open": "a question",
    "accounts.services.syncing.teams_to_sync": "a question",
    "accounts.services.syncing.preview_team_sync": "a question",
    "accounts.services.identities.identities_to_refresh": "a question",
    "accounts.services.identities.authenticate_web_token": "tells who calls, and changes nothing",
    "accounts.services.first_run.offer_first_run": "prints a secret where the instance is started",
    "accounts.services.sessions.note_presence": "notes that a person is here, as authenticate notes a use",
    "accounts.services.sessions.verify_password": "changes nothing; the sign-in below it tells",
    "tokens.services.service_keys.public_pem": "a question",
    "quotas.services.counters.drafts": "rows that are not written",
    "quotas.services.counters.open_for": "a part of what creates a namespace or an account",
    "quotas.services.counters.adopt": "a part of what moves an organization into an account",
    "quotas.services.counters.reserve": "a part of what creates the thing that is counted",
    "quotas.services.counters.close": "part of what deletes",
    "quotas.services.counters.reopen": "a part of what restores",
    "quotas.services.counters.close_account": "part of what deletes",
    "quotas.services.counters.release": "a part of what deletes it",
    "quotas.services.usage.take_ledger": "a part of what reports or deletes",
    "quotas.services.usage.move_bytes": "a part of what reports or deletes",
    "quotas.services.usage.fitting": "a question",
    "quotas.services.usage.note_counted": "a part of what reports",
    "tokens.services.authorizations.ask": "a question",
    "tokens.services.authorizations.way_back": "a question",
    "tokens.services.authorizations.registered_address": "a question",
    "tokens.services.authorizations.seconds_of": "a question",
    "tokens.services.lifetimes.limit_of": "a question",
    "tokens.services.lifetimes.usual_end": "a question",
    "tokens.services.credentials.authenticate": "a question; notes the use",
    "tokens.services.credentials.read_scopes": "a question",
    "tokens.services.credentials.reveal": "a question; whoever calls has checked the right",
    "tokens.services.credentials.issue": "a part of what makes a token for somebody",
    "tokens.services.credentials.own_application": "a part of what makes a token for somebody",
    "tokens.services.credentials.end_all": "a part of what deletes their owners",
    "tokens.services.credentials.end_of_namespace": "as above",
    "tokens.services.credentials.end_of_project": "as above",
    "tokens.services.credentials.living_names": "a question",
    "trash.services.put": "a part of what deletes",
    "trash.services.may_restore": "a question",
}
# Services that tell the log nothing.
UNTOLD = {
    "projects.services.by_name.project_token": "tokens.services.create_token tells it",
    "notifications.services.addresses.confirm_address": "told on no wire (quay-b.md 9)",
    "notifications.services.notices.dismiss_notice": "concerns the person alone",
    "notifications.services.notices.dismiss_notices": "concerns the person alone",
    "notifications.services.notices.mark_notices": "concerns the person alone",
    "notifications.services.addresses.request_address": "told on no wire (quay-b.md 9)",
    "accounts.services.links.resend_proof": "the worker tells it",
    "accounts.services.links.request_recovery": "the worker tells it, if there is somebody to be mailed",
    "notifications.services.subscriptions.send_test": "sends sample data and changes nothing (quay-b.md 9)",
}
# Kinds and rights that the catalogues name for wires' sake and that nothing uses so far.
KINDS_TO_COME = {
    "USER_CHANGE_NAME": "people keep their names",
}
RIGHTS_TO_COME: dict[str, str] = {}


def is_service_module(name: str) -> bool:
    return name.split(".")[0] in DOMAIN and name.split(".")[1:2] == ["services"]


def is_atomic(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(one).startswith("transaction.atomic") for one in function.decorator_list)


def services() -> dict[str, tuple[Module, ast.FunctionDef]]:
    """Return every public service: atomic, or exported by its package."""
    found = {}
    for name, module in modules().items():
        if not is_service_module(name):
            continue
        exported = modules()[".".join(name.split(".")[:2])].exported
        for own, function in module.functions.items():
            if not own.startswith("_") and (is_atomic(function) or own in exported):
                found[f"{name}.{own}"] = (module, function)
    return found


SERVICES = services()
WRITES = {name: one for name, one in SERVICES.items() if name not in BUILDING_BLOCKS}


def meant(module: Module, called: str) -> tuple[Module, Definition] | None:
    """Return the function or class that ``called`` means in ``module``, if services own it."""
    first, _, rest = called.partition(".")
    if not rest and first in module.definitions:
        return module, module.definitions[first]
    meaning = module.imports.get(first, "") + (f".{rest}" if rest else "")
    home, _, own = meaning.rpartition(".")
    there = modules().get(home)
    if there is not None and is_service_module(home) and own in there.definitions:
        return there, there.definitions[own]
    return None


def reaches(module: Module, node: Definition, wanted: set[str], seen: frozenset[str] = frozenset()) -> bool:
    """Tell whether a function calls one of ``wanted``, itself or through what it calls or passes on."""
    key = f"{module.name}.{node.name}"
    if key in seen:
        return False
    called = calls(node)
    if called & wanted:
        return True
    below = filter(None, (meant(module, one) for one in sorted(called | mentioned(node))))
    return any(reaches(there, one, wanted, seen | {key}) for there, one in below)


def test_the_services_are_found():
    assert len(WRITES) > 50
    assert "accounts.services.robots.create_robot" in WRITES
    assert "tokens.services.credentials.issue_api_token" in WRITES
    assert (
        "tokens.services.credentials.not_beyond" not in SERVICES
    )  # a building block: neither atomic nor exported


@pytest.mark.parametrize("name", WRITES)
def test_a_service_takes_keywords_alone_and_first_of_all_who_acts(name):
    arguments = WRITES[name][1].args
    assert not arguments.args, "positional arguments"
    assert not arguments.posonlyargs, "positional arguments"
    assert [one.arg for one in arguments.kwonlyargs][:1] == ["actor"]


@pytest.mark.parametrize("name", sorted(WRITES.keys() - OPEN_TO_ALL.keys()))
def test_a_service_asks_for_a_right(name):
    module, function = WRITES[name]
    assert reaches(module, function, RIGHTS)


@pytest.mark.parametrize("name", WRITES)
def test_a_service_tells_the_log(name):
    module, function = WRITES[name]
    assert reaches(module, function, TELLING) != (name in UNTOLD)


@pytest.mark.parametrize("name", [*OPEN_TO_ALL, *BUILDING_BLOCKS, *UNTOLD])
def test_exceptions_exist_and_are_needed(name):
    assert name in SERVICES
    if name in OPEN_TO_ALL:
        module, function = SERVICES[name]
        assert not reaches(module, function, RIGHTS)


# Kinds and rights ----------------------------------------------------------------------------------------


@cache
def used_names() -> frozenset[str]:
    """Return every name that the product reads; the demo only pretends, and listeners only listen."""
    apart = (
        "logs.kinds",
        "permissions.catalogue",
        "portal.demo",
        "notifications.events",
        "notifications.notices",
    )
    return frozenset().union(*(mentioned(one.tree) for name, one in modules().items() if name not in apart))


KINDS = sorted(name for name, one in vars(kinds).items() if isinstance(one, kinds.LogKind))
RIGHT_NAMES = sorted(name for name, one in vars(catalogue).items() if isinstance(one, catalogue.Right))


def test_kinds_and_rights_are_found():
    assert len(KINDS) == len(kinds.KINDS)
    assert len(RIGHT_NAMES) == len(catalogue.RIGHTS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_recorded_somewhere(kind):
    assert (kind in used_names()) != (kind in KINDS_TO_COME), (
        "unused, or on the list of those to come for no reason"
    )


@pytest.mark.parametrize("right", RIGHT_NAMES)
def test_every_right_is_required_somewhere(right):
    assert (right in used_names()) != (right in RIGHTS_TO_COME), (
        "unused, or on the list of those to come for no reason"
    )


# The test itself can fail --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "asks", "tells"),
    [
        ("def act(*, actor): require(actor, RIGHT); record(KIND)", True, True),
        ("def act(*, actor): record(KIND)", False, True),
        ("def act(*, actor): require(actor, RIGHT)", True, False),
        ("def act(*, actor): _ask(actor)\ndef _ask(actor): require(actor, R); record(K)", True, True),
        ("def act(*, actor):\n for f in (a, b): f()\ndef a(): require(x)\ndef b(): record(K)", True, True),
        ("def act(*, actor): Work(actor).run()\nclass Work:\n def run(self): record(K)", False, True),
        ("def act(*, actor): act(actor=actor)", False, False),
        ("def act(*, actor): requires(actor); recorder.record_it()", False, False),
    ],
)
def test_the_walk_sees_what_is_there_and_nothing_else(source, asks, tells):
    module = Module("accounts.services.sample", modules()["accounts.services.users"].path, source)
    function = module.functions["act"]
    assert reaches(module, function, RIGHTS) is asks
    assert reaches(module, function, TELLING) is tells

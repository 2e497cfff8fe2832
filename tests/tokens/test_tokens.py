import re
import secrets
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from core import seal
from core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from logs.models import LogEntry
from projects import services as projects
from tests import make
from tokens import services
from tokens.kinds import FORMS, Kind, is_misprinted
from tokens.models import Credential

pytestmark = pytest.mark.django_db
ALL = list(Kind)


def issue(kind, **owner):
    return services.issue(kind=kind, **owner)


def test_a_token_acts_as_its_owner_within_its_scopes():
    ada = make.user("ada")
    actor = services.authenticate(make.token(ada, "repo:read org:admin"), kinds=[Kind.OAUTH])
    assert (actor.user, actor.scopes) == (ada, frozenset({"repo:read", "org:admin"}))


@pytest.mark.parametrize("kind", ALL)
def test_forms(kind):
    secret = FORMS[kind].make()
    assert secret != FORMS[kind].make()
    forms = {
        Kind.OAUTH: r"[A-Za-z0-9]{40}",
        Kind.APP_SPECIFIC: r"[A-Z0-9]{120}",
        Kind.ROBOT: r"[A-Z0-9]{64}",
        Kind.ACCESS: r"mst_[A-Za-z0-9]{36}",
        Kind.ACCOUNT: r"[A-Za-z0-9]{20}",
        Kind.REPOSITORY: r"[0-9a-f]{32}",
        Kind.ORGANIZATION: r"(?=.{159}\Z)eyJ[\w-]+\.[\w-]+\.[\w-]{43}",
        Kind.PROJECT: r"(?=.{159}\Z)eyJ[\w-]+\.[\w-]+\.[\w-]{43}",
        Kind.KEY: r"flex_[0-9a-f]{12}7[0-9a-f]{19}[a-z0-9]{32}",
    }
    assert re.fullmatch(forms[kind], secret)
    assert secret.startswith("mst_") is (kind == Kind.ACCESS)
    assert not is_misprinted(secret)


def test_misprinted_own_tokens_are_refused_without_a_query(django_assert_num_queries):
    good = FORMS[Kind.ACCESS].make()
    with django_assert_num_queries(0):
        for position in range(4, len(good)):
            bad = good[:position] + ("a" if good[position] != "a" else "b") + good[position + 1 :]
            with pytest.raises(Unauthenticated):
                services.authenticate(bad, kinds=ALL)
        for bad in ("", "mst_", "mst_" + "x" * 5000, "y" * 5000):
            with pytest.raises(Unauthenticated):
                services.authenticate(bad, kinds=ALL)


def test_only_the_kinds_of_a_wire_open_it():
    secret = make.token(make.user("ada"))
    with pytest.raises(Unauthenticated):
        services.authenticate(secret, kinds=[Kind.APP_SPECIFIC])


def test_expiry_disable_revoke_and_deletion_end_a_token_at_once():
    ada, bo, eve = make.user("ada"), make.user("bo"), make.user("eve")
    tokens = {
        "expired": make.token(ada, expires_at=timezone.now() - timedelta(seconds=1)),
        "disabled": make.token(bo),
        "deleted": make.token(eve),
        "revoked": make.token(ada),
    }
    accounts.change_user(actor=make.SYSTEM, user=bo, enabled=False)
    accounts.delete_user(actor=make.SYSTEM, user=eve)
    credential = Credential.objects.get(digest=seal.digest(tokens["revoked"]))
    services.revoke(actor=make.actor(ada), credential=credential)
    for secret in tokens.values():
        with pytest.raises(Unauthenticated):
            services.authenticate(secret, kinds=ALL)
    accounts.change_user(actor=make.SYSTEM, user=bo, enabled=True)
    assert services.authenticate(tokens["disabled"], kinds=ALL).user == bo


def test_revoking_twice_and_revoking_anothers():
    ada, bo = make.user("ada"), make.user("bo")
    make.token(ada)
    credential = Credential.objects.get()
    with pytest.raises(Forbidden):
        services.revoke(actor=make.actor(bo), credential=credential)
    services.revoke(actor=make.actor(ada), credential=credential)
    with pytest.raises(NotFound):
        services.revoke(actor=make.actor(ada), credential=credential)


def test_robot_tokens():
    acme = make.organization()
    robot, secret = accounts.create_robot(actor=make.SYSTEM, namespace=acme.namespace, shortname="ci")
    assert services.authenticate(secret, kinds=[Kind.ROBOT]).robot == robot
    assert services.reveal(robot.credentials.get()) == secret
    new = accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot)
    for dead in (secret, "A" * 64):
        with pytest.raises(Unauthenticated):
            services.authenticate(dead, kinds=ALL)
    accounts.change_robot(actor=make.SYSTEM, robot=robot, enabled=False)
    with pytest.raises(Unauthenticated):
        services.authenticate(new, kinds=ALL)
    accounts.change_robot(actor=make.SYSTEM, robot=robot, enabled=True)
    assert services.authenticate(new, kinds=ALL).robot == robot
    accounts.delete_organization(actor=make.SYSTEM, organization=acme)
    with pytest.raises(Unauthenticated):
        services.authenticate(new, kinds=ALL)


def test_what_a_disabled_person_owns_is_disabled_with_her():
    ada = make.user("ada")
    _, of_robot = accounts.create_robot(actor=make.SYSTEM, namespace=ada.namespace, shortname="ci")
    project = make.project(ada)
    _, of_project = issue(Kind.ACCESS, project=project)
    for enabled in (False, True):
        accounts.change_user(actor=make.SYSTEM, user=ada, enabled=enabled)
        for secret in (of_robot, of_project):
            if enabled:
                assert services.authenticate(secret, kinds=ALL).scopes == frozenset()
            else:
                with pytest.raises(Unauthenticated):
                    services.authenticate(secret, kinds=ALL)


def test_a_token_made_in_a_dying_namespace_is_dead():
    acme = make.organization()
    project, robot = make.project(acme), make.robot(acme)
    accounts.delete_organization(actor=make.SYSTEM, organization=acme)
    for owner in ({"project": project}, {"robot": robot}, {"organization": acme}):
        _, secret = issue(Kind.ACCESS, **owner)  # by a call that was under way when the rest was ended
        with pytest.raises(Unauthenticated):
            services.authenticate(secret, kinds=ALL)


def test_a_deleted_projects_tokens_die_with_it():
    project = make.project(make.organization())
    _, secret = issue(Kind.ACCESS, project=project)
    assert services.authenticate(secret, kinds=ALL).project == project
    projects.delete_project(actor=make.SYSTEM, project=project)
    with pytest.raises(Unauthenticated):
        services.authenticate(secret, kinds=ALL)


def test_use_is_noted_at_most_once_a_minute(django_assert_num_queries, time_machine):
    secret = make.token(make.user("ada"))
    time_machine.move_to("2026-05-01T12:00:00Z", tick=False)
    with django_assert_num_queries(2):  # look-up, note
        services.authenticate(secret, kinds=ALL)
    time_machine.move_to("2026-05-01T12:00:59Z", tick=False)
    with django_assert_num_queries(1):
        services.authenticate(secret, kinds=ALL)
    time_machine.move_to("2026-05-01T12:01:00Z", tick=False)
    with django_assert_num_queries(2):
        services.authenticate(secret, kinds=ALL)
    assert Credential.objects.get().last_used_at == timezone.now()


def test_the_look_up_uses_the_unique_index():
    if connection.vendor != "postgresql":
        pytest.skip("plans are read on PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT 1 FROM tokens_credential WHERE digest = '\\x00'")
        assert "tokens_credential_digest_key" in str(cursor.fetchall())


def test_no_secret_is_in_the_database_in_clear():
    acme = make.organization()
    _, robot = accounts.create_robot(actor=make.SYSTEM, namespace=acme.namespace, shortname="ci")
    ada = make.user("ada")
    found = [robot, make.token(ada), services.create_app_token(actor=make.actor(ada), title="laptop")[1]]
    dump = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the table's name is the database's own
            dump.append(str([bytes(v) if isinstance(v, memoryview) else v for row in cursor for v in row]))
    for secret in found:
        assert secret not in "".join(dump)
    assert Credential.objects.get(kind=Kind.OAUTH).sealed == ""


def test_keys_rotate_and_the_old_one_may_go(settings, capsys):
    acme = make.organization()
    robot, secret = accounts.create_robot(actor=make.SYSTEM, namespace=acme.namespace, shortname="ci")
    old, new = settings.ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [new, old]
    call_command("rotate_keys")
    settings.ENCRYPTION_KEYS = [new]
    assert services.reveal(robot.credentials.get()) == secret
    assert services.authenticate(secret, kinds=ALL).robot == robot
    assert LogEntry.objects.get(kind="rotate_keys").metadata == {"count": 1}
    settings.ENCRYPTION_KEYS = [old]
    with pytest.raises(seal.Unreadable):
        services.reveal(robot.credentials.get())


def test_a_token_cannot_make_one_that_may_do_more():
    ada = make.user("ada")
    weak = make.actor(ada, "user:admin repo:read")
    with pytest.raises(Forbidden):
        services.issue_api_token(actor=weak, user=ada, scopes="repo:read org:admin")
    with pytest.raises(Forbidden):
        services.issue_api_token(actor=make.actor(make.user("bo")), user=ada, scopes="repo:read")
    credential, _ = services.issue_api_token(actor=weak, user=ada, scopes="repo:read")
    assert credential.scopes == "repo:read"


@pytest.mark.parametrize("scopes", ["", "  ", "repo:everything", "repo:read nonsense"])
def test_bad_scopes(scopes):
    ada = make.user("ada")
    with pytest.raises(Invalid):
        services.issue_api_token(actor=make.actor(ada), user=ada, scopes=scopes)
    assert not Credential.objects.exists()


@pytest.mark.parametrize("title", ["", "x" * 256])
def test_bad_titles(title):
    with pytest.raises(Invalid):
        services.create_app_token(actor=make.actor(make.user("ada")), title=title)


def test_who_takes_a_dead_name_does_not_inherit_its_application():
    ada = make.user("ada")
    make.token(ada)
    accounts.delete_user(actor=make.SYSTEM, user=ada)
    again = make.user("ada")
    make.token(again)
    credential = Credential.objects.get(user=again)
    assert credential.application is not None
    assert credential.application.namespace == again.namespace


def test_random_strings_are_nobody():
    for _ in range(200):
        with pytest.raises(Unauthenticated):
            services.authenticate(secrets.token_urlsafe(30), kinds=ALL)

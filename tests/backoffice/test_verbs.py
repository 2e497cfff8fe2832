"""What operators do: every verb calls a service, and the usage log tells it."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    Account,
    AccountAdministrator,
    Identity,
    Invitation,
    Membership,
    Namespace,
    Organization,
    Robot,
    RobotFederation,
    Team,
    TeamMember,
    User,
)
from core.seal import seal
from jobs.models import Job
from logs.models import LogArchive, LogEntry, LogExport
from notifications.channels.webhook import new_secret
from notifications.models import Delivery, GlobalMessage, Subscription
from permissions.models import DefaultGrant, Grant
from projects.models import Project
from quotas.models import LimitRequest, Quota, RegistrySize, Threshold
from streams.models import Stream
from tests import make
from tests.backoffice.conftest import AUDITORS, build, signed_in
from tests.staging import stand
from tokens.models import Credential, ServiceKey
from trash.models import Trashed

# model, verb, which row (by a lookup), the form, kind of the log entry, and what then holds of the row
CASES: list[tuple[Any, str, Any, dict[str, Any], str, Any]] = [
    (User, "create", None, {"username": "eve", "password": ""}, "user_create", None),
    (User, "disable", {"username": "ada"}, {}, "user_disable", {"is_active": False}),
    (User, "enable", {"username": "off"}, {}, "user_enable", {"is_active": True}),
    (User, "end-sessions", {"username": "ada"}, {}, "user_end_sessions", {"session_epoch": 1}),
    (User, "email", {"username": "ada"}, {"email": "a@b.test"}, "user_change_email", {"email": "a@b.test"}),
    (User, "password", {"username": "ada"}, {"password": "new-pass-word-1"}, "user_change_password", None),
    (
        User,
        "reset-second-factor",
        {"username": "first"},
        {},
        "user_reset_second_factor",
        {"session_epoch": 1},
    ),
    (User, "make-superuser", {"username": "ada"}, {}, "user_grant_superuser", {"is_superuser": True}),
    (User, "unmake-superuser", {"username": "su"}, {}, "user_revoke_superuser", {"is_superuser": False}),
    (User, "delete", {"username": "off"}, {}, "user_delete", {"is_active": False}),
    (Identity, "unlink", {"login": "first there"}, {}, "unlink_identity", "gone"),
    (Account, "create", None, {"name": "New", "administrator": "ada"}, "account_create", None),
    (Account, "rename", {"name": "first group"}, {"name": "Other"}, "account_change", {"name": "Other"}),
    (
        Account,
        "add-administrator",
        {"name": "first group"},
        {"user": "ada"},
        "account_add_administrator",
        None,
    ),
    (Account, "delete", {"name": "first group"}, {}, "account_delete", None),
    (AccountAdministrator, "remove", {"user__username": "root"}, {}, "account_remove_administrator", "gone"),
    (Organization, "create", None, {"name": "Brand New", "email": ""}, "org_create", None),
    (Organization, "take-ownership", {"slug": "acme"}, {}, "take_ownership", None),
    (Organization, "rename", {"slug": "acme"}, {"name": "umbrella"}, "org_change_name", {"slug": "umbrella"}),
    (
        Organization,
        "add-member",
        {"slug": "acme"},
        {"user": "off", "role": "creator"},
        "org_set_member_role",
        None,
    ),
    (
        Organization,
        "licence",
        {"slug": "acme"},
        {"plan": "COMMUNITY"},
        "org_change_profile",
        {"licence_plan": "COMMUNITY"},
    ),
    (
        Organization,
        "waive-second-factor",
        {"slug": "acme"},
        {},
        "org_waive_second_factor",
        {"requires_second_factor": False},
    ),
    (Organization, "delete", {"slug": "acme"}, {}, "org_delete", None),
    (
        Membership,
        "role",
        {"user__username": "first", "organization__slug": "acme"},
        {"role": "admin"},
        "org_set_member_role",
        {"role": "admin"},
    ),
    (
        Membership,
        "remove",
        {"user__username": "first", "organization__slug": "acme"},
        {},
        "org_remove_member",
        "gone",
    ),
    (Team, "add-member", {"slug": "first-team"}, {"user": "ada"}, "org_add_team_member", None),
    (Team, "role", {"slug": "first-team"}, {"role": "creator"}, "org_set_team_role", {"role": "creator"}),
    (Team, "delete", {"slug": "first-team"}, {}, "org_delete_team", "gone"),
    (TeamMember, "remove", {"team__slug": "first-team"}, {}, "org_remove_team_member", "gone"),
    (Invitation, "withdraw", {"team__slug": "first-team"}, {}, "org_delete_team_member_invite", "gone"),
    (Robot, "disable", {"shortname": "first-bot"}, {}, "disable_robot", None),
    (Robot, "enable", {"shortname": "off-bot"}, {}, "enable_robot", {"disabled_at": None}),
    (Robot, "delete", {"shortname": "first-bot"}, {}, "delete_robot", "gone"),
    (RobotFederation, "end", {"subject": "first"}, {}, "delete_robot_federation", "gone"),
    (
        Project,
        "visibility",
        {"slug": "first-web"},
        {"visibility": "public"},
        "change_repo_visibility",
        {"visibility": "public"},
    ),
    (
        Project,
        "state",
        {"slug": "first-web"},
        {"state": "READ_ONLY"},
        "change_repo_state",
        {"state": "READ_ONLY"},
    ),
    (
        Project,
        "connect",
        {"slug": "first-web"},
        {},
        "connect_repo",
        {"connection_status": "connected"},
    ),
    (Project, "delete", {"slug": "first-web"}, {}, "delete_repo", None),
    (
        Grant,
        "role",
        {"user__username": "first"},
        {"role": "admin"},
        "change_repo_permission",
        {"role": "admin"},
    ),
    (Grant, "revoke", {"user__username": "first"}, {}, "delete_repo_permission", "gone"),
    (
        DefaultGrant,
        "role",
        {"role": "read"},
        {"role": "write"},
        "modify_prototype_permission",
        {"role": "write"},
    ),
    (DefaultGrant, "delete", {"role": "read"}, {}, "delete_prototype_permission", "gone"),
    (Credential, "revoke", {"kind": "oauth"}, {}, "revoke_oauth_api_token", None),
    (
        ServiceKey,
        "approve",
        {"service": "first"},
        {"notes": "seen at the door"},
        "service_key_approve",
        {"approval": "Super User API", "approval_notes": "seen at the door"},
    ),
    (ServiceKey, "delete", {"service": "first"}, {}, "service_key_delete", "gone"),
    (
        Quota,
        "limit",
        {"namespace__name": "acme", "resource": "robots"},
        {"limit": 7},
        "change_limit",
        {"limit": 7},
    ),
    (
        Quota,
        "by-name",
        {"namespace__name": "acme", "resource": "projects"},
        {"limit": 7},
        "change_limit",
        {"by_name_limit": 7, "limit": None},
    ),
    (
        Quota,
        "add-threshold",
        {"namespace__name": "acme", "resource": "bytes"},
        {"kind": "Reject", "percent": 100},
        "org_create_quota_limit",
        None,
    ),
    (
        Threshold,
        "change",
        {"percent": 1},
        {"kind": "Reject", "percent": 95},
        "org_change_quota_limit",
        {"kind": "Reject", "percent": 95},
    ),
    (Threshold, "delete", {"percent": 1}, {}, "org_delete_quota_limit", "gone"),
    (Quota, "lift", {"namespace__name": "ada", "resource": "robots"}, {}, "change_limit", {"limit": None}),
    (Job, "release", {"key": "first"}, {}, "release_job", "gone"),
    (
        LimitRequest,
        "approve",
        {"wanted": 50},
        {"limit": 40, "answer": "for now"},
        "approve_limit_request",
        {"status": "approved", "granted": 40, "answer": "for now"},
    ),
    (
        LimitRequest,
        "deny",
        {"wanted": 50},
        {"answer": "no room"},
        "deny_limit_request",
        {"status": "denied", "answer": "no room"},
    ),
    (RegistrySize, "count", {"pk": 1}, {}, "count_registry", {"status": "queued"}),
    (LogExport, "cancel", {"status": "queued"}, {}, "export_logs_cancel", {"status": "cancelled"}),
    (LogExport, "retry", {"status": "failed"}, {}, "export_logs_retry", {"status": "queued"}),
    (LogArchive, "retry", {"failures": 2}, {}, "retry_archive", {"failures": 2, "status": "dropping"}),
    (
        GlobalMessage,
        "create",
        None,
        {"content": "Hello", "severity": "info", "media_type": "text/plain"},
        "create_global_message",
        None,
    ),
    (GlobalMessage, "delete", {"content": "first was here"}, {}, "delete_global_message", "gone"),
    (
        Subscription,
        "reset",
        {"title": "first hook"},
        {},
        "reset_repo_notification",
        {"number_of_failures": 0, "disabled_at": None},
    ),
    (Subscription, "delete", {"title": "first hook"}, {}, "delete_repo_notification", "gone"),
    (
        Delivery,
        "redeliver",
        {"error": "Nobody was there."},
        {},
        "redeliver_repo_notification",
        {"status": "queued", "attempts": 0, "error": ""},
    ),
    (
        Trashed,
        "restore",
        {"name": "first-gone"},
        {"name": "first-back"},
        "org_restore",
        "gone",
    ),
    (Trashed, "purge", {"name": "first-gone"}, {}, "purge_trash", {"status": "purging"}),
    (Stream, "create", None, {"url": "http://93.184.216.34/hook"}, "create_log_stream", None),
    (Stream, "create-syslog", None, {"address": "93.184.216.34"}, "create_log_stream", None),
    (Stream, "create-file", None, {"name": "all.jsonl"}, "create_log_stream", None),
    (
        Stream,
        "direct",
        {"title": "on"},
        {"url": "http://93.184.216.34/else"},
        "change_log_stream",
        {"config": {"url": "http://93.184.216.34/else"}},
    ),
    (
        Stream,
        "direct-syslog",
        {"title": "syslog"},
        {"address": "93.184.216.35:6514"},
        "change_log_stream",
        {"config": {"url": "syslog+tls://93.184.216.35:6514"}},
    ),
    (Stream, "test", {"title": "on"}, {}, "test_log_stream", None),
    (Stream, "resume", {"title": "off"}, {}, "resume_log_stream", {"disabled_at": None, "failures": 0}),
    (Stream, "pause", {"title": "on"}, {}, "pause_log_stream", {"paused": True, "due_at": None}),
    (Stream, "rewind", {"title": "on"}, {"cursor": ""}, "rewind_log_stream", {"entry": 0}),
    (Stream, "delete", {"title": "on"}, {}, "delete_log_stream", "gone"),
]
# What is done by another service is told by that one, too.
ALSO_TOLD: dict[Any, tuple[str, ...]] = {(LimitRequest, "approve"): ("change_limit",)}
NEED_A_ROLE: set[Any] = {
    Membership,
    Team,
    TeamMember,
    Invitation,
    Robot,
    RobotFederation,
    Project,
    Grant,
    DefaultGrant,
    Subscription,
}

DESKS: dict[Any, Any] = admin.site._registry


def do(client, model, verb, *keys, **form):
    told = {"sure": verb, "id": keys, **{key: value for key, value in form.items() if value is not None}}
    return client.post(address(model, verb), told)


def address(model, verb):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_do", args=[verb])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


@override_settings(READONLY_SUPERUSERS=AUDITORS)
def build_stage():
    """Add what some verbs want to find."""
    world = build()
    make.user("su", superuser=True)
    make.user("off")
    User.objects.filter(username="off").update(is_active=False)
    make.robot(world.acme, "off-bot")
    Organization.objects.filter(slug="acme").update(requires_second_factor=True)
    Robot.objects.filter(shortname="off-bot").update(disabled_at=timezone.now())
    Quota.objects.filter(namespace__name="ada", resource="robots").update(limit=3)
    Quota.objects.filter(namespace__name="acme", resource="robots").update(limit=12)
    LimitRequest.objects.create(
        quota=Quota.objects.get(namespace__name="acme", resource="robots"), wanted=50, requested_by_name="ada"
    )
    Subscription.objects.update(number_of_failures=3, disabled_at=timezone.now())
    hook = Subscription.objects.select_related("project").get()
    second = Subscription.objects.create(
        project=hook.project, event="repo_change", method="in_console", config={"target": {"kind": "org"}}
    )
    Delivery.objects.create(
        subscription=second,
        event="repo_change",
        payload=Delivery.objects.get().payload,
        status="failed",
        due_at=None,
        attempts=5,
        error="Nobody was there.",
    )
    LogArchive.objects.create(
        scope=world.acme.namespace_id,
        namespace_name="acme",
        starts_at=timezone.now() - timedelta(days=62),
        ends_at=timezone.now() - timedelta(days=31),
        status="dropping",
        failures=2,
        error="FileNotFoundError: it is gone",
    )
    Stream.objects.update(title="on", entry=1)
    Stream.objects.create(
        title="off",
        method="webhook",
        config={"url": "https://siem.example.test/"},
        secret_sealed=seal(new_secret()),
        failures=80,
        disabled_at=timezone.now(),
    )
    Stream.objects.create(title="syslog", method="syslog", config={"url": "syslog+tls://93.184.216.34"})
    queued = LogExport.objects.get()
    LogExport.objects.create(
        status="failed", starts_at=queued.starts_at, ends_at=queued.ends_at, error="Went wrong."
    )
    return world


@pytest.fixture
def standing_world(request):
    return stand(build_stage if "stage" in request.fixturenames else build, request)


@pytest.fixture
def stage(world):
    return world


def test_the_cases_are_all_verbs():
    every = {(model, verb.name) for model, desk in DESKS.items() for verb in desk.verbs}
    assert {(model, verb) for model, verb, *_ in CASES} == every


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__}-{case[1]}")
def test_a_verb_calls_its_service(stage, operator, settings, case):
    model, verb, which, form, kind, then = case
    settings.SUPERUSERS_FULL_ACCESS = True
    settings.STREAM_DIRECTORY = "/nowhere"
    row: Any = model._default_manager.get(**which) if which else None
    form = {
        key: User.objects.get(username=value).pk if key in ("user", "administrator") else value
        for key, value in form.items()
    }
    keys = [row.pk] if row else []
    asked = operator.get(address(model, verb), {"id": keys})
    assert asked.status_code == 200
    before = LogEntry.objects.count()

    response = do(operator, model, verb, *keys, **form)

    assert response.status_code == 302, response.context["form"].errors
    label = next(one for one in DESKS[model].verbs if one.name == verb).done
    assert said(response)[0].startswith(f"{label}: ")
    entry = LogEntry.objects.get(pk__gt=0, kind=kind, performer=stage.root, dialect="admin")
    assert entry.ip == "127.0.0.1"
    told = LogEntry.objects.order_by("-pk")[: LogEntry.objects.count() - before]
    assert sorted(one.kind for one in told) == sorted([kind, *ALSO_TOLD.get((model, verb), ())])
    if then == "gone":
        assert not model._default_manager.filter(pk=row.pk).exists()
    elif then:
        row.refresh_from_db()
        assert {key: getattr(row, key) for key in then} == then
    assert operator.get(response.url).status_code == 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__}-{case[1]}")
def test_a_readonly_superuser_changes_nothing(stage, reader, case):
    model, verb, which, form, _, _ = case
    keys = [model._default_manager.get(**which).pk] if which else []
    before = LogEntry.objects.count()
    assert reader.get(address(model, verb), {"id": keys}).status_code == 403
    assert do(reader, model, verb, *keys, **form).status_code == 403
    listed = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    reader.post(listed, {"action": verb, "_selected_action": keys, "index": "0"})
    assert LogEntry.objects.count() == before
    page = reader.get(listed).content.decode()
    assert "/do/" not in page
    assert 'name="action"' not in page


@pytest.mark.parametrize("model", sorted(NEED_A_ROLE, key=str))
def test_without_a_role_a_superuser_is_refused_and_the_log_tells(stage, operator, model):
    case = next(
        one
        for one in CASES
        if (one[0] is model and one[2] and one[5] == "gone") or one[:2] == (model, "delete")
    )
    row = model._default_manager.get(**case[2])
    response = do(operator, model, case[1], row.pk)
    assert any("Your role does not allow" in words for words in said(response))
    assert model._default_manager.filter(pk=row.pk).exists()
    assert not LogEntry.objects.filter(kind=case[4]).exists()
    denied = LogEntry.objects.get(kind="access_denied")
    assert (denied.performer, denied.namespace, denied.dialect) == (stage.root, stage.acme.namespace, "admin")


def test_ordinary_people_do_nothing(stage):
    client = signed_in(stage.ada)
    assert do(client, User, "disable", stage.ada.pk).status_code == 302
    stage.ada.refresh_from_db()
    assert stage.ada.is_active


def test_looking_at_a_verb_does_nothing(stage, operator):
    before = LogEntry.objects.count()
    for model, verb, which, _, _, _ in CASES:
        keys = [model._default_manager.get(**which).pk] if which else []
        operator.get(address(model, verb), {"id": keys, "sure": verb})
    assert LogEntry.objects.count() == before


def test_a_forged_form_does_nothing(stage, world):
    client = signed_in(world.root)
    client.handler.enforce_csrf_checks = True
    assert do(client, User, "disable", stage.ada.pk).status_code == 403
    stage.ada.refresh_from_db()
    assert stage.ada.is_active


def test_a_read_only_instance_changes_nothing(stage, operator, settings):
    settings.READ_ONLY = True
    response = do(operator, User, "disable", stage.ada.pk)
    assert said(response) == ["The instance is read-only for now."]
    stage.ada.refresh_from_db()
    assert stage.ada.is_active


# Fresh sign-ins ------------------------------------------------------------------------------------------


def test_what_cannot_be_taken_back_asks_for_the_password(stage, world):
    client = signed_in(world.root, fresh=False)
    row = User.objects.get(username="off")
    asked = client.get(address(User, "delete"), {"id": row.pk}).content.decode()
    assert 'name="your_password"' in asked

    assert do(client, User, "delete", row.pk).status_code == 422
    wrong = do(client, User, "delete", row.pk, your_password="wrong")
    assert wrong.status_code == 422
    assert "Invalid user name or password" in wrong.content.decode()
    assert User.objects.get(pk=row.pk).deleted_at is None
    assert LogEntry.objects.filter(kind="login_failure").count() == 1

    assert do(client, User, "delete", row.pk, your_password=make.PASSWORD).status_code == 302
    assert User.objects.get(pk=row.pk).deleted_at is not None
    again = client.get(address(User, "delete"), {"id": stage.ada.pk}).content.decode()
    assert 'name="your_password"' not in again


def test_whom_a_provider_signs_in_goes_there_and_comes_back(stage, world, settings):
    settings.AUTHENTICATION, settings.OIDC_ISSUER = "OIDC", "https://login.example.test"
    settings.SUPERUSERS = frozenset()
    world.root.set_unusable_password()
    world.root.save()
    Identity.objects.create(user=world.root, service="oidc", issuer=settings.OIDC_ISSUER, subject="root")
    client = signed_in(world.root, fresh=False)
    row = User.objects.get(username="off")
    asked = client.get(f"{address(User, 'delete')}?id={row.pk}&back=row").content.decode()
    back = quote(f"{address(User, 'delete')}?id={row.pk}&back=row", safe="")
    assert f'href="/sign-in/provider/?again=1&amp;next={back}"' in asked
    assert "Your password" not in asked
    refused: list[dict[str, Any]] = [{}, {"your_password": make.PASSWORD}, {"your_password": "123456"}]
    for sent in refused:
        assert do(client, User, "delete", row.pk, **sent).status_code == 422
    assert User.objects.get(pk=row.pk).deleted_at is None
    assert do(signed_in(world.root), User, "delete", row.pk).status_code == 302


@pytest.mark.parametrize("verb", ["password", "email"])
def test_what_opens_the_account_of_another_asks_for_the_password(stage, world, verb):
    client = signed_in(world.root, fresh=False)
    sent = {"password": "a-whole-new-one", "email": "mine@evil.test"}
    assert do(client, User, verb, stage.ada.pk, **sent).status_code == 422
    before, stage.ada = stage.ada, User.objects.get(pk=stage.ada.pk)
    assert (stage.ada.email, stage.ada.password) == (before.email, before.password)


def test_everyday_verbs_ask_for_no_password(stage, world):
    client = signed_in(world.root, fresh=False)
    assert do(client, User, "disable", stage.ada.pk).status_code == 302


def test_a_fresh_sign_in_is_not_asked_again(stage, operator):
    assert 'name="your_password"' not in operator.get(address(User, "create")).content.decode()


# Many rows -----------------------------------------------------------------------------------------------


def test_chosen_rows_are_confirmed_and_done_one_by_one(stage, operator):
    people = User.objects.filter(username__in=["ada", "first", "su", "off"])
    listed = reverse("admin:accounts_user_changelist")
    chosen = {"action": "disable", "_selected_action": [one.pk for one in people], "index": "0"}
    asked = operator.post(f"{listed}?q=a", chosen)
    page = asked.content.decode()
    assert "ada" in page
    assert "1 of those you chose is left out" in page  # off is disabled already
    assert User.objects.filter(is_active=False).count() == 1

    keys = asked.context["keys"]
    response = do(operator, User, "disable", *keys, back="?q=a")
    assert response.url == f"{listed}?q=a"
    done, refused = said(response)
    assert done == "Disabled: ada, first."
    assert refused.startswith("su: A superuser is not changed through another")
    assert set(User.objects.filter(is_active=True).values_list("username", flat=True)) >= {"su", "root"}
    assert LogEntry.objects.filter(kind="user_disable").count() == 2


def test_all_pages_can_be_chosen_but_not_without_end(stage, operator, monkeypatch):
    monkeypatch.setattr("backoffice.desk.AT_ONCE", 3)
    listed = reverse("admin:accounts_user_changelist")
    every = {"action": "disable", "_selected_action": [stage.ada.pk], "select_across": "1", "index": "0"}
    response = operator.post(listed, every)
    assert said(response) == ["At most 3 rows at once."]


def test_a_verb_about_one_row_takes_one(stage, operator):
    keys = list(User.objects.values_list("pk", flat=True)[:2])
    response = operator.get(address(User, "email"), {"id": keys})
    assert said(response) == ["“Change e-mail” takes one row at a time."]


@pytest.mark.parametrize("keys", [[], ["999999999"], ["x"], ["1; DROP"], ["²"], ["9" * 30]])
def test_unknown_rows_are_no_error(stage, operator, keys):
    response = operator.get(address(User, "disable"), {"id": keys})
    assert response.status_code == 302
    assert said(response) == ["“Disable” does not apply to what you chose."]


def test_making_something_new_takes_no_rows(stage, operator):
    keys = list(User.objects.values_list("pk", flat=True))
    response = do(operator, Account, "create", *keys, name="Once", administrator=stage.ada.pk)
    assert said(response) == ["Created: Once."]
    assert Account.objects.filter(name="Once").count() == 1


def test_unknown_verbs_are_not_there(stage, operator):
    assert operator.get(address(User, "resurrect")).status_code == 404


def test_the_way_back_stays_here(stage, operator):
    response = do(operator, User, "disable", stage.ada.pk, back="https://evil.example.test/")
    assert response.url == reverse("admin:accounts_user_changelist")


def test_a_refused_form_keeps_what_was_typed(stage, operator):
    response = do(operator, User, "create", username="ada", name="Typed", password="")
    assert response.status_code == 422
    page = response.content.decode()
    assert "already exists" in page
    assert 'value="Typed"' in page


# What they end -------------------------------------------------------------------------------------------


def test_ending_sessions_signs_out_everywhere(stage, operator):
    hers = signed_in(stage.ada)
    assert hers.get(reverse("admin:index")).status_code == 302
    session = hers.session.session_key
    do(operator, User, "end-sessions", stage.ada.pk)
    fresh = User.objects.get(pk=stage.ada.pk)
    assert fresh.get_session_auth_hash() != stage.ada.get_session_auth_hash()
    assert hers.session.session_key == session  # the row may stay: it opens nothing
    assert not hers.get(reverse("admin:index"), follow=True).wsgi_request.user.is_authenticated


def test_a_deleted_organization_leaves_a_visible_tombstone(stage, operator):
    do(operator, Organization, "delete", stage.acme.pk)
    grave = Namespace.objects.get(key="acme")
    assert grave.deleted_at is not None
    listed = operator.get(reverse("admin:accounts_namespace_changelist"), {"state": "tombstone"})
    assert ">acme<" in listed.content.decode()


def test_revoking_tells_the_owners_log(stage, operator):
    credential = Credential.objects.get(kind="robot", robot__shortname="first-bot")
    do(operator, Credential, "revoke", credential.pk)
    credential.refresh_from_db()
    assert credential.revoked_at is not None
    entry = LogEntry.objects.get(kind="revoke_oauth_api_token")
    assert (entry.namespace, entry.metadata["username"]) == (stage.acme.namespace, "acme+first-bot")


@pytest.mark.parametrize(
    ("name", "limit", "kind"),
    [("ada", 5, "org_create_quota"), ("acme", 5, "org_change_quota"), ("acme", None, "org_delete_quota")],
)
def test_storage_of_a_namespace_is_told_in_its_own_words(stage, operator, name, limit, kind):
    quota = Quota.objects.get(namespace__name=name, resource="bytes")
    do(operator, Quota, "lift" if limit is None else "limit", quota.pk, limit=limit)
    quota.refresh_from_db()
    assert quota.limit == limit
    assert quota.thresholds.exists() == (name == "acme" and limit is not None)
    assert LogEntry.objects.filter(kind=kind, performer=stage.root).count() == 1
    assert not LogEntry.objects.filter(kind="change_limit").exists()


def test_signing_out_here_ends_the_sessions(stage, operator):
    assert operator.get(reverse("admin:logout")).status_code == 405
    response = operator.post(reverse("admin:logout"))
    assert response.url == reverse("console:sign-in")
    assert LogEntry.objects.filter(kind="logout_success", dialect="admin").exists()
    assert operator.get(reverse("admin:index")).status_code == 302


def test_the_first_page_counts(stage, operator):
    LogExport.objects.filter(status="failed").update(created_at=timezone.now() - timedelta(days=1))
    shown = {one.label: one for one in operator.get(reverse("admin:index")).context["figures"]}
    assert shown["People"].value == User.objects.filter(deleted_at=None).count()
    assert shown["People"].note == "1 disabled"
    assert (shown["Organizations"].value, shown["Robots"].value) == (1, 2)
    assert (shown["Projects"].value, shown["Projects"].note) == (2, "1 public")
    assert (shown["Exports failed"].value, shown["Exports failed"].mood) == (1, "danger")
    assert shown["Exports running"].note == "1 queued"
    assert shown["Failed sign-ins"].value == 1
    assert shown["Worker"].note == "no worker has been heard of"
    off = Subscription.objects.exclude(disabled_at=None)
    assert shown["Notifications switched off"].value == off.count() > 0
    off.update(paused=True)  # by hand, which is no failure
    shown = {one.label: one for one in operator.get(reverse("admin:index")).context["figures"]}
    assert shown["Notifications switched off"].value == 0


def test_the_first_page_hears_the_worker(stage, operator):
    from portal.tasks import heartbeat

    heartbeat()
    shown = {one.label: one for one in operator.get(reverse("admin:index")).context["figures"]}
    assert shown["Worker"].value == "ok"


def test_dead_letters_are_found_and_sent_again_together(stage, operator, settings):
    settings.SUPERUSERS_FULL_ACCESS = True
    found = operator.get(reverse("admin:notifications_delivery_changelist"), {"work": "dead"})
    page = found.content.decode()
    assert "Nobody was there." in page
    dead, off = Delivery.objects.order_by("-pk")
    response = do(operator, Delivery, "redeliver", dead.pk, off.pk)
    assert any("switched off" in words for words in said(response))
    assert [row.status for row in Delivery.objects.order_by("-pk")] == ["queued", "queued"]
    assert operator.get(reverse("admin:notifications_delivery_change", args=[dead.pk])).status_code == 200


def test_deliveries_are_not_sent_again_without_a_role(stage, operator):
    dead = Delivery.objects.latest("pk")
    response = do(operator, Delivery, "redeliver", dead.pk)
    assert any("Your role does not allow" in words for words in said(response))
    dead.refresh_from_db()
    assert dead.status == "failed"

"""What each change leaves in the usage log (quay-a.md 14): kind, whose log, and what is told."""

import pytest
from django.test import override_settings

from logs.models import LogEntry
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.access import NOTHING, call
from tokens.models import Credential

pytestmark = pytest.mark.django_db

ROBOT = {"description": "x", "unstructured_metadata": {"a": 1}}
IDENTITY = {"issuer": "https://idp.example.test", "subject": "ci"}
TEAM = "organization/acme/team/devs"
MESSAGE = {"content": "Sunday", "media_type": "text/plain", "severity": "info"}
ALL = make.ALL_SCOPES
PROTOTYPES = "organization/acme/prototypes"
RULE = {"username": "owner", "activating_username": None, "delegate_team": "devs"}

# principal, method, path, body, then kind, namespace and metadata of every entry it makes
CASES = [
    ("stranger", "post", "organization/", {"name": "initech", "email": "i@example.test"}, [
        ("org_create", "initech", {"namespace": "initech", "email": "i@example.test"})]),
    ("owner", "put", "organization/acme", {"contact_email": "ops@example.test"}, [
        ("org_change_email", "acme", {
            "namespace": "acme", "email": "ops@example.test", "old_email": "acme@example.test"})]),
    ("owner", "put", "organization/acme", {"email": "acme@example.test"}, []),
    ("owner", "put", "organization/acme", {"invoice_email": True, "invoice_email_address": "a@b.test"}, [
        ("org_change_invoicing", "acme", {"namespace": "acme", "invoice_email": True}),
        ("org_change_invoicing", "acme", {"namespace": "acme", "invoice_email_address": "a@b.test"})]),
    ("owner", "put", "organization/acme", {"invoice_email": False, "invoice_email_address": ""}, []),
    ("owner", "put", "organization/acme", {"tag_expiration_s": 86400}, [
        ("org_change_tag_expiration", "acme", {"namespace": "acme", "tag_expiration": 86400})]),
    ("owner", "delete", "organization/acme", NOTHING, [("org_delete", "acme", {"namespace": "acme"})]),
    ("owner", "delete", "organization/acme/members/member", NOTHING, [
        ("org_remove_member", "acme", {"member": "member"})]),
    ("owner", "put", "organization/acme/team/fresh", {"role": "creator"}, [
        ("org_create_team", "acme", {"team": "fresh"})]),
    ("owner", "put", TEAM, {"role": "creator", "description": "x"}, [
        ("org_set_team_description", "acme", {"team": "devs", "description": "x"}),
        ("org_set_team_role", "acme", {"team": "devs", "role": "creator"})]),
    ("owner", "put", TEAM, {"role": "member", "description": "builds it"}, []),
    ("owner", "delete", TEAM, NOTHING, [("org_delete_team", "acme", {"team": "devs"})]),
    ("owner", "put", f"{TEAM}/members/reader", NOTHING, [
        ("org_add_team_member", "acme", {"team": "devs", "member": "reader"})]),
    ("owner", "put", f"{TEAM}/members/acme+ci", NOTHING, [
        ("org_add_team_member", "acme", {"team": "devs", "member": "acme+ci"})]),
    ("owner", "delete", f"{TEAM}/members/member", NOTHING, [
        ("org_remove_team_member", "acme", {"team": "devs", "member": "member"})]),
    ("owner", "delete", "organization/acme/team/makers/members/stranger", NOTHING, [
        ("org_delete_team_member_invite", "acme", {
            "team": "makers", "member": "stranger", "user": "stranger"})]),
    ("mailing", "put", f"{TEAM}/members/reader", NOTHING, [
        ("org_invite_team_member", "acme", {"team": "devs", "member": "reader", "user": "reader"})]),
    ("mailing", "put", f"{TEAM}/invite/new@example.test", NOTHING, [
        ("org_invite_team_member", "acme", {
            "team": "devs", "member": "new@example.test", "email": "new@example.test"})]),
    ("stranger", "put", "teaminvite/{invitation}", NOTHING, [
        ("org_team_member_invite_accepted", "acme", {
            "team": "makers", "member": "stranger", "inviter": None})]),
    ("stranger", "delete", "teaminvite/{invitation}", NOTHING, [
        ("org_team_member_invite_declined", "acme", {
            "team": "makers", "member": "stranger", "inviter": None})]),
    ("owner", "post", PROTOTYPES, {"role": "write", "delegate": {"name": "reader", "kind": "user"},
                                   "activating_user": {"name": "acme+ci"}}, [
        ("create_prototype_permission", "acme", {
            "username": "owner", "activating_username": "acme+ci", "role": "write",
            "delegate_user": "reader"})]),
    ("owner", "put", f"{PROTOTYPES}/{{prototype}}", {"role": "admin"}, [
        ("modify_prototype_permission", "acme", {**RULE, "role": "admin", "original_role": "read"})]),
    ("owner", "delete", f"{PROTOTYPES}/{{prototype}}", NOTHING, [
        ("delete_prototype_permission", "acme", {**RULE, "role": "read"})]),
    ("owner", "put", "organization/acme/robots/fresh", ROBOT, [
        ("create_robot", "acme", {"robot": "fresh", **ROBOT})]),
    ("reader", "put", "user/robots/fresh", NOTHING, [
        ("create_robot", "reader", {"robot": "fresh", "description": "", "unstructured_metadata": {}})]),
    ("owner", "delete", "organization/acme/robots/bot", NOTHING, [
        ("delete_robot", "acme", {"robot": "bot"})]),
    ("owner", "post", "organization/acme/robots/bot/regenerate", NOTHING, [
        ("regenerate_robot_token", "acme", {"robot": "bot"})]),
    ("owner", "post", "organization/acme/robots/bot/federation", [IDENTITY], [
        ("create_robot_federation", "acme", {"robot": "acme+bot", "config": [IDENTITY]})]),
    ("owner", "delete", "organization/acme/robots/bot/federation", NOTHING, [
        ("delete_robot_federation", "acme", {"robot": "acme+bot"})]),
    ("reader", "put", "user/", {"email": "r@example.test", "company": "Acme", "tag_expiration_s": 0}, [
        ("user_change_email", "reader", {"email": "r@example.test", "old_email": "reader@example.test"}),
        ("user_change_tag_expiration", "reader", {"tag_expiration": 0}),
        ("user_change_metadata", "reader", {"company": "Acme"})]),
    ("reader", "put", "user/", {"password": "another-horse-9"}, [("account_change_password", "reader", {})]),
    ("reader", "put", "user/", {"invoice_email": True}, [
        ("user_change_invoicing", "reader", {"invoice_email": True})]),
    ("reader", "delete", "user/", NOTHING, [
        ("user_delete", "reader", {"username": "reader", "superuser": ""})]),
    ("superuser", "post", "superuser/users/", {"username": "newcomer"}, [
        ("user_create", "newcomer", {"username": "newcomer", "email": "", "superuser": "superuser"})]),
    ("superuser", "put", "superuser/users/reader", {"password": "another-horse-9", "enabled": False,
                                                    "email": "r@example.test"}, [
        ("user_change_password", "reader", {"username": "reader", "superuser": "superuser"}),
        ("user_change_email", "reader", {
            "email": "r@example.test", "old_email": "reader@example.test", "superuser": "superuser"}),
        ("user_disable", "reader", {"username": "reader", "superuser": "superuser"})]),
    ("superuser", "put", "superuser/users/reader", {"enabled": True}, []),
    ("superuser", "delete", "superuser/users/reader", NOTHING, [
        ("user_delete", "reader", {"username": "reader", "superuser": "superuser"})]),
    ("superuser", "put", "superuser/organizations/acme", {"name": "acme2"}, [
        ("org_change_name", "acme2", {"old_name": "acme", "new_name": "acme2", "superuser": "superuser"})]),
    ("superuser", "put", "superuser/organizations/acme", {}, [
        ("org_change_name", "acme", {"old_name": "acme", "new_name": "acme", "superuser": "superuser"})]),
    ("superuser", "delete", "superuser/organizations/acme", NOTHING, [
        ("org_delete", "acme", {"namespace": "acme"})]),
    ("superuser", "post", "superuser/takeownership/acme", NOTHING, [
        ("take_ownership", "superuser", {"namespace": "acme", "was_user": False, "superuser": "superuser"})]),
    ("superuser", "post", "messages", {"message": MESSAGE}, [
        ("create_global_message", "", {"severity": "info"})]),
]  # fmt: skip

# Keys of rows, which differ from run to run.
VARYING = {"prototypeid", "entity_id", "uuid"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]} {case[2]}")
def test_a_change_is_told_in_the_log_of_whom_it_concerns(case):
    principal, method, path, body, told = case
    world = worlds.build()
    mailing, principal = principal == "mailing", principal.replace("mailing", "owner")
    client = world.client(principal)
    before = LogEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    with override_settings(MAILING=mailing):
        answer = call(client, method, path.format(**world.names), body, **{"user-agent": "quay-client/1"})
    assert answer.status_code < 300, answer.content
    entries = list(LogEntry.objects.filter(pk__gt=before).order_by("pk"))
    credential = Credential.objects.order_by("-pk").filter(scopes=ALL).first()
    assert credential is not None
    came = []
    for entry in entries:
        metadata = {key: value for key, value in entry.metadata.items() if key not in VARYING}
        assert metadata.pop("oauth_token_id") == credential.pk
        assert metadata.pop("oauth_token_application") == "automation"
        assert metadata.pop("oauth_token_application_id") == principal
        assert (entry.performer_name, entry.dialect, entry.ip) == (principal, "quay", "127.0.0.1")
        came.append((entry.kind, entry.namespace_name, metadata))
    assert came == told


def test_a_refusal_is_told_in_the_log_of_the_organization_it_aimed_at():
    world = worlds.build()
    for path in (
        "organization/acme/robots/fresh",
        "organization/acme/robots/bot",
        "organization/nowhere/robots/x",
    ):
        assert call(world.client("stranger"), "put", path).status_code == 403
    entries = LogEntry.objects.filter(kind="access_denied").order_by("pk")
    assert [(one.namespace_name, one.performer_name, one.metadata["right"]) for one in entries] == [
        ("acme", "stranger", "robot_create"),
        ("acme", "stranger", "robot_create"),
        ("", "stranger", "robot_create"),
    ]
    assert entries[0].metadata["path"] == "/api/v1/organization/acme/robots/fresh"
    assert (entries[0].metadata["method"], entries[0].metadata["status"]) == ("PUT", 403)

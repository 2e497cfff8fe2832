"""Every kind of log entry: its name on the wires, a sentence for people, and the keys of its metadata.

Names and keys of the Quay wire are those of quay-a.md 14 and quay-b.md 9; the others are Muster's own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogKind:
    """A kind of entry. ``sentence`` may name ``performer``, ``namespace`` and any of ``keys``."""

    name: str
    sentence: str
    keys: frozenset[str]
    group: str

    def __str__(self) -> str:
        return self.name


KINDS: dict[str, LogKind] = {}


def kind(name: str, sentence: str, *keys: str, group: str = "change") -> LogKind:
    """Register a kind. ``group`` colours charts: change, access, security or export."""
    if name in KINDS:
        message = f"log kind {name} exists"
        raise ValueError(message)
    KINDS[name] = LogKind(name, sentence, frozenset(keys), group)
    return KINDS[name]


# People
USER_CREATE = kind("user_create", "{performer} created the user {username}", "username", "email", "superuser")
USER_DELETE = kind(
    "user_delete", "{performer} deleted the user {username}", "username", "superuser", group="security"
)
USER_ENABLE = kind(
    "user_enable", "{performer} enabled the user {username}", "username", "superuser", group="security"
)
USER_DISABLE = kind(
    "user_disable", "{performer} disabled the user {username}", "username", "superuser", group="security"
)
USER_CHANGE_PASSWORD = kind(
    "user_change_password",
    "{performer} changed the password of {username}",
    "username",
    "superuser",
    group="security",
)
USER_CHANGE_EMAIL = kind(
    "user_change_email",
    "{performer} changed an e-mail address to {email}",
    "email",
    "old_email",
    "username",
    "superuser",
)
USER_CHANGE_NAME = kind("user_change_name", "{performer} renamed the user {old_username}", "old_username")
USER_CHANGE_INVOICING = kind(
    "user_change_invoicing", "{performer} changed invoicing", "invoice_email", "invoice_email_address"
)
USER_CHANGE_TAG_EXPIRATION = kind(
    "user_change_tag_expiration", "{performer} changed how long old tags are kept", "tag_expiration"
)
USER_CHANGE_LANGUAGE = kind(
    "user_change_language", "{performer} changed the language of the pages", "language"
)
USER_CHANGE_MAILS = kind(
    "user_change_mails", "{performer} chose which mails not to get: {unwanted}", "unwanted"
)
USER_CHANGE_METADATA = kind(
    "user_change_metadata",
    "{performer} changed the profile",
    "given_name",
    "family_name",
    "company",
    "location",
    "name",
)
USER_GRANT_SUPERUSER = kind(
    "user_grant_superuser", "{performer} made {username} a superuser", "username", group="security"
)
USER_REVOKE_SUPERUSER = kind(
    "user_revoke_superuser", "{performer} took superuser rights from {username}", "username", group="security"
)
USER_END_SESSIONS = kind(
    "user_end_sessions", "{performer} ended all sessions of {username}", "username", group="security"
)
USER_VIEW_AS = kind(
    "user_view_as", "{performer} looked at Muster as {username} does", "username", group="security"
)
USER_VIEW_AS_END = kind(
    "user_view_as_end", "{performer} stopped looking as {username} does", "username", group="security"
)
USER_SEND_RECOVERY = kind(
    "user_send_recovery",
    "{performer} let {username} be mailed a link for a new password",
    "username",
    "superuser",
    group="security",
)
USER_RECOVERY_MAIL = kind(
    "user_recovery_mail", "A link for a new password was mailed to {username}", "username", group="security"
)
USER_VERIFICATION_MAIL = kind(
    "user_verification_mail",
    "A link that proves the address {email} was mailed to {username}",
    "username",
    "email",
    group="security",
)
USER_RECOVER = kind(
    "user_recover", "{username} set a new password by a mailed link", "username", group="security"
)
USER_VERIFY_EMAIL = kind(
    "user_verify_email", "{username} proved the address {email}", "username", "email", group="security"
)
USER_GENERATE_CLIENT_KEY = kind(
    "user_generate_client_key", "{performer} had the own password sealed for clients", group="security"
)
ACCOUNT_CHANGE_PASSWORD = kind(
    "account_change_password", "{performer} changed the own password", group="security"
)
ACCOUNT_CONVERT = kind("account_convert", "{performer} turned the account into an organization")
USER_ADD_AUTHENTICATOR = kind(
    "user_add_authenticator", "{performer} set up an authenticator app", group="security"
)
USER_REMOVE_AUTHENTICATOR = kind(
    "user_remove_authenticator", "{performer} removed the authenticator app", group="security"
)
USER_END_SESSION = kind(
    "user_end_session", "{performer} ended an own session", "useragent", "address", group="security"
)
USER_END_OTHER_SESSIONS = kind(
    "user_end_other_sessions", "{performer} ended {count} other own sessions", "count", group="security"
)
USER_ADD_PASSKEY = kind("user_add_passkey", "{performer} added the passkey {name}", "name", group="security")
USER_RENAME_PASSKEY = kind(
    "user_rename_passkey", "{performer} renamed the passkey {old_name} to {name}", "name", "old_name"
)
USER_REMOVE_PASSKEY = kind(
    "user_remove_passkey", "{performer} removed the passkey {name}", "name", group="security"
)
USER_MAKE_RECOVERY_CODES = kind(
    "user_make_recovery_codes", "{performer} made {count} recovery codes", "count", group="security"
)
USER_USE_RECOVERY_CODE = kind(
    "user_use_recovery_code", "{performer} used a recovery code; {left} are left", "left", group="security"
)
USER_RESET_SECOND_FACTOR = kind(
    "user_reset_second_factor",
    "{performer} took the second factor from {username}",
    "username",
    group="security",
)
LINK_IDENTITY = kind(
    "link_identity",
    "{performer} linked the account to one of {service}",
    "service",
    "service_identifier",
    group="security",
)
UNLINK_IDENTITY = kind(
    "unlink_identity",
    "{performer} unlinked the account from one of {service}",
    "service",
    "service_identifier",
    group="security",
)
LOGIN_SUCCESS = kind(
    "login_success", "{performer} signed in", "type", "useragent", "factor", group="security"
)
LOGIN_FAILURE = kind(
    "login_failure",
    "A sign-in as {username} failed",
    "type",
    "kind",
    "useragent",
    "message",
    "username",
    "robot",
    "token",
    group="security",
)
LOGOUT_SUCCESS = kind("logout_success", "{performer} signed out", group="security")
ACCESS_DENIED = kind(
    "access_denied",
    "{performer} was refused: {reason}",
    "right",
    "reason",
    "method",
    "path",
    "status",
    group="security",
)

EXPORT_MEMBERS = kind(
    "export_members", "{performer} took the list of members of {namespace}", "filter", group="export"
)
EXPORT_CREDENTIALS = kind(
    "export_credentials", "{performer} took the list of credentials of {namespace}", "filter", group="export"
)
EXPORT_ACCESS = kind(
    "export_access",
    "{performer} took a list of who may do what in {namespace}",
    "format",
    "filter",
    group="export",
)

# Group accounts
ACCOUNT_CREATE = kind("account_create", "{performer} created the account {account}", "account")
ACCOUNT_CHANGE = kind(
    "account_change", "{performer} changed the account {account}", "account", "name", "old_name"
)
ACCOUNT_DELETE = kind(
    "account_delete", "{performer} deleted the account {account}", "account", group="security"
)
ACCOUNT_ADD_ADMINISTRATOR = kind(
    "account_add_administrator",
    "{performer} made {member} administrator of {account}",
    "account",
    "member",
    group="security",
)
ACCOUNT_REMOVE_ADMINISTRATOR = kind(
    "account_remove_administrator",
    "{performer} removed {member} from the administrators of {account}",
    "account",
    "member",
    group="security",
)

# Organizations and their members
ORG_CREATE = kind("org_create", "{performer} created the organization {namespace}", "namespace", "email")
ORG_DELETE = kind(
    "org_delete", "{performer} deleted the organization {namespace}", "namespace", group="security"
)
ORG_RESTORE = kind(
    "org_restore",
    "{performer} restored the organization {namespace}",
    "namespace",
    "old_name",
    "dropped",
    group="security",
)
ORG_CHANGE_EMAIL = kind(
    "org_change_email",
    "{performer} changed the organization's e-mail address",
    "email",
    "namespace",
    "old_email",
)
ORG_CHANGE_INVOICING = kind(
    "org_change_invoicing",
    "{performer} changed the organization's invoicing",
    "invoice_email",
    "invoice_email_address",
    "namespace",
)
ORG_CHANGE_TAG_EXPIRATION = kind(
    "org_change_tag_expiration",
    "{performer} changed how long old tags are kept",
    "tag_expiration",
    "namespace",
)
ORG_CHANGE_NAME = kind(
    "org_change_name", "{performer} renamed {old_name} to {new_name}", "old_name", "new_name", "superuser"
)
ORG_CHANGE_PROFILE = kind(
    "org_change_profile",
    "{performer} changed the organization's profile",
    "namespace",
    "fields",
    "token_max_days",
    "log_retention_days",
)
ORG_REQUIRE_SECOND_FACTOR = kind(
    "org_require_second_factor",
    "{performer} asked the people of {namespace} for a second factor",
    "namespace",
    "waiting",
    group="security",
)
ORG_WAIVE_SECOND_FACTOR = kind(
    "org_waive_second_factor",
    "{performer} stopped asking the people of {namespace} for a second factor",
    "namespace",
    group="security",
)
ORG_APPLY = kind(
    "org_apply",
    "{performer} applied a file to the organization: {added} added, {changed} changed, {removed} removed",
    "added",
    "changed",
    "removed",
    "pruned",
    "run",
)
ORG_IMPORT = kind(
    "org_import",
    "{performer} imported the organization from {source}",
    "source",
    "users",
    "teams",
    "projects",
    "grants",
    "members",
)
TAKE_OWNERSHIP = kind(
    "take_ownership",
    "{performer} took ownership of {namespace}",
    "entity_id",
    "namespace",
    "was_user",
    "superuser",
    group="security",
)
ORG_SET_MEMBER_ROLE = kind(
    "org_set_member_role",
    "{performer} made {member} {role} of the organization",
    "member",
    "role",
    "old_role",
)
ORG_REMOVE_MEMBER = kind("org_remove_member", "{performer} removed {member} from the organization", "member")
ORG_LEAVE = kind("org_leave", "{performer} left the organization", "member")
ORG_CREATE_TEAM = kind("org_create_team", "{performer} created the team {team}", "team")
ORG_DELETE_TEAM = kind("org_delete_team", "{performer} deleted the team {team}", "team")
ORG_RESTORE_TEAM = kind(
    "org_restore_team",
    "{performer} restored the team {team}",
    "team",
    "old_name",
    "dropped",
    group="security",
)
ORG_SET_TEAM_DESCRIPTION = kind(
    "org_set_team_description", "{performer} changed the description of team {team}", "team", "description"
)
ORG_SET_TEAM_ROLE = kind(
    "org_set_team_role", "{performer} gave the team {team} the role {role}", "team", "role"
)
ORG_CHANGE_TEAM = kind("org_change_team", "{performer} changed the team {team}", "team", "fields", "old_name")
ORG_SET_TEAM_MAINTAINER = kind(
    "org_set_team_maintainer",
    "{performer} changed whether {member} maintains the team {team}",
    "member",
    "team",
    "maintainer",
)
ORG_ADD_TEAM_MEMBER = kind(
    "org_add_team_member", "{performer} added {member} to the team {team}", "member", "team"
)
ORG_REMOVE_TEAM_MEMBER = kind(
    "org_remove_team_member", "{performer} removed {member} from the team {team}", "member", "team"
)
ORG_INVITE_TEAM_MEMBER = kind(
    "org_invite_team_member",
    "{performer} invited {member} to the team {team}",
    "user",
    "email",
    "member",
    "team",
)
ORG_DELETE_TEAM_MEMBER_INVITE = kind(
    "org_delete_team_member_invite",
    "{performer} withdrew the invitation of {member} to the team {team}",
    "user",
    "email",
    "member",
    "team",
)
ORG_INVITE_ACCEPTED = kind(
    "org_team_member_invite_accepted", "{member} joined the team {team}", "member", "team", "inviter"
)
ORG_INVITE_DECLINED = kind(
    "org_team_member_invite_declined",
    "{member} declined to join the team {team}",
    "member",
    "team",
    "inviter",
)
ORG_INVITE_MEMBER = kind(
    "org_invite_member", "{performer} invited {member} as {role}", "user", "email", "member", "role"
)
ORG_DELETE_MEMBER_INVITE = kind(
    "org_delete_member_invite", "{performer} withdrew the invitation of {member}", "user", "email", "member"
)
ORG_MEMBER_INVITE_ACCEPTED = kind(
    "org_member_invite_accepted", "{member} joined as {role}", "member", "role", "inviter"
)
ORG_MEMBER_INVITE_DECLINED = kind(
    "org_member_invite_declined", "{member} declined to join", "member", "role", "inviter"
)
ENABLE_TEAM_SYNC = kind(
    "enable_team_sync", "{performer} bound the team {team} to a group of a directory", "team"
)
DISABLE_TEAM_SYNC = kind(
    "disable_team_sync", "{performer} released the team {team} from the directory's group", "team"
)
ASK_FOR_TEAM_SYNC = kind(
    "ask_for_team_sync", "{performer} had the team {team} compared with its group", "team"
)
TEAM_SYNC_FAILED = kind(
    "team_sync_failed",
    "The team {team} could not be compared with its group: {problem}",
    "team",
    "problem",
    group="security",
)
TEAM_SYNC_RECOVERED = kind(
    "team_sync_recovered", "The team {team} is compared with its group again", "team", group="security"
)
TEAM_SYNC_KEPT_ADMINISTRATOR = kind(
    "team_sync_kept_administrator",
    "{member} is no longer in the group of team {team}, but nobody else administers the organization",
    "team",
    "member",
    group="security",
)

# Default permissions
_PROTOTYPE = ("prototypeid", "username", "activating_username", "role", "delegate_user", "delegate_team")
CREATE_PROTOTYPE = kind(
    "create_prototype_permission", "{performer} added a default permission: {role}", *_PROTOTYPE
)
MODIFY_PROTOTYPE = kind(
    "modify_prototype_permission",
    "{performer} changed a default permission to {role}",
    *_PROTOTYPE,
    "original_role",
)
DELETE_PROTOTYPE = kind(
    "delete_prototype_permission", "{performer} removed a default permission: {role}", *_PROTOTYPE
)

# Robots
CREATE_ROBOT = kind(
    "create_robot", "{performer} created the robot {robot}", "robot", "description", "unstructured_metadata"
)
DELETE_ROBOT = kind("delete_robot", "{performer} deleted the robot {robot}", "robot")
RESTORE_ROBOT = kind(
    "restore_robot",
    "{performer} restored the robot {robot}",
    "robot",
    "old_name",
    "dropped",
    group="security",
)
REGENERATE_ROBOT_TOKEN = kind(
    "regenerate_robot_token", "{performer} regenerated the token of robot {robot}", "robot", group="security"
)
ROTATE_ROBOT_TOKEN = kind(
    "rotate_robot_token",
    "{performer} gave robot {robot} a new token; the old one works until {ends}",
    "robot",
    "ends",
    group="security",
)
END_ROBOT_TOKEN = kind(
    "end_robot_token", "{performer} ended the older token of robot {robot}", "robot", group="security"
)
CREATE_ROBOT_FEDERATION = kind(
    "create_robot_federation",
    "{performer} changed who may act as robot {robot}",
    "config",
    "robot",
    group="security",
)
DELETE_ROBOT_FEDERATION = kind(
    "delete_robot_federation", "{performer} ended the federation of robot {robot}", "robot", group="security"
)
CHANGE_ROBOT = kind("change_robot", "{performer} changed the robot {robot}", "robot", "description")
ENABLE_ROBOT = kind("enable_robot", "{performer} enabled the robot {robot}", "robot", group="security")
DISABLE_ROBOT = kind("disable_robot", "{performer} disabled the robot {robot}", "robot", group="security")

# Projects
CREATE_REPO = kind("create_repo", "{performer} created the project {repo}", "repo", "namespace")
DELETE_REPO = kind(
    "delete_repo", "{performer} deleted the project {repo}", "repo", "namespace", group="security"
)
RESTORE_REPO = kind(
    "restore_repo",
    "{performer} restored the project {repo}",
    "repo",
    "namespace",
    "old_name",
    "dropped",
    group="security",
)
SET_REPO_DESCRIPTION = kind(
    "set_repo_description",
    "{performer} changed the description of {repo}",
    "repo",
    "namespace",
    "description",
)
CHANGE_REPO_VISIBILITY = kind(
    "change_repo_visibility",
    "{performer} made {repo} {visibility}",
    "repo",
    "namespace",
    "visibility",
    group="security",
)
CHANGE_REPO_STATE = kind(
    "change_repo_state", "{performer} set {repo} to {state_changed}", "repo", "namespace", "state_changed"
)
CHANGE_REPO_PROFILE = kind(
    "change_repo_profile", "{performer} changed the profile of {repo}", "repo", "namespace", "fields"
)
CONNECT_REPO = kind("connect_repo", "{performer} connected {repo} to a cloud provider", "repo", "namespace")
DISCONNECT_REPO = kind(
    "disconnect_repo", "{performer} disconnected {repo} from its cloud provider", "repo", "namespace"
)
CHANGE_REPO_PERMISSION = kind(
    "change_repo_permission",
    "{performer} granted {role} on {repo}",
    "username",
    "team",
    "repo",
    "namespace",
    "role",
    group="access",
)
DELETE_REPO_PERMISSION = kind(
    "delete_repo_permission",
    "{performer} revoked a permission on {repo}",
    "username",
    "team",
    "repo",
    "namespace",
    group="access",
)
GIVE_UP_REPO_PERMISSION = kind(
    "give_up_repo_permission",
    "{performer} gave up {role} on {repo}",
    "username",
    "repo",
    "namespace",
    "role",
    group="access",
)
REPORT_REPO_USAGE = kind(
    "report_repo_usage",
    "{performer} reported that {repo} takes up {size}",
    "repo",
    "namespace",
    "size",
    "size_bytes",
    "previous_size_bytes",
)
STAR_REPO = kind("star_repo", "{performer} starred {repo}", "repo", "namespace")
UNSTAR_REPO = kind("unstar_repo", "{performer} unstarred {repo}", "repo", "namespace")

# Credentials
CREATE_OAUTH_API_TOKEN = kind(
    "create_oauth_api_token",
    "{performer} issued an API token",
    "oauth_token_uuid",
    "scope",
    "token_display_name",
    "application_name",
    "auth_method",
    "client_id",
    "username",
    group="security",
)
REVOKE_OAUTH_API_TOKEN = kind(
    "revoke_oauth_api_token",
    "{performer} revoked an API token",
    "oauth_token_uuid",
    "application_name",
    "client_id",
    "username",
    group="security",
)
CREATE_APPLICATION = kind(
    "create_application",
    "{performer} created the application {application_name}",
    "name",
    "redirect_uri",
    "application_uri",
    "description",
    "avatar_email",
    "application_name",
    "client_id",
    group="security",
)
UPDATE_APPLICATION = kind(
    "update_application",
    "{performer} changed the application {application_name}",
    "name",
    "redirect_uri",
    "application_uri",
    "description",
    "avatar_email",
    "application_name",
    "client_id",
    group="security",
)
DELETE_APPLICATION = kind(
    "delete_application",
    "{performer} deleted the application {application_name}",
    "application_name",
    "client_id",
    group="security",
)
RESET_CLIENT_SECRET = kind(
    "reset_application_client_secret",
    "{performer} reset the secret of the application {application_name}",
    "application_name",
    "client_id",
    group="security",
)
ASSIGN_OAUTH_TOKEN = kind(
    "oauth_token_assigned",
    "{performer} offered a token of {application} to {assigned_user}",
    "assigning_user",
    "assigned_user",
    "application",
    "client_id",
    group="security",
)
DECLINE_OAUTH_TOKEN = kind(
    "oauth_token_declined",
    "{performer} declined a token of {application}",
    "application",
    "client_id",
    group="security",
)
CREATE_APP_TOKEN = kind(
    "create_app_specific_token",
    "{performer} made the token {app_specific_token_title}",
    "app_specific_token_title",
    "app_specific_token",
    group="security",
)
CREATE_TOKEN = kind(
    "create_token",
    "{performer} made the {token_kind} {token_title}",
    "token_kind",
    "token_title",
    "token_uuid",
    "username",
    "repo",
    group="security",
)
DISABLE_TOKEN = kind(
    "disable_token",
    "{performer} disabled the {token_kind} {token_title}",
    "token_kind",
    "token_title",
    "token_uuid",
    "username",
    "repo",
    group="security",
)
ENABLE_TOKEN = kind(
    "enable_token",
    "{performer} enabled the {token_kind} {token_title}",
    "token_kind",
    "token_title",
    "token_uuid",
    "username",
    "repo",
    group="security",
)
REVOKE_TOKEN = kind(
    "revoke_token",
    "{performer} revoked the {token_kind} {token_title}",
    "token_kind",
    "token_title",
    "token_uuid",
    "username",
    "repo",
    group="security",
)
REVOKE_APP_TOKEN = kind(
    "revoke_app_specific_token",
    "{performer} revoked the token {app_specific_token_title}",
    "app_specific_token_title",
    "app_specific_token",
    group="security",
)
_SERVICE_KEY = ("kid", "service", "name", "expiration_date")
_NEW_SERVICE_KEY = (*_SERVICE_KEY, "preshared", "auto_approved", "user_agent", "ip")
SERVICE_KEY_CREATE = kind(
    "service_key_create",
    "{performer} created the key {kid} of the service {service}",
    *_NEW_SERVICE_KEY,
    group="security",
)
SERVICE_KEY_APPROVE = kind(
    "service_key_approve",
    "{performer} approved the key {kid} of the service {service}",
    *_NEW_SERVICE_KEY,
    group="security",
)
SERVICE_KEY_MODIFY = kind(
    "service_key_modify", "{performer} changed the key {kid} of the service {service}", *_SERVICE_KEY
)
SERVICE_KEY_EXTEND = kind(
    "service_key_extend",
    "{performer} changed when the key {kid} of the service {service} expires",
    *_SERVICE_KEY,
    "old_expiration_date",
    group="security",
)
SERVICE_KEY_DELETE = kind(
    "service_key_delete",
    "{performer} deleted the key {kid} of the service {service}",
    *_SERVICE_KEY,
    "created_date",
    group="security",
)
ROTATE_KEYS = kind(
    "rotate_keys", "{performer} sealed {count} secrets with the newest key", "count", group="security"
)

# Quotas
_QUOTA = ("namespace", "limit_bytes", "limit")
ORG_CREATE_QUOTA = kind("org_create_quota", "{performer} set a quota for {namespace}", *_QUOTA)
ORG_CHANGE_QUOTA = kind(
    "org_change_quota",
    "{performer} changed the quota of {namespace}",
    *_QUOTA,
    "previous_limit_bytes",
    "previous_limit",
)
ORG_DELETE_QUOTA = kind(
    "org_delete_quota", "{performer} removed the quota of {namespace}", *_QUOTA, "quota_id"
)
ORG_CREATE_QUOTA_LIMIT = kind(
    "org_create_quota_limit",
    "{performer} added a {type} at {threshold_percent} % of the quota",
    "namespace",
    "type",
    "threshold_percent",
)
ORG_CHANGE_QUOTA_LIMIT = kind(
    "org_change_quota_limit",
    "{performer} changed a quota limit to {type} at {threshold_percent} %",
    "namespace",
    "type",
    "threshold_percent",
    "previous_type",
    "previous_threshold_percent",
)
ORG_DELETE_QUOTA_LIMIT = kind(
    "org_delete_quota_limit",
    "{performer} removed the {type} at {threshold_percent} % of the quota",
    "namespace",
    "limit_id",
    "type",
    "threshold_percent",
)
# What a receiver is told of a threshold: quay-b.md 4.5.
_CROSSING = (
    "namespace",
    "threshold_percent",
    "usage_bytes",
    "limit_bytes",
    "usage_percent",
    "usage_bytes_formatted",
    "limit_bytes_formatted",
)
QUOTA_WARNING = kind(
    "quota_warning",
    "{namespace} uses {usage_bytes_formatted}, {threshold_percent} % or more of its {limit_bytes_formatted}",
    *_CROSSING,
)
QUOTA_ERROR = kind(
    "quota_error",
    "{namespace} may not grow beyond {threshold_percent} % of its {limit_bytes_formatted} of storage",
    *_CROSSING,
)
RELEASE_JOB = kind("release_job", "{performer} let the job {job} be tried again", "job")
COUNT_REGISTRY = kind("count_registry", "{performer} had the storage of all projects counted")
CHANGE_LIMIT = kind(
    "change_limit",
    "{performer} set the limit of {resource} to {limit}",
    "resource",
    "limit",
    "previous_limit",
    "account",
)
_LIMIT_REQUEST = ("resource", "limit", "previous_limit", "asked_by")
REQUEST_LIMIT = kind(
    "request_limit", "{performer} asked for a limit of {limit} for {resource}", *_LIMIT_REQUEST, "reason"
)
WITHDRAW_LIMIT_REQUEST = kind(
    "withdraw_limit_request", "{performer} withdrew what was asked for {resource}", *_LIMIT_REQUEST
)
APPROVE_LIMIT_REQUEST = kind(
    "approve_limit_request",
    "{performer} gave a limit of {limit} for {resource}, as was asked for",
    *_LIMIT_REQUEST,
    "answer",
)
DENY_LIMIT_REQUEST = kind(
    "deny_limit_request", "{performer} denied a higher limit for {resource}", *_LIMIT_REQUEST, "answer"
)

# Exports and messages
EXPORT_LOGS_SUCCESS = kind(
    "export_logs_success",
    "{performer} requested a log export",
    "date/time",
    "export_id",
    "message",
    "url",
    "email",
    "repo",
    group="export",
)
EXPORT_LOGS_FAILURE = kind(
    "export_logs_failure",
    "A log export was refused: {error}",
    "date/time",
    "error",
    "url",
    "email",
    "repo",
    group="export",
)
EXPORT_LOGS_CANCEL = kind(
    "export_logs_cancel", "{performer} cancelled a log export", "export_id", group="export"
)
EXPORT_LOGS_RETRY = kind(
    "export_logs_retry", "{performer} put a log export back into the queue", "export_id", group="export"
)
ERASE_PERSON = kind(
    "erase_person",
    "{performer} erased what the log tells of a person, in {count} entries",
    "count",
    group="security",
)
VERIFY_LOG = kind(
    "verify_log", "{performer} let the log be held against its seals", "verification", group="export"
)
CANCEL_VERIFY_LOG = kind(
    "cancel_verify_log", "{performer} cancelled a verification of the log", "verification", group="export"
)
RETRY_ARCHIVE = kind(
    "retry_archive", "{performer} let the log of {month} be archived again, which had failed", "month", "file"
)
CREATE_MESSAGE = kind("create_global_message", "{performer} wrote a message to everybody", "uuid", "severity")
DELETE_MESSAGE = kind("delete_global_message", "{performer} removed a message to everybody", "uuid")

# Notifications
_NOTIFICATION = ("notification_id", "event", "method")
ADD_REPO_NOTIFICATION = kind(
    "add_repo_notification",
    "{performer} added a notification of {event} to {repo}",
    "repo",
    "namespace",
    *_NOTIFICATION,
)
CHANGE_REPO_NOTIFICATION = kind(
    "change_repo_notification",
    "{performer} changed a notification of {event} of {repo}",
    "repo",
    "namespace",
    *_NOTIFICATION,
)
DELETE_REPO_NOTIFICATION = kind(
    "delete_repo_notification",
    "{performer} removed a notification of {event} from {repo}",
    "repo",
    "namespace",
    *_NOTIFICATION,
)
RESET_REPO_NOTIFICATION = kind(
    "reset_repo_notification",
    "{performer} switched a notification of {event} on again for {repo}",
    "repo",
    "namespace",
    *_NOTIFICATION,
)
DISABLE_REPO_NOTIFICATION = kind(
    "disable_repo_notification",
    "A notification of {event} for {repo} failed {failures} times in a row and was switched off",
    "repo",
    "namespace",
    *_NOTIFICATION,
    "failures",
)
CREATE_NAMESPACE_NOTIFICATION = kind(
    "create_namespace_notification",
    "{performer} added a notification of {event} to {namespace}",
    "namespace",
    *_NOTIFICATION,
)
DELETE_NAMESPACE_NOTIFICATION = kind(
    "delete_namespace_notification",
    "{performer} removed a notification of {event} from {namespace}",
    "namespace",
    *_NOTIFICATION,
)
RESET_NAMESPACE_NOTIFICATION = kind(
    "reset_namespace_notification",
    "{performer} switched a notification of {event} on again for {namespace}",
    "namespace",
    *_NOTIFICATION,
)
DISABLE_NAMESPACE_NOTIFICATION = kind(
    "disable_namespace_notification",
    "A notification of {event} for {namespace} failed {failures} times in a row and was switched off",
    "namespace",
    *_NOTIFICATION,
    "failures",
)
CHANGE_NAMESPACE_NOTIFICATION = kind(
    "change_namespace_notification",
    "{performer} changed a notification of {event} of {namespace}",
    "namespace",
    *_NOTIFICATION,
)
PAUSE_REPO_NOTIFICATION = kind(
    "pause_repo_notification",
    "{performer} switched a notification of {event} off for {repo}",
    "repo",
    "namespace",
    *_NOTIFICATION,
)
PAUSE_NAMESPACE_NOTIFICATION = kind(
    "pause_namespace_notification",
    "{performer} switched a notification of {event} off for {namespace}",
    "namespace",
    *_NOTIFICATION,
)
ROTATE_REPO_NOTIFICATION = kind(
    "rotate_repo_notification_secret",
    "{performer} made a new secret for a notification of {event} of {repo}",
    "repo",
    "namespace",
    *_NOTIFICATION,
    "old_until",
)
ROTATE_NAMESPACE_NOTIFICATION = kind(
    "rotate_namespace_notification_secret",
    "{performer} made a new secret for a notification of {event} of {namespace}",
    "namespace",
    *_NOTIFICATION,
    "old_until",
)
END_REPO_NOTIFICATION_SECRET = kind(
    "end_repo_notification_secret",
    "{performer} ended the old secret of a notification of {event} of {repo}",
    "repo",
    "namespace",
    *_NOTIFICATION,
)
END_NAMESPACE_NOTIFICATION_SECRET = kind(
    "end_namespace_notification_secret",
    "{performer} ended the old secret of a notification of {event} of {namespace}",
    "namespace",
    *_NOTIFICATION,
)
REDELIVER_REPO_NOTIFICATION = kind(
    "redeliver_repo_notification",
    "{performer} had {count} deliveries of a notification of {event} of {repo} sent again",
    "repo",
    "namespace",
    *_NOTIFICATION,
    "count",
)
REDELIVER_NAMESPACE_NOTIFICATION = kind(
    "redeliver_namespace_notification",
    "{performer} had {count} deliveries of a notification of {event} of {namespace} sent again",
    "namespace",
    *_NOTIFICATION,
    "count",
)

# Views of the log
CREATE_LOG_VIEW = kind("create_log_view", "{performer} saved the view {view} of the log", "view", "shared")
CHANGE_LOG_VIEW = kind(
    "change_log_view", "{performer} changed the view {view} of the log", "view", "old_name", "shared"
)
DELETE_LOG_VIEW = kind("delete_log_view", "{performer} deleted the view {view} of the log", "view", "shared")

# Streams of the log
_STREAM = ("stream", "title", "method", "target")
CREATE_LOG_STREAM = kind(
    "create_log_stream",
    "{performer} began to stream the log to {target}",
    *_STREAM,
    "cursor",
    group="export",
)
CHANGE_LOG_STREAM = kind(
    "change_log_stream",
    "{performer} directed a stream of the log from {old_target} to {target}",
    *_STREAM,
    "old_target",
    group="export",
)
DELETE_LOG_STREAM = kind(
    "delete_log_stream", "{performer} ended the stream of the log to {target}", *_STREAM, group="export"
)
PAUSE_LOG_STREAM = kind(
    "pause_log_stream", "{performer} paused the stream of the log to {target}", *_STREAM, group="export"
)
RESUME_LOG_STREAM = kind(
    "resume_log_stream", "{performer} let the stream of the log to {target} go on", *_STREAM, group="export"
)
REWIND_LOG_STREAM = kind(
    "rewind_log_stream",
    "{performer} set the stream of the log to {target} to another place",
    *_STREAM,
    "cursor",
    "old_cursor",
    group="export",
)
TEST_LOG_STREAM = kind(
    "test_log_stream", "{performer} tested the stream of the log to {target}", *_STREAM, group="export"
)
ROTATE_LOG_STREAM = kind(
    "rotate_log_stream_secret",
    "{performer} made a new secret for the stream of the log to {target}",
    *_STREAM,
    "old_until",
    group="security",
)
DISABLE_LOG_STREAM = kind(
    "disable_log_stream",
    "The stream of the log to {target} failed for long and was switched off",
    *_STREAM,
    "failures",
    "cursor",
    group="export",
)

ARCHIVE_LOG = kind(
    "archive_log",
    "{performer} moved {entries} entries of {month} from the log to the archive",
    "month",
    "entries",
    "file",
    "sha256",
    group="export",
)

# The trash
BEGIN_RUN = kind("begin_run", "{performer} began a run over {number} things", "run", "action", "number")
CANCEL_RUN = kind("cancel_run", "{performer} cancelled a run", "run", "action")
PURGE_TRASH = kind(
    "purge_trash", "{performer} deleted the {what} {name} for good", "what", "name", group="security"
)

"""The routes of the Quay wire. Both spellings of a trailing slash are served directly.

Repository routes with a known ending come before the bare repository route, which takes what is left as a
nested name (quay-b.md 0.1). Among them the longer ones come first: a tag may be called ``logs``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import re_path

from api.quay.view import UnknownRoute
from api.quay.views import (
    applications,
    apptokens,
    authorizations,
    builds,
    conversion,
    entities,
    find,
    images,
    instance,
    logs,
    members,
    mirrors,
    notices,
    notifications,
    organizations,
    permissions,
    platform,
    prototypes,
    quotas,
    recovery,
    repositories,
    repository_tokens,
    robots,
    service_keys,
    session,
    stars,
    superuser,
    teams,
    usage,
    users,
)

if TYPE_CHECKING:
    from django.urls import URLPattern

    from api.quay.view import QuayView

ORG = r"organization/(?P<orgname>[^/]+)"
TEAM = rf"{ORG}/team/(?P<teamname>[^/]+)"
ROBOT = rf"(?:user|{ORG})/robots/(?P<robot_shortname>[^/]+)"
APPLICATION = rf"{ORG}/applications/(?P<client_id>[^/]+)"
QUOTA = r"quota/(?P<quota_id>[^/]+)"
ANY = r"superuser/(?:users|organization)/(?P<namespace>[^/]+)"
UUID = r"(?P<uuid>[^/]+)"
BUILD = r"(?P<build_uuid>[^/]+)"
TRIGGER = r"(?P<trigger_uuid>[^/]+)"
DIGEST = r"(?P<manifestref>[A-Za-z0-9_+.-]+:[A-Fa-f0-9]+)"
REPO = r"repository/(?P<repository>[^/]+(?:/[^/]+)+)"


def route(pattern: str, view: type[QuayView]) -> URLPattern:
    """Return a route below ``/api/v1/``, named after its view."""
    return re_path(rf"^{pattern}/?\Z", view.as_view(), name=view.__name__)


urlpatterns = [
    route(r"signin", session.SignIn),
    route(r"signin/verify", session.VerifySignIn),
    route(r"signout", session.SignOut),
    route(r"recovery", recovery.Recovery),
    route(r"superusers/users/(?P<username>[^/]+)/sendrecovery", recovery.SendRecovery),
    route(r"user", users.OwnUser),
    route(r"user/clientkey", conversion.ClientKey),
    route(r"user/convert", conversion.Convert),
    route(r"user/initialize", session.Initialize),
    route(r"users/(?P<username>[^/]+)", users.OtherUser),
    route(r"organization", organizations.Organizations),
    route(ORG, organizations.OneOrganization),
    route(rf"{ORG}/members", members.Members),
    route(rf"{ORG}/members/(?P<membername>[^/]+)", members.OneMember),
    route(rf"{ORG}/collaborators", members.Collaborators),
    route(TEAM, teams.OneTeam),
    route(rf"{TEAM}/members", teams.TeamMembers),
    route(rf"{TEAM}/members/(?P<membername>[^/]+)", teams.TeamMember),
    route(rf"{TEAM}/invite/(?P<email>[^/]+)", teams.TeamInvite),
    route(rf"{TEAM}/permissions", teams.TeamGrants),
    route(rf"{TEAM}/syncing", teams.TeamSyncing),
    route(r"teaminvite/(?P<code>[^/]+)", teams.AnswerInvitation),
    route(rf"{ORG}/prototypes", prototypes.Prototypes),
    route(rf"{ORG}/prototypes/(?P<prototypeid>[^/]+)", prototypes.OnePrototype),
    route(rf"(?:user|{ORG})/robots", robots.Robots),
    route(ROBOT, robots.OneRobot),
    route(rf"{ROBOT}/regenerate", robots.RegenerateRobotToken),
    route(rf"{ROBOT}/permissions", robots.RobotPermissions),
    route(rf"{ROBOT}/federation", robots.RobotFederation),
    route(r"superuser/users", superuser.InstanceUsers),
    route(r"superuser/users/(?P<username>[^/]+)", superuser.InstanceUser),
    route(r"superuser/organizations", superuser.InstanceOrganizations),
    route(r"superuser/organizations/(?P<name>[^/]+)", superuser.InstanceOrganization),
    route(r"superuser/takeownership/(?P<namespace>[^/]+)", superuser.TakeOwnership),
    route(r"superuser/config", instance.Config),
    route(r"superuser/changelog", instance.ChangeLog),
    route(r"superuser/apptokens", instance.AllAppTokens),
    route(r"superuser/registrystatus", instance.RegistryStatus),
    route(r"registry/capabilities", instance.RegistryCapabilities),
    route(r"superuser/keys", service_keys.ServiceKeys),
    route(r"superuser/keys/(?P<kid>[^/]+)", service_keys.OneServiceKey),
    route(r"superuser/approvedkeys/(?P<kid>[^/]+)", service_keys.ApprovedKey),
    route(r"user/authorizations", authorizations.Authorizations),
    route(r"user/authorizations/(?P<access_token_uuid>[^/]+)", authorizations.Authorization),
    route(r"user/assignedauthorization", authorizations.AssignedAuthorizations),
    route(
        r"user/assignedauthorization/(?P<assigned_authorization_uuid>[^/]+)",
        authorizations.AssignedAuthorization,
    ),
    route(r"user/apptoken", apptokens.AppTokens),
    route(r"user/apptoken/(?P<token_uuid>[^/]+)", apptokens.AppToken),
    route(rf"{ORG}/applications", applications.Applications),
    route(APPLICATION, applications.OneApplication),
    route(rf"{APPLICATION}/resetclientsecret", applications.ResetClientSecret),
    route(rf"{APPLICATION}/tokens", applications.ApplicationTokens),
    route(rf"{APPLICATION}/tokens/(?P<token_uuid>[^/]+)", applications.ApplicationToken),
    route(r"app/(?P<client_id>[^/]+)", applications.ApplicationInformation),
    route(rf"{ORG}/quota", quotas.OrganizationQuotas),
    route(rf"{ORG}/{QUOTA}", quotas.OrganizationQuota),
    route(rf"{ORG}/{QUOTA}/limit", quotas.OrganizationQuotaLimits),
    route(rf"{ORG}/{QUOTA}/limit/(?P<limit_id>[^/]+)", quotas.OrganizationQuotaLimit),
    route(r"user/quota", quotas.OwnQuotas),
    route(rf"user/{QUOTA}", quotas.OwnQuota),
    route(rf"user/{QUOTA}/limit", quotas.OwnQuotaLimits),
    route(rf"user/{QUOTA}/limit/(?P<limit_id>[^/]+)", quotas.OwnQuotaLimit),
    route(rf"{ANY}/quota", quotas.InstanceQuotas),
    route(rf"{ANY}/{QUOTA}", quotas.InstanceQuota),
    route(r"superuser/registrysize", usage.InstanceSize),
    route(rf"{ORG}/notifications", notifications.OrganizationNotifications),
    route(rf"{ORG}/notifications/{UUID}/test", notifications.TestOrganizationNotification),
    route(rf"{ORG}/notifications/{UUID}", notifications.OrganizationNotification),
    route(r"user/namespacenotifications", notifications.OwnNamespaceNotifications),
    route(rf"user/namespacenotifications/{UUID}/test", notifications.TestOwnNamespaceNotification),
    route(rf"user/namespacenotifications/{UUID}", notifications.OwnNamespaceNotification),
    route(r"user/notifications", notices.OwnNotices),
    route(rf"user/notifications/{UUID}", notices.OwnNotice),
    route(r"discovery", platform.Discovery),
    route(r"messages", platform.Messages),
    route(r"message/(?P<uuid>[^/]+)", platform.OneMessage),
    route(r"error/(?P<error_type>[^/]+)", platform.ErrorDescription),
    route(r"user/starred", stars.Starred),
    route(r"user/starred/(?P<repository>[^/]+(?:/[^/]+)+)", stars.OneStar),
    route(r"entities/link/(?P<username>[^/]+)", entities.LinkEntity),
    route(r"entities/(?P<prefix>[^/]+)", entities.Entities),
    route(r"find/repositories", find.FindRepositories),
    route(r"find/all", find.FindAll),
    route(r"user/logs", logs.UserLogs),
    route(r"user/aggregatelogs", logs.UserAggregatedLogs),
    route(r"user/exportlogs", logs.ExportUserLogs),
    route(rf"{ORG}/logs", logs.OrganizationLogs),
    route(rf"{ORG}/aggregatelogs", logs.OrganizationAggregatedLogs),
    route(rf"{ORG}/exportlogs", logs.ExportOrganizationLogs),
    route(r"superuser/logs", logs.AllLogs),
    route(r"superuser/aggregatelogs", logs.AllAggregatedLogs),
    # After the instance's other resources, one of which may be called like a part of a build.
    route(rf"superuser/{BUILD}/build", builds.InstanceBuild),
    route(rf"superuser/{BUILD}/status", builds.InstanceBuildStatus),
    route(rf"superuser/{BUILD}/logs", builds.InstanceBuildLogs),
    route(rf"{ORG}/proxycache", mirrors.ProxyCache),
    route(rf"{ORG}/validateproxycache", mirrors.ValidateProxyCache),
    route(r"repository", repositories.Repositories),
    route(rf"{REPO}/permissions/user/(?P<username>[^/]+)/transitive", permissions.TransitivePermission),
    route(rf"{REPO}/permissions/user/(?P<username>[^/]+)", permissions.UserPermission),
    route(rf"{REPO}/permissions/user", permissions.UserPermissions),
    route(rf"{REPO}/permissions/team/(?P<teamname>[^/]+)", permissions.TeamPermission),
    route(rf"{REPO}/permissions/team", permissions.TeamPermissions),
    route(rf"{REPO}/notification", notifications.RepositoryNotifications),
    route(rf"{REPO}/notification/{UUID}/test", notifications.TestRepositoryNotification),
    route(rf"{REPO}/notification/{UUID}", notifications.RepositoryNotification),
    route(rf"{REPO}/authorizedemail/(?P<email>[^/]+)", notifications.AuthorizedEmail),
    route(rf"{REPO}/manifest/{DIGEST}/labels/(?P<labelid>[^/]+)", images.OneLabel),
    route(rf"{REPO}/manifest/{DIGEST}/labels", images.Labels),
    route(rf"{REPO}/manifest/{DIGEST}/security", images.Security),
    route(rf"{REPO}/manifest/{DIGEST}", images.OneManifest),
    route(rf"{REPO}/tag/(?P<tag>[^/]+)/restore", images.RestoreTag),
    route(rf"{REPO}/tag/(?P<tag>[^/]+)", images.OneTag),
    route(rf"{REPO}/build/{BUILD}/status", builds.BuildStatus),
    route(rf"{REPO}/build/{BUILD}/logs", builds.BuildLogs),
    route(rf"{REPO}/build/{BUILD}", builds.OneBuild),
    route(rf"{REPO}/trigger/{TRIGGER}/activate", builds.ActivateTrigger),
    route(rf"{REPO}/trigger/{TRIGGER}/start", builds.StartTrigger),
    route(rf"{REPO}/trigger/{TRIGGER}/builds", builds.TriggerBuilds),
    route(rf"{REPO}/trigger/{TRIGGER}", builds.OneTrigger),
    route(rf"{REPO}/tokens/(?P<code>[^/]+)", repository_tokens.RepositoryToken),
    route(rf"{REPO}/tokens", repository_tokens.RepositoryTokens),
    route(rf"{REPO}/tag", images.Tags),
    route(rf"{REPO}/build", builds.Builds),
    route(rf"{REPO}/trigger", builds.Triggers),
    route(rf"{REPO}/mirror/sync-now", mirrors.SyncMirror),
    route(rf"{REPO}/mirror/sync-cancel", mirrors.CancelSync),
    route(rf"{REPO}/mirror", mirrors.OneMirror),
    route(rf"{REPO}/changevisibility", repositories.ChangeVisibility),
    route(rf"{REPO}/changestate", repositories.ChangeState),
    route(rf"{REPO}/usage", usage.RepositoryUsage),
    route(rf"{REPO}/logs", logs.RepositoryLogs),
    route(rf"{REPO}/aggregatelogs", logs.RepositoryAggregatedLogs),
    route(rf"{REPO}/exportlogs", logs.ExportRepositoryLogs),
    # The bare rule comes after every ending.
    route(REPO, repositories.OneRepository),
    re_path(r"^", UnknownRoute.as_view(), name="UnknownRoute"),
]

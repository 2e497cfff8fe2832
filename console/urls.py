"""Addresses of the console."""

from django.urls import path
from django.views.generic import RedirectView

from console.views import (
    access,
    account,
    addresses,
    apis,
    applications,
    credentials,
    defaults,
    deliveries,
    exports,
    find,
    groups,
    home,
    invitations,
    links,
    logs,
    matrix,
    members,
    notices,
    overview,
    projects,
    provider,
    robots,
    security,
    session,
    settings,
    style,
    subscriptions,
    teams,
    tokens,
    viewing,
)

app_name = "console"

ORG = "o/<str:orgname>/"

urlpatterns = [
    path("", home.Home.as_view(), name="home"),
    path("sign-in/", session.SignIn.as_view(), name="sign-in"),
    path("sign-in/provider/", provider.Begin.as_view(), name="provider"),
    path("sign-in/provider/back/", provider.Back.as_view(), name="provider-back"),
    path("sign-in/passkey/", session.ByPasskey.as_view(), name="sign-in-passkey"),
    path("sign-in/second/", session.SecondStep.as_view(), name="sign-in-second"),
    path("sign-out/", session.SignOut.as_view(), name="sign-out"),
    path("forgot/", links.Forgot.as_view(), name="forgot"),
    path("recover/<str:code>/", links.Recover.as_view(), name="recover"),
    path("verify/<str:code>/", links.Verify.as_view(), name="verify"),
    path("invitations/<str:code>/", invitations.Invited.as_view(), name="invited"),
    path("setup/", session.Setup.as_view(), name="setup"),
    path("account/", account.MyAccount.as_view(), name="account"),
    path("account/applications/", tokens.MyApplications.as_view(), name="authorizations"),
    path("account/security/", security.Security.as_view(), name="security"),
    path("account/tokens/", tokens.MyTokens.as_view(), name="tokens"),
    path("apis/", apis.Apis.as_view(), name="apis"),
    path("apis/<str:wire>/", apis.OneApi.as_view(), name="api"),
    path("notifications/", notices.Notices.as_view(), name="notices"),
    path("view-as/<str:username>/", viewing.Viewing.as_view(), name="viewing"),
    path("new/", home.NewOrganization.as_view(), name="organization-new"),
    path(ORG, overview.Overview.as_view(), name="overview"),
    path(f"{ORG}find/", find.Find.as_view(), name="find"),
    path(f"{ORG}suggest/", find.Suggest.as_view(), name="suggest"),
    path(f"{ORG}members/", members.Members.as_view(), name="members"),
    path(f"{ORG}invitations/", invitations.Invitations.as_view(), name="invitations"),
    path(f"{ORG}teams/", teams.Teams.as_view(), name="teams"),
    path(f"{ORG}teams/<str:teamname>/group/", groups.Group.as_view(), name="group"),
    path(f"{ORG}teams/<str:teamname>/", teams.OneTeam.as_view(), name="team"),
    path(f"{ORG}defaults/", defaults.Defaults.as_view(), name="defaults"),
    path(f"{ORG}projects/", projects.Projects.as_view(), name="projects"),
    path(f"{ORG}projects/<path:slug>/", projects.OneProject.as_view(), name="project"),
    path(f"{ORG}robots/", robots.Robots.as_view(), name="robots"),
    path(f"{ORG}robots/<str:shortname>/", robots.OneRobot.as_view(), name="robot"),
    path(f"{ORG}applications/", applications.Applications.as_view(), name="applications"),
    path(f"{ORG}applications/<str:client_id>/", applications.OneApplication.as_view(), name="application"),
    path(f"{ORG}credentials/", credentials.Credentials.as_view(), name="credentials"),
    path(f"{ORG}access/", access.Access.as_view(), name="access"),
    path(f"{ORG}access/matrix/", matrix.AccessMatrix.as_view(), name="matrix"),
    path(f"{ORG}settings/", settings.Settings.as_view(), name="settings"),
    path(f"{ORG}notifications/", subscriptions.Subscriptions.as_view(), name="subscriptions"),
    path(
        f"{ORG}notifications/of/<path:slug>/",
        subscriptions.ProjectSubscriptions.as_view(),
        name="project-subscriptions",
    ),
    path(f"{ORG}notifications/<uuid:uuid>/", deliveries.OneSubscription.as_view(), name="subscription"),
    path(
        f"{ORG}notifications/<uuid:uuid>/<uuid:delivery>/", deliveries.OneDelivery.as_view(), name="delivery"
    ),
    path(f"{ORG}logs/", logs.Logs.as_view(), name="logs"),
    path(f"{ORG}exports/", logs.Exports.as_view(), name="exports"),
    path(f"{ORG}exports/<uuid:uuid>/", logs.OneExport.as_view(), name="export"),
    path("exportedlogs/<str:token>", exports.ExportedLogs.as_view(), name="exported-logs"),
    path("authrepoemail", addresses.ConfirmAddress.as_view(), name="address-confirmed"),
    # As deliveries of the Quay wire name the pages of what they tell of.
    path(
        "organization/<str:orgname>", RedirectView.as_view(pattern_name="console:overview"), name="homepage"
    ),
    path(
        "repository/<str:orgname>/<path:slug>",
        RedirectView.as_view(pattern_name="console:project"),
        name="project-homepage",
    ),
    path("style/", style.style_page, name="style"),
]

"""The steps by which people authorize applications: below ``/oauth/``, beside the API (quay-a.md 4.4)."""

from django.urls import re_path

from api.quay.views import oauth

urlpatterns = [
    re_path(r"^authorize/?\Z", oauth.Authorize.as_view(), name="Authorize"),
    re_path(r"^authorizeapp/?\Z", oauth.AuthorizeApp.as_view(), name="AuthorizeApp"),
    re_path(r"^denyapp/?\Z", oauth.DenyApp.as_view(), name="DenyApp"),
    re_path(r"^access_token/?\Z", oauth.AccessToken.as_view(), name="AccessToken"),
    re_path(r"^localapp/?\Z", oauth.LocalApp.as_view(), name="LocalApp"),
    re_path(r"^authorize/assignuser/?\Z", oauth.AssignUser.as_view(), name="AssignUser"),
    re_path(r"^", oauth.UnknownStep.as_view(), name="UnknownStep"),
]

"""Which prefix speaks which dialect. Order matters: the longer prefix comes first, the console last."""

from django.contrib import admin
from django.urls import include, path

from api.quay.views.instance import configuration
from api.quay.views.session import csrf_token

urlpatterns = [
    path("", include("api.qodana.urls")),
    path("api/docs/", include("api.docs")),
    path("api/v1/", include("api.quay.urls")),
    path("api/v3/", include("api.codacy.urls")),
    path("v1/", include("api.flexstack.urls")),
    path("v3/", include("api.cisense.urls")),
    path("csrf_token", csrf_token, name="csrf-token"),
    path("oauth/", include("api.quay.oauth_urls")),
    path("config", configuration),
    path("admin/", admin.site.urls),
    path("", include("console.urls")),
]

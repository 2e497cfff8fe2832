"""The instance itself: what it can, how it is set up, and what is new in it (quay-a.md 11.5)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from rest_framework.response import Response

from accounts import services as accounts
from api.quay import instance
from api.quay.operation import Query, operation
from api.quay.view import QuayView
from api.quay.views.apptokens import app_token_view
from api.quay.views.mirrors import ARCHITECTURES
from api.quay.views.superuser import SuperuserView
from core.errors import Forbidden
from permissions.catalogue import INSTANCE_READ, Scope
from tokens import selectors

if TYPE_CHECKING:
    from rest_framework.request import Request

CHANGES = "CHANGELOG.md"


def configuration(request: HttpRequest) -> JsonResponse:
    """``GET /config``: the features that are on, for clients that ask before they call."""
    if request.method not in ("GET", "HEAD"):
        return JsonResponse({"message": "The method is not allowed for the requested URL."}, status=405)
    config = instance.public_config()
    body: dict[str, Any] = {
        "config": config,
        "features": instance.features(),
        "external_login": [],
        "registry_state": config["REGISTRY_STATE"],
    }
    return JsonResponse(body, headers={"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"})


class RegistryCapabilities(QuayView):
    """``registry/capabilities``."""

    @operation("getRegistryCapabilities", "superuser")
    def get(self, request: Request) -> Response:
        """Tell what the registry can; where none is installed, nothing."""
        sparse = {
            "supported": instance.features()["SPARSE_INDEX"],
            "required_architectures": [],
            "optional_architectures_allowed": False,
        }
        mirrored = sorted(ARCHITECTURES) if instance.has_registry() else []
        return Response({"sparse_manifests": sparse, "mirror_architectures": mirrored})


class RegistryStatus(QuayView):
    """``superuser/registrystatus``: asked before there is anybody who could sign in."""

    anonymous_always = True

    @operation("getRegistryStatus", "superuser")
    def get(self, request: Request) -> Response:
        """Tell whether the instance is ready, or waits for its first user."""
        return Response({"status": "create-superuser" if accounts.nobody_is_here() else "ready"})


class Config(SuperuserView):
    """``superuser/config``: a route for instances that want it."""

    @operation("getInstanceConfig", "superuser", scopes=[Scope.SUPER_USER])
    def get(self, request: Request) -> Response:
        """Return the instance's settings, without a secret among them."""
        self.may(INSTANCE_READ)
        if not settings.SUPERUSER_CONFIGDUMP:
            raise Forbidden("This instance does not show its settings", right=INSTANCE_READ.name)
        config = instance.whole_config()
        schema = instance.schema_of(config)
        unknown = {name: value for name, value in config.items() if name not in schema["properties"]}
        body = {"config": config, "warning": unknown, "env": settings.SHOWN_ENVIRONMENT, "schema": schema}
        return Response(body)


@cache
def changes() -> str:
    """Return what is new, release by release."""
    return (Path(settings.BASE_DIR) / CHANGES).read_text(encoding="utf-8")


class ChangeLog(SuperuserView):
    """``superuser/changelog/``."""

    @operation("getChangeLog", "superuser", scopes=[Scope.SUPER_USER])
    def get(self, request: Request) -> Response:
        """Return what is new in this version, as Markdown."""
        self.may(INSTANCE_READ)
        return Response({"log": changes()})


class AllAppTokens(SuperuserView):
    """``superuser/apptokens``."""

    @operation(
        "listAllAppTokens",
        "superuser",
        scopes=[Scope.SUPER_USER],
        query=[Query("expiring", "Only those that end soon", "boolean")],
    )
    def get(self, request: Request) -> Response:
        """List everybody's app-specific tokens, without secrets."""
        self.may(INSTANCE_READ)
        expiring = self.flag("expiring") if "expiring" in request.query_params else None
        found = selectors.all_app_tokens(actor=self.actor, expiring=bool(expiring))
        return Response({"tokens": [app_token_view(token) for token in found], "only_expiring": expiring})

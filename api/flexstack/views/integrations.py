"""Integrations that are told what happens in a project (flexstack.md 6, operations 13 to 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Object, Text, Word
from api.flexstack.constants import CHANNEL_MAX, NEEDED, TYPES, URL_MAX
from api.flexstack.shapes import integration_view
from api.flexstack.view import FlexStackView
from api.openapi import describe
from api.schemas import listed, ref
from notifications import selectors, services
from notifications.events import FLAGS
from permissions.catalogue import INTEGRATION_CHANGE

if TYPE_CHECKING:
    from rest_framework.request import Request

    from notifications.models import Subscription
    from projects.models import Project


class Flags(Object):
    """Which types of events are told: true or false by name, with a full stop or an underscore inside."""

    def to_internal_value(self, data: Any) -> dict[str, bool]:
        """Refuse what is neither true nor false, and two spellings that contradict each other."""
        sent, found = super().to_internal_value(data), dict[str, bool]()
        for flag, dotted in FLAGS.items():
            for name in (flag, dotted):
                if name not in sent:
                    continue
                if not isinstance(sent[name], bool):
                    raise serializers.ValidationError({name: "it is true or false"})
                if found.setdefault(flag, sent[name]) is not sent[name]:
                    raise serializers.ValidationError({name: "it is sent twice, and differs"})
        return found


class Config(serializers.Serializer[None]):
    """What a webhook needs, or a channel of Slack."""

    url = Text(allow_blank=False, max_length=URL_MAX, required=False)
    channel_id = Text(allow_blank=False, max_length=CHANNEL_MAX, required=False)


class NewIntegration(serializers.Serializer[None]):
    """The body that creates an integration."""

    config = Config()
    notifications = Flags(required=False)
    type = Word(*TYPES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a type without what it needs; what belongs to the other one is ignored."""
        needed = NEEDED[attrs["type"]]
        if attrs["type"] == "slack" and not settings.SLACK_TOKEN:
            raise serializers.ValidationError({"type": "Slack is not connected to this instance"})
        if needed not in attrs["config"]:
            raise serializers.ValidationError({"config": {needed: "it is missing"}})
        attrs["config"] = {needed: attrs["config"][needed]}
        return attrs


class IntegrationBody(serializers.Serializer[None]):
    """The body that replaces what an integration is told."""

    notifications = Flags()


class IntegrationView(FlexStackView):
    """What the routes of integrations share."""

    def integration(self, project: Project, integration_id: str) -> Subscription:
        """Return an integration of a project."""
        return selectors.integration(actor=self.actor, project=project, id=self.uuid(integration_id))

    def shown(self, integration: Subscription, project: Project) -> dict[str, Any]:
        """Return an integration as the caller may see it."""
        secret = None
        if selectors.may_see_secrets(actor=self.actor, project=project):
            secret = selectors.integration_secret(actor=self.actor, subscription=integration)
        return integration_view(integration, project, secret)


class Integrations(IntegrationView):
    """``projects/{project_id}/integrations/notifications``."""

    @describe("listNotificationsIntegrations", {200: listed(ref("Integration"))})
    def get(self, request: Request, project_id: str) -> Response:
        """List all integrations of a project, oldest first, in a bare array."""
        project = self.project(project_id)
        found = list(selectors.integrations(actor=self.actor, project=project))
        for integration in found:
            integration.project = project
        return Response([self.shown(integration, project) for integration in found])

    @describe("createNotificationsIntegration", {201: ref("Integration")}, body=NewIntegration)
    def post(self, request: Request, project_id: str) -> Response:
        """Create an integration; a webhook, whose secret is made here, or a channel of Slack where that is
        connected.
        """
        project = self.project(project_id, INTEGRATION_CHANGE)
        body = self.body(NewIntegration)
        made = services.create_integration(
            actor=self.actor,
            project=project,
            flags=body.get("notifications", {}),
            **body["config"],
        )
        return Response(self.shown(made, project), status=201)


class OneIntegration(IntegrationView):
    """``projects/{project_id}/integrations/notifications/{integration_id}``."""

    @describe("getNotificationsIntegration", {200: ref("Integration")})
    def get(self, request: Request, project_id: str, integration_id: str) -> Response:
        """Return an integration."""
        project = self.project(project_id)
        return Response(self.shown(self.integration(project, integration_id), project))

    @describe("updateNotificationsIntegration", {200: ref("Integration")}, body=IntegrationBody)
    def put(self, request: Request, project_id: str, integration_id: str) -> Response:
        """Replace the flags of an integration, which say what it is told; what else is sent is ignored."""
        project = self.project(project_id, INTEGRATION_CHANGE)
        integration = self.integration(project, integration_id)
        flags = self.body(IntegrationBody)["notifications"]
        services.change_integration(actor=self.actor, subscription=integration, flags=flags)
        return Response(self.shown(integration, project))

    @describe("deleteNotificationsIntegration", {204: None})
    def delete(self, request: Request, project_id: str, integration_id: str) -> Response:
        """Remove an integration."""
        project = self.project(project_id, INTEGRATION_CHANGE)
        services.delete_integration(actor=self.actor, subscription=self.integration(project, integration_id))
        return Response(status=204)

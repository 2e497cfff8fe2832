"""Notifications of repositories and namespaces, and addresses that may be told by mail (quay-b.md 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Object, Text
from api.quay.errors import API, MESSAGE
from api.quay.operation import operation
from api.quay.view import QuayView
from api.quay.views.repositories import RepositoryPart
from core.errors import Invalid
from notifications import selectors, services
from permissions.catalogue import (
    NOTIFICATION_CHANGE,
    NOTIFICATION_READ,
    PROJECT_NOTIFICATION_CHANGE,
    PROJECT_NOTIFICATION_READ,
    Right,
    Scope,
)
from permissions.checks import require

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Namespace
    from api.quay.errors import Shape
    from core.actor import Actor
    from notifications.models import AuthorizedAddress, Subscription
    from projects.models import Project

IN_CONSOLE = "quay_notification"  # as the wire calls what happens in the console
ENDED = {
    "hipchat": "HipChat",
    "flowdock": "Flowdock",
}  # services that are no more: nothing could be told there
OF_NAMESPACES = ("quota_warning", "quota_error")

# What is unknown is a bad request to change (4); the missing repository itself is missing.
CHANGING: dict[str, tuple[int, Shape]] = {
    "post not_found:notification": (400, API),
    "delete not_found:notification": (400, API),
}


def notification_view(actor: Actor, row: Subscription) -> dict[str, Any]:
    """Return a notification as every operation shows it (4); its owner is loaded."""
    return {
        "uuid": str(row.uuid),
        "title": row.title or None,
        "event": row.event,
        "method": IN_CONSOLE if row.method == "in_console" else row.method,
        "config": selectors.shown_config(actor=actor, subscription=row),
        "event_config": row.event_config,
        "number_of_failures": _failures(row),
    }


def _failures(row: Subscription) -> int:
    """Return the failures in a row. Whoever reads them here takes three for switched off (4.3).

    Those of other origin are tried for days: they reach the limit when they are off, not before.
    """
    counted: int = row.number_of_failures
    if row.flat or row.disabled_at is not None:
        return counted
    return min(counted, max(int(settings.NOTIFICATION_FAILURES) - 1, 0))


class NewNotification(serializers.Serializer[None]):
    """The body that makes a notification."""

    event = Text()
    method = Text()
    config = Object()
    eventConfig = Object()
    title = Text(required=False, allow_null=True, max_length=255)


class NotificationView(QuayView):
    """What notifications of repositories and namespaces share; each says whose they are."""

    errors = CHANGING

    def owner(self, *, changes: bool) -> dict[str, Any]:
        """Return the ``project`` or ``namespace`` of the path, on which the caller has the right."""
        raise NotImplementedError

    def list_notifications(self) -> Response:
        """Answer with all of them, oldest first."""
        owner = self.owner(changes=False)
        found = list(selectors.subscriptions(actor=self.actor, **owner))
        for row in found:
            row.project, row.namespace = owner.get("project"), owner.get("namespace")
        return Response({"notifications": [notification_view(self.actor, row) for row in found]})

    def create_notification(self) -> Response:
        """Make one; the same again is another one."""
        owner = self.owner(changes=True)
        body = self.body(NewNotification)
        if "namespace" in owner and body["event"] not in OF_NAMESPACES:
            raise Invalid(f"There is no such event of a namespace: {body['event'][:80]}", field="event")
        if body["method"] in ENDED:
            raise Invalid(f"{ENDED[body['method']]} is no more, and cannot be told anything", field="method")
        if body["method"] == "in_console":
            raise Invalid("There is no such method: in_console", field="method")
        made, _ = services.create_subscription(
            actor=self.actor,
            event=body["event"],
            method="in_console" if body["method"] == IN_CONSOLE else body["method"],
            config=body["config"],
            event_config=body["eventConfig"],
            title=body.get("title") or "",
            flat=True,
            **owner,
        )
        return Response(notification_view(self.actor, made), status=201)

    def found(self, uuid: str, *, changes: bool) -> Subscription:
        """Return the one of the path."""
        return selectors.subscription(actor=self.actor, uuid=uuid, **self.owner(changes=changes))

    def show_notification(self, uuid: str) -> Response:
        """Answer with one."""
        return Response(notification_view(self.actor, self.found(uuid, changes=False)))

    def reset_notification(self, uuid: str) -> Response:
        """Forget its failures, which switches it on again; a body is not looked at."""
        services.reset_subscription(actor=self.actor, subscription=self.found(uuid, changes=True))
        return Response(status=204)

    def delete_notification(self, uuid: str) -> Response:
        """Remove it."""
        services.delete_subscription(actor=self.actor, subscription=self.found(uuid, changes=True))
        return Response(status=204)

    def test_notification(self, uuid: str) -> Response:
        """Queue a delivery of sample data."""
        services.send_test(actor=self.actor, subscription=self.found(uuid, changes=True))
        return Response({})


# Of repositories -------------------------------------------------------------------------------------------


class RepositoryNotificationView(RepositoryPart, NotificationView):
    """What a repository's notifications share."""

    def owner(self, *, changes: bool) -> dict[str, Project]:
        """Return the repository of the path."""
        right = PROJECT_NOTIFICATION_CHANGE if changes else PROJECT_NOTIFICATION_READ
        return {"project": self.project(self.kwargs["repository"], right)}


class RepositoryNotifications(RepositoryNotificationView):
    """``repository/{repository}/notification/``."""

    # Clients ask before they know whether it is there: a missing repository has none.
    errors = {"get not_found:project": (200, {"notifications": []})}

    @operation("listRepoNotifications", "repositorynotification", scopes=[Scope.REPO_ADMIN])
    def get(self, request: Request, repository: str) -> Response:
        """List who is told what happens in the repository."""
        return self.list_notifications()

    @operation(
        "createRepoNotification",
        "repositorynotification",
        scopes=[Scope.REPO_ADMIN],
        body=NewNotification,
        success=201,
        also=[404],
    )
    def post(self, request: Request, repository: str) -> Response:
        """Have somebody told what happens in the repository."""
        return self.create_notification()


class RepositoryNotification(RepositoryNotificationView):
    """``repository/{repository}/notification/{uuid}``."""

    @operation("getRepoNotification", "repositorynotification", scopes=[Scope.REPO_ADMIN], also=[404])
    def get(self, request: Request, repository: str, uuid: str) -> Response:
        """Return a notification of the repository."""
        return self.show_notification(uuid)

    @operation(
        "resetRepositoryNotificationFailures",
        "repositorynotification",
        scopes=[Scope.REPO_ADMIN],
        success=204,
        also=[400, 404],
    )
    def post(self, request: Request, repository: str, uuid: str) -> Response:
        """Forget the failures of a notification of the repository, which switches it on again."""
        return self.reset_notification(uuid)

    @operation(
        "deleteRepoNotification",
        "repositorynotification",
        scopes=[Scope.REPO_ADMIN],
        success=204,
        also=[400, 404],
    )
    def delete(self, request: Request, repository: str, uuid: str) -> Response:
        """Remove a notification of the repository."""
        return self.delete_notification(uuid)


class TestRepositoryNotification(RepositoryNotificationView):
    """``repository/{repository}/notification/{uuid}/test``."""

    @operation("testRepoNotification", "repositorynotification", scopes=[Scope.REPO_ADMIN], also=[400, 404])
    def post(self, request: Request, repository: str, uuid: str) -> Response:
        """Send sample data to a notification of the repository."""
        return self.test_notification(uuid)


class AuthorizedEmail(RepositoryPart):
    """``repository/{repository}/authorizedemail/{email}`` (4.4)."""

    errors = {"not_found:address": (404, MESSAGE)}

    @operation("checkRepoEmailAuthorized", "repository", scopes=[Scope.REPO_ADMIN], also=[404], internal=True)
    def get(self, request: Request, repository: str, email: str) -> Response:
        """Tell whether an address may be mailed the repository's notifications."""
        project = self.project(repository, PROJECT_NOTIFICATION_READ)
        return Response(
            address_view(project, selectors.address(actor=self.actor, project=project, email=email))
        )

    @operation(
        "sendAuthorizeRepoEmail", "repository", scopes=[Scope.REPO_ADMIN], also=[400, 404, 429], internal=True
    )
    def post(self, request: Request, repository: str, email: str) -> Response:
        """Mail an address a link that lets the repository's notifications reach it; nothing is sent where
        it was confirmed, and a body is not looked at.
        """
        project = self.project(repository, PROJECT_NOTIFICATION_CHANGE)
        return Response(
            address_view(project, services.request_address(actor=self.actor, project=project, email=email))
        )


def address_view(project: Project, row: AuthorizedAddress) -> dict[str, Any]:
    """Return an address as both operations show it."""
    return {
        "email": row.email,
        "repository": project.slug,
        "namespace": project.namespace.name,
        "confirmed": row.confirmed_at is not None,
    }


# Of namespaces ---------------------------------------------------------------------------------------------


class NamespaceNotificationView(NotificationView):
    """What the notifications of organizations and people share: what is unknown is missing (4.5)."""

    errors = {}


class OrganizationNotificationView(NamespaceNotificationView):
    """What an organization's notifications share."""

    def owner(self, *, changes: bool) -> dict[str, Namespace]:
        """Return the organization of the path."""
        right: Right = NOTIFICATION_CHANGE if changes else NOTIFICATION_READ
        return {"namespace": self.organization(self.kwargs["orgname"], right).namespace}


class OrganizationNotifications(OrganizationNotificationView):
    """``organization/{orgname}/notifications``."""

    @operation("listOrganizationNotifications", "namespacenotification", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str) -> Response:
        """List who is told what happens in the organization."""
        return self.list_notifications()

    @operation(
        "createOrganizationNotification",
        "namespacenotification",
        scopes=[Scope.ORG_ADMIN],
        body=NewNotification,
        success=201,
        also=[404],
    )
    def post(self, request: Request, orgname: str) -> Response:
        """Have somebody told what happens in the organization."""
        return self.create_notification()


class OrganizationNotification(OrganizationNotificationView):
    """``organization/{orgname}/notifications/{uuid}``."""

    @operation("getOrganizationNotification", "namespacenotification", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str, uuid: str) -> Response:
        """Return a notification of the organization."""
        return self.show_notification(uuid)

    @operation(
        "resetOrganizationNotificationFailures",
        "namespacenotification",
        scopes=[Scope.ORG_ADMIN],
        success=204,
        also=[404],
    )
    def post(self, request: Request, orgname: str, uuid: str) -> Response:
        """Forget the failures of a notification of the organization, which switches it on again."""
        return self.reset_notification(uuid)

    @operation(
        "deleteOrganizationNotification",
        "namespacenotification",
        scopes=[Scope.ORG_ADMIN],
        success=204,
        also=[404],
    )
    def delete(self, request: Request, orgname: str, uuid: str) -> Response:
        """Remove a notification of the organization."""
        return self.delete_notification(uuid)


class TestOrganizationNotification(OrganizationNotificationView):
    """``organization/{orgname}/notifications/{uuid}/test``."""

    @operation("testOrganizationNotification", "namespacenotification", scopes=[Scope.ORG_ADMIN], also=[404])
    def post(self, request: Request, orgname: str, uuid: str) -> Response:
        """Send sample data to a notification of the organization."""
        return self.test_notification(uuid)


class OwnNotificationView(NamespaceNotificationView):
    """What the notifications of one's own namespace share."""

    def owner(self, *, changes: bool) -> dict[str, Namespace]:
        """Return the caller's own namespace, on which her credential has the right."""
        namespace = self.own_namespace()
        require(self.actor, NOTIFICATION_CHANGE if changes else NOTIFICATION_READ, namespace)
        return {"namespace": namespace}


class OwnNamespaceNotifications(OwnNotificationView):
    """``user/namespacenotifications``."""

    @operation("listUserNamespaceNotifications", "namespacenotification", scopes=[Scope.USER_ADMIN])
    def get(self, request: Request) -> Response:
        """List who is told what happens in the caller's own namespace."""
        return self.list_notifications()

    @operation(
        "createUserNamespaceNotification",
        "namespacenotification",
        scopes=[Scope.USER_ADMIN],
        body=NewNotification,
        success=201,
    )
    def post(self, request: Request) -> Response:
        """Have somebody told what happens in the caller's own namespace."""
        return self.create_notification()


class OwnNamespaceNotification(OwnNotificationView):
    """``user/namespacenotifications/{uuid}``."""

    @operation("getUserNamespaceNotification", "namespacenotification", scopes=[Scope.USER_ADMIN], also=[404])
    def get(self, request: Request, uuid: str) -> Response:
        """Return a notification of the caller's own namespace."""
        return self.show_notification(uuid)

    @operation(
        "resetUserNamespaceNotificationFailures",
        "namespacenotification",
        scopes=[Scope.USER_ADMIN],
        success=204,
        also=[404],
    )
    def post(self, request: Request, uuid: str) -> Response:
        """Forget the failures of a notification of the caller's own namespace, which switches it on again."""
        return self.reset_notification(uuid)

    @operation(
        "deleteUserNamespaceNotification",
        "namespacenotification",
        scopes=[Scope.USER_ADMIN],
        success=204,
        also=[404],
    )
    def delete(self, request: Request, uuid: str) -> Response:
        """Remove a notification of the caller's own namespace."""
        return self.delete_notification(uuid)


class TestOwnNamespaceNotification(OwnNotificationView):
    """``user/namespacenotifications/{uuid}/test``."""

    @operation(
        "testUserNamespaceNotification", "namespacenotification", scopes=[Scope.USER_ADMIN], also=[404]
    )
    def post(self, request: Request, uuid: str) -> Response:
        """Send sample data to a notification of the caller's own namespace."""
        return self.test_notification(uuid)

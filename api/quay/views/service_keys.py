"""Keys by which services prove what they are, for superusers (quay-a.md 11.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Number, Object, Text
from api.quay.dates import http_date
from api.quay.errors import MESSAGE
from api.quay.operation import operation
from api.quay.views.superuser import SuperuserView, user_view
from core.errors import Invalid
from permissions.catalogue import SERVICE_KEY_MANAGE, Scope
from permissions.checks import require
from quotas import selectors as quotas
from tokens import selectors, services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rest_framework.request import Request

    from tokens.models import ServiceKey


def key_views(keys: Sequence[ServiceKey]) -> list[dict[str, Any]]:
    """Return keys as the wire shows them; whoever approved them costs one query for all."""
    spaces = {key.approved_by.namespace_id for key in keys if key.approved_by}
    held = quotas.bytes_of_many(namespaces=list(spaces)) if spaces else {}
    return [
        {
            "name": key.name,
            "kid": key.kid,
            "service": key.service,
            "jwk": key.jwk,
            "metadata": key.metadata,
            "created_date": http_date(key.created_at),
            "expiration_date": http_date(key.expires_at),
            # Keys are not replaced by the services themselves.
            "rotation_duration": None,
            "approval": {
                "approver": user_view(key.approved_by, held.get(key.approved_by.namespace_id))
                if key.approved_by
                else None,
                "approval_type": key.approval,
                "approved_date": http_date(key.approved_at),
                "notes": key.approval_notes,
            }
            if key.approval
            else None,
        }
        for key in keys
    ]


def moment(seconds: float | None) -> datetime | None:
    """Return the time that a number of seconds since 1970 means."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise Invalid("The expiration is no time", field="expiration") from error


class NewKey(serializers.Serializer[None]):
    """The body that makes a key."""

    service = Text()
    expiration = Number(allow_null=True)
    name = Text(required=False)
    metadata = Object(required=False)
    notes = Text(required=False)


class ServiceKeys(SuperuserView):
    """``superuser/keys``."""

    errors = {"post invalid:service": (400, MESSAGE)}

    @operation("listServiceKeys", "superuser", scopes=[Scope.SUPER_USER])
    def get(self, request: Request) -> Response:
        """List the service keys, approved or not; this needs no recent sign-in."""
        self.signed_in()
        return Response({"keys": key_views(list(selectors.service_keys(actor=self.actor)))})

    @operation("createServiceKey", "superuser", scopes=[Scope.SUPER_USER], body=NewKey)
    def post(self, request: Request) -> Response:
        """Make a service key, approved at once; its private half is shown this once and kept nowhere."""
        self.signed_in()
        self.fresh()
        body = self.body(NewKey)
        require(self.actor, SERVICE_KEY_MANAGE)
        user = self.actor.user
        made = {
            "created_by": "Quay Superuser Panel",
            "creator": user.username if user else "",
            "ip": self.actor.ip,
        }
        key, private = services.create_service_key(
            actor=self.actor,
            service=body["service"],
            name=body.get("name", ""),
            expires_at=moment(body["expiration"]),
            metadata={**body.get("metadata", {}), **made},
            notes=body.get("notes", ""),
        )
        answer = {
            "kid": key.kid,
            "name": key.name,
            "service": key.service,
            "public_key": services.public_pem(key),
            "private_key": private,
        }
        return Response(answer)


class ChangeKey(serializers.Serializer[None]):
    """The body that changes a key; without ``expiration`` it expires as before."""

    name = Text(required=False)
    metadata = Object(required=False)
    expiration = Number(required=False, allow_null=True)


class OneServiceKey(SuperuserView):
    """``superuser/keys/{kid}``."""

    @operation("getServiceKey", "superuser", scopes=[Scope.SUPER_USER], also=[404])
    def get(self, request: Request, kid: str) -> Response:
        """Return a service key; this needs no recent sign-in."""
        self.signed_in()
        return Response(key_views([selectors.service_key(actor=self.actor, kid=kid)])[0])

    @operation("updateServiceKey", "superuser", scopes=[Scope.SUPER_USER], body=ChangeKey, also=[404])
    def put(self, request: Request, kid: str) -> Response:
        """Change a service key's name, metadata (added to what is there) or expiration."""
        self.signed_in()
        self.fresh()
        body = self.body(ChangeKey)
        require(self.actor, SERVICE_KEY_MANAGE)
        if "expiration" in body:
            body["expires_at"] = moment(body.pop("expiration"))
        key = selectors.service_key(actor=self.actor, kid=kid)
        services.change_service_key(actor=self.actor, key=key, changes=body)
        return Response(key_views([selectors.service_key(actor=self.actor, kid=kid)])[0])

    @operation("deleteServiceKey", "superuser", scopes=[Scope.SUPER_USER], success=204, also=[404])
    def delete(self, request: Request, kid: str) -> Response:
        """Delete a service key."""
        self.may(SERVICE_KEY_MANAGE)
        key = selectors.service_key(actor=self.actor, kid=kid)
        services.delete_service_key(actor=self.actor, key=key)
        return Response(status=204)


class ApproveKey(serializers.Serializer[None]):
    """The body that approves a key."""

    notes = Text(required=False)


class ApprovedKey(SuperuserView):
    """``superuser/approvedkeys/{kid}``."""

    @operation(
        "approveServiceKey",
        "superuser",
        scopes=[Scope.SUPER_USER],
        body=ApproveKey,
        success=201,
        empty=True,
        also=[404],
    )
    def post(self, request: Request, kid: str) -> Response:
        """Approve a service key; the answer is empty, also for one that was approved before."""
        self.signed_in()
        self.fresh()
        body = self.body(ApproveKey)
        require(self.actor, SERVICE_KEY_MANAGE)
        key = selectors.service_key(actor=self.actor, kid=kid)
        services.approve_service_key(actor=self.actor, key=key, notes=body.get("notes", ""))
        return Response(status=201)

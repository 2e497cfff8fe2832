"""Storage quotas of organizations, of one's own namespace, and as superusers set them (quay-b.md 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors as accounts
from api.fields import Text, Whole
from api.quay.errors import MESSAGE
from api.quay.operation import operation
from api.quay.view import QuayView
from api.quay.views.superuser import SuperuserView
from core.errors import Invalid
from permissions.catalogue import (
    ACCOUNT_ADMINISTER,
    INSTANCE_READ,
    QUOTA_CHANGE,
    QUOTA_MANAGE,
    QUOTA_READ,
    Scope,
)
from permissions.checks import require
from quotas import selectors, services
from quotas.sizes import read_size, write_size

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Namespace
    from permissions.catalogue import Right
    from quotas.models import Threshold
    from quotas.selectors import Step, Storage


def limit_view(step: Step | Threshold) -> dict[str, Any]:
    """Return a threshold: what a request calls ``threshold_percent`` is ``limit_percent`` here (6.1)."""
    return {"id": step.pk, "type": step.kind, "limit_percent": step.percent}


def quota_view(quota: Storage) -> dict[str, Any]:
    """Return a quota as the quota operations show it (6.1)."""
    return {
        "id": quota.pk,
        "limit_bytes": quota.limit,
        "limit": write_size(quota.limit or 0),
        "default_config": False,
        "limits": [limit_view(step) for step in quota.steps],
        "default_config_exists": selectors.default_limit() is not None,
    }


def default_view(limit: int) -> dict[str, Any]:
    """Return the instance's default as the quota that an organization without one has (6.1)."""
    return {
        "id": None,
        "limit_bytes": limit,
        "limit": write_size(limit),
        "default_config": True,
        "limits": [],
        "default_config_exists": True,
    }


class QuotaBody(serializers.Serializer[None]):
    """A limit, as a number of bytes or as a size such as ``10 GiB``."""

    limit_bytes = Whole(required=False)
    limit = Text(required=False)


class LimitBody(serializers.Serializer[None]):
    """A new threshold."""

    type = Text()
    threshold_percent = Whole()


class LimitChange(serializers.Serializer[None]):
    """What may change of a threshold."""

    type = Text(required=False)
    threshold_percent = Whole(required=False)


class QuotaView(QuayView):
    """What the quota operations share: whose quota it is, and how sizes are read."""

    reading: Right = QUOTA_READ
    writing: Right = QUOTA_CHANGE

    def owner(self, right: Right) -> Namespace:
        """Return the namespace of the path, on which the caller has the right."""
        return self.organization(self.kwargs["orgname"], right).namespace

    def shown(self, namespace: Namespace) -> list[dict[str, Any]]:
        """Return the quota as the lists do: none or one."""
        found = selectors.bytes_of(namespace_id=namespace.pk)
        return [quota_view(found)] if found is not None and found.limit is not None else []

    def size(self, *, empty_is_fine: bool) -> int | None:
        """Return the bytes of the body, which names them in exactly one way; None for an empty one."""
        body = self.body(QuotaBody)
        if len(body) > 1:
            raise Invalid("Give either limit_bytes or limit", field="limit")
        if not body:
            if empty_is_fine:
                return None
            raise Invalid("Give limit_bytes or limit", field="limit")
        return body["limit_bytes"] if "limit_bytes" in body else read_size(body["limit"])

    # The operations, for the views below to name

    def list_quotas(self) -> Response:
        """Answer with the quota of the namespace, in a list."""
        return Response(self.shown(self.owner(self.reading)))

    def create_quota(self) -> Response:
        """Give the namespace a quota."""
        limit = self.size(empty_is_fine=False)
        namespace = self.owner(self.writing)
        services.create_quota(actor=self.actor, namespace=namespace, limit_bytes=limit or 0)
        return Response("Created", status=201)

    def show_quota(self, quota_id: str) -> Response:
        """Answer with one quota."""
        namespace = self.owner(self.reading)
        return Response(quota_view(selectors.storage(namespace=namespace, quota_id=quota_id)))

    def change_quota(self, quota_id: str) -> Response:
        """Change a quota; nothing, or 0 bytes, leaves it as it is (6.2)."""
        unknown = set(self.request.data) - {"limit", "limit_bytes"} if self.is_object() else set()
        if unknown:
            raise Invalid(f"Additional properties are not allowed ({min(unknown)!r} was unexpected)")
        limit = self.size(empty_is_fine=True)
        namespace = self.owner(self.writing)
        selectors.storage(namespace=namespace, quota_id=quota_id)
        if limit:
            services.change_quota(actor=self.actor, namespace=namespace, limit_bytes=limit)
        return Response(quota_view(selectors.storage(namespace=namespace, quota_id=quota_id)))

    def is_object(self) -> bool:
        """Tell whether the body is a JSON object."""
        return isinstance(self.request.data, dict)

    def delete_quota(self, quota_id: str) -> Response:
        """Remove a quota, limits with it."""
        namespace = self.owner(self.writing)
        selectors.storage(namespace=namespace, quota_id=quota_id)
        services.delete_quota(actor=self.actor, namespace=namespace)
        return Response(status=204)


class OrganizationQuotas(QuotaView):
    """``organization/{orgname}/quota``; the instance's default shows where there is no other."""

    def shown(self, namespace: Namespace) -> list[dict[str, Any]]:
        """Return the quota, or the default one, or nothing."""
        default = selectors.default_limit()
        return super().shown(namespace) or ([default_view(default)] if default is not None else [])

    @operation("listOrganizationQuota", "namespacequota", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str) -> Response:
        """List the organization's quotas: none or one."""
        return self.list_quotas()

    @operation(
        "createOrganizationQuota",
        "namespacequota",
        scopes=[Scope.SUPER_USER],
        body=QuotaBody,
        success=201,
        also=[404],
    )
    def post(self, request: Request, orgname: str) -> Response:
        """Give the organization a quota."""
        return self.create_quota()


class OrganizationQuota(QuotaView):
    """``organization/{orgname}/quota/{quota_id}``."""

    @operation("getOrganizationQuota", "namespacequota", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str, quota_id: str) -> Response:
        """Return the organization's quota."""
        return self.show_quota(quota_id)

    @operation(
        "changeOrganizationQuota", "namespacequota", scopes=[Scope.SUPER_USER], body=QuotaBody, also=[404]
    )
    def put(self, request: Request, orgname: str, quota_id: str) -> Response:
        """Change the organization's quota."""
        return self.change_quota(quota_id)

    @operation(
        "deleteOrganizationQuota", "namespacequota", scopes=[Scope.SUPER_USER], success=204, also=[404]
    )
    def delete(self, request: Request, orgname: str, quota_id: str) -> Response:
        """Remove the organization's quota, with its thresholds."""
        return self.delete_quota(quota_id)


class OrganizationQuotaLimits(QuotaView):
    """``organization/{orgname}/quota/{quota_id}/limit``."""

    # An unknown type and more than 100 are told in one way, 0 in the other (6.2).
    errors = {"post invalid:type": (400, MESSAGE), "post invalid:threshold_percent": (400, MESSAGE)}

    @operation("listOrganizationQuotaLimit", "namespacequota", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str, quota_id: str) -> Response:
        """List the thresholds of the organization's quota."""
        namespace = self.owner(self.reading)
        found = selectors.storage(namespace=namespace, quota_id=quota_id)
        return Response([limit_view(step) for step in found.steps])

    @operation(
        "createOrganizationQuotaLimit",
        "namespacequota",
        scopes=[Scope.SUPER_USER],
        body=LimitBody,
        success=201,
        also=[404],
    )
    def post(self, request: Request, orgname: str, quota_id: str) -> Response:
        """Add a threshold to the organization's quota."""
        body = self.body(LimitBody)
        namespace = self.owner(self.writing)
        selectors.storage(namespace=namespace, quota_id=quota_id)
        services.add_threshold(
            actor=self.actor, namespace=namespace, kind=body["type"], percent=body["threshold_percent"]
        )
        return Response("Created", status=201)


class OrganizationQuotaLimit(QuotaView):
    """``organization/{orgname}/quota/{quota_id}/limit/{limit_id}``."""

    errors = {
        "put invalid:type": (400, MESSAGE),
        "put invalid:threshold_percent": (400, MESSAGE),
        "put invalid:threshold_percent_zero": (400, MESSAGE),
    }

    @operation("getOrganizationQuotaLimit", "namespacequota", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str, quota_id: str, limit_id: str) -> Response:
        """Return a threshold of the organization's quota."""
        namespace = self.owner(self.reading)
        step = selectors.threshold(namespace=namespace, quota_id=quota_id, limit_id=limit_id)
        return Response(limit_view(step))

    @operation(
        "changeOrganizationQuotaLimit",
        "namespacequota",
        scopes=[Scope.SUPER_USER],
        body=LimitChange,
        also=[404],
    )
    def put(self, request: Request, orgname: str, quota_id: str, limit_id: str) -> Response:
        """Change a threshold of the organization's quota; the answer is the whole quota (6.2)."""
        body = self.body(LimitChange)
        namespace = self.owner(self.writing)
        services.change_threshold(
            actor=self.actor,
            namespace=namespace,
            quota_id=quota_id,
            limit_id=limit_id,
            kind=body.get("type"),
            percent=body.get("threshold_percent"),
        )
        return Response(quota_view(selectors.storage(namespace=namespace, quota_id=quota_id)))

    @operation(
        "deleteOrganizationQuotaLimit", "namespacequota", scopes=[Scope.SUPER_USER], success=204, also=[404]
    )
    def delete(self, request: Request, orgname: str, quota_id: str, limit_id: str) -> Response:
        """Remove a threshold of the organization's quota."""
        namespace = self.owner(self.writing)
        services.delete_threshold(actor=self.actor, namespace=namespace, quota_id=quota_id, limit_id=limit_id)
        return Response(status=204)


class OwnQuotaView(QuotaView):
    """What one's own quota operations share: they only read (6.3)."""

    reading = ACCOUNT_ADMINISTER

    def owner(self, right: Right) -> Namespace:
        """Return the caller's own namespace."""
        require(self.actor, right)
        return self.own_namespace()


class OwnQuotas(OwnQuotaView):
    """``user/quota``."""

    @operation("listUserQuota", "namespacequota", scopes=[Scope.USER_ADMIN])
    def get(self, request: Request) -> Response:
        """List the caller's own quotas: none or one."""
        return self.list_quotas()


class OwnQuota(OwnQuotaView):
    """``user/quota/{quota_id}``."""

    @operation("getUserQuota", "namespacequota", scopes=[Scope.USER_ADMIN], also=[404])
    def get(self, request: Request, quota_id: str) -> Response:
        """Return the caller's own quota."""
        return self.show_quota(quota_id)


class OwnQuotaLimits(OwnQuotaView):
    """``user/quota/{quota_id}/limit``."""

    @operation("listUserQuotaLimit", "namespacequota", scopes=[Scope.USER_ADMIN], also=[404])
    def get(self, request: Request, quota_id: str) -> Response:
        """List the thresholds of the caller's own quota."""
        found = selectors.storage(namespace=self.owner(self.reading), quota_id=quota_id)
        return Response([limit_view(step) for step in found.steps])


class OwnQuotaLimit(OwnQuotaView):
    """``user/quota/{quota_id}/limit/{limit_id}``; the answer is the quota, not the limit (6.3)."""

    @operation("getUserQuotaLimit", "namespacequota", scopes=[Scope.USER_ADMIN], also=[404])
    def get(self, request: Request, quota_id: str, limit_id: str) -> Response:
        """Return the caller's own quota, asked for by one of its thresholds."""
        namespace = self.owner(self.reading)
        selectors.threshold(namespace=namespace, quota_id=quota_id, limit_id=limit_id)
        return self.show_quota(quota_id)


class InstanceQuotaView(SuperuserView, QuotaView):
    """What superusers' quota operations share: any namespace, under two spellings of the path (6.4)."""

    reading = INSTANCE_READ
    writing = QUOTA_MANAGE

    def owner(self, right: Right) -> Namespace:
        """Return the namespace of the path."""
        self.may(right)
        return accounts.namespace(actor=self.actor, name=self.kwargs["namespace"])


# The operations' names stand the wrong way round in the vendor's guide, and so in clients made from it (6.4).


class InstanceQuotas(InstanceQuotaView):
    """``superuser/{users,organization}/{namespace}/quota``."""

    @operation(
        "listOrganizationQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/users",
        also=[404],
    )
    @operation(
        "listUserQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/organization",
        also=[404],
    )
    def get(self, request: Request, namespace: str) -> Response:
        """List the quotas of any namespace: none or one."""
        return self.list_quotas()

    @operation(
        "createOrganizationQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/users",
        body=QuotaBody,
        success=201,
        also=[404],
    )
    @operation(
        "createUserQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/organization",
        body=QuotaBody,
        success=201,
        also=[404],
    )
    def post(self, request: Request, namespace: str) -> Response:
        """Give any namespace a quota."""
        self.may(QUOTA_MANAGE)
        return self.create_quota()


class InstanceQuota(InstanceQuotaView):
    """``superuser/{users,organization}/{namespace}/quota/{quota_id}``."""

    @operation(
        "getOrganizationQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/users",
        also=[404],
    )
    @operation(
        "getUserQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/organization",
        also=[404],
    )
    def get(self, request: Request, namespace: str, quota_id: str) -> Response:
        """Return the quota of any namespace."""
        return self.show_quota(quota_id)

    @operation(
        "changeOrganizationQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/users",
        body=QuotaBody,
        also=[404],
    )
    @operation(
        "changeUserQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/organization",
        body=QuotaBody,
        also=[404],
    )
    def put(self, request: Request, namespace: str, quota_id: str) -> Response:
        """Change the quota of any namespace."""
        self.may(QUOTA_MANAGE)
        return self.change_quota(quota_id)

    @operation(
        "deleteOrganizationQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/users",
        success=204,
        also=[404],
    )
    @operation(
        "deleteUserQuotaSuperUser",
        "superuser",
        scopes=[Scope.SUPER_USER],
        under="superuser/organization",
        success=204,
        also=[404],
    )
    def delete(self, request: Request, namespace: str, quota_id: str) -> Response:
        """Remove the quota of any namespace."""
        return self.delete_quota(quota_id)

"""The instance's people and organizations, for superusers (quay-a.md 11.1 and 11.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors, services
from api.fields import Flag, Text
from api.quay.errors import API, MESSAGE
from api.quay.operation import NEXT_PAGE, Query, operation
from api.quay.shapes import organization_avatar, quota_views, user_avatar
from api.quay.view import QuayView, wire_name
from api.quay.views.repositories import page_after
from core.errors import Invalid
from core.paging import cut, page_token
from core.seal import seal
from permissions.catalogue import INSTANCE_READ, ORGANIZATION_MANAGE, USER_MANAGE, Scope
from permissions.checks import named_readonly_superuser, named_superuser, require
from quotas import selectors as quotas
from tokens.kinds import new_password

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from accounts.models import Organization, User
    from permissions.catalogue import Right
    from quotas.selectors import Storage

LIMIT = "Limit to the number of results to return per page. Max 100."
LONGEST = 100

PAGED = [Query("limit", LIMIT, "integer"), NEXT_PAGE]
LISTED = [
    Query("disabled", "Whether to list people who may not sign in, too", "boolean", default=True),
    *PAGED,
]


class SuperuserView(QuayView):
    """A resource of the instance: somebody signs in, lately, and then must be a superuser."""

    def may(self, right: Right) -> None:
        """Demand a recent sign-in, then the right."""
        self.signed_in()
        self.fresh()
        require(self.actor, right)

    def page(self, rows: QuerySet[Any]) -> tuple[Sequence[Any], dict[str, str], dict[int, Storage]]:
        """Return a page of ``rows``, the key for the next one if there is one, and the page's quotas.

        Without ``limit`` all rows are the page. Rows have a namespace.
        """
        limit = self.whole("limit", LIMIT)
        if limit is None:
            held = quotas.bytes_of_many(namespaces=rows.order_by().values("namespace"))
            return list(rows), {}, held
        if not 1 <= limit <= LONGEST:
            raise Invalid(f"limit must be from 1 to {LONGEST}", field="limit")
        after = page_after(self.request.query_params.get("next_page", ""))
        found, is_more = cut(rows.filter(pk__gt=after), limit)
        held = quotas.bytes_of_many(namespaces=[row.namespace_id for row in found])
        return found, {"next_page": page_token({"after": found[-1].pk})} if is_more else {}, held


def user_view(user: User, quota: Storage | None) -> dict[str, Any]:
    """Return a person as superusers see her."""
    return {
        "kind": "user",
        "name": user.username,
        "username": user.username,
        "email": user.email,
        "verified": user.is_verified,
        "avatar": user_avatar(user),
        "super_user": named_superuser(user),
        "global_readonly_super_user": named_readonly_superuser(user),
        "enabled": user.is_active,
        **quota_views(quota),
    }


def _only_with_own_people() -> None:
    """Raise Invalid where people, their addresses and passwords are a directory's or identity provider's."""
    if settings.AUTHENTICATION != "Database":
        words = f"People are kept where they sign in ({settings.AUTHENTICATION})"
        raise Invalid(words, field="authentication")


class NewUser(serializers.Serializer[None]):
    """The body that makes a person."""

    username = Text()
    email = Text(required=False)


class InstanceUsers(SuperuserView):
    """``superuser/users/``."""

    errors = {
        "post invalid:authentication": (400, API),
        "post invalid": (400, MESSAGE),
        "post conflict": (400, MESSAGE),
    }

    @operation("listAllUsers", "superuser", scopes=[Scope.SUPER_USER], also=[400], query=LISTED)
    def get(self, request: Request) -> Response:
        """Return everybody, oldest first; ``disabled`` false leaves out who may not sign in."""
        self.may(INSTANCE_READ)
        found = selectors.all_users(actor=self.actor, include_disabled=self.flag("disabled", default=True))
        users, more, held = self.page(found)
        return Response({"users": [user_view(one, held.get(one.namespace_id)) for one in users], **more})

    @operation("createInstallUser", "superuser", scopes=[Scope.SUPER_USER], body=NewUser)
    def post(self, request: Request) -> Response:
        """Make a person with a password, which is shown this once; she is verified at once."""
        self.signed_in()
        self.fresh()
        body = self.body(NewUser)
        require(self.actor, USER_MANAGE)
        _only_with_own_people()
        email = body.get("email", "")
        if settings.MAILING and not email:
            raise Invalid("An e-mail address is required", field="email")
        password = new_password()
        user = services.create_user(
            actor=self.actor, username=wire_name(body["username"], of="user"), email=email, password=password
        )
        answer = {
            "username": user.username,
            "email": user.email or None,
            "password": password,
            "encrypted_password": seal(password),
        }
        return Response(answer)


class ChangeUser(serializers.Serializer[None]):
    """The body that changes a person.

    ``superuser`` is taken and has no effect: who is one is decided by the instance's configuration.
    """

    password = Text(required=False)
    email = Text(required=False)
    enabled = Flag(required=False)
    superuser = Flag(required=False)


class InstanceUser(SuperuserView):
    """``superuser/users/{username}``."""

    errors = {
        "put invalid:password": (400, MESSAGE),
        "put invalid:email": (400, MESSAGE),
        "put conflict": (400, MESSAGE),
        "delete conflict": (400, MESSAGE),
    }

    @operation("getInstallUser", "superuser", scopes=[Scope.SUPER_USER], also=[404])
    def get(self, request: Request, username: str) -> Response:
        """Return a person."""
        self.may(INSTANCE_READ)
        return Response(self._view(selectors.user(name=username)))

    @operation("changeInstallUser", "superuser", scopes=[Scope.SUPER_USER], body=ChangeUser, also=[404])
    def put(self, request: Request, username: str) -> Response:
        """Change a person; the answer is how she was before, but for the address."""
        self.signed_in()
        self.fresh()
        body = self.body(ChangeUser)
        require(self.actor, USER_MANAGE)
        body.pop("superuser", None)
        if body.keys() & {"password", "email"}:
            _only_with_own_people()
        user = selectors.user(name=username)
        before = self._view(user)
        user = services.change_user(actor=self.actor, user=user, **body)
        before["email"] = user.email
        if "password" in body:
            before["encrypted_password"] = seal(body["password"])
        return Response(before)

    @operation("deleteInstallUser", "superuser", scopes=[Scope.SUPER_USER], success=204, also=[400, 404])
    def delete(self, request: Request, username: str) -> Response:
        """Delete a person."""
        self.may(USER_MANAGE)
        user = selectors.user(name=username)
        services.delete_user(actor=self.actor, user=user, by_superuser=True)
        return Response(status=204)

    def _view(self, user: User) -> dict[str, Any]:
        return user_view(user, quotas.bytes_of(namespace_id=user.namespace_id))


def organization_view(organization: Organization, quota: Storage | None) -> dict[str, Any]:
    """Return an organization as superusers see it."""
    return {
        "name": organization.slug,
        "email": organization.email,
        "avatar": organization_avatar(organization),
        **quota_views(quota),
    }


class InstanceOrganizations(SuperuserView):
    """``superuser/organizations/``."""

    @operation("listAllOrganizations", "superuser", scopes=[Scope.SUPER_USER], also=[400], query=PAGED)
    def get(self, request: Request) -> Response:
        """Return every organization, oldest first."""
        self.may(INSTANCE_READ)
        found, more, held = self.page(selectors.all_organizations(actor=self.actor))
        views = [organization_view(one, held.get(one.namespace_id)) for one in found]
        return Response({"organizations": views, **more})


class RenameOrganization(serializers.Serializer[None]):
    """The body that renames an organization; everything else in it has no effect."""

    name = Text(required=False)


class InstanceOrganization(SuperuserView):
    """``superuser/organizations/{name}``."""

    errors = {"put invalid:name": (400, MESSAGE), "put conflict": (400, MESSAGE)}

    @operation(
        "changeOrganization", "superuser", scopes=[Scope.SUPER_USER], body=RenameOrganization, also=[404]
    )
    def put(self, request: Request, name: str) -> Response:
        """Rename any organization; without a name it keeps its own, which is logged all the same."""
        self.signed_in()
        self.fresh()
        body = self.body(RenameOrganization)
        require(self.actor, ORGANIZATION_MANAGE)
        space = selectors.namespace(actor=self.actor, name=name)
        if space.kind != "organization":
            raise Invalid(f"{space.name} is no organization", field="name")
        organization = services.rename_organization(
            actor=self.actor,
            organization=space.organization,
            name=wire_name(body["name"]) if "name" in body else space.name,
        )
        quota = quotas.bytes_of(namespace_id=organization.namespace_id)
        return Response(organization_view(organization, quota))

    @operation("deleteOrganization", "superuser", scopes=[Scope.SUPER_USER], success=204, also=[404])
    def delete(self, request: Request, name: str) -> Response:
        """Delete any organization."""
        self.may(ORGANIZATION_MANAGE)
        organization = selectors.organization(actor=self.actor, name=name)
        services.delete_organization(actor=self.actor, organization=organization)
        return Response(status=204)


class TakeOwnership(SuperuserView):
    """``superuser/takeownership/{namespace}``."""

    @operation("takeOwnership", "superuser", scopes=[Scope.SUPER_USER], also=[400, 404])
    def post(self, request: Request, namespace: str) -> Response:
        """Let the caller join an admin team of the organization; a person's namespace becomes one."""
        self.may(ORGANIZATION_MANAGE)
        space = selectors.namespace(actor=self.actor, name=namespace)
        services.take_ownership(actor=self.actor, namespace=space)
        return Response({"namespace": space.name})

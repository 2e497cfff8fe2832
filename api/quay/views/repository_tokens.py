"""Tokens of a repository, which the wire has given up (quay-b.md 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from rest_framework import serializers

from api.fields import Text, Word
from api.quay.errors import Gone
from api.quay.operation import operation
from api.quay.views.repositories import RepositoryPart
from permissions.catalogue import PROJECT_ADMINISTER, PROJECT_CHANGE, Scope
from projects import selectors

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from permissions.catalogue import Right


class NewToken(serializers.Serializer[None]):
    """The body that made a token."""

    friendlyName = Text()


class TokenRole(serializers.Serializer[None]):
    """The body that changed a token."""

    role = Word("read", "write", "admin")


class GivenUp(RepositoryPart):
    """An operation that is no more; who may call it is told so, whether the repository exists or not."""

    def gone(self, path: str, right: Right, shape: type[Serializer[Any]] | None = None) -> NoReturn:
        """Check the caller, then the body, and tell. Raises Gone."""
        namespace, _, slug = path.partition("/")
        selectors.require_address(actor=self.actor, namespace=namespace, slug=slug, right=right)
        if shape is not None:
            self.body(shape)
        raise Gone("Access tokens of repositories are no longer supported; use robot accounts")


class RepositoryTokens(GivenUp):
    """``repository/{repository}/tokens/``."""

    @operation("listRepoTokens", "repotoken", scopes=[Scope.REPO_ADMIN], success=410)
    def get(self, request: Request, repository: str) -> NoReturn:
        """Gone: listed the repository's tokens."""
        self.gone(repository, PROJECT_ADMINISTER)

    @operation("createToken", "repotoken", scopes=[Scope.REPO_ADMIN], body=NewToken, success=410)
    def post(self, request: Request, repository: str) -> NoReturn:
        """Gone: made a repository token."""
        self.gone(repository, PROJECT_CHANGE, NewToken)


class RepositoryToken(GivenUp):
    """``repository/{repository}/tokens/{code}``."""

    @operation("getTokens", "repotoken", scopes=[Scope.REPO_ADMIN], success=410)
    def get(self, request: Request, repository: str, code: str) -> NoReturn:
        """Gone: showed a repository token."""
        self.gone(repository, PROJECT_ADMINISTER)

    @operation("changeToken", "repotoken", scopes=[Scope.REPO_ADMIN], body=TokenRole, success=410)
    def put(self, request: Request, repository: str, code: str) -> NoReturn:
        """Gone: changed a repository token's role."""
        self.gone(repository, PROJECT_CHANGE, TokenRole)

    @operation("deleteToken", "repotoken", scopes=[Scope.REPO_ADMIN], success=410)
    def delete(self, request: Request, repository: str, code: str) -> NoReturn:
        """Gone: deleted a repository token."""
        self.gone(repository, PROJECT_CHANGE)

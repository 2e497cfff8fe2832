"""What can go wrong in the domain. Each dialect turns a code into its own status and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from accounts.models import Namespace


class DomainError(Exception):
    """A refusal with a stable ``code``, a sentence for people and, where it helps, the field at fault.

    ``namespace`` names the tenant that the refused call aimed at, so that the door can record the denial
    where its administrators look.
    """

    code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str = "",
        *,
        field: str = "",
        right: str = "",
        namespace: Namespace | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message or self.code.replace("_", " "))
        self.message = message or self.code.replace("_", " ").capitalize()
        self.field = field
        self.right = right
        self.namespace = namespace
        self.details = details


class Unauthenticated(DomainError):
    """Nobody is signed in, or the credential is unusable."""

    code = "unauthenticated"


class BadCredentials(DomainError):
    """A sign-in with a wrong name or password, or for a disabled person."""

    code = "bad_credentials"


class SecondFactorRequired(BadCredentials):
    """The password is right, and she has a second factor, of which nothing was sent."""


class FreshLoginRequired(DomainError):
    """The session's sign-in is too old for a sensitive action."""

    code = "fresh_login_required"


class Forbidden(DomainError):
    """Somebody is signed in, but may not do this."""

    code = "forbidden"


class SecondFactorMissing(Forbidden):
    """She may, once she has the second factor that the organization asks of its people."""


class NotFound(DomainError):
    """There is no such thing, or not for this actor."""

    code = "not_found"


class Invalid(DomainError):
    """The request is well-formed, but a value in it is not acceptable."""

    code = "invalid"


class Conflict(DomainError):
    """The name is taken, or the state of things does not allow it."""

    code = "conflict"


class QuotaExceeded(DomainError):
    """A limit would be passed; nothing was created."""

    code = "quota_exceeded"


class TooManyRequests(DomainError):
    """Too many tries; ``details["retry_after"]`` says for how many seconds to wait."""

    code = "too_many_requests"


class Unreachable(DomainError):
    """Somebody else's service, which this needs, is down or answers nothing that can be used."""

    code = "unreachable"


class ReadOnly(DomainError):
    """The instance is read-only for now."""

    code = "read_only"

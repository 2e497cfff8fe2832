"""Who acts: resolved once at the door, handed to every service and selector."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Organization, Robot, User
    from projects.models import Project
    from tokens.models import Credential


@dataclass(frozen=True)
class Actor:
    """A caller: exactly one of ``user``, ``robot``, ``organization`` or ``project``, or nobody (anonymous).

    ``scopes`` is what the credential allows; None stands for a browser session, which caps nothing.
    ``system`` marks management commands and workers, which may do everything and are logged by that name.
    ``operator`` is the superuser who looks at the instance as ``user`` does, and may change nothing by that.
    ``memo`` keeps what was already asked about this caller, for the length of one request.
    """

    user: User | None = None
    robot: Robot | None = None
    organization: Organization | None = None
    project: Project | None = None
    credential: Credential | None = None
    operator: User | None = None
    scopes: frozenset[str] | None = None
    signed_in_at: datetime | None = None
    system: bool = False
    dialect: str = ""
    ip: str | None = None
    user_agent: str = ""
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody stands behind the call."""
        return not (self.system or self.user or self.robot or self.organization or self.project)

    @property
    def is_session(self) -> bool:
        """Tell whether a person acts through a browser session."""
        return self.user is not None and self.credential is None

    def at(self, *, dialect: str, ip: str | None, user_agent: str) -> Actor:
        """Return the same caller with where the call came from."""
        return replace(self, dialect=dialect, ip=ip, user_agent=user_agent[:255])

    def forget(self) -> None:
        """Ask again from here on: the caller's roles were changed, or somebody may have changed them."""
        self.memo.clear()

    @classmethod
    def of_system(cls, dialect: str = "system") -> Actor:
        """Return the actor for management commands and workers."""
        return cls(system=True, dialect=dialect)

"""Robots: service accounts of a namespace, and their tokens."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Namespace, Robot, RobotFederation
from core.db import hold, insert, insert_many, update
from core.errors import Conflict, Invalid, NotFound
from core.names import is_namespace_name
from core.words import say
from logs.kinds import (
    CHANGE_ROBOT,
    CREATE_ROBOT,
    CREATE_ROBOT_FEDERATION,
    DELETE_ROBOT,
    DELETE_ROBOT_FEDERATION,
    DISABLE_ROBOT,
    ENABLE_ROBOT,
    END_ROBOT_TOKEN,
    REGENERATE_ROBOT_TOKEN,
    ROTATE_ROBOT_TOKEN,
)
from logs.record import record
from permissions.catalogue import ROBOT_CHANGE, ROBOT_CREATE, ROBOT_DELETE
from permissions.checks import require
from quotas import services as quotas
from quotas.models import Resource
from tokens import services as tokens
from tokens.kinds import Kind
from trash import services as trash

if TYPE_CHECKING:
    from datetime import datetime

    from core.actor import Actor

GRACE_MAX = timedelta(days=7)
MISSING = say("Could not find robot with specified username")


@transaction.atomic
def create_robot(
    *,
    actor: Actor,
    namespace: Namespace,
    shortname: str,
    description: str = "",
    metadata: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> tuple[Robot, str]:
    """Create a robot and its first token; return both, the token in clear.

    Raises:
        Forbidden: the actor may not create robots here.
        Invalid: the short name breaks the rule.
        Conflict: the short name is taken.
        QuotaExceeded: the namespace's robot limit is reached; nothing is created.
    """
    require(actor, ROBOT_CREATE, namespace)
    if not is_namespace_name(shortname):
        raise Invalid(
            say("The name for the robot {shortname!r} is invalid", shortname=shortname),
            field="robot_shortname",
        )
    quotas.reserve(resource=Resource.ROBOTS, namespace=namespace, account_id=namespace.account_id)
    robot = Robot(namespace=namespace, shortname=shortname, description=description, metadata=metadata or {})
    insert(robot, taken=say("Existing robot with name: {full_name}", full_name=robot.full_name))
    _, secret = tokens.issue(
        kind=Kind.ROBOT, robot=robot, issued_by=actor.user, title=robot.full_name[:255], expires_at=expires_at
    )
    record(
        CREATE_ROBOT,
        actor=actor,
        namespace=namespace,
        robot=shortname,
        description=description,
        unstructured_metadata=metadata or {},
    )
    return robot, secret


@transaction.atomic
def change_robot(
    *, actor: Actor, robot: Robot, description: str | None = None, enabled: bool | None = None
) -> Robot:
    """Change a robot's description, or switch it off and on; its token is refused while it is off.

    Raises:
        Forbidden: the actor may not change robots here.
        Invalid: the description is over 255 characters.
        NotFound: somebody else deleted it just now.
    """
    require(actor, ROBOT_CHANGE, robot.namespace)
    if description is not None and description != robot.description:
        robot.description = description
        update(robot, "description")
        record(
            CHANGE_ROBOT,
            actor=actor,
            namespace=robot.namespace,
            robot=robot.shortname,
            description=description,
        )
    if enabled is not None and enabled != (robot.disabled_at is None):
        robot.disabled_at = None if enabled else timezone.now()
        update(robot, "disabled_at")
        kind = ENABLE_ROBOT if enabled else DISABLE_ROBOT
        record(kind, actor=actor, namespace=robot.namespace, robot=robot.shortname)
    return robot


@transaction.atomic
def regenerate_robot_token(*, actor: Actor, robot: Robot, expires_at: datetime | None = None) -> str:
    """Give a robot a new token and end the old one at once; return the new one in clear.

    Raises:
        Forbidden: the actor may not change robots here.
        NotFound: somebody else deleted it just now.
    """
    require(actor, ROBOT_CHANGE, robot.namespace)
    # Two at once must not leave two living tokens.
    hold(robot, gone=MISSING)
    tokens.end_all(Q(robot=robot, kind=Kind.ROBOT))
    _, secret = tokens.issue(
        kind=Kind.ROBOT, robot=robot, issued_by=actor.user, title=robot.full_name[:255], expires_at=expires_at
    )
    record(REGENERATE_ROBOT_TOKEN, actor=actor, namespace=robot.namespace, robot=robot.shortname)
    return secret


@transaction.atomic
def rotate_robot_token(
    *, actor: Actor, robot: Robot, grace: timedelta, expires_at: datetime | None = None
) -> str:
    """Give a robot a new token and let the old one work on for ``grace``; return the new one in clear.

    Never more than two work: as long as there is an older one, nothing is rotated. The old one may end
    before, where it does anyhow.

    Raises:
        Forbidden: the actor may not change robots here.
        Invalid: ``grace`` is none, or longer than seven days; ``expires_at`` is later than the organization
            allows.
        Conflict: two work already.
        NotFound: somebody else deleted it just now.
    """
    require(actor, ROBOT_CHANGE, robot.namespace)
    if not timedelta(0) < grace <= GRACE_MAX:
        raise Invalid("The old token works on for seven days at most", field="grace")
    # Two at once must not leave three living tokens.
    hold(robot, gone=MISSING)
    ends = timezone.now() + grace
    living = robot.credentials.filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()), kind=Kind.ROBOT, revoked_at=None
    )
    if living.exclude(replaced_at=None).exists():
        raise Conflict("Two tokens of this robot work already: end the older one first")
    living.filter(Q(expires_at=None) | Q(expires_at__gt=ends)).update(expires_at=ends)
    living.update(replaced_at=timezone.now())
    _, secret = tokens.issue(
        kind=Kind.ROBOT, robot=robot, issued_by=actor.user, title=robot.full_name[:255], expires_at=expires_at
    )
    record(
        ROTATE_ROBOT_TOKEN,
        actor=actor,
        namespace=robot.namespace,
        robot=robot.shortname,
        ends=f"{ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    )
    return secret


@transaction.atomic
def end_replaced_token(*, actor: Actor, robot: Robot) -> None:
    """End the older of a robot's two tokens now, in every process.

    Raises:
        Forbidden: the actor may not change robots here.
        NotFound: only one works.
    """
    require(actor, ROBOT_CHANGE, robot.namespace)
    older = Q(robot=robot, kind=Kind.ROBOT, replaced_at__isnull=False, expires_at__gt=timezone.now())
    if not tokens.end_all(older):
        raise NotFound("The robot has no older token")
    record(END_ROBOT_TOKEN, actor=actor, namespace=robot.namespace, robot=robot.shortname)


@transaction.atomic
def delete_robot(*, actor: Actor, robot: Robot) -> None:
    """Delete a robot with its tokens, grants and team memberships; all but the tokens can be restored.

    Raises:
        Forbidden: the actor may not delete robots here.
        NotFound: somebody else deleted it just now.
    """
    namespace = robot.namespace
    require(actor, ROBOT_DELETE, namespace)
    quotas.release(resource=Resource.ROBOTS, namespace=namespace, account_id=namespace.account_id)
    hold(robot, gone=MISSING)
    thing = trash.put(
        actor=actor, kind=trash.Kind.ROBOT, namespace=namespace, target=robot.pk, name=robot.shortname
    )
    if thing is None:
        Robot.objects.filter(pk=robot.pk).delete()
    else:
        trash.move(thing.pk)
    record(DELETE_ROBOT, actor=actor, namespace=namespace, robot=robot.shortname)


@transaction.atomic
def set_robot_federation(
    *, actor: Actor, robot: Robot, identities: list[dict[str, str]]
) -> list[dict[str, str]]:
    """Replace the outside identities that may act as a robot (quay-a.md 10); return what is stored.

    ``identities`` are ``{"issuer": http(s) URL, "subject": text}``.

    Raises:
        Forbidden: the actor may not change robots here.
        Invalid: an issuer that is no http(s) URL, an empty subject, or a pair twice.
    """
    require(actor, ROBOT_CHANGE, robot.namespace)
    pairs = [(one["issuer"], one["subject"]) for one in identities]
    for issuer, subject in pairs:
        if not _is_web_address(issuer):
            raise Invalid("Issuer must be a URL (http or https)", field="issuer")
        if not subject:
            raise Invalid("Missing one or more required fields (issuer, subject)", field="subject")
    if len(set(pairs)) != len(pairs):
        raise Invalid("Duplicate federation config entry")
    hold(robot, gone=MISSING)
    robot.federations.all().delete()
    insert_many(
        [RobotFederation(robot=robot, issuer=issuer, subject=subject) for issuer, subject in pairs],
        taken=say("Duplicate federation config entry"),
    )
    stored = [{"issuer": issuer, "subject": subject} for issuer, subject in pairs]
    record(
        CREATE_ROBOT_FEDERATION,
        actor=actor,
        namespace=robot.namespace,
        robot=robot.full_name,
        config=stored,
    )
    return stored


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


@transaction.atomic
def delete_robot_federation(*, actor: Actor, robot: Robot) -> None:
    """Let no outside identity act as the robot any more."""
    require(actor, ROBOT_CHANGE, robot.namespace)
    hold(robot, gone=MISSING)
    robot.federations.all().delete()
    record(DELETE_ROBOT_FEDERATION, actor=actor, namespace=robot.namespace, robot=robot.full_name)

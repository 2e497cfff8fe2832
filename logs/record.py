"""Writing log entries, inside the transaction of what they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.dispatch import Signal

from core.inserting import write, write_all
from logs.models import LogEntry

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor
    from logs.kinds import LogKind
    from projects.models import Project

# Sent with ``entries`` inside the transaction that writes them, so that others may add rows which stand or
# fall with them, without the log knowing who. docs/adr/ says why it is not sent after the commit.
entries_written = Signal()


def record(
    kind: LogKind,
    /,
    *,
    actor: Actor,
    namespace: Namespace | None = None,
    project: Project | None = None,
    metadata: dict[str, Any] | None = None,
    **keys: Any,
) -> LogEntry:
    """Write one entry. Keys outside the kind's list are a programming error, not data.

    ``metadata`` is for keys that are no Python names, such as ``date/time``.
    """
    entry = draft(kind, actor=actor, namespace=namespace, project=project, metadata=metadata, **keys)
    write(entry)
    entries_written.send(sender=LogEntry, entries=[entry])
    return entry


def record_many(entries: list[LogEntry]) -> None:
    """Write drafted entries at once: several of one change, or of an import, whose every row is told."""
    write_all(entries)
    entries_written.send(sender=LogEntry, entries=entries)


def draft(
    kind: LogKind,
    /,
    *,
    actor: Actor,
    namespace: Namespace | None = None,
    project: Project | None = None,
    metadata: dict[str, Any] | None = None,
    **keys: Any,
) -> LogEntry:
    """Return an entry that is not yet written."""
    told = {**(metadata or {}), **keys}
    unknown = told.keys() - kind.keys
    if unknown:
        message = f"{kind.name} has no metadata {sorted(unknown)}"
        raise ValueError(message)
    credential = actor.credential
    if credential is not None and credential.application is not None:
        told |= {
            "oauth_token_id": credential.pk,
            "oauth_token_application_id": credential.application.client_id,
            "oauth_token_application": credential.application.name,
        }
    if actor.operator is not None and actor.user is not None:
        told |= {"viewing_as": actor.user.username}
    name, sort, email = _performer(actor)
    return LogEntry(
        kind=kind.name,
        namespace=namespace,
        namespace_name=namespace.name if namespace else "",
        namespace_kind=namespace.kind if namespace else "",
        project=project,
        project_name=project.slug if project else "",
        performer=actor.operator or actor.user,
        performer_name=name,
        performer_kind=sort,
        performer_email=email,
        credential=credential,
        credential_name=(credential.title or credential.hint) if credential else "",
        dialect=actor.dialect,
        ip=actor.ip,
        metadata=told,
    )


def _performer(actor: Actor) -> tuple[str, str, str]:
    person = actor.operator or actor.user
    if person is not None:
        return person.username, "user", person.email
    if actor.robot is not None:
        return actor.robot.full_name, "robot", ""
    if actor.organization is not None:
        return actor.organization.slug, "organization", ""
    if actor.project is not None:
        return actor.project.slug, "project", ""
    return ("system", "system", "") if actor.system else ("", "", "")


def record_denial(
    *, actor: Actor, right: str, reason: str, method: str, path: str, status: int, namespace: Namespace | None
) -> None:
    """Record a refused call; the door calls it after the rollback, in a transaction of its own."""
    from logs.kinds import ACCESS_DENIED

    record(
        ACCESS_DENIED,
        actor=actor,
        namespace=namespace,
        right=right,
        reason=reason[:255],
        method=method,
        path=path[:255],
        status=status,
    )

"""What receivers are told: one payload for each delivery, in two forms.

Stored is ``type``, ``timestamp`` and ``data``, as docs/notifications.md tells; `flat` makes of it what
receivers of the Quay wire expect (quay-b.md 4.2).
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils import timezone

from logs.kinds import KINDS
from logs.record import draft
from notifications.events import EVENTS, FLAGS, Level

if TYPE_CHECKING:
    from core.actor import Actor
    from logs.models import LogCheckpoint, LogEntry
    from notifications.events import Event
    from notifications.models import Subscription

CHECKPOINT = "log.checkpoint"
VALUE_MAX = 1000  # characters of one value in a payload, so that the whole stays well below 20 KB
SENTENCE_MAX = 500
SEVERITIES = ("Critical", "High", "Medium", "Low", "Negligible", "Unknown")
GRAVE = {"Critical": Level.ERROR, "High": Level.WARNING, "Medium": Level.WARNING}


def payload(entry: LogEntry, event: Event) -> dict[str, Any]:
    """Return what a receiver is told of an entry: ``type``, ``timestamp`` and ``data``, as docs tell.

    Addresses, of mail and network, are not told. Of metadata, text over 1,000 characters is cut and other
    values of that size are left out.
    """
    performer = None
    if entry.performer_name:
        performer = {"kind": entry.performer_kind, "name": entry.performer_name}
    return {
        "type": event.name,
        "timestamp": entry.at.isoformat(),
        "data": {
            "sentence": sentence(entry),
            "kind": entry.kind,
            "namespace": entry.namespace_name,
            "project": entry.project_name or None,
            "performer": performer,
            "metadata": _short(entry.metadata),
        },
    }


def _short(metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value[:VALUE_MAX] if isinstance(value, str) else value
        for key, value in metadata.items()
        if isinstance(value, str) or len(json.dumps(value)) <= VALUE_MAX
    }


def sentence(entry: LogEntry) -> str:
    """Return an entry in plain words."""
    told: defaultdict[str, Any] = defaultdict(lambda: "…")
    told |= {key: value for key, value in entry.metadata.items() if value not in ("", None)}
    told["performer"] = entry.performer_name or "Somebody"
    told.setdefault("namespace", entry.namespace_name)
    return KINDS[entry.kind].sentence.format_map(told)[:SENTENCE_MAX]


def sample(subscription: Subscription, *, actor: Actor) -> dict[str, Any]:
    """Return a payload that looks like one of the subscription's event, and says that it is a test."""
    if subscription.flags is not None:
        return _integration_sample(subscription, actor=actor)
    event = EVENTS[subscription.event]
    project = subscription.project
    namespace = project.namespace if project else subscription.namespace
    kind = event.kinds[0] if event.kinds else None
    if kind is not None:
        told = payload(draft(kind, actor=actor, namespace=namespace, project=project), event)
    else:
        performer = {"kind": "user", "name": actor.user.username} if actor.user else None
        told = {"type": event.name, "timestamp": timezone.now().isoformat(), "data": {"kind": event.name}}
        told["data"] |= {
            "namespace": namespace.name if namespace else "",
            "project": project.slug if project else None,
            "performer": performer,
        }
    words = f"A test: you will be told when {event.words}."
    if event.plain:
        told["data"]["metadata"] = _sample_of(subscription, event)
    told["data"] |= {"sentence": words, "test": True}
    return told


def _integration_sample(subscription: Subscription, *, actor: Actor) -> dict[str, Any]:
    """Return a test of an integration: of the first type that it wants, or else of one (flexstack.md 8)."""
    wanted = [FLAGS[flag] for flag in FLAGS if (subscription.flags or {}).get(flag)]
    project = subscription.project
    return {
        "type": wanted[0] if wanted else FLAGS["deployments_succeeded"],
        "timestamp": timezone.now().isoformat(),
        "data": {
            "test": True,
            "organization": project.namespace.name if project else "",
            "project": project.name if project else "",
            "performer": actor.user.username if actor.user else None,
        },
    }


def _sample_of(subscription: Subscription, event: Event) -> dict[str, Any]:
    """Return the sample of an event's data, as the subscription's options narrow it (quay-b.md 4.2)."""
    options, data = subscription.event_config, dict(event.sample)
    if event.name == "vulnerability_found" and "level" in options:
        data["vulnerability"] = data["vulnerability"] | {"priority": SEVERITIES[int(options["level"])]}
    if event.name == "repo_image_expiry":
        data["expiring_in"] = f"{options.get('days', 1)} days"
        data["notification_uuid"] = str(subscription.uuid)
    return data


def checkpoint(found: LogCheckpoint) -> dict[str, Any]:
    """Return what a receiver is told of a checkpoint: its line of the file, and its number."""
    line = {"body": found.body, "key": found.key, "signature": found.signature}
    return {
        "type": CHECKPOINT,
        "timestamp": found.created_at.isoformat(),
        "data": {"number": found.number, **line},
    }


def checkpoint_line(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the line of the file that such a payload tells."""
    return {key: payload["data"][key] for key in ("body", "key", "signature")}


# The flat form ---------------------------------------------------------------------------------------------


def flat(payload: dict[str, Any]) -> dict[str, Any]:
    """Return what a receiver of the Quay wire gets: where it happened, and the event's own keys beside."""
    told, event = payload["data"], EVENTS[payload["type"]]
    found = _where(told["namespace"], told["project"])
    if event.plain:
        return {**told["metadata"], **found}
    own = {key: told[key] for key in ("kind", "performer", "metadata")}
    return found | own | {"message": told["sentence"]}


def _where(namespace: str, project: str | None) -> dict[str, Any]:
    if project is None:
        return {"namespace": namespace, "homepage": f"{settings.PUBLIC_URL}/organization/{quote(namespace)}"}
    path = f"{namespace}/{project}"
    return {
        "repository": path,
        "namespace": namespace,
        "name": project,
        "docker_url": f"{urlsplit(settings.PUBLIC_URL).netloc}/{path}",
        "homepage": f"{settings.PUBLIC_URL}/repository/{quote(path)}",
    }


def summary(payload: dict[str, Any]) -> str:
    """Return a payload in one line that names the project, or the namespace."""
    told, event = payload["data"], EVENTS[payload["type"]]
    where = "/".join(filter(None, [told["namespace"], told["project"]]))
    if event.summary:
        return event.summary.format(repository=where)
    words: str = told["sentence"]
    return words if where in words else f"{where}: {words}"


def level(payload: dict[str, Any]) -> Level:
    """Return how grave it is: of vulnerabilities, by their priority."""
    event = EVENTS[payload["type"]]
    if event.name == "vulnerability_found":
        return GRAVE.get(payload["data"]["metadata"]["vulnerability"]["priority"], event.level)
    return event.level

"""How programs are given a robot's name and token: commands and files for this instance, to be copied."""

from __future__ import annotations

import base64
import json
import re
import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

# What stands in place of a token that is not shown any more.
VARIABLE = "ROBOT_TOKEN"


@dataclass(frozen=True)
class Snippet:
    """Something to copy: what it is for, what to know, and the text."""

    title: str
    hint: str
    text: str


def of_robot(name: str, secret: str = "") -> list[Snippet]:
    """Return the snippets of a robot; without its secret they read it from ``$ROBOT_TOKEN``."""
    address = urlsplit(settings.PUBLIC_URL)
    host, user = address.netloc, shlex.quote(name)
    shown = shlex.quote(secret) if secret else f'"${VARIABLE}"'
    stdin = f"printf %s {shown} |"
    netrc = f"machine {address.hostname} login {name} password {secret or f'${VARIABLE}'}"
    return [
        Snippet("Docker", "", f"{stdin} docker login {host} -u {user} --password-stdin"),
        Snippet("Podman", "", f"{stdin} podman login {host} -u {user} --password-stdin"),
        _kubernetes(host, name, secret),
        Snippet(
            "curl",
            _("The first line goes into ~/.netrc, for you alone.")
            if secret
            else _("The first line goes into ~/.netrc, for you alone, with the token in it."),
            f"{netrc}\n\ncurl --netrc {settings.PUBLIC_URL}/api/v1/repository/NAMESPACE/PROJECT/usage",
        ),
        Snippet(
            _("CI variables"),
            _("Mark the token as secret, so that logs do not show it."),
            f"REGISTRY_HOST={host}\nROBOT_NAME={name}\n{VARIABLE}={secret or '…'}",
        ),
    ]


def _kubernetes(host: str, name: str, secret: str) -> Snippet:
    place = re.sub(r"[^a-z0-9]+", "-", name.lower())[:200].strip("-") + "-pull"
    if not secret:
        words = (
            f"kubectl create secret docker-registry {place} --docker-server={host} "
            f'--docker-username={shlex.quote(name)} --docker-password="${VARIABLE}"'
        )
        return Snippet("Kubernetes", _("Makes the pull secret."), words)
    both = base64.b64encode(f"{name}:{secret}".encode()).decode()
    config = {"auths": {host: {"username": name, "password": secret, "auth": both}}}
    packed = base64.b64encode(json.dumps(config).encode()).decode()
    manifest = (
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {place}\n"
        f"type: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: {packed}"
    )
    return Snippet("Kubernetes", _("The pull secret: kubectl apply -f - takes it."), manifest)

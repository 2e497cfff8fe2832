"""What a subscription may be told: its method's ``config`` and its event's options (quay-b.md 4.1, 4.2).

| method | config |
|---|---|
| webhook | ``url``; ``template``, a body as `bodies` tells |
| email | ``email``, which its owner has confirmed for a project; of a flat one of a namespace nothing |
| slack | ``url`` |
| in_console | ``target``: ``kind`` user, team or org and ``name``; of a flat one other keys are kept |
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.models import Team
from core.errors import Invalid
from core.words import say
from logs.services import ADDRESS
from notifications import bodies, notices
from notifications.events import EVENTS
from notifications.models import AuthorizedAddress, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import Namespace
    from projects.models import Project

Method = Subscription.Method
KEYS = {
    Method.WEBHOOK: {"url"},
    Method.EMAIL: {"email"},
    Method.SLACK: {"url"},
    Method.IN_CONSOLE: set[str](),
}
MORE_KEYS = {Method.WEBHOOK: {"template"}, Method.IN_CONSOLE: {"target"}}
SIZE_MAX = 20 * 1024  # bytes of a config as JSON
REGEX_MAX = 500
DAYS_MAX = 36_500


def _is_level(value: Any) -> bool:
    return isinstance(value, str) and value in "012345" and len(value) == 1


def _is_days(value: Any) -> bool:
    return type(value) is int and 0 < value <= DAYS_MAX


def _is_regex(value: Any) -> bool:
    # One that cannot be read fires never (quay-b.md 4.2).
    return isinstance(value, str) and len(value) <= REGEX_MAX


OPTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "level": (_is_level, 'one of the strings "0" to "5"'),
    "days": (_is_days, f"a whole number from 1 to {DAYS_MAX}"),
    "ref-regex": (_is_regex, f"a string of at most {REGEX_MAX} characters"),
}


@dataclass(frozen=True)
class Given:
    """Checks what is given for a subscription of a project or a namespace, and returns what is kept."""

    namespace: Namespace | None
    project: Project | None
    flat: bool

    def options(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options of an event. Raises Invalid, at ``event`` or ``event_config``."""
        event = EVENTS.get(name)
        if event is None or (self.project is not None and not event.of_project):
            raise Invalid(say("There is no such event here: {name}", name=name[:80]), field="event")
        unknown = given.keys() - event.options
        if unknown and not self.flat:
            raise Invalid(
                say("{event} has no option {name}", event=event, name=min(unknown)[:80]), field="event_config"
            )
        kept = {key: value for key, value in given.items() if key in event.options}
        for key, value in kept.items():
            fits, words = OPTIONS[key]
            if not fits(value):
                raise Invalid(
                    say("The option {key} is {words}", key=key, words=say(words)), field="event_config"
                )
        return kept

    def config(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the config of a method. Raises Invalid, at ``method`` or ``config``."""
        if method not in Method.values:
            raise Invalid(say("There is no such method: {method}", method=method[:80]), field="method")
        kind = Method(method)
        to_namespace = self.flat and kind == Method.EMAIL and self.namespace is not None
        needed = set() if to_namespace else KEYS[kind]
        known = needed | MORE_KEYS.get(kind, set())
        keeps_all = self.flat and kind == Method.IN_CONSOLE
        kept = {key: value for key, value in given.items() if keeps_all or not self.flat or key in known}
        if not (needed <= kept.keys() and (keeps_all or kept.keys() <= known)):
            wanted = " and ".join(sorted(needed)) or "nothing"
            raise Invalid(
                say("The configuration of {method} is {wanted}", method=method, wanted=wanted), field="config"
            )
        if any(not isinstance(kept.get(key, ""), str) for key in ("url", "email", "template")):
            raise Invalid(say("The configuration of {method} is text", method=method), field="config")
        self._check(kind, kept)
        return kept

    def _check(self, kind: Method, config: dict[str, Any]) -> None:
        if len(json.dumps(config)) > SIZE_MAX:
            raise Invalid(say("A configuration has at most {most} bytes", most=SIZE_MAX), field="config")
        if kind == Method.IN_CONSOLE:
            self._check_target(config)
        if "email" in config and kind == Method.EMAIL:
            self._check_email(config["email"])
        if config.get("template") and kind == Method.WEBHOOK:
            try:
                bodies.check(config["template"])
            except bodies.Unusable as error:
                raise Invalid(str(error), field="config") from error

    def _check_email(self, email: str) -> None:
        check_address(email, field="config")
        if self.project is None:
            return
        confirmed = AuthorizedAddress.objects.filter(confirmed_at__isnull=False, project=self.project)
        if not confirmed.filter(email__iexact=email).exists():
            raise Invalid("The owner of the address has not confirmed that it may be told", field="config")

    def _check_target(self, config: dict[str, Any]) -> None:
        if "target" not in config:
            if self.flat and self.project is not None:
                raise Invalid("The configuration names no target", field="config")
            return
        target = config["target"]
        kind, name = (target.get("kind"), target.get("name")) if isinstance(target, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(name, str):
            raise Invalid("A target has a kind and a name", field="config")
        space = self.project.namespace if self.project is not None else self.namespace
        found: bool
        if kind == "user":
            found = bool(notices.person(name))
        elif kind == "team":
            found = Team.objects.filter(organization__namespace=space, slug=name).exists()
        elif kind == "org":
            found = space is not None and space.kind == "organization" and space.name == name
        else:
            raise Invalid("The kind of a target is user, team or org", field="config")
        if not found:
            raise Invalid(
                say("There is no such {kind} here: {name}", kind=kind, name=name[:80]), field="config"
            )


def check_address(address: str, *, field: str) -> None:
    """Check that it looks like one address. Raises Invalid."""
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid("The e-mail address is malformed", field=field) from error
    if not ADDRESS.fullmatch(address) or len(address) > 254:
        raise Invalid("The e-mail address is malformed", field=field)
